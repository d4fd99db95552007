//! How keys are spelled. Only this module builds keys.
//!
//! | item | `pk` | `sk` |
//! |---|---|---|
//! | user | `USER#<id>` | `USER` |
//! | membership of a user | `USER#<id>` | `MEMBERSHIP#<organization>` |
//! | deleted user, with the memberships | `DELETED#<id>` | `DELETED` |
//! | list row of a deleted user, oldest deletion first | `DELETED` | `<time>#<id>` |
//! | claim on a user name | `USERNAME#<name>` | `CLAIM` |
//! | the same without regard to letter case, among names that identity providers gave | `USERNAME#<lower case>` | `CASELESS` |
//! | user of any other name that is not in lower case | `USERNAME#<lower case>` | `<user>` |
//! | user with an external id | `EXTERNAL#<id>` | `<user>` |
//! | claim on a user's e-mail | `EMAIL#<lower case>` | `CLAIM` |
//! | claim on a verified address | `ADDRESS#<lower case>` | `CLAIM` |
//! | claim on a telephone number | `PHONE#<E.164>` | `CLAIM` |
//! | claim on an Edge id | `EDGE#<hex>` | `CLAIM` |
//! | claim on an OpenL2M id, in order | `NUMBERS#<id / 1000>` | `<id, 20 digits>` |
//! | register of superusers | `SUPERUSERS` | `<id>` |
//! | organization | `ORGANIZATION#<id>` | `ORGANIZATION` |
//! | claim on a slug | `SLUG#<slug>` | `CLAIM` |
//! | member of an organization, in list order | `MEMBERS#<organization>` | `<position of the user>` |
//! | member of an organization and of others | `SHARED#<organization>` | `<user>` |
//! | manager of an organization | `MANAGERS#<organization>` | `<user>` |
//! | shard of the count of members | `MEMBERCOUNT#<organization>` | `<shard>` |
//! | claim on a membership's id | `MEMBERSHIP#<id>` | `CLAIM` |
//! | group | `GROUPS` | `<id, 20 digits>` |
//! | claim on a group name | `GROUPNAME#<name>` | `CLAIM` |
//! | user of a group | `GROUP#<id>#USERS` | `<user>` |
//! | user who is about to join or leave a group | `JOINING#<group>` | `<user>` |
//! | list row of a user or an organization | `USERS#<year>`, `ORGANIZATIONS#<year>` | `<position>` |
//! | its bare position, for counting and for lists of active users | `PLACES#USERS#<year>`, … | `<position>` |
//! | inactive user, in list order; in earlier releases, active user too | `ACTIVE#false`; `ACTIVE#true` | `<position>#00000000` |
//! | shard of the count of a list's year | `COUNT` | `USERS#<year>#<shard>`, … |
//! | the next step that an expiration date requires | `EXPIRY` | `<day>#<user>` |
//! | cleanup task | `WORK` | `GROUP#<id>`, `MEMBERS#<group>`, `ORGANIZATION#<id>`, `USER#<id>`, `TOKENS#<user>`, `RETURNING#<user>`, `PURGE#<user>`, `ERASURE#<user>` |
//! | mark that changes with the names of organizations | `WORK` | `NAMES` |
//! | API token, found by the hash of its text | `TOKEN#<SHA-256>` | `TOKEN` |
//! | tokens of a user, oldest first | `TOKENS#<user>` | `TOKEN#<token>` |
//! | how often these have changed | `TOKENS#<user>` | `HEAD` |
//! | session of a user, oldest first | `SESSIONS#<user>` | `<session>` |
//! | successful login attempt | `ACCEPTED#<user>` | `<time>#<random>` |
//! | refused login attempt | `REFUSED#<user>` | `<end of its quarter of an hour>#<slot>`; in earlier releases, `<time>#<random>` |
//! | search: users whose field has a trigram, some 25 in an item | `TERM#<field>#<two characters>` | `<third character>#<first position>` |
//! | search: users whose field has a character, some 25 in an item | `TERM#<field>#<character>` | `<first position>` |
//! | the same in earlier releases, one in an item | `GRAM#<field>#<characters>` | `<third character>#<position>#<value>` |
//! | search: users of a group, in list order | `GROUPED#<id>` | `<position>#00000000` |
//! | change that the search index does not contain yet | `RECENT` | `CHANGE#<time>#<user>#<version>` |
//! | header of a packet of such changes | `RECENT` | `PACKET#<packet>` |
//! | state of the search index | `RECENT` | `STATE` |
//! | packet of changes | `PACKET#<packet>` | `PACKET` |
//! | rank index of the list of users | `RANKS` | `RANKS` |
//! | mark that there are many changes; that a user was purged | `WORK` | `SEARCH`; `PURGED` |
//! | shard of the count of all API tokens | `COUNT` | `TOKENS#<shard>` |
//! | progress of a rebuild of the search index | `REINDEX` | `REINDEX` |
//! | sequence of numbers | `SEQUENCE` | `<name>` |
//! | mail that was not tried yet, oldest first | `OUTBOX` | `<time>#<random>`, in earlier releases `<random>` |
//! | mail that was tried and waits for the next attempt | `RETRIES` | `<next time>#<random>` |
//! | unprocessed password reset request, oldest first | `RESETS` | `<time>#<random>` |
//! | failures against a limit | `THROTTLE#<whose>` | `<end of the window>` |
//! | consecutive failures, and known networks of an account | `THROTTLE#USER#<user>`, `THROTTLE#NOBODY#<hash>` | `GUARD` |
//! | the key of these hashes, and the cost of the slowest password hashes | `THROTTLE#COMMON` | `COMMON` |
//! | event that is not in the log yet | `PENDING#<shard>` | `<event>` |
//! | segment of the log of events | `EVENTLOG` | `<number, 12 digits>` |
//! | event of a target | `EVENTS#<kind>:<id>` | `<segment>.<index>` |
//! | event by a user | `EVENTSBY#<user>` | `<segment>.<index>` |
//! | up to which segment these two exist | `EVENTLOG#INDEXED` | `INDEXED` |
//! | closed day of the log | `EVENTDAYS` | `<day>` |
//! | webhook | `WEBHOOKS` | `<id>` |
//! | up to which event of the log it has deliveries | `WEBHOOK#<id>` | `CURSOR` |
//! | delivery that is to be sent, in the order of the log | `WEBHOOK#<id>` | `WAITING#<segment>.<index>` |
//! | delivery that is done | `WEBHOOK#<id>` | `DONE#<segment>.<index>` |
//! | mark of the installation | `INSTALLATION` | `INSTALLATION` |

