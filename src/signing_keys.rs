//! `rollcall signing-keys`: makes and rotates the keys that sign tokens and links.

use std::path::Path;

use shared::ambient::System;
use shared::error::Cause;
use shared::sign_in::keys::rotated;

/// Prints a key set whose first key is new.
///
/// # Errors
/// When the present keys cannot be read.
pub fn run(present: Option<&Path>) -> Result<(), Cause> {
    let present = present
        .map(|path| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display())))
        .transpose()?;
    println!("{}", rotated(present.as_deref(), &System)?);
    Ok(())
}
