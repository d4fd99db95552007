//! E-mail addresses, as text and as entries of a user.

use std::borrow::Cow;
use std::fmt;

use super::AddressId;
use super::domain::ascii_domain;

/// The tag of an IPv6 address in brackets (RFC 5321 section 4.1.3).
const TAG: &str = "IPv6:";

/// An e-mail address of at most 254 characters, stored as typed, compared ignoring case.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The maximum length in characters.
    pub const MAX: usize = 254;
    /// The maximum length of a stored address in bytes.
    const MOST_STORED: usize = 4 * Self::MAX;

    /// Accepts `text` unchanged if it is a valid address.
    pub fn parse(text: &str) -> Option<Self> {
        (text.chars().count() <= Self::MAX && Self::is_well_formed(text)).then(|| Self(text.to_owned()))
    }

    /// Accepts an address that an earlier release may have stored: two parts on one line.
    pub fn of_store(text: &str) -> Option<Self> {
        let parts = text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
        let is_good = parts && text.len() <= Self::MOST_STORED && !text.contains(['\t', '\r', '\n', '\0']);
        is_good.then(|| Self(text.to_owned()))
    }

    /// Whether `text` and its lower case (which can be longer) have the form of an address, whatever their length
    /// (`contracts/openwisp.md` section 5).
    pub fn is_well_formed(text: &str) -> bool {
        let lower = text.to_lowercase();
        let is_too_long = |text: &str| text.chars().count() > Self::MAX;
        has_form(text) && has_form(&lower) && (is_too_long(text) || !is_too_long(&lower))
    }

    /// The address as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form for comparisons, the same for all spellings of an address.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }

    /// The address for use in mails; `None` if no mail can carry it.
    pub fn to_ascii(&self) -> Option<AsciiAddress> {
        let (local, domain) = self.0.rsplit_once('@')?;
        let local = is_local_part(local).then(|| local.to_owned())?;
        Some(AsciiAddress { local, domain: ascii_mail_domain(domain)? })
    }

    /// The same address in lower case.
    #[must_use]
    pub fn lower_case(&self) -> Self {
        Self(self.folded())
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An address for use in mails: all ASCII, the domain in punycode or as an RFC 5321 literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsciiAddress {
    /// The part before the `@`.
    pub local: String,
    /// The part after it.
    pub domain: String,
}

impl fmt::Display for AsciiAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// One of a user's e-mail addresses (`contracts/openwisp.md` section 2, emailaddress).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserEmail {
    /// Its number.
    pub id: AddressId,
    /// The address.
    pub email: EmailAddress,
    /// Whether the user has proved to receive mail there.
    pub verified: bool,
    /// Whether it is the user's primary address; true for at most one.
    pub primary: bool,
}

fn is_local_part(local: &str) -> bool {
    let atom = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-!#$%&'*+/=?^_`{}|~".contains(&b))
    };
    local.split('.').all(atom) || is_quoted_string(local)
}

/// A quoted string of RFC 5321, with spaces only after a backslash. Django also accepts control characters, which no
/// mail can carry.
fn is_quoted_string(local: &str) -> bool {
    let Some(inner) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return false;
    };
    let mut bytes = inner.bytes();
    while let Some(byte) = bytes.next() {
        let good = match byte {
            b'\\' => matches!(bytes.next(), Some(b' '..=b'~')),
            b'"' => false,
            other => matches!(other, b'!'..=b'~'),
        };
        if !good {
            return false;
        }
    }
    !inner.is_empty()
}

fn has_form(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| {
        // Django does not accept the tag.
        let is_tagged = domain.get(1..=TAG.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(TAG));
        is_local_part(local) && !is_tagged && ascii_mail_domain(domain).is_some()
    })
}

