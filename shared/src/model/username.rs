//! User names.

use std::fmt;

use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};

/// A user name: 1 to 150 characters, each a Unicode letter or number or one of `@ . + - _`; case-sensitive.
///
/// Letters and numbers are the categories L and N, as Python's `str.isalnum` has them: no combining marks, no symbols.
///
/// Source: `contracts/openwisp.md` section 2, design rule "username"; `contracts/openl2m.md` section 5.2.
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
        let wide = GeneralCategoryGroup::Letter.union(GeneralCategoryGroup::Number);
        let categories = CodePointMapData::<GeneralCategory>::new();
        text.chars().all(|c| c.is_ascii_alphanumeric() || "@.+-_".contains(c) || wide.contains(categories.get(c)))
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
        for good in ["a", "Bob@home.example", "x.+-_@", "Жé用", "²½Ⅰ〇٣", "ـ", &"x".repeat(150)] {
            assert!(Username::parse(good).is_some(), "{good}");
        }
        for bad in ["", "a b", "a:b", "a/b", "a\n", "a\0", "😀", "e\u{301}", "\u{93f}", "Ⓐ", &"x".repeat(151)] {
            assert!(Username::parse(bad).is_none(), "{bad}");
        }
    }
}
