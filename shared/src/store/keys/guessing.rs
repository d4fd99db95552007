//! Keys for the limits on guessing.

use super::Key;
use crate::store::throttle::Subject;

/// Failures of `whose` (`SECRETS#…`, `RESETS#…`) in the window that ends at that time.
pub(crate) fn throttle(whose: &str, window_end: i64) -> Key {
    Key::new(format!("THROTTLE#{whose}"), format!("{window_end:020}"))
}

/// Consecutive failures of that subject.
pub(crate) fn guard(of: &Subject) -> Key {
    match of {
        Subject::User(id) => Key::new(format!("THROTTLE#USER#{id}"), "GUARD"),
        Subject::Nobody(hash) => Key::new(format!("THROTTLE#NOBODY#{hash}"), "GUARD"),
    }
}

/// The throttle data shared by all processes.
pub(crate) fn throttle_common() -> Key {
    Key::new("THROTTLE#COMMON", "COMMON")
}
