//! How changes of users get into the lists: what that costs, and what may go wrong meanwhile.
//!
//! `ROLLCALL_LARGE=1` makes the directory 100,000 users; `-- --nocapture` shows the figures.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use shared::model::ambient::Ambient as _;
use shared::store::{RetryPolicy, Search, SearchField, measured, search_changes};

use super::*;
use crate::support::index::ranks as ranks_of;
use crate::support::people::person;
use crate::support::{Fault, Faults, Plan, insert_index, is_large, item_of};

/// Changes that are worth a merge.
const MERGED: usize = 3200;
/// How long a merge keeps others from beginning, in seconds.
const BUSY: i64 = 20 * 60;

fn has(field: SearchField, part: &str) -> Search {
    Search { parts: vec![(vec![field], part.to_owned())], ..Search::default() }
}

/// Plausible people; those from `first` on joined a second after each other.
async fn people(app: &TestApp, numbers: std::ops::Range<usize>) -> Vec<User> {
    let pattern = plain_user(app, "pattern").await;
    let start = app.environment.now().plus_seconds(-400_000);
    let joined = |number: usize| start.plus_seconds(i64::try_from(number).expect("small"));
    numbers.map(|number| person(&pattern, number, joined(number))).collect()
}

fn put_changes(app: &TestApp, changes: &[(Option<&User>, Option<&User>)]) {
    let items =
        changes.iter().map(|(before, after)| search_changes(app.environment.now(), *before, *after).expect("a change"));
    app.engine.put(items.map(item_of).collect());
}

fn index_bytes(app: &TestApp) -> usize {
    let items = app.items().into_iter().filter(|item| key(item).starts_with("TERM#"));
    items.map(|item| 100 + item.iter().map(|(name, value)| name.len() + value.size()).sum::<usize>()).sum()
}

async fn packed_within_its_budget(users: usize) {
    let app = TestApp::start().await;
    app.pack_search().await;
    let old = people(&app, 0..users).await;
    insert_index(&app, &old).await;
    let new = people(&app, users..users + MERGED).await;
    put_changes(&app, &new.iter().map(|user| (None, Some(user))).collect::<Vec<_>>());
    app.environment.advance(60);
    let bytes = index_bytes(&app);
    let count = f64::from(u32::try_from(MERGED).expect("small"));

    // As long as nobody has packed them, whoever begins reads them all, and then only what is new.
    let search = has(SearchField::FirstName, "zach");
    let (found, cold) = measured(app.another(Options::default()).directory.store().search(&search, 1001)).await;
    let store = app.directory.store();
    store.search(&search, 1001).await.expect("users");
    let (again, warm) = measured(store.search(&search, 1001)).await;
    let found = found.expect("users");
    assert_eq!(found, again.expect("users"));
    println!("{users} users and {MERGED} changes: {} read at first, {} later", cold.read, warm.read);

    let (packed, cost) = measured(store.search_pack(false)).await;
    packed.expect("lists");
    let more = f64::from(u32::try_from(index_bytes(&app) - bytes).expect("small")) / count / 1024.0;
    println!("merged: {:.2} read, {:.2} write, {more:.2} KB a user", cost.read / count, cost.write / count);
    assert!(cost.write / count <= 10.0);
    assert!(more <= 5.0);
    let (merged, after) = measured(store.search(&search, 1001)).await;
    assert_eq!(merged.expect("users"), found);
    assert!(warm.read <= after.read + 1.0, "{warm:?} and {after:?}");

    // New first names.
    let others = people(&app, 200_000..200_500).await;
    let renamed = old[..500].iter().zip(&others);
    let renamed: Vec<User> =
        renamed.map(|(user, other)| next(named(user, &format!("{}-Wilhelmina", other.first_name)))).collect();
    put_changes(&app, &old.iter().zip(&renamed).map(|(old, new)| (Some(old), Some(new))).collect::<Vec<_>>());
    app.environment.advance(60);
    let (packed, cost) = measured(store.search_pack(true)).await;
    packed.expect("lists");
    println!("renamed: {:.2} read, {:.2} write a user", cost.read / 500.0, cost.write / 500.0);
    assert!(cost.write / 500.0 <= 17.0);
    let found = store.search(&has(SearchField::FirstName, "wilhelmina"), usize::MAX).await.expect("users");
    assert_eq!(found.len(), 500);
}