mod deleted;
mod events;
mod guessing;
mod mails;
mod search;
mod webhooks;

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

pub(crate) use self::deleted::{DELETED, deleted, deleted_before, deleted_id, deleted_row, deleted_row_at};
pub(crate) use self::events::{
    EVENT_DAYS, EVENT_LOG, event_day, event_of, event_position, events_by, events_indexed, events_of, pending_event,
    pending_events, segment, segment_sort,
};
pub(crate) use self::guessing::{guard, throttle, throttle_common};
pub(crate) use self::mails::{mail, mail_of, reset, reset_named, retry, retry_after};
pub(crate) use self::search::{
    INACTIVE, INDEX_STATE, PACKET_HEADERS, RECENT, RECENT_CHANGES, active_before, block, gram, grouped, inactive,
    index_state, packet, packet_header, packet_headers_before, packet_id, packing_task, place_after, posting,
    purged_mark, ranks, recent_change, recent_changes_before, reindex, term, third, third_of,
};
pub(crate) use self::webhooks::{DONE, WAITING, WEBHOOKS, delivery, webhook, webhook_cursor, webhook_parts};
use crate::model::{
    CleanupTask, Date, EdgeId, EmailAddress, GroupId, MembershipId, Organization, OrganizationId, PhoneNumber,
    Sequence, SessionId, Timestamp, TokenId, User, UserId, UserNumber, Username, date_text,
};

/// Name of the partition key's attribute.
pub(crate) const PK: &str = "pk";
/// Name of the sort key's attribute.
pub(crate) const SK: &str = "sk";
/// Name of the attribute for DynamoDB's time to live: seconds since 1970.
pub const EXPIRES: &str = "expires";

