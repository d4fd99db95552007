//! The terms by which a user is found: for each searchable field the characters and trigrams of its folded value; and
//! groups.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::model::{EmailAddress, User, fold};
use crate::store::Item;
use crate::store::keys::{self, Key, Position};

/// A field in which users are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SearchField {
    /// The user name.
    Username,
    /// The first name.
    FirstName,
    /// The last name.
    LastName,
    /// The e-mail.
    Email,
}

/// A posting: everything that its reader needs to check a candidate. There are more postings than all other items
/// together, so the most common version is omitted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct PostingItem {
    /// The folded value of the field.
    #[serde(rename = "v", default)]
    pub value: String,
    /// The version of the user's record that needed it.
    #[serde(rename = "n", default = "first")]
    pub version: u64,
}

fn first() -> u64 {
    1
}

impl PostingItem {
    /// The item to store.
    pub fn item(&self, key: &Key) -> Item {
        let mut item = key.attributes();
        if !self.value.is_empty() {
            item.insert("v".to_owned(), AttributeValue::S(self.value.clone()));
        }
        if self.version > 1 {
            item.insert("n".to_owned(), AttributeValue::N(self.version.to_string()));
        }
        item
    }
}

impl SearchField {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Username, Self::FirstName, Self::LastName, Self::Email];

    /// Its name in keys.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Username => "U",
            Self::FirstName => "F",
            Self::LastName => "L",
            Self::Email => "E",
        }
    }

    fn of(self, user: &User) -> &str {
        match self {
            Self::Username => user.username.as_str(),
            Self::FirstName => &user.first_name,
            Self::LastName => &user.last_name,
            Self::Email => user.email.as_ref().map_or("", EmailAddress::as_str),
        }
    }
}

/// The postings that the index must have for a user.
///
/// A posting's key contains the value, so old and new postings coexist during a change: postings are written before the
/// change and deleted after it, and a concurrent search finds the user either way.
pub(super) fn postings(user: &User) -> BTreeMap<Key, PostingItem> {
    let position = Position::of_user(user).sk;
    let mut postings = postings_of_fields(user, mark);
    for &group in &user.groups {
        let key = keys::posting(keys::grouped(group), "", &position, 0);
        postings.insert(key, PostingItem { value: String::new(), version: user.version });
    }
    postings
}

/// Keys that only earlier releases wrote: the field postings of an inactive user, and the entry of an active one.
pub(super) fn postings_of_earlier_releases(user: &User) -> impl Iterator<Item = Key> {
    let active = keys::active_before(&Position::of_user(user).sk);
    postings_of_fields(user, |value| marked(0, value)).into_keys().chain([active])
}

fn postings_of_fields(user: &User, mark: fn(&str) -> u32) -> BTreeMap<Key, PostingItem> {
    let position = Position::of_user(user).sk;
    let mut postings = BTreeMap::new();
    for field in SearchField::ALL {
        let value = fold(field.of(user));
        let mark = mark(&value);
        let letters: Vec<char> = value.chars().collect();
        let mut add = |pk, third: &str| {
            let item = PostingItem { value: value.clone(), version: user.version };
            postings.insert(keys::posting(pk, third, &position, mark), item);
        };
        for letter in letters.iter().collect::<BTreeSet<_>>() {
            add(keys::gram(field.name(), &[*letter]), "");
        }
        for (index, pair) in letters.windows(2).enumerate() {
            add(keys::gram(field.name(), pair), &keys::third(letters.get(index + 2).copied()));
        }
    }
    postings
}

/// Distinguishes the values of one user.
fn mark(value: &str) -> u32 {
    // Earlier releases distinguished active users, with 1, from inactive ones, with 0.
    marked(1, value)
}

fn marked(state: u8, value: &str) -> u32 {
    let mut digest = Sha256::new();
    digest.update([state]);
    digest.update(value);
    let digest = digest.finalize();
    digest.iter().take(4).fold(0, |mark, byte| mark << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::item::from_item;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let key = keys::inactive("2026#1");
        for (value, version) in [("", 1), ("anna", 1), ("anna", 2)] {
            let entry = PostingItem { value: value.to_owned(), version };
            let read: PostingItem = from_item(&key, entry.item(&key)).expect("an entry");
            assert_eq!(read, entry);
        }
    }
}
