//! What must hold between the items of the table, whatever happened.
//!
//! Reads the whole table as the engine has it and spells every key by itself, so that it shares no mistake with the store.

mod rows;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dynoxide::AttributeValue;
use serde_json::{Map, Value, json};
use shared::model::Timestamp;

use self::rows::with_fields_of_row;
pub use self::wanted::place_of_user;
use self::wanted::{claims_on_ids, wanted_by_membership, wanted_by_organization, wanted_by_user};
use super::Engine;

/// An item: its attributes but for the key.
pub type Item = Map<String, Value>;
/// Partition key and sort key.
pub type Key = (String, String);

/// Attributes of a user that its list row does not show.
const NOT_IN_ROW: &[&str] = &[
    "api_tokens_ended",
    "others_api_tokens_ended",
    "profile",
    "email_is_shared",
    "version",
    "token_version",
    "password",
    "bio",
    "url",
    "company",
    "location",
    "notes",
    "manages",
    "holds",
    "returning",
    "addresses",
    "reminded_of",
    "has_caseless_name",
    "modified",
];
/// Partitions (up to the first `#`) whose items follow from users, memberships, groups and organizations alone.
const DERIVED: &[&str] = &[
    "EXPIRY",
    "EXTERNAL",
    "USERNAME",
    "EMAIL",
    "ADDRESS",
    "PHONE",
    "EDGE",
    "NUMBERS",
    "USERS",
    "PLACES",
    "ACTIVE",
    "SUPERUSERS",
    "GROUPNAME",
    "GROUP",
    "ORGANIZATIONS",
    "SLUG",
    "MEMBERS",
    "MANAGERS",
    "MEMBERSHIP",
];
/// A list row names so many organizations.
const MOST_IN_ROW: usize = 20;
/// A list row has extras of so many bytes.
const MOST_EXTRAS: usize = 512;
/// Groups with smaller ids are there from the start.
const FIRST_GROUP: i64 = 3;

/// Everything in the table at one moment.
#[derive(Debug, Clone)]
pub struct Table {
    /// All items.
    pub items: BTreeMap<Key, Item>,
}

impl Table {
    /// Reads the whole table.
    pub fn read(engine: &Engine) -> Self {
        Self::of(engine.items())
    }

    /// A table that holds these items.
    pub fn of(items: Vec<dynoxide::Item>) -> Self {
        let items = items.into_iter().map(|item| {
            let mut item: Item = item.into_iter().map(|(name, value)| (name, plain(value))).collect();
            let mut part = |name| text(&item.remove(name).expect("a key")).to_owned();
            let (pk, sk) = (part("pk"), part("sk"));
            let item = with_fields_of_row(&sk, item);
            ((pk, sk), item)
        });
        Self { items: items.collect() }
    }

    /// Fails when something does not hold.
    pub fn assert_sound(&self) {
        let complaints = self.complaints();
        assert!(complaints.is_empty(), "the table is not sound:\n{}", complaints.join("\n"));
    }

    /// The items of one partition, by sort key.
    pub fn partition(&self, pk: &str) -> impl Iterator<Item = (&str, &Item)> {
        let start = (pk.to_owned(), String::new());
        self.items.range(start..).map_while(move |((of, sk), item)| (of == pk).then_some((sk.as_str(), item)))
    }

    /// The items whose partition keys begin so.
    fn under(&self, prefix: &'static str) -> impl Iterator<Item = (&Key, &Item)> {
        let start = (prefix.to_owned(), String::new());
        self.items.range(start..).take_while(move |((pk, _), _)| pk.starts_with(prefix))
    }

    /// The item of that key.
    pub fn item(&self, pk: &str, sk: &str) -> Option<&Item> {
        self.items.get(&(pk.to_owned(), sk.to_owned()))
    }

    /// All users.
    pub fn users(&self) -> impl Iterator<Item = &Item> {
        self.under("USER#").filter(|((_, sk), _)| sk == "USER").map(|(_, item)| item)
    }