/// Prefix of the sort keys of memberships.
pub(crate) const MEMBERSHIP: &str = "MEMBERSHIP#";
/// Sorts after all of them.
pub(crate) const LAST_MEMBERSHIP: &str = "MEMBERSHIP$";
/// Prefix of the sort keys of a user's tokens.
pub(crate) const TOKEN: &str = "TOKEN#";
/// Sort key of the item with the user.
pub(crate) const USER: &str = "USER";
/// Partition of the mails that were not tried yet.
pub const OUTBOX: &str = "OUTBOX";
/// Partition of the mails that were tried, by the time of the next attempt.
pub const RETRIES: &str = "RETRIES";
/// Partition of the password reset requests that were not processed yet.
pub const RESETS: &str = "RESETS";
/// Partition of the count shards.
pub(crate) const COUNT: &str = "COUNT";
/// Partition of the groups.
pub(crate) const GROUPS: &str = "GROUPS";
/// Partition of the cleanup tasks.
pub const WORK: &str = "WORK";
/// The first and the last sort key for groups and organizations there, including the mark of their names.
pub(crate) const WORK_ON_COMPANIONS: (&str, &str) = ("GROUP#", "ORGANIZATION$");
/// Partition of the steps that expiration dates require, by due day.
pub(crate) const EXPIRY: &str = "EXPIRY";
/// Partition of the register of superusers.
pub(crate) const SUPERUSERS: &str = "SUPERUSERS";
/// The length of a position's sort key.
const PLACE_LENGTH: usize = 15 + 1 + 32;
/// Sorts after every OpenL2M id.
pub(crate) const LAST_NUMBER: &str = "99999999999999999999";
/// How many refused attempts of a user are recorded in a quarter of an hour: a prime, so that every step reaches all
/// slots.
pub(crate) const SLOTS: u64 = 31;
/// Writes that began longer ago than this, in seconds, have finished: no key with an earlier time appears any more.
pub(crate) const SETTLED: i64 = 30;
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

/// A list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum List {
    /// Users, by the date of joining.
    Users,
    /// Organizations, by the time of creation.
    Organizations,
}

/// The position of a record in its list: by timestamp, then by id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The list.
    pub list: List,
    /// The timestamp's year, which determines the partition.
    pub year: i32,
    /// Sorts by timestamp and then by id.
    pub sk: String,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    fn claim(pk: String) -> Self {
        Self::new(pk, "CLAIM")
    }

    /// The form that the SDK needs.
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

    /// Partition of the bare positions of that year.
    pub(crate) fn positions(self, year: i32) -> String {
        format!("PLACES#{}#{year:04}", self.name())
    }

    /// Prefix of the sort keys of this list's count shards.
    pub(crate) fn counts(self) -> String {
        format!("{}#", self.name())
    }

    /// One of the shards that together count a year.
    pub(crate) fn count(self, year: i32, shard: u8) -> Key {
        Key::new(COUNT, format!("{}#{year:04}#{shard:02}", self.name()))
    }

    /// The year of a count shard.
    pub(crate) fn count_year(self, sk: &str) -> Option<i32> {
        sk.strip_prefix(self.name())?.strip_prefix('#')?.split('#').next()?.parse().ok()
    }
}

impl Position {
    pub(crate) fn new(list: List, moment: Timestamp, id: Uuid) -> Self {
        Self { list, year: moment.year(), sk: format!("{:015x}#{}", moment.ordinal(), id.simple()) }
    }

    /// The position of a user.
    pub(crate) fn of_user(user: &User) -> Self {
        Self::new(List::Users, user.date_joined, user.id.0)
    }

    /// The position of an organization.
    pub(crate) fn of_organization(organization: &Organization) -> Self {
        Self::new(List::Organizations, organization.created, organization.id.0)
    }

    /// The position with that sort key.
    pub(crate) fn parse(list: List, sk: &str) -> Option<Self> {
        Some(Self { list, year: Self::moment(sk)?.year(), sk: sk.to_owned() })
    }

    /// The timestamp in the sort key of a position.
    pub(crate) fn moment(sk: &str) -> Option<Timestamp> {
        u64::from_str_radix(sk.split('#').next()?, 16).ok().map(Timestamp::from_ordinal)
    }

    /// The id in the sort key of a position.
    pub(crate) fn id(sk: &str) -> Option<Uuid> {
        Uuid::try_parse(sk.split('#').nth(1)?).ok()
    }

    /// The list row at this position.
    pub(crate) fn row(&self) -> Key {
        Key::new(self.list.rows(self.year), self.sk.clone())
    }

    /// The bare position, for counting.
    pub(crate) fn mark(&self) -> Key {
        Key::new(self.list.positions(self.year), self.sk.clone())
    }
}

/// The user.
pub(crate) fn user(id: UserId) -> Key {
    Key::new(format!("USER#{id}"), USER)
}

/// Exists while a user has this name.
pub(crate) fn username(name: &Username) -> Key {
    Key::claim(format!("USERNAME#{name}"))
}

/// Partition of the entries and claims for a name in lower case.
pub(crate) fn names(folded: &str) -> String {
    format!("USERNAME#{folded}")
}

