//! How keys are spelled. The only code that builds one.
//!
//! | item | `pk` | `sk` |
//! |---|---|---|
//! | user | `USER#<id>` | `USER` |
//! | membership of a user | `USER#<id>` | `MEMBERSHIP#<organization>` |
//! | claim on a user name | `USERNAME#<name>` | `CLAIM` |
//! | claim on a user's e-mail | `EMAIL#<lower case>` | `CLAIM` |
//! | claim on a verified address | `ADDRESS#<lower case>` | `CLAIM` |
//! | claim on a telephone number | `PHONE#<E.164>` | `CLAIM` |
//! | claim on an Edge id | `EDGE#<hex>` | `CLAIM` |
//! | claim on an OpenL2M id, in order | `NUMBERS#<id / 1000>` | `<id, 20 digits>` |
//! | list row of a user | `USERS#<year>` | `<place>` |
//! | place of a user in the list | `PLACES#<year>` | `<place>` |
//! | register of superusers | `SUPERUSERS` | `<id>` |
//! | shard of the count of users | `COUNT` | `USERS#<year>#<shard>` |
//! | group | `GROUPS` | `<id, 20 digits>` |
//! | claim on a group name | `GROUPNAME#<name>` | `CLAIM` |
//! | user of a group | `GROUP#<id>#USERS` | `<user>` |
//! | work that a removal left | `WORK` | `GROUP#<id>` |
//! | sequence of numbers | `SEQUENCE` | `<name>` |
//! | mail to be sent | `OUTBOX` | `<random>` |
//! | failures against a limit | `THROTTLE#<whose>` | `<end of the window>` |
//! | mark of the installation | `INSTALLATION` | `INSTALLATION` |

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::model::{EdgeId, EmailAddress, GroupId, PhoneNumber, Timestamp, UserId, UserNumber, Username};

/// Name of the partition key's attribute.
pub(crate) const PK: &str = "pk";
/// Name of the sort key's attribute.
pub(crate) const SK: &str = "sk";
/// Name of the attribute that DynamoDB's time to live looks at: seconds since 1970.
pub const EXPIRES: &str = "expires";

/// Sort key of the item that is the user.
pub(crate) const USER: &str = "USER";
/// Partition of the mails that wait. Sort keys are random, so that DynamoDB can split it when it is busy.
pub const OUTBOX: &str = "OUTBOX";
/// Partition of the count shards.
pub(crate) const COUNT: &str = "COUNT";
/// Partition of the groups.
pub(crate) const GROUPS: &str = "GROUPS";
/// Partition of the follow-up work of removals.
pub const WORK: &str = "WORK";
/// Partition of the register of superusers.
pub(crate) const SUPERUSERS: &str = "SUPERUSERS";
/// How many claims on OpenL2M ids share a partition.
const NUMBERS_PER_PARTITION: u64 = 1000;

/// The key of one item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

/// Where a user stands in the lists: by the moment of joining, then by id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The year of joining, which names the partition.
    pub year: i32,
    /// Sorts by moment and then id.
    pub sk: String,
}