    /// The user of that id.
    pub fn user(&self, id: &str) -> Option<&Item> {
        self.item(&format!("USER#{id}"), "USER")
    }

    /// All deleted users: id and record.
    pub fn deleted(&self) -> impl Iterator<Item = (&str, &Item)> {
        self.under("DELETED#").map(|((pk, _), item)| (&pk["DELETED#".len()..], item))
    }

    /// The user of that name.
    pub fn user_named(&self, name: &str) -> Option<&Item> {
        self.users().find(|user| user["username"] == name)
    }

    /// The mails that wait: for the first try, and for another one.
    fn waiting_mails(&self) -> impl Iterator<Item = &Item> {
        self.partition("OUTBOX").chain(self.partition("RETRIES")).map(|(_, mail)| mail)
    }

    /// The mails that wait for that address.
    pub fn mails_to<'a>(&'a self, address: &'a str) -> impl Iterator<Item = &'a Item> {
        self.waiting_mails().filter(move |mail| mail["to"] == address)
    }

    /// Everything that does not hold, in words; empty when all is well.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = self.derived_complaints();
        complaints.extend(self.count_complaints());
        complaints.extend(self.mail_complaints());
        complaints.extend(self.group_complaints());
        complaints.extend(self.membership_complaints());
        complaints.extend(self.shared_complaints());
        complaints.extend(self.owner_complaints());
        complaints.extend(self.number_complaints());
        complaints.extend(self.strangers());
        complaints.extend(super::deletion::deletion_complaints(self));
        complaints.extend(super::index::index_complaints(self));
        complaints.extend(super::index::ranks(self).0);
        complaints.extend(super::signed_in::sign_in_complaints(self));
        complaints.extend(super::event_log::log_complaints(self));
        complaints
    }

    /// How much work waits.
    pub fn work_left(&self) -> usize {
        // Beside it stand a mark that moves with names, and two for the search index.
        self.partition("WORK").filter(|(sk, _)| !["NAMES", "PURGED", "SEARCH"].contains(sk)).count()
    }

    /// The ids of that kind whose changes have left work: `GROUP`, `ORGANIZATION`, `USER`, `RETURNING`, `PURGE`.
    pub(crate) fn work(&self, kind: &str) -> BTreeSet<&str> {
        let id = move |sk: &'_ str| sk.split_once('#').is_some_and(|(of, _)| of == kind);
        self.partition("WORK").map(|(sk, _)| sk).filter(|sk| id(sk)).map(|sk| &sk[kind.len() + 1..]).collect()
    }

    /// Claims, rows, places, registers: exactly those that are called for.
    fn derived_complaints(&self) -> Vec<String> {
        let mut wanted = BTreeMap::new();
        let mut complaints = Vec::new();
        let group_name = |(_, group): (&str, &Item)| {
            let whose = Item::from_iter([("group".to_owned(), group["id"].clone())]);
            (claim(format!("GROUPNAME#{}", text(&group["name"]))), whose)
        };
        let all = (self.users().flat_map(wanted_by_user))
            .chain(self.memberships().flat_map(wanted_by_membership))
            .chain(self.organizations().flat_map(wanted_by_organization))
            .chain(self.partition("GROUPS").map(group_name))
            .chain(self.claims_of_deleted());
        for (key, item) in all {
            if wanted.insert(key.clone(), item).is_some() {
                complaints.push(format!("two want {key:?}"));
            }
        }
        let (groups, organizations) = (self.work("GROUP"), self.work("ORGANIZATION"));
        // Users of a group that goes are noted on one side only until the work is done.
        let waits = |pk: &str| {
            pk.strip_prefix("GROUP#").is_some_and(|rest| groups.contains(rest.split('#').next().unwrap_or_default()))
        };
        for (key, item) in self.items.iter().filter(|((pk, _), _)| DERIVED.contains(&kind(pk)) && !waits(pk)) {
            match wanted.remove(key) {
                None => complaints.push(format!("nobody wants {key:?}: {item:?}")),
                Some(mut wanted) if kind(&key.0) == "USERS" => {
                    // So are members of an organization that goes.
                    self.add_memberships(&mut wanted, &organizations);
                    let item = without_memberships(item, &organizations);
                    if item != wanted {
                        complaints.push(format!("{key:?} should be {wanted:?} and is {item:?}"));
                    }
                }
                // What could not be followed yet rests.
                Some(wanted) if kind(&key.0) == "EXPIRY" && wanted == bare(item, &["failures", "until"]) => {}
                Some(wanted) if wanted != *item => {
                    complaints.push(format!("{key:?} should be {wanted:?} and is {item:?}"));
                }
                Some(_) => {}
            }
        }
        complaints.extend(wanted.keys().filter(|(pk, _)| !waits(pk)).map(|key| format!("{key:?} is missing")));
        complaints
    }

    /// A deleted user keeps the claims on ids, which a purge releases one by one.
    fn claims_of_deleted(&self) -> impl Iterator<Item = (Key, Item)> {
        let purged = self.work("PURGE");
        self.deleted()
            .flat_map(|(_, item)| claims_on_ids(item))
            .filter(move |(key, item)| !purged.contains(text(&item["user"])) || self.items.contains_key(key))
    }

    /// All memberships, each with the id of its user.
    fn memberships(&self) -> impl Iterator<Item = (&str, &Item)> {
        let memberships = self.under("USER#").filter(|((_, sk), _)| sk.starts_with("MEMBERSHIP#"));
        memberships.map(|((pk, _), item)| (&pk["USER#".len()..], item))
    }

    /// All organizations.
    fn organizations(&self) -> impl Iterator<Item = &Item> {
        self.under("ORGANIZATION#").map(|(_, item)| item)
    }

    fn organization(&self, id: &str) -> Option<&Item> {
        self.item(&format!("ORGANIZATION#{id}"), "ORGANIZATION")
    }

    /// Adds to a list row the user's memberships, but those in organizations that are left out.
    fn add_memberships(&self, row: &mut Item, left_out: &BTreeSet<&str>) {
        let mut memberships: Vec<&Item> = self
            .partition(&format!("USER#{}", text(&row["id"])))
            .filter(|(sk, item)| sk.starts_with("MEMBERSHIP#") && !left_out.contains(text(&item["organization"])))
            .map(|(_, membership)| membership)
            .collect();
        memberships.sort_by_key(|membership| text(&membership["organization"]));
        if memberships.len() > MOST_IN_ROW {
            memberships.truncate(MOST_IN_ROW);
            row.insert("lacks_memberships".to_owned(), json!(true));
        }
        let memberships: Vec<Value> =
            memberships.into_iter().map(|item| Value::Object(bare(item, &["place"]))).collect();
        if !memberships.is_empty() {
            row.insert("memberships".to_owned(), Value::Array(memberships));
        }
    }

    /// The counters tell how many users joined in each year, how many organizations were made, and their members.
    fn count_complaints(&self) -> Vec<String> {
        let mut surplus = BTreeMap::<String, i64>::new();
        let mut add = |what: String, amount: i64| *surplus.entry(what).or_default() += amount;
        for (sk, count) in self.partition("COUNT") {
            let (list, rest) = sk.split_once('#').expect("a count of a list");
            let year = rest.split('#').next().expect("a year");
            add(format!("{list} of {year}"), count.get("rows").map_or(0, number));
            add(format!("{list} that are off"), count.get("off").map_or(0, number));
        }
        for ((pk, _), count) in self.under("MEMBERCOUNT#") {
            let organization = &pk["MEMBERCOUNT#".len()..];
            add(format!("members of {organization}"), count.get("members").map_or(0, number));
        }
        let year = |item: &Item, of: &str| Timestamp::from_micros(number(&item[of])).year();
        let off = self.users().filter(|user| user.get("is_active") != Some(&Value::Bool(true)));
        off.for_each(|_| add("USERS that are off".to_owned(), -1));
        self.users().for_each(|user| add(format!("USERS of {:04}", year(user, "date_joined")), -1));
        self.organizations().for_each(|item| add(format!("ORGANIZATIONS of {:04}", year(item, "created")), -1));
        self.memberships().for_each(|(_, item)| add(format!("members of {}", text(&item["organization"])), -1));
        let wrong = surplus.into_iter().filter(|(_, surplus)| *surplus != 0);
        wrong.map(|(what, surplus)| format!("{surplus} {what} too many are counted")).collect()
    }

    /// A mail that asks to confirm an address goes to one that some user has and has not verified.
    fn mail_complaints(&self) -> Vec<String> {
        let entries = self.users().flat_map(|user| list(user, "addresses"));
        let unverified: BTreeSet<&str> = entries
            .filter(|entry| entry.get("verified") != Some(&json!(true)))
            .map(|entry| text(&entry["email"]))
            .collect();
        let mails = self.waiting_mails().filter(|mail| mail["kind"] == "confirmation");
        let mails = mails.map(|mail| text(&mail["to"])).filter(|to| !unverified.contains(to));
        mails.map(|to| format!("a mail to {to}, which waits for none")).collect()
    }

    /// The groups of users exist, or are being removed.
    fn group_complaints(&self) -> Vec<String> {
        let groups: BTreeSet<u64> = self.partition("GROUPS").filter_map(|(sk, _)| sk.parse().ok()).collect();
        let going: BTreeSet<u64> = self.work("GROUP").iter().map(|group| group.parse().expect("a group")).collect();
        let both = groups.intersection(&going).map(|group| format!("group {group} is there and removed"));
        let of_users = self.users().flat_map(|user| list(user, "groups")).filter_map(Value::as_u64);
        let unknown = of_users.filter(|group| !groups.contains(group) && !going.contains(group));
        both.chain(unknown.map(|group| format!("a user is in group {group}, which there is not"))).collect()
    }

    /// Memberships join what exists and tell what the user manages.
    /// Where one of both has gone or changed, work waits.
    fn membership_complaints(&self) -> Vec<String> {
        let (users, organizations) = (self.work("USER"), self.work("ORGANIZATION"));
        let mut complaints = Vec::new();
        let (mut managed, mut held) = (BTreeSet::new(), BTreeSet::new());
        for (user, membership) in self.memberships() {
            let id = text(&membership["organization"]);
            if self.user(user).is_none() && !users.contains(user) {
                complaints.push(format!("{user} is gone and in {id}"));
            }
            match self.organization(id) {
                _ if organizations.contains(id) => {}
                None => complaints.push(format!("{user} is in {id}, which is gone")),
                Some(organization) => {
                    let is_admin = membership.get("is_admin") == Some(&json!(true));
                    let is_owner =
                        organization.get("owner").is_some_and(|owner| owner["membership"] == membership["id"]);
                    if organization["is_active"] == true && is_admin {
                        managed.insert((user, id));
                    } else if is_admin || is_owner {
                        held.insert((user, id));
                    }
                }
            }
        }
        let hold = |user| list(user, "holds").iter().map(move |id| (text(&user["id"]), text(id)));
        let holds: BTreeSet<_> = self.users().flat_map(hold).filter(|(_, id)| !organizations.contains(id)).collect();
        held.retain(|(user, _)| self.user(user).is_some());
        let wrong = holds.symmetric_difference(&held);
        complaints.extend(wrong.map(|(user, id)| format!("whether {user} holds {id} is not clear")));
        let manage = |user| list(user, "manages").iter().map(move |id| (text(&user["id"]), text(id)));
        let manages: BTreeSet<_> =
            self.users().flat_map(manage).filter(|(_, id)| !organizations.contains(id)).collect();
        managed.retain(|(user, _)| self.user(user).is_some());
        let wrong = manages.symmetric_difference(&managed);
        complaints.extend(wrong.map(|(user, id)| format!("whether {user} manages {id} is not clear")));
        complaints
    }

    /// Whoever is in several organizations is noted with each of them.
    /// Where the user or one of the organizations goes, it may be noted or not, as long as it is a member.
    fn shared_complaints(&self) -> Vec<String> {
        let mut of_users = BTreeMap::<&str, Vec<&str>>::new();
        for (user, membership) in self.memberships() {
            of_users.entry(user).or_default().push(text(&membership["organization"]));
        }
        let stays = |organization: &&str| self.organization(organization).is_some();
        let (mut may, mut must) = (BTreeSet::new(), BTreeSet::new());
        for (user, organizations) in of_users {
            let staying: Vec<&str> = organizations.iter().copied().filter(stays).collect();
            may.extend(organizations.iter().map(|organization| (organization.to_string(), user)));
            if staying.len() > 1 && self.user(user).is_some() {
                must.extend(staying.iter().map(|organization| (organization.to_string(), user)));
            } else if staying.len() == 1 && organizations.len() == 1 && self.user(user).is_some() {
                may.remove(&(staying[0].to_owned(), user));
            }
        }
        let shared =
            self.items.keys().filter_map(|(pk, sk)| Some((pk.strip_prefix("SHARED#")?.to_owned(), sk.as_str())));
        let shared: BTreeSet<_> = shared.collect();
        let missing = must.difference(&shared).map(|shared| format!("{shared:?} is in several and not noted"));
        let extra = shared.difference(&may).map(|shared| format!("{shared:?} is noted as in several"));
        missing.chain(extra).collect()
    }

    /// The membership that owns an organization exists, unless its user has gone and work waits.
    fn owner_complaints(&self) -> Vec<String> {
        let going = self.work("USER");
        let mut complaints = Vec::new();
        for organization in self.organizations() {
            let Some(owner) = organization.get("owner") else { continue };
            let (user, id) = (text(&owner["user"]), text(&organization["id"]));
            let membership = self.item(&format!("USER#{user}"), &format!("MEMBERSHIP#{id}"));
            if membership.is_none_or(|membership| membership["id"] != owner["membership"]) && !going.contains(user) {
                complaints.push(format!("{id} is owned by {owner}, who is no member"));
            }
        }
        complaints
    }

    /// No number was given twice, and none that its sequence has not reached.
    fn number_complaints(&self) -> Vec<String> {
        let addresses = self.users().flat_map(|user| list(user, "addresses")).map(|entry| number(&entry["id"]));
        let groups = self.partition("GROUPS").filter_map(|(sk, _)| sk.parse::<i64>().ok());
        let kinds: [(&str, Vec<i64>); 3] = [
            ("USERS", self.users().map(|user| number(&user["number"])).collect()),
            ("ADDRESSES", addresses.collect()),
            ("GROUPS", groups.map(|id| id - FIRST_GROUP + 1).filter(|&id| id > 0).collect()),
        ];
        let mut complaints = Vec::new();
        for (name, numbers) in kinds {
            let given = self.item("SEQUENCE", name).map_or(0, |sequence| number(&sequence["given"]));
            if numbers.iter().any(|&number| number > given) {
                complaints.push(format!("the sequence {name} has given {given} only"));
            }
            if numbers.iter().collect::<BTreeSet<_>>().len() < numbers.len() {
                complaints.push(format!("a number of {name} is there twice"));
            }
        }
        complaints
    }

    /// Items that belong to nothing.
    fn strangers(&self) -> Vec<String> {
        let known = |pk: &str, sk: &str| match kind(pk) {
            "USER" if sk == "USER" => self.user(&pk[5..]).is_some_and(|user| user["id"] == pk[5..]),
            "USER" => sk.starts_with("MEMBERSHIP#"),
            "ORGANIZATION" => sk == "ORGANIZATION",
            "THROTTLE" if sk == "COMMON" => pk == "THROTTLE#COMMON",
            "THROTTLE" if sk == "GUARD" => self.item(pk, sk).is_some_and(|item| number(&item["expires"]) > 0),
            "THROTTLE" => self.item(pk, sk).is_some_and(|item| number(&item["expires"]) == sk.parse().unwrap_or(0)),
            "COUNT" | "GROUPS" | "WORK" | "SEQUENCE" | "OUTBOX" | "RETRIES" | "RESETS" | "INSTALLATION"
            | "EVENTDAYS" | "WEBHOOKS" => !pk.contains('#'),
            "DELETED" if sk == "DELETED" => pk.starts_with("DELETED#"),
            "DELETED" => pk == "DELETED",
            "GRAM" | "TERM" | "RECENT" | "PACKET" | "RANKS" | "ACTIVE" | "GROUPED" | "TOKEN" | "TOKENS" | "SESSIONS" | "ACCEPTED" | "REFUSED"
            // See `log_complaints`.
            | "EVENTLOG" | "PENDING" | "EVENTS" | "EVENTSBY" => true,
            "WEBHOOK" => sk == "CURSOR" || sk.starts_with("WAITING#") || sk.starts_with("DONE#"),
            "MEMBERCOUNT" => pk.split_once('#').is_some_and(|(_, organization)| {
                self.organization(organization).is_some() || self.work("ORGANIZATION").contains(organization)
            }),
            "JOINING" => self.work("MEMBERS").contains(&pk["JOINING#".len()..]),
            // See `shared_complaints`.
            "SHARED" => pk.matches('#').count() == 1 && self.items[&(pk.to_owned(), sk.to_owned())].is_empty(),
            kind => DERIVED.contains(&kind),
        };
        let strangers = self.items.keys().filter(|(pk, sk)| !known(pk, sk));
        strangers.map(|key| format!("{key:?} belongs to nothing")).collect()
    }
}

