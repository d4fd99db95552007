//! One type for each kind of id, so that they cannot be confused.

use std::fmt;

use uuid::Uuid;

use super::Timestamp;
use crate::model::ambient::{Ambient, random};

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id: a UUIDv7 (RFC 9562 section 5.7) of the current time.
            pub fn generate(ambient: &dyn Ambient) -> Self {
                Self(uuid_v7(ambient.now(), random(ambient)))
            }

            /// Parses the only accepted spelling on the wire: lower case, with hyphens.
            pub fn parse(text: &str) -> Option<Self> {
                let id = Uuid::try_parse(text).ok()?;
                (id.hyphenated().to_string() == text).then_some(Self(id))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id! {
    /// The id of a user, internally and on the OpenWISP wire.
    UserId
}
impl UserId {
    /// Parses the 32 hexadecimal digits without hyphens that mailed links contain.
    pub fn parse_simple(text: &str) -> Option<Self> {
        let id = Uuid::try_parse(text).ok()?;
        (id.simple().to_string() == text).then_some(Self(id))
    }
}

uuid_id! {
    /// An organization.
    OrganizationId
}
uuid_id! {
    /// The membership of one user in one organization.
    MembershipId
}
uuid_id! {
    /// An event.
    EventId
}
uuid_id! {
    /// A subscription of a webhook.
    WebhookId
}
number_id! {
    /// The id of a user on the OpenL2M wire: positive, from a sequence, never reused.
    UserNumber
}
number_id! {
    /// A group.
    GroupId
}
number_id! {
    /// A model permission.
    PermissionId
}
number_id! {
    /// An e-mail address of a user, from a sequence over all users.
    AddressId
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 12]);

        impl $name {
            /// Parses 24 lower-case hexadecimal digits.
            pub fn parse(text: &str) -> Option<Self> {
                parse_hex(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    };
}

hex_id! {
    /// The id of a user on the Edge wire: 24 hexadecimal digits.
    EdgeId
}
hex_id! {
    /// An API token: 24 hexadecimal digits; the first 14 sort by the time of creation.
    TokenId
}

hex_id! {
    /// A session of a user: 24 hexadecimal digits; the first 14 sort by the time of creation.
    SessionId
}

impl EdgeId {
    /// An id that no user has.
    pub(crate) const NONE: Self = Self([0; 12]);

    /// A new id of 96 random bits.
    pub fn generate(ambient: &dyn Ambient) -> Self {
        Self(random(ambient))
    }
}

impl TokenId {
    /// The id of a token created at that time, with 40 random bits.
    pub fn generate(created: Timestamp, ambient: &dyn Ambient) -> Self {
        Self(by_moment(created, ambient))
    }
}

impl SessionId {
    /// The id of a session created at that time, with 40 random bits.
    pub fn generate(created: Timestamp, ambient: &dyn Ambient) -> Self {
        Self(by_moment(created, ambient))
    }
}

/// 56 bits of the time, with a resolution of four microseconds until the year 9134, and 40 random bits.
fn by_moment(created: Timestamp, ambient: &dyn Ambient) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..7].copy_from_slice(&(created.ordinal() >> 2).to_be_bytes()[1..]);
    bytes[7..].copy_from_slice(&random::<5>(ambient));
    bytes
}

fn parse_hex(text: &str) -> Option<[u8; 12]> {
    let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() != 24 || !text.bytes().all(lower_hex) {
        return None;
    }
    let mut bytes = [0; 12];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

fn uuid_v7(now: Timestamp, random: [u8; 10]) -> Uuid {
    let millis = u64::try_from(now.micros().div_euclid(1000)).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_spelling_of_a_uuid_is_an_id() {
        let text = "36cb4a06-c952-47de-a570-6e9d35282f29";
        assert_eq!(UserId::parse(text).map(|id| id.to_string()).as_deref(), Some(text));
        for other in [
            "36CB4A06-C952-47DE-A570-6E9D35282F29",
            "36cb4a06c95247dea5706e9d35282f29",
            "{36cb4a06-c952-47de-a570-6e9d35282f29}",
            "not-a-uuid",
            "",
        ] {
            assert_eq!(UserId::parse(other), None, "{other}");
        }
    }

    #[test]
    fn an_edge_id_is_24_lower_case_hexadecimal_digits() {
        let text = "0123456789abcdef01234567";
        assert_eq!(EdgeId::parse(text).map(|id| id.to_string()).as_deref(), Some(text));
        for other in
            ["0123456789ABCDEF01234567", "0123", "0123456789abcdef0123456g", "+1+1+1+1+1+1+1+1+1+1+1+1", "éééééééééééé"]
        {
            assert_eq!(EdgeId::parse(other), None, "{other}");
        }
    }

    #[test]
    fn tokens_made_later_sort_later() {
        let ambient = crate::model::ambient::System;
        let moments = [0, 4, 8, 1_000_000, 1_795_348_800_000_000, 1_795_348_800_000_004].map(Timestamp::from_micros);
        let ids = moments.map(|moment| TokenId::generate(moment, &ambient));
        assert!(ids.is_sorted(), "{ids:?}");
        assert_eq!(TokenId::parse(&ids[5].to_string()), Some(ids[5]));
    }

    #[test]
    fn ids_made_later_sort_later() {
        let early = uuid_v7(Timestamp::from_micros(1_000_000), [255; 10]);
        let late = uuid_v7(Timestamp::from_micros(1_001_000), [0; 10]);
        assert!(early < late);
        assert_eq!(early.get_version_num(), 7);
    }
}
