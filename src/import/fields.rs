//! The fields of a row, in every spelling that Django's `loaddata` accepts, and the keys of rows.

use serde_json::{Map, Number, Value};
use shared::model::{Timestamp, date_text, parse_date};
use uuid::Uuid;

/// The fields of a row, by name.
pub struct Fields<'a>(&'a Map<String, Value>);

/// A type that can be read from a row; missing fields have the default of the model.
pub trait FromFields: Sized {
    /// Reads it; the error is the reason.
    fn from_fields(fields: &Fields<'_>) -> Result<Self, String>;
}

/// A key as references name it; all its spellings are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// An integer.
    Number(u64),
    /// A UUID.
    Uuid(Uuid),
    /// A natural key of several texts.
    Natural(Vec<String>),
}

impl<'a> Fields<'a> {
    /// The fields of a JSON object.
    pub fn of(value: &'a Value) -> Result<Self, String> {
        value.as_object().map(Self).ok_or_else(|| "its fields are not an object".to_owned())
    }

    /// A field, if the row has it.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name)
    }

    /// A field; null if the row lacks it.
    pub fn value(&self, name: &str) -> Value {
        self.get(name).cloned().unwrap_or_default()
    }

    /// A boolean.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, String> {
        self.get(name).map_or(Some(default), flag).ok_or_else(|| format!("{name} is not a boolean"))
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<String, String> {
        self.get(name).map_or(Some(String::new()), text).ok_or_else(|| format!("{name} is not a text"))
    }

    /// A text, or null.
    pub fn optional_text(&self, name: &str) -> Result<Option<String>, String> {
        self.get(name).filter(|value| !value.is_null()).map(|_| self.text(name)).transpose()
    }

    /// A timestamp; `None` if the row lacks it, which means now.
    pub fn moment(&self, name: &str) -> Result<Option<Timestamp>, String> {
        self.get(name).map(|value| moment(value).ok_or_else(|| format!("{name} is not a valid timestamp"))).transpose()
    }

    /// A list.
    pub fn list(&self, name: &str) -> Result<Vec<Value>, String> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => Ok(values.clone()),
            Some(_) => Err(format!("{name} is not a list")),
        }
    }
}

impl Key {
    /// A key of a model whose keys are integers.
    pub fn of_number(value: &Value) -> Option<Self> {
        natural(value).or_else(|| number(value).map(Self::Number))
    }

    /// A key of a model whose keys are UUIDs.
    pub fn of_uuid(value: &Value) -> Option<Self> {
        natural(value).or_else(|| uuid(value).map(Self::Uuid))
    }

    /// A natural key.
    pub fn natural(parts: &[&str]) -> Self {
        Self::Natural(parts.iter().map(|part| (*part).to_owned()).collect())
    }
}

fn natural(value: &Value) -> Option<Key> {
    value.as_array().map(|parts| Key::Natural(parts.iter().map(shown).collect()))
}

/// A key or a reference for messages.
pub fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A boolean as Django's `BooleanField` reads it, or as text with JSON's spelling.
pub fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match text.as_str() {
            "t" | "True" | "1" | "true" => Some(true),
            "f" | "False" | "0" | "false" => Some(false),
            _ => None,
        },
        _ => match integer(value)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
    }
}

/// A text; numbers and booleans as Python writes them.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(if *flag { "True" } else { "False" }.to_owned()),
        Value::Number(number) => digits(number),
        _ => None,
    }
}

/// A timestamp as Django's `DateTimeField` reads it, or only a day; in UTC unless it has a zone.
pub fn moment(value: &Value) -> Option<Timestamp> {
    let text = value.as_str()?;
    Timestamp::parse(text).or_else(|| Timestamp::parse(&date_text(parse_date(text)?)))
}

