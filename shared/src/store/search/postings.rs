//! What a user is found by: for each searchable field the letters of its folded value, alone and in threes.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::model::{EmailAddress, User, fold};
use crate::store::Item;
use crate::store::keys::{self, Key, Place};

/// A field that users are searched by.
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

/// An entry of the index: everything that its reader needs to check a candidate. There are more of these than of all else
/// together, so the version that most have is left out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct PostingItem {
    /// The folded value of the field.
    #[serde(rename = "v", default)]
    pub value: String,
    /// Whether the user is switched on.
    #[serde(rename = "a", default)]
    pub is_active: bool,
    /// The version of the user's record that wanted it.
    #[serde(rename = "n", default = "first")]
    pub version: u64,
}

fn first() -> u64 {
    1
}

impl PostingItem {
    /// As the store takes it.
    pub fn item(&self, key: &Key) -> Item {
        let mut item = key.attributes();
        if !self.value.is_empty() {
            item.insert("v".to_owned(), AttributeValue::S(self.value.clone()));
        }
        if self.is_active {
            item.insert("a".to_owned(), AttributeValue::Bool(true));
        }
        if self.version > 1 {
            item.insert("n".to_owned(), AttributeValue::N(self.version.to_string()));
        }
        item
    }
}

impl SearchField {
    pub(super) const ALL: [Self; 4] = [Self::Username, Self::FirstName, Self::LastName, Self::Email];

    /// As keys name it.
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

/// The entries that the index must have for a user.
///
/// A key tells value and state, so that what a change is about to need stands beside what it is about to give up:
/// entries are written before the change and removed after it, and a search in between finds the user either way.
pub(super) fn postings(user: &User) -> BTreeMap<Key, PostingItem> {
    let place = Place::of_user(user).sk;
    let (is_active, version) = (user.is_active, user.version);
    let mut postings = BTreeMap::new();
    for field in SearchField::ALL {
        let value = fold(field.of(user));
        let mark = mark(&value, is_active);
        let letters: Vec<char> = value.chars().collect();
        let mut add = |pk, third: &str| {
            let item = PostingItem { value: value.clone(), is_active, version };
            postings.insert(keys::posting(pk, third, &place, mark), item);
        };
        for letter in letters.iter().collect::<BTreeSet<_>>() {
            add(keys::gram(field.name(), &[*letter]), "");
        }
        for (index, pair) in letters.windows(2).enumerate() {
            add(keys::gram(field.name(), pair), &keys::third(letters.get(index + 2).copied()));
        }
    }
    let key = keys::posting(keys::active(is_active), "", &place, 0);
    postings.insert(key, PostingItem { value: String::new(), is_active, version });
    postings
}

/// Tells the values and states of one user apart.
fn mark(value: &str, is_active: bool) -> u32 {
    let mut digest = Sha256::new();
    digest.update([u8::from(is_active)]);
    digest.update(value);
    let digest = digest.finalize();
    digest.iter().take(4).fold(0, |mark, byte| mark << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::from_item;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let key = keys::posting(keys::active(true), "", "2026#1", 7);
        for (value, is_active, version) in [("", true, 1), ("anna", true, 1), ("anna", false, 1), ("anna", true, 2)] {
            let entry = PostingItem { value: value.to_owned(), is_active, version };
            let read: PostingItem = from_item(&key, entry.item(&key)).expect("an entry");
            assert_eq!(read, entry);
        }
    }
}
