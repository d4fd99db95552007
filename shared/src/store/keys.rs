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
//! | register of superusers | `SUPERUSERS` | `<id>` |
//! | organization | `ORGANIZATION#<id>` | `ORGANIZATION` |
//! | claim on a slug | `SLUG#<slug>` | `CLAIM` |
//! | member of an organization, in list order | `MEMBERS#<organization>` | `<place of the user>` |
//! | member of an organization and of others | `SHARED#<organization>` | `<user>` |
//! | manager of an organization | `MANAGERS#<organization>` | `<user>` |
//! | shard of the count of members | `MEMBERCOUNT#<organization>` | `<shard>` |
//! | claim on a membership's id | `MEMBERSHIP#<id>` | `CLAIM` |
//! | group | `GROUPS` | `<id, 20 digits>` |
//! | claim on a group name | `GROUPNAME#<name>` | `CLAIM` |
//! | user of a group | `GROUP#<id>#USERS` | `<user>` |
//! | list row of a user or an organization | `USERS#<year>`, `ORGANIZATIONS#<year>` | `<place>` |
//! | its bare place, for counting past it | `PLACES#USERS#<year>`, … | `<place>` |
//! | shard of the count of a list's year | `COUNT` | `USERS#<year>#<shard>`, … |
//! | what an expiration date asks for next | `EXPIRY` | `<day>#<user>` |
//! | work that a change has left | `WORK` | `GROUP#<id>`, `ORGANIZATION#<id>`, `USER#<id>` |
//! | API token, found by what it is told by | `TOKEN#<SHA-256>` | `TOKEN` |
//! | tokens of a user, oldest first | `TOKENS#<user>` | `TOKEN#<token>` |
//! | how often these have changed | `TOKENS#<user>` | `HEAD` |
//! | attempt to sign in, accepted or not | `ACCEPTED#<user>`, `REFUSED#<user>` | `<moment>#<random>` |
//! | search: users whose field has three letters in a row | `GRAM#<field>#<two letters>` | `<third letter>#<place>#<value>` |
//! | search: users whose field has a letter | `GRAM#<field>#<letter>` | `<place>#<value>` |
//! | search: users who are switched on, or off | `ACTIVE#true`, `ACTIVE#false` | `<place>` |
//! | shard of the count of all API tokens | `COUNT` | `TOKENS#<shard>` |
//! | how far a rebuilding of the search index has come | `REINDEX` | `REINDEX` |
//! | sequence of numbers | `SEQUENCE` | `<name>` |
//! | mail to be sent | `OUTBOX` | `<random>` |
//! | failures against a limit | `THROTTLE#<whose>` | `<end of the window>` |
//! | mark of the installation | `INSTALLATION` | `INSTALLATION` |

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;

use uuid::Uuid;

use crate::model::{
    Date, EdgeId, EmailAddress, GroupId, MembershipId, Organization, OrganizationId, PhoneNumber, Timestamp, TokenId,
    User, UserId, UserNumber, Username, date_text,
};

/// Name of the partition key's attribute.
pub(crate) const PK: &str = "pk";
/// Name of the sort key's attribute.
pub(crate) const SK: &str = "sk";
/// Name of the attribute that DynamoDB's time to live looks at: seconds since 1970.
pub const EXPIRES: &str = "expires";

/// What the sort keys of memberships begin with.
pub(crate) const MEMBERSHIP: &str = "MEMBERSHIP#";
/// What the sort keys of a user's tokens begin with.
pub(crate) const TOKEN: &str = "TOKEN#";
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
/// Partition of what expiration dates ask for, by the day on which it is due.
pub(crate) const EXPIRY: &str = "EXPIRY";
/// Partition of the register of superusers.
pub(crate) const SUPERUSERS: &str = "SUPERUSERS";
/// How long the sort key of a place is.
const PLACE_LENGTH: usize = 15 + 1 + 32;
/// Sorts after every OpenL2M id.
pub(crate) const LAST_NUMBER: &str = "99999999999999999999";
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

