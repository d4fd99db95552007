//! JSON as clients send it, including what `serde_json` cannot represent: integers beyond 64 bits, and lone surrogates.
//!
//! Before parsing, both become texts with a marker character from a private-use area.

use std::borrow::Cow;

use serde_json::Value;

use crate::error::JsonKind;

/// The marker before the four digits of a lone surrogate.
pub const LONE_SURROGATE: char = '\u{10fffe}';
/// The marker before the digits of an integer.
const INTEGER: char = '\u{10ffff}';

/// Parses the text.
///
/// # Errors
/// When it is not valid JSON.
pub fn read(json: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(&marked(json))
}

/// The text that a text or a number represents; for an integer all its digits.
pub fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(large_integer(text).unwrap_or(text))),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// The kind of a value, as error messages name it.
pub(super) fn kind_of(value: &Value) -> JsonKind {
    match value {
        Value::String(text) if large_integer(text).is_some() => JsonKind::Integer,
        Value::Null => JsonKind::Null,
        Value::Bool(_) => JsonKind::Boolean,
        Value::Number(number) if number.is_f64() => JsonKind::Float,
        Value::Number(_) => JsonKind::Integer,
        Value::String(_) => JsonKind::Text,
        Value::Array(_) => JsonKind::List,
        Value::Object(_) => JsonKind::Object,
    }
}

/// The digits of an integer beyond 64 bits, if the text was made from one.
pub fn large_integer(text: &str) -> Option<&str> {
    let digits = text.strip_prefix(INTEGER)?;
    is_large(digits.as_bytes()).then_some(digits)
}

/// The first lone surrogate in a text.
pub(super) fn half_character(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once(LONE_SURROGATE)?;
    u16::from_str_radix(rest.get(..4)?, 16).ok()
}

/// Whether a JSON number is an integer beyond 64 bits.
fn is_large(number: &[u8]) -> bool {
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    let is_integer = digits.iter().all(u8::is_ascii_digit) && digits.first().is_some_and(|first| *first != b'0');
    let fits = || {
        let text = std::str::from_utf8(number).unwrap_or_default();
        text.parse::<u64>().is_ok() || text.parse::<i64>().is_ok()
    };
    is_integer && digits.len() >= 19 && !fits()
}

/// The JSON with markers. Everything else is unchanged, even if it is not JSON.
fn marked(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let mut marked = String::new();
    // How much of the JSON was copied to `marked`.
    let mut copied = 0;
    let mut in_text = false;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                in_text = !in_text;
                at += 1;
            }
            b'\\' if in_text => match half_at(bytes, at) {
                Half::Alone => {
                    marked.push_str(&json[copied..at]);
                    marked.push(LONE_SURROGATE);
                    marked.push_str(&json[at + 2..at + 6].to_ascii_uppercase());
                    at += 6;
                    copied = at;
                }
                Half::InPair => at += 12,
                Half::None => at += 2,
            },
            b'-' | b'0'..=b'9' if !in_text => {
                let is_part = |b: &u8| b.is_ascii_digit() || b"+-.eE".contains(b);
                let end = at + bytes[at..].iter().take_while(|b| is_part(b)).count();
                // A name comes before a colon and is not a number.
                let is_name = || bytes[end..].iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':');
                if is_large(&bytes[at..end]) && !is_name() {
                    marked.push_str(&json[copied..at]);
                    marked.extend(['"', INTEGER]);
                    marked.push_str(&json[at..end]);
                    marked.push('"');
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    marked.push_str(&json[copied..]);
    Cow::Owned(marked)
}

/// The meaning of an escape in a text.
enum Half {
    /// A lone surrogate.
    Alone,
    /// The first half of a surrogate pair.
    InPair,
    /// Something else.
    None,
}

fn half_at(json: &[u8], at: usize) -> Half {
    let is_half = |at: usize, kinds: &[u8]| {
        let digits = json.get(at + 2..at + 6).filter(|_| json.get(at..at + 2) == Some(b"\\u"));
        digits.is_some_and(|digits| {
            let is_number = digits.iter().all(u8::is_ascii_hexdigit) && digits[0].eq_ignore_ascii_case(&b'd');
            is_number && kinds.contains(&digits[1].to_ascii_lowercase())
        })
    };
    let (high, low) = (b"89ab", b"cdef");
    if is_half(at, high) && is_half(at + 6, low) {
        Half::InPair
    } else if is_half(at, high) || is_half(at, low) {
        Half::Alone
    } else {
        Half::None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn text(json: &str) -> Option<String> {
        text_of(&read(json).expect("JSON")["a"]).map(Cow::into_owned)
    }

    #[test]
    fn integers_keep_their_digits_and_floats_are_shown_as_ever() {
        for (number, expected) in [
            ("89390100001234567890", "89390100001234567890"),
            ("-89390100001234567890", "-89390100001234567890"),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "18446744073709551616"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("-9223372036854775809", "-9223372036854775809"),
            ("9223372036854775808", "9223372036854775808"),
            (
                "1000000000000000000000000000000000000000000000000000",
                "1000000000000000000000000000000000000000000000000000",
            ),
            ("7", "7"),
            ("1.10", "1.1"),
            ("1E5", "100000.0"),
            ("\"89390100001234567890\"", "89390100001234567890"),
        ] {
            assert_eq!(text(&format!("{{\"a\": {number} }}")).as_deref(), Some(expected), "{number}");
        }
    }

    #[test]
    fn numbers_in_texts_and_as_names_are_left_alone() {
        let value = read(r#"{"a\"89390100001234567890": [" 89390100001234567890", "\\", 89390100001234567890]}"#);
        let value = value.expect("JSON");
        let list = &value["a\"89390100001234567890"];
        assert_eq!(list[0], " 89390100001234567890");
        assert_eq!(text_of(&list[2]).as_deref(), Some("89390100001234567890"));
        for none in [
            "{89390100001234567890: 1}",
            "{\"a\": 089390100001234567890}",
            "{\"a\": 89390100001234567890x}",
            "{\"a\": -}",
            "{\"a\": 8939010000123456789089390100001234567890e400}",
        ] {
            assert!(read(none).is_err(), "{none}");
        }
        // A text that merely begins with the marker is not a number.
        assert_eq!(large_integer("\u{10ffff}5"), None);
        assert_eq!(text_of(&json!("\u{10ffff}x")).as_deref(), Some("\u{10ffff}x"));
    }

    #[test]
    fn half_a_character_is_told_by_its_field() {
        for (json, half) in [
            (r#"{"a": "x\ud800"}"#, Some(0xd800)),
            (r#"{"a": "\uDFFFx"}"#, Some(0xdfff)),
            (r#"{"a": "\ud800\ud800"}"#, Some(0xd800)),
            (r#"{"a": "\ud83d\ude00"}"#, None),
            (r#"{"a": "\\ud800"}"#, None),
        ] {
            assert_eq!(half_character(&text(json).expect("a text")), half, "{json}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,60}", near in r#"[\[\]{}":,\\ud8-9 0-9.eE+-]{0,60}"#) {
            let _ = (read(&text), read(&near));
        }

        #[test]
        fn what_has_no_such_numbers_is_read_as_before(text in r#"[\[\]{}":,\\ut 0-9.eE+-]{0,18}"#) {
            prop_assert_eq!(read(&text).ok(), serde_json::from_str(&text).ok());
        }
    }
}
