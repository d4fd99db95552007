//! Limits where the contracts set none.

use super::Field;

/// The maximum length of a free text (descriptions, notes and the like), in characters.
pub const MAX_TEXT: usize = 4096;
/// The maximum number of entries of a list in a request.
pub const MAX_LIST: usize = 100;
/// The maximum length of a password, in bytes. A longer one matches no hash and is never hashed.
pub const MAX_PASSWORD: usize = 4096;
/// The largest number that clients can use as a reference: 63 bits.
pub const MAX_REFERENCE: u64 = i64::MAX.unsigned_abs();

/// Whether a text has more than `most` characters.
pub(crate) fn is_longer(text: &str, most: usize) -> bool {
    // A character has at most four bytes, so most texts need no counting.
    text.len() > most && text.chars().nth(most).is_some()
}

/// A text of a record: its field, its value, and its maximum length in characters.
pub type LimitedText<'a> = (Field, &'a str, usize);

/// The fields and limits of the texts that are too long, except unchanged ones.
pub(super) fn too_long(texts: &[LimitedText<'_>], before: &[LimitedText<'_>]) -> Vec<(Field, usize)> {
    let is_stored = |field: Field, text: &str| before.iter().any(|(same, stored, _)| *same == field && *stored == text);
    let long = texts.iter().filter(|(field, text, most)| is_longer(text, *most) && !is_stored(*field, text));
    long.map(|(field, _, most)| (*field, *most)).collect()
}