/// A whole number as Django's `AutoField` reads it: a number, or digits in a text.
pub fn number(value: &Value) -> Option<u64> {
    let Value::String(text) = value else { return integer(value) };
    let digits = text.trim();
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// A UUID in the spellings of Python's `uuid.UUID`, or, as in Django, as a number.
pub fn uuid(value: &Value) -> Option<Uuid> {
    let text = match value {
        Value::String(text) => text.replace("urn:", "").replace("uuid:", ""),
        Value::Number(number) => return digits(number)?.parse().ok().map(Uuid::from_u128),
        _ => return None,
    };
    let digits = text.trim_matches(['{', '}']).replace('-', "");
    let is_good = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_good.then(|| u128::from_str_radix(&digits, 16).ok().map(Uuid::from_u128)).flatten()
}

/// A whole number, also with a fraction of zero.
fn integer(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        // Beyond these, several numbers share one floating-point number.
        let float = value.as_f64().filter(|float| float.fract() == 0.0 && (0.0..9e15).contains(float))?;
        format!("{float:.0}").parse().ok()
    })
}

/// The digits of a whole number; `None` for others, whose digits may differ from the file.
fn digits(number: &Number) -> Option<String> {
    let text = number.to_string();
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-').then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn booleans_are_read_as_django_reads_them() {
        for (value, expected) in [
            (json!(true), Some(true)),
            (json!(false), Some(false)),
            (json!(1), Some(true)),
            (json!(0), Some(false)),
            (json!(1.0), Some(true)),
            (json!(0.0), Some(false)),
            (json!("t"), Some(true)),
            (json!("f"), Some(false)),
            (json!("True"), Some(true)),
            (json!("False"), Some(false)),
            (json!("1"), Some(true)),
            (json!("0"), Some(false)),
            // Not Django, but unambiguous.
            (json!("true"), Some(true)),
            (json!("false"), Some(false)),
            (json!("yes"), None),
            (json!("on"), None),
            (json!("T"), None),
            (json!("1.0"), None),
            (json!(""), None),
            (json!(null), None),
            (json!(2), None),
            (json!(-1), None),
            (json!(0.5), None),
            (json!([]), None),
            (json!({}), None),
        ] {
            assert_eq!(flag(&value), expected, "{value}");
        }
    }

    #[test]
    fn integer_keys_are_read_as_django_reads_them() {
        for value in [json!(40), json!("40"), json!(" 40 "), json!("+40"), json!("040"), json!(40.0)] {
            assert_eq!(number(&value), Some(40), "{value}");
        }
        for value in
            [json!("-40"), json!("40.0"), json!(40.5), json!(null), json!(""), json!("x"), json!("0x28"), json!(1e300)]
        {
            assert_eq!(number(&value), None, "{value}");
        }
    }

    #[test]
    fn a_uuid_is_the_same_however_python_spells_it() {
        let text = "3f6b0c9a-52d1-4e8b-8f0a-2c7d9e1b4a55";
        for spelling in [
            text.to_owned(),
            text.to_uppercase(),
            text.replace('-', ""),
            format!("{{{text}}}"),
            format!("urn:uuid:{text}"),
            format!("{{urn:uuid:{text}}}"),
            format!("urn:uuid:{{{text}}}"),
            "3f6b-0c9a52d1-4e8b-8f0a-2c7d9e1b4a55".to_owned(),
        ] {
            assert_eq!(uuid(&json!(spelling)).map(|id| id.to_string()).as_deref(), Some(text), "{spelling}");
        }
        assert_eq!(uuid(&json!(5)), Some(Uuid::from_u128(5)));
        for other in [json!(format!(" {text}")), json!(&text[1..]), json!("5"), json!(1.0), json!(null), json!([text])]
        {
            assert_eq!(uuid(&other), None, "{other}");
        }
    }

    #[test]
    fn numbers_in_texts_keep_their_digits_or_are_none() {
        assert_eq!(text(&json!(5)).as_deref(), Some("5"));
        assert_eq!(text(&json!(-5)).as_deref(), Some("-5"));
        assert_eq!(text(&json!(true)).as_deref(), Some("True"));
        for other in [json!(1.5), json!(1e30), json!(null), json!([1]), json!({"a": 1})] {
            assert_eq!(text(&other), None, "{other}");
        }
        let long: Value = serde_json::from_str("89390100001234567890").expect("a number");
        assert!(text(&long).is_none_or(|text| text == "89390100001234567890"));
    }
}
