//! E-mail addresses, as text and as entries of a user.

use std::fmt;

use super::AddressId;

/// An e-mail address of at most 254 characters, kept as typed, compared without regard to case.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The most characters an address may have.
    pub const MAX: usize = 254;

    /// Takes `text` as it is, if it is an address.
    pub fn parse(text: &str) -> Option<Self> {
        (text.chars().count() <= Self::MAX && Self::is_well_formed(text)).then(|| Self(text.to_owned()))
    }

    /// Whether `text` has the form of an address, whatever its length (`contracts/openwisp.md` section 5).
    pub fn is_well_formed(text: &str) -> bool {
        text.rsplit_once('@').is_some_and(|(local, domain)| is_local_part(local) && is_domain(domain))
    }

    /// The address as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form under which two spellings are the same address.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
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

/// One of a user's e-mail addresses (`contracts/openwisp.md` section 2, emailaddress).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxEntry {
    /// Its number.
    pub id: AddressId,
    /// The address.
    pub email: EmailAddress,
    /// Whether somebody has shown to receive mail there.
    pub verified: bool,
    /// Whether it is the user's main one; true for at most one.
    pub primary: bool,
}

fn is_local_part(local: &str) -> bool {
    let atom = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-!#$%&'*+/=?^_`{}|~".contains(&b))
    };
    local.split('.').all(atom) || is_quoted_string(local)
}

/// A quoted string of RFC 5321 without spaces: printable signs, and any but CR, LF, NUL, tab after a backslash.
fn is_quoted_string(local: &str) -> bool {
    let Some(inner) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return false;
    };
    let mut bytes = inner.bytes();
    while let Some(byte) = bytes.next() {
        let good = match byte {
            b'\\' => matches!(bytes.next(), Some(1..=8 | 11 | 12 | 14..=127)),
            b'"' => false,
            other => matches!(other, 1..=8 | 11 | 12 | 14..=31 | 33..=127),
        };
        if !good {
            return false;
        }
    }
    !inner.is_empty()
}

fn is_domain(domain: &str) -> bool {
    if domain.eq_ignore_ascii_case("localhost") {
        return true;
    }
    if let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let six = literal.strip_prefix("IPv6:").unwrap_or(literal);
        return literal.parse::<std::net::Ipv4Addr>().is_ok() || six.parse::<std::net::Ipv6Addr>().is_ok();
    }
    super::url::is_dotted_host(domain)
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
            &long,
        ] {
            assert!(EmailAddress::is_well_formed(good), "{good}");
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
            &long,
        ] {
            assert!(!EmailAddress::is_well_formed(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            EmailAddress::parse(&text);
        }
    }
}