#[tokio::test]
async fn packing_stays_within_its_budget_among_a_thousand_users() {
    packed_within_its_budget(1000).await;
}

#[tokio::test]
async fn packing_stays_within_its_budget_among_a_hundred_thousand_users() {
    if is_large() {
        packed_within_its_budget(100_000).await;
    }
}

/// A process that has just started reads the changes that nobody has merged yet, once.
#[tokio::test]
async fn whoever_begins_reads_few_units_more() {
    let app = TestApp::start().await;
    app.pack_search().await;
    // As many as possible that are not merged.
    let new = people(&app, 0..MERGED - 1).await;
    put_changes(&app, &new.iter().map(|user| (None, Some(user))).collect::<Vec<_>>());
    app.environment.advance(60);
    app.directory.store().search_pack(false).await.expect("packets");
    let search = has(SearchField::FirstName, "qqq");
    let cold = app.another(Options::default());
    let (_, first) = measured(cold.directory.store().search(&search, 1001)).await;
    let (_, then) = measured(cold.directory.store().search(&search, 1001)).await;
    println!("{} read at first, {} then", first.read, then.read);
    assert!(first.read - then.read <= 54.0);
    assert!(then.read <= 2.0);
}

/// Every fault at every call of the store, passing and lasting. Another process completes the work later.
#[tokio::test]
async fn every_trouble_of_packing_is_survived() {
    const PATIENT: RetryPolicy = RetryPolicy { pause: Duration::from_millis(1), deadline: Duration::from_secs(20) };
    const HASTY: RetryPolicy = RetryPolicy { pause: Duration::from_millis(1), deadline: Duration::from_millis(100) };
    let app = TestApp::start().await;
    app.pack_search().await;
    let pattern = User { email: None, last_name: String::new(), ..plain_user(&app, "pattern").await };
    let users: Vec<User> = ["ab", "cd"]
        .iter()
        .map(|name| User {
            id: UserId::generate(&*app.environment),
            username: Username::parse(name).expect("a name"),
            first_name: String::new(),
            ..pattern.clone()
        })
        .collect();
    let names = ["", "x", "xy", "z"];
    let ranks = ["pk", "sk"].map(|name| (name.to_owned(), AttributeValue::S("RANKS".to_owned())));
    let ranks = HashMap::from(ranks);
    let mut versions = 0;
    let mut current = users.clone();
    let mut change = |app: &TestApp| {
        versions += 1;
        let changed: Vec<User> = current.iter().map(|user| next(named(user, names[versions % names.len()]))).collect();
        let before = |index: usize| (versions > 1).then(|| &current[index]);
        let changes: Vec<_> = changed.iter().enumerate().map(|(index, user)| (before(index), Some(user))).collect();
        put_changes(app, &changes);
        app.environment.advance(60);
        current = changed;
        names[versions % names.len()]
    };
    let check = async |name: &str, what: &str| {
        for part in ["x", "y", "z", "xy"] {
            let found =
                app.directory.store().search(&has(SearchField::FirstName, part), 10).await.expect("users").len();
            assert_eq!(found, if name.contains(part) { 2 } else { 0 }, "{part} in {name}: {what}");
        }
        for name in ["ab", "cd"] {
            let found = app.directory.store().search(&has(SearchField::Username, name), 10).await.expect("users").len();
            assert_eq!(found, 1, "{what}");
        }
    };
    let process = |retry_policy| {
        let faults = Faults::default();
        let hand = faults.clone();
        let connection = Box::new(move |connection| hand.wrap(connection));
        (app.another(Options { retry_policy, connection, ..Options::default() }), faults)
    };
    let (mut tried, mut struck) = (0, 0);
    // With a rank index, and with one that must be made anew.
    for is_ranked in [true, false] {
        let mut change = || {
            if !is_ranked {
                app.engine.delete(ranks.clone());
            }
            change(&app)
        };
        let (calm, faults) = process(PATIENT);
        let mut calls = Vec::new();
        for _ in 0..names.len() {
            change();
            faults.follow(Plan::Calm);
            calm.directory.store().search_pack(true).await.expect("lists");
            // The first one finds no rank index.
            calls.push(faults.calls());
        }
        let calls = calls.into_iter().skip(1).max_by_key(Vec::len).expect("calls");
        println!("{} calls", calls.len());
        for (call, operation) in calls.iter().enumerate() {
            for fault in Fault::QUICK.into_iter().filter(|fault| fault.fits(operation)) {
                for lasting in [false, true] {
                    let what = format!("{fault:?} at call {call}, {operation}, lasting: {lasting}");
                    let name = change();
                    let (hindered, faults) = process(if lasting { HASTY } else { PATIENT });
                    faults.follow(Plan::At { call, fault, lasting });
                    let packed = hindered.directory.store().search_pack(true).await;
                    assert!(lasting || packed.is_ok(), "{what}: {packed:?}");
                    tried += 1;
                    struck += usize::from(faults.struck() > 0);
                    check(name, &what).await;
                    app.environment.advance(BUSY);
                    app.directory.store().search_pack(true).await.expect("lists");
                    check(name, &what).await;
                    assert_eq!(unpacked(&app), 0, "{what}");
                    let (complaints, right) = ranks_of(&Table::read(&app.engine));
                    assert!(right > 0 && complaints.is_empty(), "{what}");
                }
            }
        }
    }
    // Some merges make fewer calls than others, or other ones at that place.
    assert!(struck > tried / 2, "{struck} of {tried}");
}

