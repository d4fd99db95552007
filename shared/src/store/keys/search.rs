//! The keys of the search index.

use super::{Key, PLACE_LENGTH, WORK};
use crate::model::{GroupId, Timestamp, UserId};

/// Partition of the changes that the search index does not contain yet.
pub(crate) const RECENT: &str = "RECENT";
/// Prefix of their sort keys.
pub(crate) const RECENT_CHANGES: &str = "CHANGE#";
/// Sort key of the state of the search index, after everything else there.
pub(crate) const INDEX_STATE: &str = "STATE";
/// Prefix of the sort keys of packets' headers.
const PACKETS: &str = "PACKET#";

/// A change of a user that the search index does not contain yet.
pub(crate) fn recent_change(at: Timestamp, user: UserId, version: u64) -> Key {
    Key::new(RECENT, format!("{RECENT_CHANGES}{:015x}#{}#{version}", at.ordinal(), user.0.simple()))
}

/// Sorts after all changes before that time, and before the others.
pub(crate) fn recent_changes_before(time: Timestamp) -> String {
    format!("{RECENT_CHANGES}{:015x}", time.ordinal())
}

/// The header of a packet of changes.
pub(crate) fn packet_header(id: &str) -> Key {
    Key::new(RECENT, format!("{PACKETS}{id}"))
}

/// The packet whose header has that sort key.
pub(crate) fn packet_id(sk: &str) -> Option<&str> {
    sk.strip_prefix(PACKETS)
}

/// Sorts after all headers of packets before that time, and before the others.
pub(crate) fn packet_headers_before(time: Timestamp) -> String {
    format!("{PACKETS}{:015x}", time.ordinal())
}

/// The first and the last sort key of headers.
pub(crate) const PACKET_HEADERS: (&str, &str) = (PACKETS, "PACKET$");

/// A packet of changes.
pub(crate) fn packet(id: &str) -> Key {
    Key::new(format!("{PACKETS}{id}"), "PACKET")
}

/// Exists when there are many recent changes.
pub(crate) fn packing_task() -> Key {
    Key::new(WORK, "SEARCH")
}

/// Exists when a user was purged of whom recent changes may say something.
pub(crate) fn purged_mark() -> Key {
    Key::new(WORK, "PURGED")
}

/// The state of the search index.
pub(crate) fn index_state() -> Key {
    Key::new(RECENT, INDEX_STATE)
}

/// The rank index of the list of users.
pub(crate) fn ranks() -> Key {
    Key::new("RANKS", "RANKS")
}

/// Partition of the search index for one or two characters of a field, each as six hexadecimal digits.
pub(crate) fn term(field: &str, letters: &[char]) -> String {
    letters_of("TERM", field, letters)
}

/// The block of such a partition that begins at a position.
pub(crate) fn block(pk: String, third: &str, position: &str) -> Key {
    Key::new(pk, format!("{third}{position}"))
}

/// The same partition in tables of earlier releases.
pub(crate) fn gram(field: &str, letters: &[char]) -> String {
    letters_of("GRAM", field, letters)
}

fn letters_of(kind: &str, field: &str, letters: &[char]) -> String {
    letters.iter().fold(format!("{kind}#{field}#"), |pk, letter| pk + &letter_digits(Some(*letter)))
}

/// The prefix of sort keys for a third character, or for `None` the end of the value.
pub(crate) fn third(letter: Option<char>) -> String {
    format!("{}#", letter_digits(letter))
}

fn letter_digits(letter: Option<char>) -> String {
    format!("{:06x}", letter.map_or(0, u32::from))
}

/// The entry of a user in a list of groups or of inactive users, with 0 as its `value`; in tables of earlier releases, in all lists.
pub(crate) fn posting(pk: String, third: &str, position: &str, value: u32) -> Key {
    Key::new(pk, format!("{third}{position}#{value:08x}"))
}

/// The third character, with its separator, in a sort key of a partition for two characters.
pub(crate) fn third_of(sk: &str) -> Option<&str> {
    sk.get(..7)
}

/// The position in a sort key that begins with `third` and a position.
pub(crate) fn place_after<'a>(third: &str, sk: &'a str) -> Option<&'a str> {
    sk.strip_prefix(third)?.get(..PLACE_LENGTH)
}

/// Partition of the inactive users, in list order.
pub(crate) const INACTIVE: &str = "ACTIVE#false";

/// Exists while a user with that position is inactive.
pub(crate) fn inactive(position: &str) -> Key {
    posting(INACTIVE.to_owned(), "", position, 0)
}

/// What an active user with that position had in earlier releases.
pub(crate) fn active_before(position: &str) -> Key {
    posting("ACTIVE#true".to_owned(), "", position, 0)
}

/// Partition of the users of a group, in list order.
pub(crate) fn grouped(group: GroupId) -> String {
    format!("GROUPED#{group}")
}

/// Exists while the search index is being rebuilt.
pub(crate) fn reindex() -> Key {
    Key::new("REINDEX", "REINDEX")
}
