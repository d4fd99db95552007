//! Domain names of e-mail addresses and URLs.

use std::borrow::Cow;

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// The maximum length of a label and of a whole name, in ASCII.
const LONGEST_LABEL: usize = 63;
const LONGEST: usize = 253;

/// The form of a domain name in mails and DNS: at least two labels of ASCII letters, digits and inner hyphens; the last
/// has two letters or more. Other alphabets become punycode (UTS #46, where `ß` stays `ß`); ASCII is unchanged. `None`
/// if there is no such form, and for names with invisible characters, which would look like another name.
pub(super) fn ascii_domain(domain: &str) -> Option<Cow<'_, str>> {
    let ascii = if domain.is_ascii() {
        Cow::Borrowed(domain)
    } else if domain.chars().any(is_invisible) {
        return None;
    } else {
        let domain = domain.as_bytes();
        Uts46::new().to_ascii(domain, AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify).ok()?
    };
    let (others, last) = ascii.rsplit_once('.')?;
    let is_good = ascii.len() <= LONGEST && others.split('.').all(is_label) && is_label(last) && is_top_level(last);
    is_good.then_some(ascii)
}

fn is_label(label: &str) -> bool {
    (1..=LONGEST_LABEL).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b == b'-' || b.is_ascii_alphanumeric())
}

/// Two or more letters, or punycode; never only digits.
fn is_top_level(label: &str) -> bool {
    let is_punycode = label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"));
    label.len() >= 2 && (is_punycode || label.bytes().all(|b| b == b'-' || b.is_ascii_alphabetic()))
}

/// Whether a character is invisible. The two joiners have a meaning between some letters, which UTS #46 checks.
fn is_invisible(c: char) -> bool {
    !matches!(c, '\u{200c}' | '\u{200d}') && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_alphabets_become_punycode_and_ascii_stays() {
        for (domain, ascii) in [
            ("Mail.Example", "Mail.Example"),
            ("r3---sn.example", "r3---sn.example"),
            ("xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("bu\u{308}cher.example", "xn--bcher-kva.example"),
            ("домен.рф", "xn--d1acufc.xn--p1ai"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("ไทย.example", "xn--o3cw4h.example"),
            ("straße.example", "xn--strae-oqa.example"),
        ] {
            assert_eq!(ascii_domain(domain).as_deref(), Some(ascii), "{domain}");
        }
    }

    #[test]
    fn marks_and_joiners_are_letters_where_idna_says_so() {
        for good in [
            "తెలుగు.భారత్",
            "İst.example",
            "ಕನ್ನಡ.ಭಾರತ",
            "பரிட்சை.example",
            "परीक्षा.भारत",
            "မြန်မာ.example",
            "ខ្មែរ.example",
            "re\u{301}sume\u{301}.example",
            // A joiner after a virama.
            "क्\u{200d}ष.example",
        ] {
            assert!(ascii_domain(good).is_some(), "{good}");
        }
    }

    #[test]
    fn what_is_no_domain_is_refused() {
        let long = "ü".repeat(60) + ".example";
        for bad in [
            "",
            "example",
            ".example",
            "a..example",
            "a.example.",
            "a.b",
            "a.12",
            "-a.example",
            "a-.example",
            "a_b.example",
            "a!b.example",
            "a b.example",
            "ü_b.example",
            "ü!.example",
            "-ü.example",
            "ü-.example",
            "ü b.example",
            "ü.example.",
            // A combining mark on its own, a joiner between other letters, invisible characters.
            "\u{301}.example",
            "ü\u{200d}b.example",
            "ü\u{ad}b.example",
            "ü\u{200b}.example",
            &long,
        ] {
            assert_eq!(ascii_domain(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn the_form_has_itself_for_a_form(domain in "[-a-zßüσжतి्点.]{1,20}\\.[a-zжति]{2,5}") {
            if let Some(ascii) = ascii_domain(&domain) {
                prop_assert!(ascii.is_ascii());
                prop_assert_eq!(ascii_domain(&ascii), Some(ascii.clone()));
            }
        }
    }
}
