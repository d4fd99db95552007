//! What of a user the index holds: a place in the order of lists, the folded values of the searchable fields, and the terms
//! that lead to them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::model::{EmailAddress, Timestamp, User, UserId, fold};
use crate::store::keys::{self, List, Position};

/// A field in which users are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// The position of a user in lists, in 24 bytes. Sorts as the position does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Place {
    /// [`Timestamp::ordinal`].
    pub moment: u64,
    pub user: [u8; 16],
}

/// What the index holds of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub place: Place,
    /// The folded values, in the order of [`SearchField::ALL`].
    pub values: [String; 4],
}

/// A character, or three in a row, of a field; a list of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Term {
    pub field: SearchField,
    first: char,
    /// The second and the third character, if it has three. A value ends with `None`.
    rest: Option<(char, Option<char>)>,
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

impl Place {
    /// The place in a position's sort key.
    pub(super) fn parse(position: &str) -> Option<Self> {
        let moment = Position::moment(position)?.ordinal();
        Some(Self { moment, user: *Position::id(position)?.as_bytes() })
    }

    /// The sort key.
    pub(super) fn position(self) -> String {
        Position::new(List::Users, Timestamp::from_ordinal(self.moment), self.id().0).sk
    }

    pub(super) fn id(self) -> UserId {
        UserId(Uuid::from_bytes(self.user))
    }
}

impl Entry {
    pub(super) fn of(user: &User) -> Self {
        let place = Place { moment: user.date_joined.ordinal(), user: *user.id.0.as_bytes() };
        Self { place, values: SearchField::ALL.map(|field| fold(field.of(user))) }
    }

    pub(super) fn value(&self, field: SearchField) -> &str {
        let [username, first_name, last_name, email] = &self.values;
        match field {
            SearchField::Username => username,
            SearchField::FirstName => first_name,
            SearchField::LastName => last_name,
            SearchField::Email => email,
        }
    }

    /// The lists that it belongs to.
    pub(super) fn terms(&self) -> BTreeSet<Term> {
        SearchField::ALL.into_iter().flat_map(|field| terms(field, self.value(field))).collect()
    }
}

impl Term {
    /// One character.
    pub(super) fn letter(field: SearchField, letter: char) -> Self {
        Self { field, first: letter, rest: None }
    }

    /// Three characters; for two at the end of a value, the third is `None`.
    pub(super) fn trigram(field: SearchField, first: char, second: char, third: Option<char>) -> Self {
        Self { field, first, rest: Some((second, third)) }
    }

    /// Its partition.
    pub(super) fn partition(self) -> String {
        self.partition_of(keys::term)
    }

    /// Its partition in tables of earlier releases.
    pub(super) fn partition_before(self) -> String {
        self.partition_of(keys::gram)
    }

    fn partition_of(self, spelled: fn(&str, &[char]) -> String) -> String {
        match self.rest {
            None => spelled(self.field.name(), &[self.first]),
            Some((second, _)) => spelled(self.field.name(), &[self.first, second]),
        }
    }

    /// The prefix of its sort keys.
    pub(super) fn prefix(self) -> String {
        self.rest.map(|(_, third)| keys::third(third)).unwrap_or_default()
    }
}

/// The terms of a folded value.
fn terms(field: SearchField, value: &str) -> impl Iterator<Item = Term> {
    let letters: Vec<char> = value.chars().collect();
    let trigrams = (1..letters.len())
        .map(|index| Term::trigram(field, letters[index - 1], letters[index], letters.get(index + 1).copied()));
    let trigrams: Vec<Term> = trigrams.collect();
    letters.into_iter().map(move |letter| Term::letter(field, letter)).chain(trigrams)
}

/// The place in the sort key of an item of a list; the key begins with `prefix` and a position.
pub(super) fn place_of(prefix: &str, sk: &str) -> Result<Place> {
    let place = keys::place_after(prefix, sk).and_then(Place::parse);
    place.ok_or_else(|| Error::internal(format!("malformed sort key of the search index: {sk}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_sort_as_positions_do(a: (i64, u128), b: (i64, u128)) {
            let [a, b] = [a, b].map(|(moment, id)| {
                Position::new(List::Users, Timestamp::from_micros(moment), Uuid::from_u128(id)).sk
            });
            let [x, y] = [&a, &b].map(|position| Place::parse(position).expect("a place"));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!([x.position(), y.position()], [a, b]);
        }
    }

    #[test]
    fn a_value_has_a_term_for_each_character_and_each_trigram() {
        let field = SearchField::FirstName;
        let found: BTreeSet<Term> = terms(field, "anna").collect();
        let trigram = |first, second, third| Term::trigram(field, first, second, third);
        let expected = [
            Term::letter(field, 'a'),
            Term::letter(field, 'n'),
            trigram('a', 'n', Some('n')),
            trigram('n', 'n', Some('a')),
            trigram('n', 'a', None),
        ];
        assert_eq!(found, expected.into());
        assert_eq!(terms(field, "").count(), 0);
    }
}