#[tokio::test]
async fn many_users_fit_between_two_who_share_a_block() {
    let app = TestApp::start().await;
    app.pack_search().await;
    let mut users: Vec<User> =
        people(&app, 0..2600).await.iter().map(|user| User { email: None, ..named(user, "Quinn") }).collect();
    let (last, between) = users.split_last_mut().expect("users");
    last.first_name = "Quinnie".to_owned();
    put_changes(&app, &[(None, Some(&between[0])), (None, Some(&*last))]);
    app.pack_search().await;
    put_changes(&app, &between[1..].iter().map(|user| (None, Some(user))).collect::<Vec<_>>());
    app.pack_search().await;
    assert_eq!(unpacked(&app), 0);
    let store = app.directory.store();
    let expected: Vec<UserId> = users.iter().map(|user| user.id).collect();
    for part in ["q", "qu", "quinn"] {
        let found = store.search(&has(SearchField::FirstName, part), usize::MAX).await.expect("users");
        assert_eq!(found.iter().map(|member| member.user).collect::<Vec<_>>(), expected, "{part}");
    }
    for index in (0..2600).step_by(97) {
        let both = [(SearchField::FirstName, "inn"), (SearchField::Username, users[index].username.as_str())];
        let parts = both.map(|(field, part)| (vec![field], part.to_owned())).into();
        let found = store.search(&Search { parts, ..Search::default() }, 10).await.expect("users");
        assert!(found.iter().any(|member| member.user == users[index].id), "{index}");
    }
}

