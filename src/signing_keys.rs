//! `rollcall signing-keys`: creates and rotates the keys that sign tokens and links, and the public keys that verify
//! tokens.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use shared::auth::keys::{public_set, rotated};
use shared::error::Cause;
use shared::model::ambient::System;

/// Prints a key set with a new first key, and writes the public parts of its keys to the file `public`.
///
/// # Errors
/// When the current keys are unreadable, or the file exists or cannot be written. Then nothing is printed.
pub fn run(present: Option<&Path>, public: Option<&Path>) -> Result<(), Cause> {
    let present = present
        .map(|path| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display())))
        .transpose()?;
    let keys = rotated(present.as_deref(), &System)?;
    if let Some(path) = public {
        write_new(path, &format!("{}\n", public_set(&keys)?))?;
    }
    // They are stored nowhere else.
    writeln!(std::io::stdout(), "{keys}")?;
    Ok(())
}

/// Writes a new file that everybody may read, as far as the umask allows.
fn write_new(path: &Path, text: &str) -> Result<(), Cause> {
    let told = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => {
            format!("{} exists and was not changed; remove it or choose another file", path.display())
        }
        _ => format!("cannot write {}: {error}", path.display()),
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path).map_err(told)?;
    file.write_all(text.as_bytes()).map_err(told)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_is_written_over() {
        let folder = std::env::temp_dir().join(format!("rollcall-signing-keys-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("verifying-keys.json");
        run(None, Some(&path)).expect("keys");
        let written = std::fs::read_to_string(&path).expect("a file");
        assert!(written.contains("\"kid\"") && !written.contains("\"d\""), "{written}");
        let error = run(None, Some(&path)).expect_err("an error").to_string();
        assert!(error.contains("verifying-keys.json exists"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).expect("the file"), written);
        std::fs::remove_dir_all(&folder).expect("the folder");
    }
}