/// Exists while a user has this name in any letter case, given by an identity provider.
pub(crate) fn caseless_name(name: &Username) -> Key {
    Key::new(names(&name.folded()), "CASELESS")
}

/// Exists while a user has this name in another letter case.
pub(crate) fn caseless_name_of(name: &Username, user: UserId) -> Key {
    Key::new(names(&name.folded()), user.to_string())
}

/// Partition of the users with an external id.
pub(crate) fn external_ids(id: &str) -> String {
    format!("EXTERNAL#{id}")
}

/// Exists while the user has this external id.
pub(crate) fn external_id(id: &str, user: UserId) -> Key {
    Key::new(external_ids(id), user.to_string())
}

/// Exists while a user has this e-mail, ignoring case.
pub(crate) fn email(email: &EmailAddress) -> Key {
    Key::claim(format!("EMAIL#{}", email.folded()))
}

/// Exists while some user has verified this address.
pub(crate) fn verified_address(email: &EmailAddress) -> Key {
    Key::claim(format!("ADDRESS#{}", email.folded()))
}

/// Exists while a user has this telephone number.
pub(crate) fn phone(number: &PhoneNumber) -> Key {
    Key::claim(format!("PHONE#{number}"))
}

/// Exists while a user has this Edge id.
pub(crate) fn edge_id(id: EdgeId) -> Key {
    Key::claim(format!("EDGE#{id}"))
}

/// Exists while a user has this OpenL2M id.
pub(crate) fn number(number: UserNumber) -> Key {
    Key::new(format!("NUMBERS#{}", number.0 / NUMBERS_PER_PARTITION), format!("{:020}", number.0))
}

/// Partition of the claims on OpenL2M ids from that one on, and the first id of the next partition.
pub(crate) fn numbers(number: UserNumber) -> (String, UserNumber) {
    let partition = number.0 / NUMBERS_PER_PARTITION;
    (format!("NUMBERS#{partition}"), UserNumber((partition + 1).saturating_mul(NUMBERS_PER_PARTITION)))
}

/// A superuser's entry in the register.
pub(crate) fn superuser(id: UserId) -> Key {
    Key::new(SUPERUSERS, id.to_string())
}

/// A membership, in the partition of its user.
pub(crate) fn membership(user: UserId, organization: OrganizationId) -> Key {
    Key::new(format!("USER#{user}"), format!("{MEMBERSHIP}{organization}"))
}

/// Exists for one membership, and leads to it.
pub(crate) fn membership_id(id: MembershipId) -> Key {
    Key::claim(format!("{MEMBERSHIP}{id}"))
}

/// An organization.
pub(crate) fn organization(id: OrganizationId) -> Key {
    Key::new(format!("ORGANIZATION#{id}"), "ORGANIZATION")
}

/// Exists while an organization has this slug.
pub(crate) fn slug(slug: &str) -> Key {
    Key::claim(format!("SLUG#{slug}"))
}

/// Partition of the members of an organization, in list order.
pub(crate) fn members(id: OrganizationId) -> String {
    format!("MEMBERS#{id}")
}

/// Exists while the user at that position is a member.
pub(crate) fn member(id: OrganizationId, position: &str) -> Key {
    Key::new(members(id), position)
}

/// Partition of the members of an organization who are also in others.
pub(crate) fn shared_members(id: OrganizationId) -> String {
    format!("SHARED#{id}")
}

/// Exists while the user is a member of this organization and of another one.
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

/// Exists while a group has this name.
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

/// Partition of the users who are about to join or leave a group.
pub(crate) fn group_changes(id: GroupId) -> String {
    format!("JOINING#{id}")
}

/// Exists while the user is about to join or leave the group.
pub(crate) fn group_change(id: GroupId, user: UserId) -> Key {
    Key::new(group_changes(id), user.to_string())
}

/// Exists while the user's expiration date requires a step on that day.
pub(crate) fn expiry(due: Date, user: UserId) -> Key {
    Key::new(EXPIRY, format!("{}#{user}", date_text(due)))
}

/// Sort key after everything that is due on that day or earlier.
pub(crate) fn expiry_after(day: Date) -> String {
    // `$` follows `#`.
    format!("{}$", date_text(day))
}

/// The user in a sort key of [`EXPIRY`].
pub(crate) fn expiry_user(sk: &str) -> Option<UserId> {
    UserId::parse(sk.split_once('#')?.1)
}