/// What is listed newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum List {
    /// Users, by the moment of joining.
    Users,
    /// Organizations, by the moment of creation.
    Organizations,
}

/// Where something stands in its list: by a moment, then by id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The list.
    pub list: List,
    /// The moment's year, which names the partition.
    pub year: i32,
    /// Sorts by moment and then id.
    pub sk: String,
}

/// What follows from a change and did not fit into its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// The users of a removed group are to be rid of it.
    Group(GroupId),
    /// The members of a changed or removed organization are to follow.
    Organization(OrganizationId),
    /// The memberships of a removed user are to go.
    User(UserId),
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

impl List {
    fn name(self) -> &'static str {
        match self {
            Self::Users => "USERS",
            Self::Organizations => "ORGANIZATIONS",
        }
    }

    /// Partition of the rows of that year.
    pub(crate) fn rows(self, year: i32) -> String {
        format!("{}#{year:04}", self.name())
    }

    /// Partition of the bare places of that year.
    pub(crate) fn places(self, year: i32) -> String {
        format!("PLACES#{}#{year:04}", self.name())
    }

    /// What the sort keys of this list's count shards begin with.
    pub(crate) fn counts(self) -> String {
        format!("{}#", self.name())
    }

    /// One of the shards that together count a year.
    pub(crate) fn count(self, year: i32, shard: u8) -> Key {
        Key::new(COUNT, format!("{}#{year:04}#{shard:02}", self.name()))
    }

    /// The year that a count shard is about.
    pub(crate) fn count_year(self, sk: &str) -> Option<i32> {
        sk.strip_prefix(self.name())?.strip_prefix('#')?.split('#').next()?.parse().ok()
    }
}

impl Place {
    pub(crate) fn new(list: List, moment: Timestamp, id: Uuid) -> Self {
        Self { list, year: moment.year(), sk: format!("{:015x}#{}", moment.ordinal(), id.simple()) }
    }

    /// Where a user stands.
    pub(crate) fn of_user(user: &User) -> Self {
        Self::new(List::Users, user.date_joined, user.id.0)
    }

    /// Where an organization stands.
    pub(crate) fn of_organization(organization: &Organization) -> Self {
        Self::new(List::Organizations, organization.created, organization.id.0)
    }

    /// The place of that sort key.
    pub(crate) fn parse(list: List, sk: &str) -> Option<Self> {
        let ordinal = u64::from_str_radix(sk.split('#').next()?, 16).ok()?;
        Some(Self { list, year: Timestamp::from_ordinal(ordinal).year(), sk: sk.to_owned() })
    }

    /// Whose place a sort key is.
    pub(crate) fn id(sk: &str) -> Option<Uuid> {
        Uuid::try_parse(sk.split('#').nth(1)?).ok()
    }

    /// The list row that stands here.
    pub(crate) fn row(&self) -> Key {
        Key::new(self.list.rows(self.year), self.sk.clone())
    }

