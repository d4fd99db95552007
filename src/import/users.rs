//! The users of a dump, and how other rows refer to them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::Value;
use shared::directory::transfer::{ImportEntry, Record, UserRecord};

use super::django::{NO_KEY, TWICE, unusable};
use super::fields::Key;

/// The reason for skipping a row of an unusable user.
pub const NO_USER: &str = "its user is missing from the file or unusable";

/// Users, and their index by the keys of references.
pub struct Users {
    key: fn(&Value) -> Option<Key>,
    all: Vec<User>,
    places: HashMap<Key, usize>,
}

/// A user of a dump.
pub struct User {
    origin: String,
    /// The user with its unusable parts; or why the user is unusable.
    pub read: Result<(UserRecord, Vec<String>), String>,
}

impl Users {
    /// No users yet; `key` reads their keys.
    pub fn new(key: fn(&Value) -> Option<Key>) -> Self {
        Self { key, all: Vec::new(), places: HashMap::new() }
    }

    /// Adds a user. If two users have the same key, neither is used: it is unclear whom references mean, and which of
    /// the two is right.
    pub fn add(&mut self, origin: String, pk: &Value, username: &str, read: Result<(UserRecord, Vec<String>), String>) {
        let mut user = User { origin, read };
        let key = (self.key)(pk).filter(|key| !matches!(key, Key::Natural(_)));
        if key.is_none() {
            user.read = Err(NO_KEY.to_owned());
        }
        let natural = Some(Key::natural(&[username])).filter(|_| !username.is_empty());
        for key in key.into_iter().chain(natural) {
            match self.places.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(self.all.len());
                }
                Entry::Occupied(place) => {
                    user.read = Err(TWICE.to_owned());
                    if let Some(first) = self.all.get_mut(*place.get()) {
                        first.read = Err(TWICE.to_owned());
                    }
                }
            }
        }
        self.all.push(user);
    }

    /// The user that a reference names, if it is in the file.
    pub fn named(&mut self, reference: &Value) -> Option<&mut User> {
        let place = self.places.get(&(self.key)(reference)?)?;
        self.all.get_mut(*place)
    }

    /// The same, if it can be used.
    pub fn user_record(&mut self, reference: &Value) -> Option<&mut UserRecord> {
        self.named(reference)?.read.as_mut().ok().map(|(user_record, _)| user_record)
    }

    /// All of them.
    pub fn all(&mut self) -> impl Iterator<Item = &mut User> {
        self.all.iter_mut()
    }

    /// All of them, as entries to import.
    pub fn into_entries(self) -> impl Iterator<Item = ImportEntry> {
        self.all.into_iter().map(|User { origin, read }| match read {
            Ok((user_record, left_out)) => {
                ImportEntry { origin, record: Ok(Record::User(Box::new(user_record))), left_out }
            }
            Err(reason) => unusable(origin, reason),
        })
    }
}
