//! Objects inside objects.

use serde_json::{Map, Value};

use super::{Field, FieldKind, Reader, Sent};
use crate::error::Rule;
use crate::web::Input;
use crate::web::json::kind_of;

/// A nested object with its own reader; its fields are named with the path.
#[derive(Debug, Clone, PartialEq)]
pub enum Nested {
    /// An object, or the first one of a list if lists are allowed.
    Object(Input),
    /// An empty list; the input holds nothing.
    EmptyList(Input),
}

impl Reader<'_> {
    /// A nested object.
    pub fn nested(&mut self, field: &Field) -> Sent<Input> {
        if let Input::Json(values) = self.input
            && let Some(list @ Value::Array(_)) = values.get(field.name)
        {
            return self.absent(field, Rule::NotObject(kind_of(list)));
        }
        match self.nested_or_first(field) {
            Sent::Value(Nested::Object(input) | Nested::EmptyList(input)) => Sent::Value(input),
            Sent::Null => Sent::Null,
            Sent::Absent => Sent::Absent,
        }
    }

    /// A nested object. Of a list only the first entry counts, so clients may send back what they have read.
    pub fn nested_or_first(&mut self, field: &Field) -> Sent<Nested> {
        let values = match self.input {
            Input::Json(values) => values,
            Input::Form(values) => {
                let within = |name: &String| name.strip_prefix(field.name).is_some_and(|rest| rest.starts_with('.'));
                let inner: Vec<_> = values.iter().filter(|(name, _)| within(name)).cloned().collect();
                return if inner.is_empty() { Sent::Absent } else { Sent::Value(Nested::Object(Input::Form(inner))) };
            }
        };
        let value = match values.get(field.name) {
            Some(Value::Array(list)) if list.is_empty() => {
                return Sent::Value(Nested::EmptyList(Input::Json(Map::new())));
            }
            Some(Value::Array(list)) => list.first(),
            other => other,
        };
        let is_list = matches!(values.get(field.name), Some(Value::Array(_)));
        match value {
            Some(Value::Object(values)) => {
                let FieldKind::Nested(children) = field.kind else { return Sent::Absent };
                let known = children.iter().filter_map(|child| {
                    let last = child.name.rsplit('.').next()?;
                    Some((child.name.to_owned(), values.get(last)?.clone()))
                });
                Sent::Value(Nested::Object(Input::Json(known.collect())))
            }
            Some(Value::Null) if !is_list => self.absent(field, Rule::Null),
            Some(other) => self.absent(field, Rule::NotObject(kind_of(other))),
            None if field.required && !self.partial => self.absent(field, Rule::Required),
            None => Sent::Absent,
        }
    }
}
