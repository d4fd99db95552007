//! Telephone numbers.

use std::fmt;

use rlibphonenumber::{PhoneNumber as Number, PhoneNumberFormat};

/// A valid international telephone number in E.164 form: `+` and digits.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Parses a number that starts with `+`; spaces, hyphens and brackets are removed.
    ///
    /// libphonenumber decides whether it is valid, without a default region (`contracts/openwisp.md` section 5).
    pub fn parse(text: &str) -> Option<Self> {
        // The longest number has 15 digits; do not pass far longer texts to the library.
        if !text.starts_with('+') || text.chars().count() > 64 {
            return None;
        }
        let number: Number = text.parse().ok()?;
        number.is_valid().then(|| Self(number.format_as(PhoneNumberFormat::E164).into_owned()))
    }

    /// `+393331234567`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_number_are_one_number() {
        for text in ["+393331234567", "+39 333 123 4567", "+39 (333) 123-4567"] {
            assert_eq!(PhoneNumber::parse(text).map(|n| n.to_string()).as_deref(), Some("+393331234567"));
        }
    }

    #[test]
    fn what_is_no_international_number_is_refused() {
        for bad in ["", "123", "letters", "+39", "3331234567", "+", "+0", "+999123456789"] {
            assert_eq!(PhoneNumber::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\+.{0,80}") {
            PhoneNumber::parse(&text);
        }
    }
}
