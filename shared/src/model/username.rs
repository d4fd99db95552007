//! User names.

use std::fmt;

/// A user name: 1 to 150 characters, each a Unicode letter or digit or one of `@ . + - _`; case-sensitive.
///
/// Source: `contracts/openwisp.md` section 2, design rule "username".
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Username(String);

impl Username {
    /// The most characters a name may have.
    pub const MAX: usize = 150;

    /// Takes `text` as it is, if it is a name.
    pub fn parse(text: &str) -> Option<Self> {
        let length = text.chars().count();
        ((1..=Self::MAX).contains(&length) && Self::has_valid_characters(text)).then(|| Self(text.to_owned()))
    }

    /// Whether each character may stand in a name, whatever the length.
    pub fn has_valid_characters(text: &str) -> bool {
        text.chars().all(|c| c.is_alphanumeric() || "@.+-_".contains(c))
    }

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_digits_and_five_signs_make_a_name() {
        for good in ["a", "Bob@home.example", "x.+-_@", "Жé用", "²", &"x".repeat(150)] {
            assert!(Username::parse(good).is_some(), "{good}");
        }
        for bad in ["", "a b", "a:b", "a/b", "a\n", "a\0", "😀", &"x".repeat(151)] {
            assert!(Username::parse(bad).is_none(), "{bad}");
        }
    }
}
