//! Blocks: a list of the index in items of at most one kilobyte.
//!
//! A block holds the postings from the place in its key up to the next block. It keeps its key for ever, also when it has become
//! empty; so whoever is late with a write finds that it exists.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::terms::{Place, Term};
use crate::error::{Error, Result};
use crate::model::Timestamp;
use crate::store::Item;
use crate::store::item::{bytes_in, item_of_bytes, key_of};
use crate::store::keys::{self, Key};

/// Attribute with the postings.
const POSTINGS: &str = "b";
/// Attribute with the number of the merge that wrote it last.
pub(super) const MERGE: &str = "n";
/// The most bytes of postings: with the key, one write unit.
const BLOCK_MAX_BYTES: usize = 915;

/// How many bytes of an id may be a time.
const TIME_BYTES: usize = 6;

/// A user in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Posting {
    pub place: Place,
    /// The folded value of the field, so that candidates are checked without reading users.
    pub value: String,
}

/// A posting as it is stored: the time since the one before; the time in the user's id less that time in milliseconds, which is
/// about 0 for users who were created here; the rest of the id; the value.
#[derive(Serialize, Deserialize)]
struct Stored<'a>(u64, i64, [u8; 10], &'a str);

/// The time at the beginning of an id, in milliseconds, and the rest.
fn parts(id: [u8; 16]) -> (i64, [u8; 10]) {
    let number = u128::from_be_bytes(id);
    let mut rest = [0; 10];
    rest.copy_from_slice(&id[TIME_BYTES..]);
    // 48 bits, which an `i64` holds.
    (i64::try_from(number >> 80).unwrap_or_default(), rest)
}

fn id(time: i64, rest: [u8; 10]) -> [u8; 16] {
    let mut id = (u128::try_from(time).unwrap_or_default() << 80).to_be_bytes();
    id[TIME_BYTES..].copy_from_slice(&rest);
    id
}

fn milliseconds(moment: u64) -> i64 {
    Timestamp::from_ordinal(moment).micros().div_euclid(1000)
}

/// How many bytes a number takes, seven bits in each.
fn length(number: u64) -> usize {
    let bits = usize::try_from(u64::BITS - number.leading_zeros()).unwrap_or(usize::MAX);
    bits.div_ceil(7).max(1)
}

impl Posting {
    /// The most bytes that it takes in a block after another posting, if there is one.
    fn size(&self, before: Option<&Self>) -> usize {
        let since = self.place.moment - before.map_or(0, |before| before.place.moment);
        let shift = parts(self.place.user).0 - milliseconds(self.place.moment);
        // The sign is another bit.
        let shift = length(shift.unsigned_abs().saturating_mul(2));
        length(since) + shift + 10 + length(self.value.len() as u64) + self.value.len()
    }
}

/// The item of a block.
pub(super) fn block_item(key: &Key, postings: &[Posting], merge: u64) -> Result<Item> {
    let before = std::iter::once(0).chain(postings.iter().map(|posting| posting.place.moment));
    let mut stored = Vec::new();
    for (Posting { place, value }, before) in postings.iter().zip(before) {
        let (time, rest) = parts(place.user);
        stored.push(Stored(place.moment - before, time - milliseconds(place.moment), rest, value));
    }
    let bytes = postcard::to_allocvec(&stored).map_err(|error| Error::Internal(error.into()))?;
    let mut item = item_of_bytes(key, POSTINGS, bytes);
    item.insert(MERGE.to_owned(), AttributeValue::N(merge.to_string()));
    Ok(item)
}

/// The postings of a block.
pub(super) fn postings_in(item: &Item) -> Result<Vec<Posting>> {
    let stored: Option<Vec<Stored<'_>>> = bytes_in(item, POSTINGS).and_then(|bytes| postcard::from_bytes(bytes).ok());
    let stored =
        stored.ok_or_else(|| Error::internal(format!("malformed block of the search index: {}", key_of(item))))?;
    let posting = |moment: &mut u64, Stored(since, shift, rest, value): Stored<'_>| {
        *moment = moment.saturating_add(since);
        let user = id(milliseconds(*moment).saturating_add(shift), rest);
        Some(Posting { place: Place { moment: *moment, user }, value: value.to_owned() })
    };
    Ok(stored.into_iter().scan(0, posting).collect())
}

/// The number of the merge that wrote a block last.
pub(super) fn merge_of(item: &Item) -> u64 {
    item.get(MERGE).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or_default()
}

/// The key of a block that begins at that place.
pub(super) fn block_key(term: Term, first: Place) -> Key {
    keys::block(term.partition(), &term.prefix(), &first.position())
}

/// Cuts sorted postings into blocks. If they were `appended`, each but the last is full; otherwise all are about as large, so that
/// there is room for the next ones.
pub(super) fn cut(postings: &[Posting], appended: bool) -> Vec<&[Posting]> {
    let before = |index: usize| index.checked_sub(1).and_then(|before| postings.get(before));
    let total: usize = postings.iter().enumerate().map(|(index, posting)| posting.size(before(index))).sum();
    let most = if appended {
        BLOCK_MAX_BYTES
    } else {
        total.div_ceil(total.div_ceil(BLOCK_MAX_BYTES).max(1)).min(BLOCK_MAX_BYTES)
    };
    let (mut blocks, mut from, mut size) = (Vec::new(), 0, 0);
    for (index, posting) in postings.iter().enumerate() {
        let more = posting.size(before(index).filter(|_| index > from));
        if index > from && size + more > most {
            blocks.push(&postings[from..index]);
            (from, size) = (index, posting.size(None));
        } else {
            size += more;
        }
    }
    blocks.push(&postings[from..]);
    blocks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::keys::{List, Position};
    use uuid::Uuid;

    fn posting(index: u32, length: usize) -> Posting {
        let moment = Timestamp::from_micros(1_700_000_000_000_000 + i64::from(index));
        // Ids with and without a time.
        let id = if index.is_multiple_of(2) { u128::from(index) << 80 | 7 } else { u128::MAX - u128::from(index) };
        let position = Position::new(List::Users, moment, Uuid::from_u128(id)).sk;
        Posting { place: Place::parse(&position).expect("a place"), value: "é".repeat(length) }
    }

    proptest! {
        #[test]
        fn blocks_hold_all_postings_in_order_and_fit_into_one_unit(lengths in prop::collection::vec(0_usize..200, 0..80), appended: bool) {
            let postings: Vec<Posting> = (0..).zip(&lengths).map(|(index, length)| posting(index, *length)).collect();
            let blocks = cut(&postings, appended);
            prop_assert_eq!(blocks.concat(), postings.clone());
            let key = block_key(Term::trigram(super::super::SearchField::Email, 'a', 'b', None), posting(1, 1).place);
            for block in blocks {
                let item = block_item(&key, block, 12_345).expect("an item");
                prop_assert_eq!(postings_in(&item).expect("postings"), block);
                prop_assert!(block.len() <= 1 || crate::store::item::size(&item) <= 1024);
            }
        }
    }
}
