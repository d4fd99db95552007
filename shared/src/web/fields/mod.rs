//! Reads fields by a table that also describes them (Django REST framework's field rules).
//!
//! The three APIs share these rules; the tables contain the differences between their resources. All violations are
//! collected before responding.

mod choices;
mod nested;
mod reader;
mod references;
mod table;

pub use self::nested::Nested;
pub use self::reader::{Reader, boolean_word};
pub use self::table::{Blank, Field, FieldKind};

/// How many characters of an invalid value are reported.
const MOST_SHOWN: usize = 100;

/// What was sent for a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent<T> {
    /// Nothing, or an invalid value.
    Absent,
    /// Null.
    Null,
    /// A value.
    Value(T),
}

impl<T> Sent<T> {
    /// The value, if there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Replaces the value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Sent<U> {
        match self {
            Self::Absent => Sent::Absent,
            Self::Null => Sent::Null,
            Self::Value(value) => Sent::Value(change(value)),
        }
    }
}

impl<T> From<Sent<T>> for crate::model::Change<T> {
    fn from(sent: Sent<T>) -> Self {
        match sent {
            Sent::Absent => Self::Keep,
            Sent::Null => Self::Clear,
            Sent::Value(value) => Self::Set(value),
        }
    }
}

/// An invalid value as it is reported, shortened if long.
fn shown(text: &str) -> String {
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
