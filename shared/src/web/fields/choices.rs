//! Lists of words.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Field, Reader, Sent, shown};
use crate::error::Rule;
use crate::web::json::{kind_of, text_of};

/// How many invalid values of one list are reported.
const MOST_TOLD: usize = 10;

impl Reader<'_> {
    /// Some of the field's words, as `parse` knows them.
    pub fn choices<T>(&mut self, field: &Field, parse: impl Fn(&str) -> Option<T>) -> Sent<Vec<T>> {
        let values = match self.sent(field) {
            Sent::Value(Value::Array(values)) => values,
            Sent::Value(other) => return self.absent(field, Rule::NotList(kind_of(&other))),
            Sent::Null => return Sent::Null,
            Sent::Absent => return Sent::Absent,
        };
        let mut chosen = Vec::new();
        let mut wrong = BTreeSet::new();
        for value in values {
            if let Some(choice) = value.as_str().and_then(&parse) {
                chosen.push(choice);
            } else if wrong.len() < MOST_TOLD {
                let text = text_of(&value).map_or_else(|| shown(&value.to_string()), |text| shown(&text));
                if wrong.insert(text.clone()) {
                    self.refuse(field, Rule::NotChoice(text));
                }
            }
        }
        if wrong.is_empty() { Sent::Value(chosen) } else { Sent::Absent }
    }
}
