//! Output for the user. A closed output (`rollcall serve | head -1`) is no reason to stop.

use std::fmt::Display;
use std::io::Write as _;

/// A line on standard output.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line on standard error.
pub fn warn(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