    /// The bare place, for counting past it.
    pub(crate) fn mark(&self) -> Key {
        Key::new(self.list.places(self.year), self.sk.clone())
    }
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

/// Partition of the claims on OpenL2M ids from that one on, and the first id that is in the next.
pub(crate) fn numbers(number: UserNumber) -> (String, UserNumber) {
    let partition = number.0 / NUMBERS_PER_PARTITION;
    (format!("NUMBERS#{partition}"), UserNumber((partition + 1).saturating_mul(NUMBERS_PER_PARTITION)))
}

/// A superuser's entry in the register.
pub(crate) fn superuser(id: UserId) -> Key {
    Key::new(SUPERUSERS, id.to_string())
}

/// A membership, beside its user.
pub(crate) fn membership(user: UserId, organization: OrganizationId) -> Key {
    Key::new(format!("USER#{user}"), format!("{MEMBERSHIP}{organization}"))
}

/// Taken by one membership, and leads to it.
pub(crate) fn membership_id(id: MembershipId) -> Key {
    Key::claim(format!("{MEMBERSHIP}{id}"))
}

/// An organization.
pub(crate) fn organization(id: OrganizationId) -> Key {
    Key::new(format!("ORGANIZATION#{id}"), "ORGANIZATION")
}

/// Taken while an organization has this slug.
pub(crate) fn slug(slug: &str) -> Key {
    Key::claim(format!("SLUG#{slug}"))
}

/// Partition of the members of an organization, in list order.
pub(crate) fn members(id: OrganizationId) -> String {
    format!("MEMBERS#{id}")
}

/// Exists while the user who stands in that place is a member.
pub(crate) fn member(id: OrganizationId, place: &str) -> Key {
    Key::new(members(id), place)
}

/// Partition of the members of an organization who are in others too.
pub(crate) fn shared_members(id: OrganizationId) -> String {
    format!("SHARED#{id}")
}

/// Exists while the user is a member of this organization and of another.
pub(crate) fn shared_member(id: OrganizationId, user: UserId) -> Key {
    Key::new(shared_members(id), user.to_string())
}

/// Partition of the managers of an organization.
pub(crate) fn managers(id: OrganizationId) -> String {
    format!("MANAGERS#{id}")
}

/// Exists while the user manages the organization.
pub(crate) fn manager(id: OrganizationId, user: UserId) -> Key {
    Key::new(managers(id), user.to_string())
}

/// Partition of the shards that together count the members of an organization.
pub(crate) fn member_counts(id: OrganizationId) -> String {
    format!("MEMBERCOUNT#{id}")
}

/// One of these shards.
pub(crate) fn member_count(id: OrganizationId, shard: u8) -> Key {
    Key::new(member_counts(id), format!("{shard:02}"))
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

/// Exists while the user's expiration date asks for something on that day.
pub(crate) fn expiry(due: Date, user: UserId) -> Key {
    Key::new(EXPIRY, format!("{}#{user}", date_text(due)))
}

/// Sort key before which everything stands that is due on that day or earlier.
pub(crate) fn expiry_after(day: Date) -> String {
    // `$` follows `#`.
    format!("{}$", date_text(day))
}

/// Whose a sort key of [`EXPIRY`] is.
pub(crate) fn expiry_user(sk: &str) -> Option<UserId> {
    UserId::parse(sk.split_once('#')?.1)
}

/// Exists from a change until everything that follows from it is done.
pub(crate) fn work(work: Work) -> Key {
    let sk = match work {
        Work::Group(id) => format!("GROUP#{id}"),
        Work::Organization(id) => format!("ORGANIZATION#{id}"),
        Work::User(id) => format!("USER#{id}"),
    };
    Key::new(WORK, sk)
}

/// The work that a key of [`WORK`] is about.
pub(crate) fn work_of(sk: &str) -> Option<Work> {
    match sk.split_once('#')? {
        ("GROUP", id) => id.parse().ok().map(GroupId).map(Work::Group),
        ("ORGANIZATION", id) => OrganizationId::parse(id).map(Work::Organization),
        ("USER", id) => UserId::parse(id).map(Work::User),
        _ => None,
    }
}

/// An API token, by the SHA-256 of its text in hexadecimal digits.
pub(crate) fn token(hash: &str) -> Key {
    Key::new(format!("{TOKEN}{hash}"), "TOKEN")
}

/// Partition of the tokens of a user.
pub(crate) fn tokens(user: UserId) -> String {
    format!("TOKENS#{user}")
}

/// Leads to one token of a user.
pub(crate) fn token_of_user(user: UserId, id: TokenId) -> Key {
    Key::new(tokens(user), format!("{TOKEN}{id}"))
}

/// Counts the changes of a user's tokens.
pub(crate) fn tokens_head(user: UserId) -> Key {
    Key::new(tokens(user), "HEAD")
}

/// What the sort keys of the shards begin with that together count all API tokens.
pub(crate) const TOKEN_COUNTS: &str = "TOKENS#";

/// One of these shards.
pub(crate) fn token_count(shard: u8) -> Key {
    Key::new(COUNT, format!("{TOKEN_COUNTS}{shard:02}"))
}

/// Partition of a user's attempts to sign in that were accepted, or refused.
pub(crate) fn attempts(user: UserId, accepted: bool) -> String {
    format!("{}#{user}", if accepted { "ACCEPTED" } else { "REFUSED" })
}

/// One of them; `name` is unpredictable.
pub(crate) fn attempt(user: UserId, accepted: bool, at: Timestamp, name: u64) -> Key {
    Key::new(attempts(user, accepted), format!("{:015x}#{name:016x}", at.ordinal()))
}

/// The name in the sort key of an attempt.
pub(crate) fn name_of_attempt(sk: &str) -> Option<u64> {
    u64::from_str_radix(sk.split_once('#')?.1, 16).ok()
}

/// Partition of the search index for one or two letters of a field, each as six hexadecimal digits.
pub(crate) fn gram(field: &str, letters: &[char]) -> String {
    letters.iter().fold(format!("GRAM#{field}#"), |pk, letter| pk + &letter_digits(Some(*letter)))
}

/// What sort keys begin with where a third letter follows, or, for none, the end of the value.
pub(crate) fn third(letter: Option<char>) -> String {
    format!("{}#", letter_digits(letter))
}

fn letter_digits(letter: Option<char>) -> String {
    format!("{:06x}", letter.map_or(0, u32::from))
}

/// An entry of the search index; `value` tells the values apart that a user has and had.
pub(crate) fn posting(pk: String, third: &str, place: &str, value: u32) -> Key {
    Key::new(pk, format!("{third}{place}#{value:08x}"))
}

/// The place and what stands before it in the sort key of an entry of the search index.
pub(crate) fn place_of_posting(sk: &str) -> Option<(&str, &str)> {
    let (rest, _) = sk.rsplit_once('#')?;
    let start = rest.len().checked_sub(PLACE_LENGTH)?;
    rest.is_char_boundary(start).then(|| rest.split_at(start))
}

/// Entries of the search index for users who are switched on, or off.
pub(crate) fn active(is_active: bool) -> String {
    format!("ACTIVE#{is_active}")
}

/// Exists while the search index is being rebuilt.
pub(crate) fn reindex() -> Key {
    Key::new("REINDEX", "REINDEX")
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
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_count_key_tells_its_year() {
        for list in [List::Users, List::Organizations] {
            assert_eq!(list.count_year(&list.count(2026, 7).sk), Some(2026));
            assert_eq!(list.count_year(&list.count(1, 0).sk), Some(1));
        }
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
        fn an_entry_of_the_search_index_tells_its_place(micros: i64, id: u128, letter: Option<char>, value: u32) {
            let place = Place::new(List::Users, Timestamp::from_micros(micros), Uuid::from_u128(id));
            let third = third(letter);
            let key = posting(gram("E", &['a', 'b']), &third, &place.sk, value);
            prop_assert_eq!(place_of_posting(&key.sk), Some((&third[..], &place.sk[..])));
        }

        #[test]
        fn places_sort_by_moment_then_id(a: (i64, u128), b: (i64, u128)) {
            let place = |(micros, id)| Place::new(List::Users, Timestamp::from_micros(micros), Uuid::from_u128(id));
            let moment = |(micros, _): (i64, u128)| Timestamp::from_micros(micros);
            prop_assert_eq!(place(a).cmp(&place(b)), (moment(a), a.1).cmp(&(moment(b), b.1)));
        }

        #[test]
        fn a_place_is_known_by_its_sort_key(micros: i64, id: u128) {
            let place = Place::new(List::Users, Timestamp::from_micros(micros), Uuid::from_u128(id));
            prop_assert_eq!(Place::parse(List::Users, &place.sk), Some(place.clone()));
            prop_assert_eq!(Place::id(&place.sk), Some(Uuid::from_u128(id)));
        }

        #[test]
        fn distinct_users_have_distinct_keys(a: u128, b: u128) {
            prop_assume!(a != b);
            prop_assert_ne!(user(UserId(Uuid::from_u128(a))), user(UserId(Uuid::from_u128(b))));
        }
    }
}
