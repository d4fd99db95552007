//! Filters and paths: the texts of clients (`contracts/scim.md` sections 4 and 9).

mod parser;
mod resolved;

use serde_json::Value;

pub use self::parser::{Refusal, filter, path};
pub use self::resolved::{Condition, Place, Target, place, target};

/// A filter as a client wrote it. Names are not looked up yet.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Both.
    And(Box<Self>, Box<Self>),
    /// One or both.
    Or(Box<Self>, Box<Self>),
    /// Not.
    Not(Box<Self>),
    /// The attribute has a value.
    Present(Name),
    /// A comparison with a value.
    Compare(Name, Comparison, Value),
    /// One entry of the attribute meets the filter, whose names are those of its parts.
    Entry(Name, Box<Self>),
}

/// The name of an attribute as a client wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// What stands before the last colon.
    pub urn: Option<String>,
    /// The attribute.
    pub attribute: String,
    /// A part of it.
    pub part: Option<String>,
}

/// The path of a PATCH operation as a client wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// The attribute; its part may also follow the filter.
    pub name: Name,
    /// Which entries.
    pub filter: Option<Filter>,
}

/// The comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of RFC 7644")]
pub enum Comparison {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

impl Comparison {
    fn of(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "co" => Self::Co,
            "sw" => Self::Sw,
            "ew" => Self::Ew,
            "gt" => Self::Gt,
            "ge" => Self::Ge,
            "lt" => Self::Lt,
            "le" => Self::Le,
            _ => return None,
        })
    }
}
