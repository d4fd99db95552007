//! Recognizes the kind of a file, to help operators who chose the wrong format.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields;

/// The kind of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An object of `manage.py dumpdata`.
    Dump,
    /// A line of `rollcall export`.
    Export,
    /// A user of an Edge.
    Edge,
    /// A user in a response of the OpenWISP API.
    OpenWispAnswer,
    /// A user in a response of the OpenL2M API.
    OpenL2mAnswer,
}

/// How many rows of each kind a file has.
#[derive(Debug, Default)]
pub struct Kinds(BTreeMap<Option<Kind>, u64>);

impl Kind {
    /// The kind of a row, if it is known.
    pub fn of(row: &Value) -> Option<Self> {
        let has = |name: &str| row.get(name).is_some();
        if has("model") && has("fields") {
            return Some(Self::Dump);
        }
        if has("record") {
            return Some(Self::Export);
        }
        let id = row.get("id").or_else(|| row.get("_id")).filter(|_| has("username"))?;
        if has("_id") || id.as_str().is_some_and(|id| id.len() == 24) {
            Some(Self::Edge)
        } else if id.is_number() {
            Some(Self::OpenL2mAnswer)
        } else {
            fields::uuid(id).map(|_| Self::OpenWispAnswer)
        }
    }

    /// The kind of a file with such rows, and what to do with it.
    fn advice(self) -> &'static str {
        match self {
            Self::Dump => "a Django dump; use the format `openwisp` or `openl2m`",
            Self::Export => "a Rollcall export; use the format `rollcall`",
            Self::Edge => "users of an Edge; use the format `edge`",
            Self::OpenWispAnswer => "a response of the OpenWISP API; use the format `openwisp`",
            Self::OpenL2mAnswer => {
                "a response of the OpenL2M API, which lacks the users' restrictions; make a dump and use the format `openl2m`"
            }
        }
    }
}

impl Kinds {
    /// Counts a row.
    pub fn add(&mut self, row: &Value) {
        *self.0.entry(Kind::of(row)).or_default() += 1;
    }

    /// Why the file is unusable, unless it has rows of the right kinds, or no rows at all.
    pub fn refusal(&self, own: &[Kind]) -> Option<String> {
        if own.iter().any(|kind| self.0.contains_key(&Some(*kind))) {
            return None;
        }
        match self.0.iter().max_by_key(|(kind, count)| (kind.is_some(), **count))? {
            (Some(kind), _) => Some(format!("this seems to be {}", kind.advice())),
            (None, count) => Some(format!("this seems to be other JSON: none of its {count} rows is a user")),
        }
    }
}