/// Exists from a change until its cleanup is done.
pub(crate) fn work(work: CleanupTask) -> Key {
    let sk = match work {
        CleanupTask::Group(id) => format!("GROUP#{id}"),
        CleanupTask::Members(id) => format!("MEMBERS#{id}"),
        CleanupTask::Organization(id) => format!("ORGANIZATION#{id}"),
        CleanupTask::User(id) => format!("USER#{id}"),
        CleanupTask::EndedTokens(id) => format!("TOKENS#{id}"),
        CleanupTask::Returning(id) => format!("RETURNING#{id}"),
        CleanupTask::Purge(id) => format!("PURGE#{id}"),
        CleanupTask::Erasure(id) => format!("ERASURE#{id}"),
    };
    Key::new(WORK, sk)
}

/// Changes whenever an organization is renamed or removed; it is within [`WORK_ON_COMPANIONS`], which lists read
/// anyway.
pub(crate) fn organization_names() -> Key {
    Key::new(WORK, "NAMES")
}

/// The task of a key in [`WORK`].
pub(crate) fn work_of(sk: &str) -> Option<CleanupTask> {
    match sk.split_once('#')? {
        ("GROUP", id) => id.parse().ok().map(GroupId).map(CleanupTask::Group),
        ("MEMBERS", id) => id.parse().ok().map(GroupId).map(CleanupTask::Members),
        ("ORGANIZATION", id) => OrganizationId::parse(id).map(CleanupTask::Organization),
        ("USER", id) => UserId::parse(id).map(CleanupTask::User),
        ("TOKENS", id) => UserId::parse(id).map(CleanupTask::EndedTokens),
        ("RETURNING", id) => UserId::parse(id).map(CleanupTask::Returning),
        ("PURGE", id) => UserId::parse(id).map(CleanupTask::Purge),
        ("ERASURE", id) => UserId::parse(id).map(CleanupTask::Erasure),
        _ => None,
    }
}

/// An API token, by the SHA-256 of its text in hexadecimal.
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

/// Partition of the sessions of a user.
pub(crate) fn sessions(user: UserId) -> String {
    format!("SESSIONS#{user}")
}

/// One session of a user.
pub(crate) fn session(user: UserId, id: SessionId) -> Key {
    Key::new(sessions(user), id.to_string())
}

/// The session of a sort key in [`sessions`].
pub(crate) fn session_id(sk: &str) -> Option<SessionId> {
    SessionId::parse(sk)
}

/// Prefix of the sort keys of the shards that together count all API tokens.
pub(crate) const TOKEN_COUNTS: &str = "TOKENS#";

/// One of these shards.
pub(crate) fn token_count(shard: u8) -> Key {
    Key::new(COUNT, format!("{TOKEN_COUNTS}{shard:02}"))
}

/// Partition of a user's successful or refused login attempts.
pub(crate) fn attempts(user: UserId, accepted: bool) -> String {
    format!("{}#{user}", if accepted { "ACCEPTED" } else { "REFUSED" })
}

/// One of them. `name` is unpredictable; for a refused attempt it is less than [`SLOTS`]: the number of its slot.
///
/// A slot is sorted by the end of its quarter of an hour. So no key is earlier than the timestamp of its attempt.
pub(crate) fn attempt(user: UserId, accepted: bool, at: Timestamp, name: u64) -> Key {
    let sorted_by = if !accepted && name < SLOTS { quarter_end(at) } else { at };
    Key::new(attempts(user, accepted), sort_of_attempt(sorted_by, name))
}

/// The sort key of an attempt, or of a position in the list of attempts.
pub(crate) fn sort_of_attempt(sorted_by: Timestamp, name: u64) -> String {
    format!("{:015x}#{name:016x}", sorted_by.ordinal())
}

/// The parts of an attempt's sort key.
pub(crate) fn attempt_of_sort(sk: &str) -> Option<(Timestamp, u64)> {
    let (ordinal, name) = sk.split_once('#')?;
    let ordinal = u64::from_str_radix(ordinal, 16).ok()?;
    Some((Timestamp::from_ordinal(ordinal), u64::from_str_radix(name, 16).ok()?))
}

/// The end of the quarter of an hour that contains a timestamp.
pub(crate) fn quarter_end(at: Timestamp) -> Timestamp {
    const QUARTER: i64 = 15 * 60;
    Timestamp::from_micros((at.seconds().div_euclid(QUARTER) + 1) * QUARTER * 1_000_000)
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

/// Exists since the first start.
pub(crate) fn installation() -> Key {
    Key::new("INSTALLATION", "INSTALLATION")
}

#[cfg(test)]
mod tests;