#[tokio::test]
async fn what_is_malformed_stops_nothing_else() {
    let searcher = Searcher::new().await;
    let damaged = |pk: &str, sk: &str, name: &str| {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let item: Item = [("pk", text(pk)), ("sk", text(sk)), (name, AttributeValue::B(Blob::new([7, 7])))]
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        searcher.app.engine.put(vec![item_of(item)]);
    };
    let user = named(&plain_user(&searcher.app, "first").await, "Quinn");
    searcher.write(None, Some(&user)).await;
    damaged("RECENT", "CHANGE#0", "c");
    damaged("RECENT", "PACKET#0", "c");
    assert_eq!(searcher.names(&first_name("quin")).await, ["first"]);
    searcher.app.pack_search().await;
    assert_eq!(searcher.names(&first_name("quin")).await, ["first"]);
    // A block of one list.
    let block = searcher.app.items().iter().map(key).find(|key| key.starts_with("TERM#F#000071000075 "));
    let block = block.expect("a block");
    let (pk, sk) = block.split_once(' ').expect("a key");
    damaged(pk, sk, "b");
    let user = named(&plain_user(&searcher.app, "second").await, "Quinn");
    searcher.write(None, Some(&user)).await;
    searcher.app.pack_search().await;
    assert_eq!(searcher.names(&first_name("nn")).await, ["first", "second"]);
    let left: Vec<String> = searcher.app.items().iter().map(key).filter(|key| key.starts_with("RECENT ")).collect();
    assert_eq!(left, ["RECENT CHANGE#0", "RECENT PACKET#0", "RECENT STATE"]);
}

#[tokio::test]
async fn a_table_of_an_earlier_release_is_searched_and_rebuilt() {
    let searcher = Searcher::new().await;
    let mut users = Vec::new();
    for number in 0..30 {
        let user = named(&plain_user(&searcher.app, &format!("old{number:02}")).await, "Quinn");
        searcher.write(None, Some(&user)).await;
        users.push(user);
    }
    searcher.app.pack_search().await;
    // As an earlier release has left it.
    for item in searcher.app.items() {
        let name = key(&item);
        if name.starts_with("TERM#") || name.starts_with("RECENT ") {
            let (pk, sk) = name.split_once(' ').expect("a key");
            let part = |name: &str, text: &str| (name.to_owned(), AttributeValue::S(text.to_owned()));
            searcher.app.engine.delete([part("pk", pk), part("sk", sk)].into());
        }
    }
    let earlier: Vec<Item> = users.iter().flat_map(search_items_of_earlier_releases).collect();
    searcher.app.engine.put(earlier.into_iter().map(item_of).collect());
    let other = searcher.app.another(Options::default());
    let searcher = Searcher { app: other, caller: searcher.caller };
    let quinns = |users: &[User]| users.iter().map(|user| user.username.to_string()).collect::<Vec<_>>();
    for part in ["q", "qu", "quinn"] {
        assert_eq!(searcher.names(&first_name(part)).await, quinns(&users), "{part}");
    }
    // What changes from now on is written as it is today.
    let renamed = named(&users[3], "Other");
    searcher.write(Some(&users[3]), Some(&renamed)).await;
    let new = named(&plain_user(&searcher.app, "new").await, "Quinn");
    searcher.write(None, Some(&new)).await;
    users.remove(3);
    users.push(new);
    for packed in [false, true] {
        if packed {
            searcher.app.pack_search().await;
        }
        for part in ["q", "qu", "quinn"] {
            assert_eq!(searcher.names(&first_name(part)).await, quinns(&users), "{part}, packed: {packed}");
        }
    }
    let operator = shared::directory::SystemCaller::Operator;
    searcher.app.directory.reindex(operator, |_| {}).await.expect("an index");
    assert!(
        !searcher.app.items().iter().map(key).any(|key| key.starts_with("GRAM#") && !key.contains(&position(&renamed)))
    );
    for part in ["q", "qu", "quinn"] {
        assert_eq!(searcher.names(&first_name(part)).await, quinns(&users), "{part}");
    }
    Table::read(&searcher.app.engine).assert_sound();
}

fn position(user: &User) -> String {
    Store::position_of(&user.row(&[]))
}
