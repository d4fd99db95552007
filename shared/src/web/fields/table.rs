//! What a field of a resource is: a row of the tables that read, limit and describe what clients send.

use crate::error::{Rule, Violation};
use crate::model::{EmailAddress, MAX_LIST, MAX_PASSWORD, MAX_TEXT};

/// A field of a resource.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name on the wire; inside a nested object the whole path, with dots.
    pub name: &'static str,
    /// Its kind.
    pub kind: FieldKind,
    /// Whether it is required.
    pub required: bool,
    /// Whether it may be null.
    pub nullable: bool,
    /// Whether clients cannot set it.
    pub read_only: bool,
    /// Its display name.
    pub label: &'static str,
    /// A help text, or empty.
    pub help_text: &'static str,
    /// The most characters of a text.
    pub max_length: Option<usize>,
    /// The most entries of a list.
    pub max_items: Option<usize>,
}

/// The kind of a field.
#[derive(Debug, Clone, Copy)]
pub enum FieldKind {
    /// Text.
    Text(Blank),
    /// A secret: text that keeps the white space around it.
    Secret,
    /// An e-mail address.
    Email(Blank),
    /// A web URL.
    Url(Blank),
    /// ASCII letters, digits, `-` and `_`.
    Slug,
    /// True or false; false if a form omits it.
    Boolean,
    /// A day.
    Date,
    /// A timestamp.
    DateTime,
    /// A number.
    Integer,
    /// A reference to another object.
    Reference,
    /// Numbers of other objects.
    References,
    /// Some of these words.
    Choices(&'static [&'static str]),
    /// A nested object.
    Nested(&'static [Field]),
}

/// Whether text may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blank {
    /// It may.
    Allowed,
    /// It may not.
    Refused,
}

impl Field {
    /// An optional text that may be empty.
    pub const fn text(name: &'static str, label: &'static str) -> Self {
        Self::new(name, label, FieldKind::Text(Blank::Allowed))
    }

    /// An optional field of that kind. Texts and lists have a default limit.
    pub const fn new(name: &'static str, label: &'static str, kind: FieldKind) -> Self {
        let max_length = match kind {
            FieldKind::Text(_) | FieldKind::Url(_) | FieldKind::Slug => Some(MAX_TEXT),
            FieldKind::Secret => Some(MAX_PASSWORD),
            FieldKind::Email(_) => Some(EmailAddress::MAX),
            _ => None,
        };
        let max_items = match kind {
            FieldKind::References | FieldKind::Choices(_) => Some(MAX_LIST),
            _ => None,
        };
        let (required, nullable, read_only, help_text) = (false, false, false, "");
        Self { name, kind, required, nullable, read_only, label, help_text, max_length, max_items }
    }

    /// The same, but required.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The same, but nullable.
    #[must_use]
    pub const fn nullable(self) -> Self {
        Self { nullable: true, ..self }
    }

    /// The same, but read-only.
    #[must_use]
    pub const fn read_only(self) -> Self {
        Self { read_only: true, max_length: None, max_items: None, ..self }
    }

    /// The same, with at most this many characters.
    #[must_use]
    pub const fn at_most(self, characters: usize) -> Self {
        Self { max_length: Some(characters), ..self }
    }

    /// The same, with at most this many entries.
    #[must_use]
    pub const fn at_most_items(self, entries: usize) -> Self {
        Self { max_items: Some(entries), ..self }
    }

    /// The same, with a help text.
    #[must_use]
    pub const fn help(self, text: &'static str) -> Self {
        Self { help_text: text, ..self }
    }

    /// A violation in what was sent for it.
    pub fn violation(&self, rule: Rule) -> Violation {
        Violation { field: crate::model::Field::Sent(self.name), rule }
    }

    pub(super) fn blank(&self) -> Blank {
        match self.kind {
            FieldKind::Text(blank) | FieldKind::Email(blank) | FieldKind::Url(blank) => blank,
            _ => Blank::Refused,
        }
    }
}
