//! The same rows in files of other shapes, and files that hold none.

use std::io::{Cursor, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use rollcall::import::{Format, Source, read};
use serde_json::Value;

use super::lines::furnished;
use super::{EDGE, EDGE_LINES, OPENL2M, OPENWISP, exported, now};

fn source(format: Format, file: Vec<u8>) -> Result<Source, String> {
    read(format, Cursor::new(file), now()).map_err(|error| error.to_string())
}

/// What a file says, without the places where it says it.
fn said(format: Format, file: Vec<u8>) -> Vec<String> {
    let source = source(format, file).unwrap_or_else(|error| panic!("{format:?}: {error}"));
    source.entries.map(|entry| format!("{:?} {:?}", entry.record, entry.left_out)).collect()
}

fn gzip(file: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(file).expect("memory");
    packed.finish().expect("memory")
}

fn utf_16(text: &str, of: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(of).collect()
}

/// A text in every encoding that is read.
fn encoded(text: &str) -> Vec<Vec<u8>> {
    let marked = format!("\u{feff}{text}");
    vec![
        text.as_bytes().to_vec(),
        marked.as_bytes().to_vec(),
        utf_16(&marked, u16::to_le_bytes),
        utf_16(&marked, u16::to_be_bytes),
        utf_16(text, u16::to_le_bytes),
        utf_16(text, u16::to_be_bytes),
        gzip(text.as_bytes()),
        gzip(&utf_16(&marked, u16::to_le_bytes)),
        text.as_bytes().chunks(text.len() / 2 + 1).flat_map(gzip).collect(),
        text.replace('\n', "\r\n").into_bytes(),
        format!("\n \t{text}\n\n").into_bytes(),
    ]
}

/// Rows in every shape that is read.
fn shaped(rows: &[Value]) -> Vec<String> {
    let compact: Vec<String> = rows.iter().map(Value::to_string).collect();
    let pretty: Vec<String> = rows.iter().map(|row| serde_json::to_string_pretty(row).expect("JSON")).collect();
    vec![
        format!("[{}]", compact.join(",")),
        format!("[\n{}\n]\n", pretty.join(",\n")),
        compact.join("\n"),
        compact.join(""),
        pretty.join("\n"),
        // As jsonlint and others write it.
        pretty.join("\n").lines().map(str::trim_start).collect::<Vec<_>>().join("\n"),
        format!(r#"{{"count": {}, "next": null, "previous": null, "results": [{}]}}"#, rows.len(), compact.join(", ")),
        format!("{{\"results\": [{}]}}\n{{\"results\": [{}]}}", compact[0], compact[1..].join(", ")),
    ]
}

#[tokio::test]
async fn the_same_rows_say_the_same_in_every_shape() {
    let lines = exported(&furnished().await).await;
    let rows = |text: &str| serde_json::from_str::<Vec<Value>>(text).expect("rows");
    let exported: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
    for (format, rows) in [
        (Format::OpenWisp, rows(OPENWISP)),
        (Format::OpenL2m, rows(OPENL2M)),
        (Format::Edge, rows(EDGE)),
        (Format::Rollcall, exported),
    ] {
        let shapes = shaped(&rows);
        let expected = said(format, shapes[0].clone().into_bytes());
        assert!(expected.len() >= 4, "{expected:?}");
        for shape in shapes {
            for file in encoded(&shape) {
                assert_eq!(said(format, file), expected, "{format:?}: {shape}");
            }
        }
    }
}

#[test]
fn a_line_that_was_cut_costs_itself_alone() {
    let lines: Vec<&str> = EDGE_LINES.lines().filter(|line| line.ends_with('}')).collect();
    let whole = said(Format::Edge, lines.join("\n").into_bytes());
    for at in 0..lines.len() {
        for length in 2..lines[at].len() {
            let mut cut = lines.clone();
            cut[at] = &lines[at][..length];
            let told = said(Format::Edge, cut.join("\n").into_bytes());
            assert_eq!(told.len(), whole.len(), "{}", cut[at]);
            for (index, (told, whole)) in told.iter().zip(&whole).enumerate() {
                assert_eq!(index != at, told == whole, "{}: {told}", cut[at]);
            }
        }
    }
}

/// Files that cannot be read, and what the reason says.
fn refused() -> Vec<(Format, Vec<u8>, &'static str)> {
    use Format::{Edge, OpenL2m, OpenWisp, Rollcall};
    let after_log = format!("System check identified no issues (0 silenced).\n{OPENL2M}");
    let mut files: Vec<(Format, Vec<u8>, &'static str)> = vec![
        (OpenL2m, b"- model: auth.user\n  pk: 21\n  fields:\n    username: lena\n".to_vec(), "YAML"),
        (OpenL2m, b"---\nmodel: auth.user\npk: 21\n".to_vec(), "YAML"),
        (OpenL2m, b"<?xml version=\"1.0\"?>\n<django-objects/>".to_vec(), "XML"),
        (Edge, b"<!DOCTYPE html>\n<html></html>".to_vec(), "HTML"),
        (Edge, b"username,email\nlena,lena@mail.example\n".to_vec(), "CSV"),
        (OpenWisp, b"CREATE TABLE users (id int);\n".to_vec(), "SQL"),
        (OpenWisp, b"PRAGMA foreign_keys=OFF;\n".to_vec(), "SQL"),
        (OpenWisp, b"SQLite format 3\0\x10\0".to_vec(), "SQLite"),
        (OpenWisp, b"PK\x03\x04\x14\0".to_vec(), "zip"),
        (OpenWisp, b"BZh91AY&SY".to_vec(), "bzip2"),
        (OpenWisp, b"\xfd7zXZ\0\0".to_vec(), "xz"),
        (Edge, b"\x95\0\0\0\x07_id\0".to_vec(), "mongodump"),
        (Edge, (0..=255).collect(), "a binary file"),
        (Edge, b"null".to_vec(), "not JSON"),
        (Edge, b"Caf\xe9".to_vec(), "not JSON"),
        (OpenL2m, after_log.into_bytes(), "remove everything before line 2"),
        (OpenL2m, format!("[2026-11-22 03:04:05] INFO\n{OPENL2M}").into_bytes(), "not valid JSON"),
        (OpenL2m, format!("{OPENL2M}\nInstalled 1 object\n").into_bytes(), "after the array"),
        (OpenL2m, format!("{OPENL2M}{OPENL2M}").into_bytes(), "after the array"),
        (OpenL2m, OPENL2M.as_bytes()[..OPENL2M.len() / 2].to_vec(), "not valid JSON: it ends within entry"),
        (OpenL2m, OPENL2M.replace("\"theme\":", "theme:").into_bytes(), "not valid JSON: entry"),
        (Edge, b"{\n \"_id\": {\n  \"$oid\":".to_vec(), "not valid JSON"),
        (OpenL2m, gzip(OPENL2M.as_bytes())[..100].to_vec(), "gzip file is damaged"),
        (OpenL2m, [0xff, 0xfe, b'[', 0, 0, 0xd8, b' ', 0].to_vec(), "not valid UTF-16"),
        (OpenL2m, [&[0xff, 0xfe], &utf_16(OPENL2M, u16::to_le_bytes)[..201]].concat(), "not valid UTF-16"),
        (
            OpenL2m,
            b"[{\"model\": \"switches.switch\", \"pk\": 1, \"fields\": {}}]".to_vec(),
            "only rows of switches.switch",
        ),
        (OpenWisp, b"{\"name\": \"something\"}".to_vec(), "seems to be other JSON"),
        (OpenWisp, b"[1, 2, \"three\"]".to_vec(), "seems to be other JSON"),
        (OpenWisp, OPENL2M.as_bytes().to_vec(), "use the format `openl2m`"),
        (OpenL2m, OPENWISP.as_bytes().to_vec(), "use the format `openwisp`"),
        (OpenWisp, EDGE.as_bytes().to_vec(), "use the format `edge`"),
        (OpenL2m, EDGE_LINES.as_bytes().to_vec(), "use the format `edge`"),
        (Rollcall, EDGE_LINES.as_bytes().to_vec(), "use the format `edge`"),
        (Rollcall, OPENWISP.as_bytes().to_vec(), "a Django dump"),
        (Edge, OPENWISP.as_bytes().to_vec(), "a Django dump"),
        (Edge, b"{\"record\":\"rollcall\",\"layout\":1}\n{\"record\":\"end\"}\n".to_vec(), "use the format `rollcall`"),
        (OpenL2m, b"[{\"id\": 2, \"username\": \"lena\", \"profile\": 2}]".to_vec(), "response of the OpenL2M API"),
        (Edge, format!("{{\"_id\": \"{}\"}}", "x".repeat(5 << 20)).into_bytes(), "longer than 4 MiB"),
        (OpenL2m, gzip(format!("[{}", " ".repeat(17 << 20)).as_bytes()), "unpacks to more than 100 times"),
    ];
    for format in [OpenWisp, OpenL2m, Edge, Rollcall] {
        for empty in ["", " \n"] {
            files.extend(encoded(empty).into_iter().take(4).map(|file| (format, file, "empty")));
        }
        files.extend(
            ["[]", "[ ]\n", "{\"count\": 0, \"results\": []}"]
                .map(|file| (format, file.as_bytes().to_vec(), "the file contains no ")),
        );
    }
    files
}

#[test]
fn a_file_that_cannot_be_read_is_refused_with_one_sentence_that_says_what_it_seems_to_be() {
    for (format, file, reason) in refused() {
        let start = String::from_utf8_lossy(&file[..file.len().min(60)]).into_owned();
        let Err(told) = source(format, file) else { panic!("{format:?} reads {start:?}") };
        assert!(told.contains(reason), "{format:?}, {start:?}: {told}, not {reason}");
        assert!(!told.contains('\n') && !told.contains("pbkdf2"), "{told}");
    }
}

#[test]
fn rows_that_are_passed_over_take_no_room() {
    // Many, of many models.
    let rows = (0..200_000)
        .map(|index| format!("{{\"model\": \"a.m{index}\", \"pk\": {index}, \"fields\": {{\"index\": {index}}}}}\n"));
    let file: String = rows.collect();
    let file = format!("{file}{{\"model\": \"auth.user\", \"pk\": 2, \"fields\": {{\"username\": \"lena\"}}}}");
    let source = source(Format::OpenL2m, file.into_bytes()).expect("a dump");
    assert_eq!((source.total, source.passed_over.len()), (Some(1), 1001));
    assert_eq!(source.passed_over.values().sum::<u64>(), 200_000);
}
