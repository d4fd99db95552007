//! Many users at once, for measurements: one is written through the store, the others are copies of its items.

use dynoxide::Item;
use serde_json::{Value, json};
use shared::model::{EdgeId, Membership, MembershipId, OrganizationId, Timestamp, User, UserId, UserNumber};
use shared::store::{MembershipWrite, OrganizationState, UserWrite, WriteOutcome, search_items};

use super::engine::item_of;
use super::{TestApp, insert};

/// How many users are handed to the engine in one piece.
const PIECE: usize = 5_000;
/// How many users get their index at once.
const INDEXED_AT_ONCE: usize = 100_000;
/// Numbers of copied users begin here, above all that are given out.
const FIRST_NUMBER: u64 = 7_000_000_000;

/// Inserts one user like `pattern` for each of `moments`, the time of joining; its user name ends with `000000`,
/// theirs with the index of the moment. Gives the users.
///
/// No moment may fall in a year in which somebody has joined already.
pub async fn insert_many(app: &TestApp, pattern: &User, moments: &[Timestamp]) -> Vec<User> {
    let names = |_| (pattern.first_name.clone(), pattern.last_name.clone());
    insert_named(app, pattern, moments, names).await
}

/// The same; `names` gives first and last name for each index.
pub async fn insert_named(
    app: &TestApp,
    pattern: &User,
    moments: &[Timestamp],
    names: impl Fn(usize) -> (String, String),
) -> Vec<User> {
    copies(app, pattern, moments, names, &[]).await
}

/// The same, and all are members of these organizations.
pub async fn insert_members(
    app: &TestApp,
    pattern: &User,
    moments: &[Timestamp],
    organizations: &[OrganizationId],
) -> Vec<User> {
    let names = |_| (pattern.first_name.clone(), pattern.last_name.clone());
    copies(app, pattern, moments, names, organizations).await
}

