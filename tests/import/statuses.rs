//! How `rollcall import` ends: with 0 if all is here, with 2 if something was left out, with 1 if nothing was done.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rollcall::import::last_line;
use serde_json::{Value, json};

use super::lines::furnished;
use super::{OPENWISP, exported};

/// A folder of a test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("statuses-{name}"));
        // It may be left from a run that was interrupted.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    fn rollcall(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command.args(arguments).env("ROLLCALL_DATA", self.data()).env_remove("AWS_ENDPOINT_URL_DYNAMODB");
        command.output().expect("the program")
    }

    /// Gives a file to the importer; tells the status and the last line of what it answers.
    fn import(&self, format: &str, file: &str, further: &[&str]) -> (i32, String, String) {
        let path = self.0.join("file");
        std::fs::write(&path, file).expect("a file");
        let output = self.rollcall(&[&["import", format, path.to_str().expect("UTF-8")], further].concat());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let last = text(&output.stdout).lines().last().unwrap_or_default().to_owned();
        (output.status.code().expect("a status"), last, text(&output.stderr))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn user(pk: u64, username: &str) -> Value {
    json!({"model": "auth.user", "pk": pk, "fields": {"username": username}})
}

fn group(name: &str) -> Value {
    json!({"model": "auth.group", "pk": 40, "fields": {"name": name, "permissions": []}})
}

#[test]
fn nothing_that_can_be_used_ends_with_1_and_changes_nothing() {
    let folder = Folder::new("nothing");
    let unusable = json!([user(0, "lena"), user(22, "two words")]).to_string();
    let others = json!([user(21, "lena")]).to_string();
    for (format, file, lines) in [
        ("openl2m", "", 1),
        ("openl2m", "- model: auth.user\n  pk: 21\n", 1),
        ("openwisp", &others, 1),
        ("edge", OPENWISP, 1),
        ("rollcall", OPENWISP, 1),
        ("openl2m", &unusable, 3),
        ("edge", "{\"_id\": {\"$oid\": \n", 2),
        ("rollcall", "{\"record\": \"us\n{\"record\": \"us", 3),
    ] {
        for further in [&[][..], &["--dry-run"]] {
            let (status, last, told) = folder.import(format, file, further);
            assert_eq!((status, &last[..]), (1, ""), "{format}, {file}: {told}");
            assert_eq!(told.lines().count(), lines, "{told}");
            assert!(told.lines().last().expect("a line").starts_with("rollcall: "), "{told}");
            assert!(!folder.data().exists(), "nothing was done");
        }
    }
    let missing = folder.rollcall(&["import", "edge", "/nowhere"]);
    assert_eq!(missing.status.code(), Some(1));
    // The status of those who leave something out is nobody else's.
    for wrong in [&["import"][..], &["import", "ldap", "file"], &["nothing"]] {
        assert_eq!(folder.rollcall(wrong).status.code(), Some(1), "{wrong:?}");
    }
    assert_eq!(folder.rollcall(&["import", "--help"]).status.code(), Some(0));
}

#[test]
fn a_file_of_which_all_is_here_ends_with_0() {
    let folder = Folder::new("all");
    let file = json!([group("Harbour masters"), user(21, "lena"), {"model": "switches.switch", "pk": 1, "fields": {}}])
        .to_string();
    for (further, line) in [
        (&["--dry-run"][..], "Nothing was changed in "),
        (&[], "users                   1 created, 0 already here, 0 skipped"),
        (&[], "users                   0 created, 1 already here, 0 skipped"),
    ] {
        let (status, last, told) = folder.import("openl2m", &file, further);
        assert_eq!(status, 0, "{told}");
        assert!(last.starts_with(line), "{last}");
    }
}

#[test]
fn a_run_that_leaves_something_out_ends_with_2_and_says_so_in_its_last_line() {
    let broken = json!({"model": "auth.user", "pk": 21, "fields": {"username": "lena", "groups": [41]}});
    for (name, rows, count) in [
        ("row", json!([user(21, "lena"), user(0, "omar"), user(23, "two words")]), 2),
        ("part", json!([group("Harbour masters"), broken]), 1),
        (
            "profile",
            json!([user(21, "lena"), user(22, "omar"), {"model": "users.profile", "pk": 1, "fields": {"user": 22, "read_only": "yes"}}]),
            1,
        ),
    ] {
        let folder = Folder::new(name);
        for (further, start) in [
            (&["--dry-run"][..], "Not everything would be imported: "),
            (&[], "Not everything was imported: "),
            (&[], "Not everything was imported: "),
        ] {
            let (status, last, told) = folder.import("openl2m", &rows.to_string(), further);
            assert_eq!(status, 2, "{name}: {told}");
            assert!(last.starts_with(&format!("{start}{count} of the lines above name")), "{name}: {last}");
            assert_eq!(told.lines().count(), count, "{told}");
        }
    }
    // Somebody else is here by that number.
    let folder = Folder::new("conflict");
    assert_eq!(folder.import("openl2m", &json!([user(21, "lena")]).to_string(), &[]).0, 0);
    assert_eq!(folder.import("openl2m", &json!([user(21, "omar"), user(22, "yuki")]).to_string(), &[]).0, 2);
}

#[tokio::test]
async fn an_export_that_is_not_whole_ends_with_2() {
    let text = exported(&furnished().await).await;
    let cut = text.strip_suffix(&(last_line().expect("a line") + "\n")).expect("a last line");
    let folder = Folder::new("export");
    assert_eq!(folder.import("rollcall", &text, &["--dry-run"]).0, 0);
    assert_eq!(folder.import("rollcall", &text, &[]).0, 0);
    assert_eq!(folder.import("rollcall", cut, &[]).0, 2);
}
