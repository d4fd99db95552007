//! References to other objects, as Django reads them.

use serde_json::Value;
use uuid::Uuid;

use super::{Field, Reader, Sent, shown};
use crate::error::{JsonKind, Rule};
use crate::model::{MAX_REFERENCE, Named, References};
use crate::web::json::{kind_of, large_integer, text_of};

impl Reader<'_> {
    /// A UUID that refers to another object. An empty text means none, like null.
    pub fn uuid(&mut self, field: &Field) -> Sent<Named<Uuid>> {
        match self.sent(field) {
            Sent::Value(Value::String(text)) if text.is_empty() && field.nullable => Sent::Null,
            Sent::Value(Value::String(text)) if text.is_empty() => self.absent(field, Rule::Null),
            Sent::Value(value) => match text_of(&value) {
                None => self.absent(field, Rule::WrongReference(kind_of(&value))),
                Some(text) => match Uuid::try_parse(&text) {
                    Ok(id) if value.is_string() => Sent::Value(Named { id, sent: shown(&text) }),
                    _ => self.absent(field, Rule::NotUuid(shown(&text))),
                },
            },
            Sent::Null => Sent::Null,
            Sent::Absent => Sent::Absent,
        }
    }

    /// The number of another object.
    pub fn reference(&mut self, field: &Field) -> Sent<u64> {
        match self.sent(field) {
            Sent::Value(value) => match reference(&value, &value) {
                Ok(named) => Sent::Value(named.id),
                Err(rule) => self.absent(field, rule),
            },
            Sent::Null => Sent::Null,
            Sent::Absent => Sent::Absent,
        }
    }

    /// Numbers of other objects; only the first invalid one is reported.
    pub fn references<T: Ord + Copy>(&mut self, field: &Field, id: impl Fn(u64) -> T) -> Sent<References<T>> {
        // Quirk: in a list Django looks up null and finds nothing.
        let prepare = |value: &Value| if value.is_null() { Value::from("None") } else { value.clone() };
        self.references_that(field, id, prepare)
    }

    /// Numbers of other objects, each preprocessed by `prepare`.
    pub fn references_that<T: Ord + Copy>(
        &mut self,
        field: &Field,
        id: impl Fn(u64) -> T,
        prepare: impl Fn(&Value) -> Value,
    ) -> Sent<References<T>> {
        let values = match self.sent(field) {
            Sent::Value(Value::Array(values)) => values,
            Sent::Value(other) => return self.absent(field, Rule::NotList(kind_of(&other))),
            Sent::Null => return Sent::Null,
            Sent::Absent => return Sent::Absent,
        };
        match values.iter().map(|value| Ok(reference(&prepare(value), value)?.map(&id))).collect() {
            Ok(named) => Sent::Value(named),
            Err(rule) => self.absent(field, rule),
        }
    }
}

/// A whole number, or digits in a text with a sign before and white space around them; `sent` is what it was made from.
fn reference(value: &Value, sent: &Value) -> Result<Named<u64>, Rule> {
    let (number, text) = match value {
        Value::Number(number) if number.is_f64() => match number.as_f64() {
            Some(float) if float.fract() == 0.0 => (format!("{float:.0}"), number.to_string()),
            _ => return Err(Rule::WrongReference(JsonKind::Float)),
        },
        Value::Number(number) => (number.to_string(), number.to_string()),
        Value::String(text) if sent.is_null() => return Err(Rule::UnknownReference(text.clone())),
        Value::String(text) => match large_integer(text).unwrap_or(text) {
            text if is_whole(text.trim()) => (text.trim().to_owned(), text.to_owned()),
            _ => return Err(Rule::WrongReference(kind_of(sent))),
        },
        _ => return Err(Rule::WrongReference(kind_of(sent))),
    };
    match number.parse() {
        Ok(id) if id <= MAX_REFERENCE => Ok(Named { id, sent: shown(&text) }),
        _ => Err(Rule::UnknownReference(shown(&text))),
    }
}

/// Whether it is digits, with a sign or without.
fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_numbers_or_digits_and_told_as_they_were_sent() {
        let named = |id, sent: &str| Ok(Named { id, sent: sent.to_owned() });
        let unknown = |sent: &str| Err(Rule::UnknownReference(sent.to_owned()));
        let wrong = |kind| Err(Rule::WrongReference(kind));
        let long = "9".repeat(200);
        for (value, expected) in [
            (json!(1), named(1, "1")),
            (json!("2"), named(2, "2")),
            (json!(" 2"), named(2, " 2")),
            (json!("3\n"), named(3, "3\n")),
            (json!("+4"), named(4, "+4")),
            (json!("04"), named(4, "04")),
            (json!(2.0), named(2, "2.0")),
            (json!(99999e0), named(99999, "99999.0")),
            (json!(-1), unknown("-1")),
            (json!("-1"), unknown("-1")),
            (json!(-2.0), unknown("-2.0")),
            (json!(1e30), unknown("1e+30")),
            (json!(1.5e300), unknown("1.5e+300")),
            (json!(9_223_372_036_854_775_808_u64), unknown("9223372036854775808")),
            (json!("99999999999999999999999"), unknown("99999999999999999999999")),
            (json!(long), unknown(&format!("{}…", "9".repeat(100)))),
            (json!("x"), wrong(JsonKind::Text)),
            (json!(" "), wrong(JsonKind::Text)),
            (json!("+"), wrong(JsonKind::Text)),
            (json!("+-4"), wrong(JsonKind::Text)),
            (json!("- 4"), wrong(JsonKind::Text)),
            (json!("1.0"), wrong(JsonKind::Text)),
            (json!(1.5), wrong(JsonKind::Float)),
            (json!(true), wrong(JsonKind::Boolean)),
            (json!([]), wrong(JsonKind::List)),
        ] {
            assert_eq!(reference(&value, &value), expected, "{value}");
        }
    }
}
