//! The keys of the search index.

use super::{Key, PLACE_LENGTH};
use crate::model::GroupId;

/// Partition of the search index for one or two characters of a field, each as six hexadecimal digits.
pub(crate) fn gram(field: &str, letters: &[char]) -> String {
    letters.iter().fold(format!("GRAM#{field}#"), |pk, letter| pk + &letter_digits(Some(*letter)))
}

/// The prefix of sort keys for a third character, or for `None` the end of the value.
pub(crate) fn third(letter: Option<char>) -> String {
    format!("{}#", letter_digits(letter))
}

fn letter_digits(letter: Option<char>) -> String {
    format!("{:06x}", letter.map_or(0, u32::from))
}

/// A posting; `value` distinguishes a user's current and previous values.
pub(crate) fn posting(pk: String, third: &str, position: &str, value: u32) -> Key {
    Key::new(pk, format!("{third}{position}#{value:08x}"))
}

/// The position in the sort key of a posting, and the part before it.
pub(crate) fn place_of_posting(sk: &str) -> Option<(&str, &str)> {
    let (rest, _) = sk.rsplit_once('#')?;
    let start = rest.len().checked_sub(PLACE_LENGTH)?;
    rest.is_char_boundary(start).then(|| rest.split_at(start))
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

/// Postings of users of a group.
pub(crate) fn grouped(group: GroupId) -> String {
    format!("GROUPED#{group}")
}

/// Exists while the search index is being rebuilt.
pub(crate) fn reindex() -> Key {
    Key::new("REINDEX", "REINDEX")
}