/// A sequence that gives out numbers, never one twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sequence {
    /// OpenL2M ids.
    Users,
    /// Ids of e-mail addresses.
    Addresses,
    /// Ids of groups.
    Groups,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    fn claim(pk: String) -> Self {
        Self::new(pk, "CLAIM")
    }

    /// As the SDK takes it.
    pub(crate) fn attributes(&self) -> HashMap<String, AttributeValue> {
        HashMap::from([
            (PK.to_owned(), AttributeValue::S(self.pk.clone())),
            (SK.to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pk, self.sk)
    }
}

impl Place {
    pub(crate) fn new(joined: Timestamp, id: UserId) -> Self {
        Self { year: joined.year(), sk: format!("{:015x}#{}", joined.ordinal(), id.0.simple()) }
    }

    /// The list row that stands here.
    pub(crate) fn row(&self) -> Key {
        Key::new(rows(self.year), self.sk.clone())
    }

    /// The bare place, for counting past it.
    pub(crate) fn mark(&self) -> Key {
        Key::new(places(self.year), self.sk.clone())
    }
}

/// Partition of the list rows of users who joined in that year.
pub(crate) fn rows(year: i32) -> String {
    format!("USERS#{year:04}")
}

/// Partition of the places of users who joined in that year.
pub(crate) fn places(year: i32) -> String {
    format!("PLACES#{year:04}")
}

/// The user itself.
pub(crate) fn user(id: UserId) -> Key {
    Key::new(format!("USER#{id}"), USER)
}

/// Taken while a user has this name.
pub(crate) fn username(name: &Username) -> Key {
    Key::claim(format!("USERNAME#{name}"))
}

/// Taken while a user has this e-mail, in any letter case.
pub(crate) fn email(email: &EmailAddress) -> Key {
    Key::claim(format!("EMAIL#{}", email.folded()))
}

/// Taken while some user has this address verified.
pub(crate) fn verified_address(email: &EmailAddress) -> Key {
    Key::claim(format!("ADDRESS#{}", email.folded()))
}

/// Taken while a user has this telephone number.
pub(crate) fn phone(number: &PhoneNumber) -> Key {
    Key::claim(format!("PHONE#{number}"))
}

/// Taken while a user has this Edge id.
pub(crate) fn edge_id(id: EdgeId) -> Key {
    Key::claim(format!("EDGE#{id}"))
}

/// Taken while a user has this OpenL2M id.
pub(crate) fn number(number: UserNumber) -> Key {
    Key::new(format!("NUMBERS#{}", number.0 / NUMBERS_PER_PARTITION), format!("{:020}", number.0))
}

/// A superuser's entry in the register.
pub(crate) fn superuser(id: UserId) -> Key {
    Key::new(SUPERUSERS, id.to_string())
}

/// One of the shards that together count the users who joined in that year.
pub(crate) fn user_count(year: i32, shard: u8) -> Key {
    Key::new(COUNT, format!("USERS#{year:04}#{shard:02}"))
}

/// The year that a count shard is about.
pub(crate) fn user_count_year(sk: &str) -> Option<i32> {
    sk.strip_prefix("USERS#")?.split('#').next()?.parse().ok()
}

/// A group.
pub(crate) fn group(id: GroupId) -> Key {
    Key::new(GROUPS, format!("{:020}", id.0))
}

/// Taken while a group has this name.
pub(crate) fn group_name(name: &str) -> Key {
    Key::claim(format!("GROUPNAME#{name}"))
}

/// Partition of the users of a group.
pub(crate) fn group_users(id: GroupId) -> String {
    format!("GROUP#{id}#USERS")
}

/// Exists while the user is in the group.
pub(crate) fn group_user(id: GroupId, user: UserId) -> Key {
    Key::new(group_users(id), user.to_string())
}

/// Exists from the removal of a group until its users are rid of it.
pub(crate) fn group_removal(id: GroupId) -> Key {
    Key::new(WORK, format!("GROUP#{:020}", id.0))
}

/// The group whose removal a key of [`WORK`] is about.
pub(crate) fn removed_group(sk: &str) -> Option<GroupId> {
    sk.strip_prefix("GROUP#")?.parse().ok().map(GroupId)
}

/// A sequence of numbers.
pub(crate) fn sequence(sequence: Sequence) -> Key {
    let name = match sequence {
        Sequence::Users => "USERS",
        Sequence::Addresses => "ADDRESSES",
        Sequence::Groups => "GROUPS",
    };
    Key::new("SEQUENCE", name)
}

/// A mail that waits.
pub(crate) fn mail(id: &str) -> Key {
    Key::new(OUTBOX, id)
}

/// Failures of `whose` (`ADDRESS#…`, `USER#…`) in the window that ends then.
pub(crate) fn throttle(whose: &str, window_end: i64) -> Key {
    Key::new(format!("THROTTLE#{whose}"), format!("{window_end:020}"))
}

/// Exists since the first start.
pub(crate) fn installation() -> Key {
    Key::new("INSTALLATION", "INSTALLATION")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_count_key_tells_its_year() {
        assert_eq!(user_count_year(&user_count(2026, 7).sk), Some(2026));
        assert_eq!(user_count_year(&user_count(1, 0).sk), Some(1));
    }

    #[test]
    fn keys_of_different_kinds_never_meet() {
        let name = Username::parse("x").expect("a name");
        let email = EmailAddress::parse("x@x.example").expect("an address");
        let keys = [username(&name), super::email(&email), verified_address(&email)];
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[index + 1..].contains(key));
        }
    }

    proptest! {
        #[test]
        fn places_sort_by_moment_then_id(a: (i64, u128), b: (i64, u128)) {
            let place = |(micros, id)| Place::new(Timestamp::from_micros(micros), UserId(Uuid::from_u128(id)));
            let moment = |(micros, _): (i64, u128)| Timestamp::from_micros(micros);
            prop_assert_eq!(place(a).cmp(&place(b)), (moment(a), a.1).cmp(&(moment(b), b.1)));
        }

        #[test]
        fn distinct_users_have_distinct_keys(a: u128, b: u128) {
            prop_assume!(a != b);
            prop_assert_ne!(user(UserId(Uuid::from_u128(a))), user(UserId(Uuid::from_u128(b))));
        }
    }
}
