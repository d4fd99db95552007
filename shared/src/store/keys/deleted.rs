//! How the keys of deleted users are spelled.

use super::Key;
use crate::model::{Timestamp, UserId};

/// Partition of the list rows of deleted users.
pub(crate) const DELETED: &str = "DELETED";

/// A deleted user who can be restored.
pub(crate) fn deleted(id: UserId) -> Key {
    Key::new(format!("{DELETED}#{id}"), DELETED)
}

/// The list row of a user who was deleted at that time.
pub(crate) fn deleted_row(at: Timestamp, id: UserId) -> Key {
    Key::new(DELETED, format!("{}{id}", deleted_before(at)))
}

/// The list row at a position.
pub(crate) fn deleted_row_at(position: &str) -> Key {
    Key::new(DELETED, position)
}

/// The user of a position.
pub(crate) fn deleted_id(position: &str) -> Option<UserId> {
    let (time, id) = position.split_once('#')?;
    UserId::parse(id).filter(|_| time.len() == 15)
}

/// Sorts before the rows of that time, and after all earlier ones.
pub(crate) fn deleted_before(at: Timestamp) -> String {
    format!("{:015x}#", at.ordinal())
}