/// A domain that mail can be sent to: a name, `localhost`, or an IP address in brackets, with the RFC 5321 tag for
/// IPv6.
fn ascii_mail_domain(domain: &str) -> Option<String> {
    if domain.eq_ignore_ascii_case("localhost") {
        return Some(domain.to_owned());
    }
    let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
        return ascii_domain(domain).map(Cow::into_owned);
    };
    if literal.parse::<std::net::Ipv4Addr>().is_ok() {
        return Some(domain.to_owned());
    }
    let tagged = literal.split_at_checked(TAG.len()).filter(|(tag, _)| tag.eq_ignore_ascii_case(TAG));
    let literal = tagged.map_or(literal, |(_, rest)| rest);
    literal.parse::<std::net::Ipv6Addr>().ok().map(|_| format!("[{TAG}{literal}]"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_of_the_contract_are_accepted() {
        let long = format!("a@{}.co", "x".repeat(63));
        for good in [
            "jdoe@localhost",
            "a@b.co",
            "o'neil@x.org",
            "a+b@x.org",
            "a!#$%&*/=?^_{}|~@x.org",
            "a@[127.0.0.1]",
            "a@[::1]",
            "a@xn--e1afmkfd.xn--p1ai",
            "a@домен.рф",
            "\"a@b\"@x.org",
            "\"a\\ b\"@x.org",
            "te@తెలుగు.భారత్",
            "a@re\u{301}sume\u{301}.example",
            "a@İst.example",
            &long,
        ] {
            assert!(EmailAddress::is_well_formed(good), "{good}");
            assert!(EmailAddress::parse(good).expect("an address").to_ascii().is_some(), "{good}");
        }
    }

    #[test]
    fn addresses_the_contract_refuses_are_refused() {
        let long = format!("a@{}.co", "x".repeat(64));
        for bad in [
            "",
            "plain",
            "a@",
            "@b.example",
            "a b@c.example",
            "a@b@c.example",
            "a@b",
            "a@b.c",
            "a@b..co",
            ".a@b.co",
            "a.@b.co",
            "a..b@c.co",
            "\"a b\"@c.co",
            "a@127.0.0.1",
            "a@-b.co",
            "a@b-.co",
            "ü@x.org",
            "a@x_y.org",
            "a@x.org.",
            "<a@x.org>",
            "a@x.org,b@x.org",
            "a@x.org\n",
            "a@[x]",
            "a@[IPv6:::1]",
            "a@[ipv6:::1]",
            "\"a\u{b}b\"@x.org",
            "\"a\\\u{b}b\"@x.org",
            &long,
        ] {
            assert!(!EmailAddress::is_well_formed(bad), "{bad}");
        }
    }

    #[test]
    fn mails_carry_domains_in_ascii() {
        for (address, ascii) in [
            ("Jdoe@Mail.Example", "Jdoe@Mail.Example"),
            ("a@bücher.example", "a@xn--bcher-kva.example"),
            ("a@localhost", "a@localhost"),
            ("a@[127.0.0.1]", "a@[127.0.0.1]"),
            ("a@[::1]", "a@[IPv6:::1]"),
            ("\"a@b\"@x.org", "\"a@b\"@x.org"),
        ] {
            let found = EmailAddress::parse(address).expect("an address").to_ascii().expect("a form");
            assert_eq!(found.to_string(), ascii);
        }
    }

    #[test]
    fn an_address_of_the_store_stays_whatever_the_rules_are() {
        for (stored, ascii) in [
            ("y@[ipv6:::1]", Some("y@[IPv6:::1]")),
            ("y@[IPv6:::1]", Some("y@[IPv6:::1]")),
            ("\"a\u{b}b\"@x.org", None),
            ("a@☃_.example", None),
        ] {
            let address = EmailAddress::of_store(stored).expect("an address");
            assert_eq!(address.to_ascii().map(|ascii| ascii.to_string()).as_deref(), ascii, "{stored}");
        }
        for none in ["", "a", "@x.org", "a@", "a\tb@x.org", "a@x.org\r\nBcc: b@x.org"] {
            assert_eq!(EmailAddress::of_store(none), None, "{none}");
        }
    }

    #[test]
    fn what_grows_too_long_in_lower_case_is_refused() {
        let text = format!("a@{}.example", vec!["İ".repeat(10); 22].join("."));
        assert!(text.chars().count() <= EmailAddress::MAX && text.to_lowercase().chars().count() > EmailAddress::MAX);
        assert!(!EmailAddress::is_well_formed(&text));
    }

    /// Addresses of many kinds, valid and invalid.
    fn addresses() -> impl Strategy<Value = String> {
        let local = prop_oneof![
            "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]{1,12}",
            "[a-z]{1,5}\\.[a-z]{1,5}",
            "\"[a-zA-Z@<>,;:()!]{1,8}\"",
            "\"([a-z]|\\\\[ -~]){1,8}\"",
        ];
        let label = prop_oneof!["[a-zA-Z0-9-]{1,10}", "[a-zßüİΣσжẞ]{1,12}", "[ఀ-౿]{1,8}", "\\PC{1,6}"];
        let name = (prop::collection::vec(label, 1..4), "[a-zA-Zжф]{2,6}");
        let name = name.prop_map(|(labels, top)| format!("{}.{top}", labels.join(".")));
        let domain = prop_oneof![
            4 => name,
            1 => "\\[[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\]",
            1 => "\\[(IPv6:)?[0-9a-fA-F]{1,4}::[0-9a-fA-F]{1,4}\\]",
        ];
        (local, domain).prop_map(|(local, domain)| format!("{local}@{domain}"))
    }

    proptest! {
        #[test]
        fn what_was_accepted_is_accepted_again_and_can_be_written_to(text in addresses()) {
            if let Some(address) = EmailAddress::parse(&text) {
                prop_assert!(address.to_ascii().is_some());
                let lower = address.lower_case();
                prop_assert_eq!(EmailAddress::parse(lower.as_str()), Some(lower.clone()));
                prop_assert_eq!(lower.lower_case(), lower.clone());
                prop_assert_eq!(EmailAddress::of_store(&text), Some(address));
                prop_assert!(lower.to_ascii().is_some_and(|ascii| ascii.to_string().is_ascii()));
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            EmailAddress::parse(&text);
        }
    }
}
