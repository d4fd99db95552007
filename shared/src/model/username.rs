//! User names.

use std::fmt;

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup};
use icu_properties::{CodePointMapData, CodePointSetData};

use super::{fold, is_longer};

/// A user name: 1 to 150 characters, each a Unicode letter or number or one of `@ . + - _`; case-sensitive.
///
/// Letters and numbers are the categories L and N, as in Python's `str.isalnum`: no combining marks, no symbols.
/// Invisible ones (`Default_Ignorable_Code_Point`, such as U+3164) are not allowed in new names, which would look like
/// other names.
///
/// Source: `contracts/openwisp.md` section 2, `docs/design.md` section 3; `contracts/openl2m.md` section 5.2.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Username(String);

impl Username {
    /// The maximum length in characters.
    pub const MAX: usize = 150;

    /// Accepts `text` unchanged if it is a valid name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::of_existing(text).filter(|name| Self::has_valid_characters(&name.0))
    }

    /// Accepts a name from an identity provider: all visible characters and blanks inside, but no colon, which a user
    /// could not sign in with (RFC 7617). Source: `contracts/scim.md` section 10.2.
    pub fn of_provider(text: &str) -> Option<Self> {
        let is_short = !text.is_empty() && !is_longer(text, Self::MAX);
        let is_plain = text.trim() == text && text.chars().all(is_visible);
        (is_short && is_plain).then(|| Self(text.to_owned()))
    }

    /// Accepts `text` as the name of an existing user: it may come from an identity provider, or contain invisible
    /// letters, which earlier releases allowed.
    pub fn of_existing(text: &str) -> Option<Self> {
        let is_short = !text.is_empty() && !is_longer(text, Self::MAX);
        let is_older = is_short && text.chars().all(is_letter);
        if is_older { Some(Self(text.to_owned())) } else { Self::of_provider(text) }
    }

    /// The form for comparisons that ignore letter case.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }

    /// Whether each character is allowed in a new name, whatever the length.
    pub fn has_valid_characters(text: &str) -> bool {
        let unseen = CodePointSetData::new::<DefaultIgnorableCodePoint>();
        text.chars().all(|c| is_letter(c) && !unseen.contains(c))
    }

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether it is a character that is seen, or a blank, and no colon.
fn is_visible(c: char) -> bool {
    let unseen = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    let is_assigned = !GeneralCategoryGroup::Other.contains(category);
    let is_line_end = matches!(category, GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator);
    c != ':' && is_assigned && !is_line_end && !unseen.contains(c)
}

/// Whether it is a letter, a number, or one of the special characters.
fn is_letter(c: char) -> bool {
    let wide = GeneralCategoryGroup::Letter.union(GeneralCategoryGroup::Number);
    let category = |c| CodePointMapData::<GeneralCategory>::new().get(c);
    c.is_ascii_alphanumeric() || "@.+-_".contains(c) || wide.contains(category(c))
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

    #[test]
    fn identity_providers_have_more_letters() {
        for good in ["o'brien", "x_y#EXT#@tenant", "a b", "a&b!", "e\u{301}", "😀", &"x".repeat(150)] {
            assert_eq!(Username::of_provider(good).map(|name| name.to_string()).as_deref(), Some(good));
            assert!(Username::of_existing(good).is_some(), "{good}");
        }
        for bad in ["", " a", "a ", "a:b", "a\n", "a\0", "a\u{2028}b", "a\u{200b}b", "\u{ad}", &"x".repeat(151)] {
            assert!(Username::of_provider(bad).is_none(), "{bad}");
            assert!(Username::of_existing(bad).is_none(), "{bad}");
        }
        assert_eq!(Username::of_provider("O'Brien").map(|name| name.folded()).as_deref(), Some("o'brien"));
    }

    #[test]
    fn letters_that_nobody_sees_make_no_new_name() {
        for unseen in ['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}'] {
            let name = format!("admi{unseen}n");
            assert!(Username::parse(&name).is_none(), "{unseen:?}");
            assert_eq!(Username::of_existing(&name).map(|name| name.to_string()), Some(name), "{unseen:?}");
        }
    }
}