/// Inserts what the list of users shows, and nothing else, of users like `pattern`, whose name ends with `000000`.
///
/// No moment may fall in a year in which somebody has joined already.
pub async fn insert_rows(app: &TestApp, pattern: &User, moments: &[Timestamp]) -> Vec<UserId> {
    let pattern = with_replaceable_values(pattern);
    let (items, _) = items_of(app, &pattern, &[]).await;
    let rows = [r#""S":"USERS#"#, r#""S":"PLACES#USERS#"#];
    let items: Vec<&String> = items.iter().filter(|item| rows.iter().any(|row| item.contains(row))).collect();
    assert_eq!(items.len(), rows.len());
    let mut ids = Vec::new();
    for (piece, moments) in moments.chunks(PIECE).enumerate() {
        let mut copies = Vec::new();
        for (offset, &joined) in moments.iter().enumerate() {
            let user = copied(app, &pattern, 0, piece * PIECE + offset, joined);
            copies.extend(items.iter().map(|item| copied_item(item, &pattern, &user)));
            ids.push(user.id);
        }
        app.engine.put(copies);
    }
    put_counts(app, moments.iter().map(|joined| (*joined, true)));
    ids
}

/// The same user with a number and names that occur nowhere else, so that they can be replaced in its items.
fn with_replaceable_values(pattern: &User) -> User {
    User {
        number: UserNumber(FIRST_NUMBER + 123_456),
        first_name: "First-000000".to_owned(),
        last_name: "Last-000000".to_owned(),
        ..pattern.clone()
    }
}

/// How many users joined in each year, and are inactive.
fn put_counts(app: &TestApp, users: impl Iterator<Item = (Timestamp, bool)>) {
    let mut years = std::collections::BTreeMap::<i32, (u64, u64)>::new();
    for (joined, is_active) in users {
        let (rows, off) = years.entry(joined.year()).or_default();
        *rows += 1;
        *off += u64::from(!is_active);
    }
    let count = |(year, (rows, off)): (&i32, &(u64, u64))| {
        let sk = format!("USERS#{year:04}#00");
        let (rows, off) = (rows.to_string(), off.to_string());
        item(
            json!({"pk": {"S": "COUNT"}, "sk": {"S": sk}, "rows": {"N": rows}, "off": {"N": off}, "epoch": {"N": "0"}}),
        )
    };
    app.engine.put(years.iter().map(count).collect());
}

async fn copies(
    app: &TestApp,
    pattern: &User,
    moments: &[Timestamp],
    names: impl Fn(usize) -> (String, String),
    organizations: &[OrganizationId],
) -> Vec<User> {
    let pattern = with_replaceable_values(pattern);
    let (items, memberships) = items_of(app, &pattern, organizations).await;
    // Joining has changed its record.
    let pattern = User { version: pattern.version + u64::try_from(organizations.len()).expect("few"), ..pattern };
    // Numbers that no other call uses, since its moments are in other years.
    let first = moments.first().map_or(0, |newest| newest.year().unsigned_abs()) % 1000 * 1_000_000;
    let first = u64::from(first);
    let mut users = Vec::new();
    for (piece, moments) in moments.chunks(PIECE).enumerate() {
        let mut copies = Vec::new();
        for (offset, &joined) in moments.iter().enumerate() {
            let index = piece * PIECE + offset;
            let (first_name, last_name) = names(index);
            let user = User { first_name, last_name, ..copied(app, &pattern, first, index, joined) };
            let fresh: Vec<_> =
                memberships.iter().map(|old| (old, MembershipId::generate(&*app.environment))).collect();
            copies.extend(items.iter().map(|item| {
                let mut item = item.clone();
                for (old, new) in &fresh {
                    item = item.replace(&old.id.to_string(), &new.to_string());
                }
                copied_item(&item, &pattern, &user)
            }));
            users.push(user);
        }
        app.engine.put(copies);
    }
    put_index(app, &users);
    put_counts(app, moments.iter().map(|joined| (*joined, true)));
    let members = |id: &OrganizationId| {
        let (pk, members) = (format!("MEMBERCOUNT#{id}"), moments.len().to_string());
        // A shard that no other call uses, since its moments are in other years.
        let shard = format!("imported for {}", moments[0].year());
        item(json!({"pk": {"S": pk}, "sk": {"S": shard}, "members": {"N": members}, "epoch": {"N": members}}))
    };
    app.engine.put(organizations.iter().map(members).collect());
    users
}

/// The items that the store writes for a member of the organizations, in the engine's JSON, and the memberships.
async fn items_of(app: &TestApp, user: &User, organizations: &[OrganizationId]) -> (Vec<String>, Vec<Membership>) {
    let store = app.directory.store();
    let before: Vec<String> = app.items().iter().map(key).collect();
    insert(app, user).await;
    let mut memberships = Vec::new();
    for &id in organizations {
        let found = store.user(user.id).await.expect("a user").expect("a user");
        let organization = store.organization(id).await.expect("an organization").expect("an organization");
        let new = Membership { id: MembershipId::generate(&*app.environment), organization: id, is_admin: false };
        memberships.push(new.clone());
        let membership = MembershipWrite {
            organization: OrganizationState::There(&organization),
            before: None,
            after: Some(&new),
            becomes_owner: false,
        };
        let write = UserWrite {
            before: Some(&found),
            after: Some(&found),
            memberships: Some(&memberships),
            membership: Some(membership),
            ..UserWrite::default()
        };
        assert_eq!(store.user_write(&write).await.expect("a write"), WriteOutcome::Done);
    }
    let made: Vec<String> = app
        .items()
        .iter()
        .filter(|item| !before.contains(&key(item)))
        // Counters are written at the end, and the index follows from each user.
        .filter(|item| {
            !["COUNT ", "MEMBERCOUNT#"].iter().any(|kind| key(item).starts_with(kind)) && !is_entry(&key(item))
        })
        .map(|item| serde_json::to_string(item).expect("JSON"))
        .collect();
    let found = store.user(user.id).await.expect("a user").expect("a user");
    let write = UserWrite { before: Some(&found), ..UserWrite::default() };
    assert_eq!(store.user_write(&write).await.expect("a write"), WriteOutcome::Done);
    app.cleanup().await.expect("the memberships gone");
    (made, memberships)
}

/// Whether that partition, which may be followed by a sort key, is one of the search index.
pub fn is_entry(pk: &str) -> bool {
    ["GROUPED#", "PACKET#", "RECENT", "TERM#"].iter().any(|kind| pk.starts_with(kind))
}

/// Partition key and sort key in one.
pub fn key(item: &Item) -> String {
    let text = |name: &str| match &item[name] {
        dynoxide::AttributeValue::S(text) => text.clone(),
        other => format!("{other:?}"),
    };
    format!("{} {}", text("pk"), text("sk"))
}

fn copied(app: &TestApp, pattern: &User, first: u64, index: usize, joined: Timestamp) -> User {
    let stem = pattern.username.as_str().strip_suffix("000000").expect("a name that ends with 000000");
    let name = format!("{stem}{index:06}");
    let email = pattern.email.as_ref().map(|email| email.as_str().replace(pattern.username.as_str(), &name));
    User {
        id: UserId::generate(&*app.environment),
        number: UserNumber(FIRST_NUMBER + first + u64::try_from(index).expect("small")),
        edge_id: EdgeId::generate(&*app.environment),
        username: shared::model::Username::parse(&name).expect("a name"),
        email: email.and_then(|email| shared::model::EmailAddress::parse(&email)),
        date_joined: joined,
        ..pattern.clone()
    }
}

fn copied_item(text: &str, from: &User, to: &User) -> Item {
    let thousands = |user: &User| format!("NUMBERS#{}\"", user.number.0 / 1000);
    let year = |user: &User| format!("S#{:04}\"", user.date_joined.year());
    let moment = |user: &User| format!("{:015x}#", user.date_joined.ordinal());
    let micros = |user: &User| format!("\"{}\"", user.date_joined.micros());
    // A list row is JSON in a text.
    let number_in_row = |user: &User| format!(r#"\"n\":{},"#, user.number);
    let text = text
        .replace(&from.id.to_string(), &to.id.to_string())
        .replace(&from.id.0.simple().to_string(), &to.id.0.simple().to_string())
        .replace(&from.edge_id.to_string(), &to.edge_id.to_string())
        .replace(from.username.as_str(), to.username.as_str())
        .replace(&from.first_name, &to.first_name)
        .replace(&from.last_name, &to.last_name)
        .replace(&thousands(from), &thousands(to))
        .replace(&format!("{}\"", from.number), &format!("{}\"", to.number))
        .replace(&year(from), &year(to))
        .replace(&moment(from), &moment(to))
        .replace(&micros(from), &micros(to))
        .replace(&number_in_row(from), &number_in_row(to));
    serde_json::from_str(&text).expect("an item")
}

fn item(value: Value) -> Item {
    serde_json::from_value(value).expect("an item")
}

/// Puts the search index of these users into the table.
fn put_index(app: &TestApp, users: &[User]) -> Vec<usize> {
    let items = search_items(users.iter()).expect("an index");
    let sizes = items.iter().map(size_of_item).collect();
    app.engine.put(items.into_iter().map(item_of).collect());
    sizes
}

/// Puts the index of these users into the table, and nothing else of them but how many there are of each year, and who is
/// inactive. Prints what the index takes.
pub async fn insert_index(app: &TestApp, users: &[User]) {
    // Users who follow one another, as many as fit into memory with all their postings.
    let sizes: Vec<usize> = users.chunks(INDEXED_AT_ONCE).flat_map(|some| put_index(app, some)).collect();
    let (items, bytes) = (sizes.len(), sizes.iter().sum::<usize>());
    let mut inactive = Vec::new();
    for user in users {
        let sk = shared::store::Store::position_of(&user.row(&[]));
        let pk = format!("PLACES#USERS#{:04}", user.date_joined.year());
        inactive.push(item(json!({"pk": {"S": pk}, "sk": {"S": &sk}})));
        if !user.flags.is_active {
            inactive.push(item(json!({"pk": {"S": "ACTIVE#false"}, "sk": {"S": format!("{sk}#00000000")}})));
        }
    }
    app.engine.put(inactive);
    put_counts(app, users.iter().map(|user| (user.date_joined, user.flags.is_active)));
    println!("{items} items, {bytes} bytes, {} bytes a user", bytes / users.len());
}

/// What an item takes in DynamoDB: its names and values, and 100 bytes.
fn size_of_item(item: &shared::store::Item) -> usize {
    use aws_sdk_dynamodb::types::AttributeValue;
    let size = |value: &AttributeValue| match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::B(blob) => blob.as_ref().len(),
        other => panic!("{other:?} is not expected"),
    };
    100 + item.iter().map(|(name, value)| name.len() + size(value)).sum::<usize>()
}