fn without_memberships(row: &Item, left_out: &BTreeSet<&str>) -> Item {
    let mut row = row.clone();
    if let Some(Value::Array(memberships)) = row.get_mut("memberships") {
        memberships.retain(|membership| !left_out.contains(text(&membership["organization"])));
        if memberships.is_empty() {
            row.remove("memberships");
        }
    }
    row
}

fn kind(pk: &str) -> &str {
    pk.split('#').next().unwrap_or_default()
}

/// An item without some of its attributes.
fn bare(item: &Item, without: &[&str]) -> Item {
    let kept = item.iter().filter(|(name, _)| !without.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn claim(pk: String) -> Key {
    (pk, "CLAIM".to_owned())
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("a number")
}

fn list<'a>(item: &'a Item, name: &str) -> &'a [Value] {
    item.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Without DynamoDB's types.
fn plain(value: AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::N(digits) => serde_json::from_str(&digits).expect("a number"),
        AttributeValue::BOOL(flag) => Value::Bool(flag),
        AttributeValue::NULL(_) => Value::Null,
        AttributeValue::L(items) => items.into_iter().map(plain).collect(),
        AttributeValue::M(map) => map.into_iter().map(|(name, value)| (name, plain(value))).collect::<Item>().into(),
        AttributeValue::SS(texts) => texts.into_iter().map(Value::String).collect(),
        AttributeValue::NS(numbers) => numbers.iter().map(|digits| plain(AttributeValue::N(digits.clone()))).collect(),
        AttributeValue::B(bytes) => Value::String(STANDARD.encode(bytes)),
        AttributeValue::BS(items) => json!(items),
    }
}
