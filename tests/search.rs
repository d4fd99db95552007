//! Users found by parts of their fields: the index against a plain look at every user.

mod model;
mod packing;

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use shared::directory::{Caller, Page, PageRange, Rights, Total, UserFilter};
use shared::model::{EmailAddress, Flags, User, UserId, UserRow, Username};
use shared::store::{Store, UserWrite, WriteOutcome, search_items, search_items_of_earlier_releases};

use crate::support::{Options, Table, TestApp, insert, key, plain_user};

type Item = HashMap<String, AttributeValue>;

/// What a test needs to ask.
struct Searcher {
    app: TestApp,
    caller: Caller,
}

impl Searcher {
    async fn new() -> Self {
        Self::on(TestApp::start().await).await
    }

    async fn on(app: TestApp) -> Self {
        let user = plain_user(&app, "searcher-of-none").await;
        Self { app, caller: Caller::with_rights(user, Rights::Everything) }
    }

    async fn page(&self, filter: &UserFilter, range: PageRange) -> Page<UserRow> {
        self.app.directory.find_users(&self.caller, filter, range).await.expect("a page")
    }

    async fn names(&self, filter: &UserFilter) -> Vec<String> {
        let page = self.page(filter, PageRange::From { skip: 0, limit: 100 }).await;
        assert!(page.total.number() <= 100);
        page.items.iter().map(|row| row.username.to_string()).collect()
    }

    /// Has all changes in the lists of the index.
    async fn pack(&self) {
        self.app.pack_search().await;
        assert_eq!(unpacked(&self.app), 0);
    }

    async fn write(&self, before: Option<&User>, after: Option<&User>) {
        let write = UserWrite { before, after, memberships: Some(&[]), ..UserWrite::default() };
        assert_eq!(self.app.directory.store().user_write(&write).await.expect("a write"), WriteOutcome::Done);
    }
}

/// How many changes and packets there are.
fn unpacked(app: &TestApp) -> usize {
    let is_one = |key: &String| key.starts_with("PACKET#") || key.starts_with("RECENT CHANGE#");
    app.items().iter().map(key).filter(is_one).count()
}

fn first_name(part: &str) -> UserFilter {
    UserFilter { first_name: Some(part.to_owned()), ..UserFilter::default() }
}

fn named(user: &User, first: &str) -> User {
    User { first_name: first.to_owned(), ..user.clone() }
}

fn next(user: User) -> User {
    User { version: user.version + 1, ..user }
}

#[tokio::test]
async fn parts_of_any_length_are_found_in_any_letter_case() {
    let searcher = Searcher::new().await;
    let names = ["Jonathan", "jon", "Åsa Élodie", "JO", "Ann", "o", "", "東京", "a.*b", "ΟΔΟΣ"];
    for (index, name) in names.iter().enumerate() {
        let user = plain_user(&searcher.app, &format!("u{index}")).await;
        insert(&searcher.app, &named(&user, name)).await;
    }
    for (part, expected) in [
        ("jon", vec!["u0", "u1"]),
        ("JO", vec!["u0", "u1", "u3"]),
        ("o", vec!["u0", "u1", "u2", "u3", "u5"]),
        ("n", vec!["u0", "u1", "u4"]),
        ("an", vec!["u0", "u4"]),
        ("nn", vec!["u4"]),
        ("nathan", vec!["u0"]),
        ("ÅSA É", vec!["u2"]),
        ("京", vec!["u7"]),
        (".*", vec!["u8"]),
        ("*", vec!["u8"]),
        ("οδος", vec!["u9"]),
        ("z", vec![]),
        ("jz", vec![]),
        ("jonz", vec![]),
        ("\u{0}", vec![]),
    ] {
        assert_eq!(searcher.names(&first_name(part)).await, expected, "{part:?}");
    }
    Table::read(&searcher.app.engine).assert_sound();
}

#[tokio::test]
async fn a_change_is_found_by_its_new_value_at_once_and_not_by_the_old_one() {
    let searcher = Searcher::new().await;
    let made = named(&plain_user(&searcher.app, "changed").await, "before");
    searcher.write(None, Some(&made)).await;
    let renamed = named(&made, "after");
    searcher.write(Some(&made), Some(&renamed)).await;
    assert_eq!(searcher.names(&first_name("before")).await, Vec::<String>::new());
    assert_eq!(searcher.names(&first_name("after")).await, ["changed"]);
    let renamed = next(renamed);
    let off = User { flags: Flags::default(), ..renamed.clone() };
    searcher.write(Some(&renamed), Some(&off)).await;
    let with = |is_active| UserFilter { is_active: Some(is_active), ..first_name("after") };
    assert_eq!(searcher.names(&with(true)).await, Vec::<String>::new());
    assert_eq!(searcher.names(&with(false)).await, ["changed"]);
    let only = UserFilter { is_active: Some(false), ..UserFilter::default() };
    assert_eq!(searcher.names(&only).await, ["changed"]);
    let before_removal = next(off);
    searcher.write(Some(&before_removal), None).await;
    assert_eq!(searcher.names(&only).await, Vec::<String>::new());
    searcher.pack().await;
    assert_eq!(searcher.names(&first_name("after")).await, Vec::<String>::new());
    assert_eq!(searcher.names(&only).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn entries_that_another_change_wants_again_survive_the_tidying_of_an_earlier_one() {
    let searcher = Searcher::new().await;
    let user = plain_user(&searcher.app, "torn").await;
    insert(&searcher.app, &user).await;
    let torn = user.id;
    let flips = ["this", "that", "this one", "other"].map(|name| {
        let store = searcher.app.directory.store().clone();
        tokio::spawn(async move {
            for round in 0..12 {
                let before = store.user(torn).await.expect("the store").expect("the user");
                let first = if round % 2 == 0 { name } else { "this" };
                let after = named(&before, first);
                let write = UserWrite {
                    before: Some(&before),
                    after: Some(&after),
                    memberships: Some(&[]),
                    ..UserWrite::default()
                };
                // A change that lost the race has written entries and removes none.
                let written = store.user_write(&write).await.expect("an answer");
                assert!(matches!(written, WriteOutcome::Done | WriteOutcome::Stale));
            }
        })
    });
    for flip in flips {
        flip.await.expect("all changes");
    }
    Table::read(&searcher.app.engine).assert_sound();
    let now = searcher.app.directory.store().user(torn).await.expect("the store").expect("the user");
    assert_eq!(searcher.names(&first_name(&now.first_name)).await, ["torn"]);
}

#[tokio::test]
async fn a_refused_creation_leaves_no_entries() {
    let searcher = Searcher::new().await;
    let user = plain_user(&searcher.app, "taken").await;
    insert(&searcher.app, &user).await;
    let before = searcher.app.items().len();
    let other = named(&plain_user(&searcher.app, "taken").await, "Unheard");
    let write = UserWrite { after: Some(&other), ..UserWrite::default() };
    let written = searcher.app.directory.store().user_write(&write).await.expect("an answer");
    assert!(matches!(written, WriteOutcome::Taken(_)));
    // A block of numbers may have been reserved meanwhile; nothing else.
    assert!(searcher.app.items().len() <= before + 1);
    assert_eq!(searcher.names(&first_name("Unheard")).await, Vec::<String>::new());
}

#[tokio::test]
async fn entries_left_by_a_crash_give_no_row_and_a_missing_one_comes_back() {
    let searcher = Searcher::new().await;
    let mut users = Vec::new();
    for index in 0..6 {
        let user = named(&plain_user(&searcher.app, &format!("damaged{index}")).await, "Quintessa");
        insert(&searcher.app, &user).await;
        users.push(user);
    }
    searcher.pack().await;
    // As if users had gone and the tidying had not happened.
    import(&searcher.app, &named(&plain_user(&searcher.app, "ghost").await, "Quintessa Ghost"));
    let gone = named(&plain_user(&searcher.app, "gone").await, "Quintessa");
    import(&searcher.app, &gone);
    assert_eq!(searcher.names(&first_name("ghost")).await, Vec::<String>::new());
    assert_eq!(searcher.names(&first_name("quin")).await.len(), 6);
    let page = searcher.page(&first_name("quin"), PageRange::Last(4)).await;
    assert_eq!(page.items.len(), 2, "what is wrong is not counted where it is met");
    // Lost entries.
    for item in search_items([&users[0]].into_iter()).expect("an index") {
        remove(&searcher.app, &item);
    }
    assert!(searcher.names(&first_name("quin")).await.len() < 6);
    let mut steps = 0;
    searcher
        .app
        .directory
        .reindex(shared::directory::SystemCaller::Operator, |users| steps += users)
        .await
        .expect("an index");
    assert_eq!(steps, 7, "every user, and the superuser, once");
    assert_eq!(searcher.names(&first_name("quin")).await.len(), 6);
    Table::read(&searcher.app.engine).assert_sound();
}

#[tokio::test]
async fn rebuilding_removes_what_earlier_releases_wrote_for_inactive_users() {
    let searcher = Searcher::new().await;
    let user = named(&plain_user(&searcher.app, "slept").await, "Quintessa");
    searcher.write(None, Some(&user)).await;
    searcher.pack().await;
    let mut earlier = search_items_of_earlier_releases(&user);
    assert!(earlier.len() > 50, "{}", earlier.len());
    let count = searcher.app.items().len();
    // They wrote both lists outside the transaction.
    let sort = format!("{}#00000000", Store::position_of(&user.row(&[])));
    let listed = |list: &str| -> Item {
        [("pk", list), ("sk", &sort)].map(|(name, part)| (name.to_owned(), AttributeValue::S(part.to_owned()))).into()
    };
    earlier.extend(["ACTIVE#true", "ACTIVE#false"].map(listed));
    searcher.app.engine.put(earlier.into_iter().map(crate::support::item_of).collect());
    assert_eq!(searcher.names(&first_name("quin")).await, ["slept"], "once");
    assert!(searcher.app.items().len() > count + 50);
    searcher.app.directory.reindex(shared::directory::SystemCaller::Operator, |_| {}).await.expect("an index");
    assert_eq!(searcher.app.items().len(), count);
    let active = UserFilter { is_active: Some(true), ..first_name("quin") };
    assert_eq!(searcher.names(&active).await, ["slept"]);
    let off = User { flags: Flags::default(), ..user.clone() };
    searcher.write(Some(&user), Some(&off)).await;
    // As if an earlier release had not written it.
    searcher.app.engine.delete(listed("ACTIVE#false"));
    assert_eq!(searcher.names(&active).await, Vec::<String>::new(), "the row decides");
    searcher.app.directory.reindex(shared::directory::SystemCaller::Operator, |_| {}).await.expect("an index");
    Table::read(&searcher.app.engine).assert_sound();
}

#[tokio::test]
async fn rebuilding_goes_on_where_it_was_stopped() {
    let searcher = Searcher::new().await;
    for index in 0..520 {
        insert(&searcher.app, &plain_user(&searcher.app, &format!("many{index}")).await).await;
    }
    let store = searcher.app.directory.store();
    assert_eq!(store.reindex_some().await.expect("a step"), Some(500));
    // Another process, after a crash of the first.
    let other = searcher.app.another(Options::default());
    let mut rest = Vec::new();
    other
        .directory
        .reindex(shared::directory::SystemCaller::Operator, |users| rest.push(users))
        .await
        .expect("the rest");
    assert_eq!(rest, [21]);
    let mut again = 0;
    other.directory.reindex(shared::directory::SystemCaller::Operator, |users| again += users).await.expect("an index");
    assert_eq!(again, 521, "when it is done, it begins anew");
}

#[tokio::test]
async fn pages_of_a_filter_are_disjoint_complete_and_in_order() {
    let searcher = Searcher::new().await;
    for index in 0..57 {
        let user = plain_user(&searcher.app, &format!("paged{index:02}")).await;
        let first = if index % 3 == 0 { "Kimberly" } else { "Kim" };
        let flags = Flags { is_active: index % 4 != 0, ..user.flags };
        insert(&searcher.app, &User { flags, ..named(&user, first) }).await;
    }
    for (filter, expected) in [
        (first_name("kim"), 57_usize),
        (first_name("berl"), 19),
        (UserFilter { is_active: Some(false), ..first_name("be") }, 5),
        (UserFilter { is_active: Some(true), email: Some("mail.example".to_owned()), ..first_name("k") }, 42),
    ] {
        for size in [1_usize, 7, 19, 100] {
            let mut seen = Vec::new();
            loop {
                let skip = u64::try_from(seen.len()).expect("small");
                let page = searcher.page(&filter, PageRange::From { skip, limit: size }).await;
                assert_eq!(page.total, Total::Exact(u64::try_from(expected).expect("small")));
                seen.extend(page.items.iter().map(|row| row.username.to_string()));
                if seen.len() >= expected {
                    break;
                }
                assert_eq!(page.items.len(), size);
            }
            assert_eq!(seen.len(), expected);
            assert!(seen.is_sorted(), "oldest first");
            assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), expected);
            let last = searcher.page(&filter, PageRange::Last(size)).await;
            assert!(!last.items.is_empty());
            assert_eq!(last.total, Total::Exact(last.skipped + u64::try_from(last.items.len()).expect("small")));
            assert_eq!(last.items.last().map(|row| row.username.to_string()), seen.last().cloned());
        }
    }
}

/// What a random history does.
#[derive(Debug, Clone)]
enum Step {
    Create { first: String, last: String, mail: Option<u8> },
    Rename { whom: usize, first: String },
    Switch { whom: usize },
    Move { whom: usize, seconds: i64 },
    Remove { whom: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = || "[abÅß ]{0,5}";
    let step = prop_oneof![
        4 => (name(), name(), any::<Option<u8>>()).prop_map(|(first, last, mail)| Step::Create { first, last, mail }),
        2 => (any::<usize>(), name()).prop_map(|(whom, first)| Step::Rename { whom, first }),
        1 => any::<usize>().prop_map(|whom| Step::Switch { whom }),
        1 => (any::<usize>(), -400_i64 * 24 * 3600..0).prop_map(|(whom, seconds)| Step::Move { whom, seconds }),
        1 => any::<usize>().prop_map(|whom| Step::Remove { whom }),
    ];
    prop::collection::vec(step, 1..25)
}

fn filters() -> impl Strategy<Value = Vec<UserFilter>> {
    let part = || prop::option::of("[abåß ]{0,4}");
    let filter = (part(), part(), prop::option::of("(u|ail|[ab0-9]|mail.e)"), any::<Option<bool>>()).prop_map(
        |(first_name, last_name, email, is_active)| UserFilter {
            first_name,
            last_name,
            email,
            is_active,
            ..UserFilter::default()
        },
    );
    prop::collection::vec(filter, 1..12)
}

#[test]
fn any_history_is_found_as_a_look_at_every_user_finds_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let result = runner.run(&(steps(), filters()), |(steps, filters)| {
        runtime.block_on(compare(steps, &filters));
        Ok(())
    });
    result.expect("what the index finds is what is there");
}

async fn compare(steps: Vec<Step>, filters: &[UserFilter]) {
    let searcher = Searcher::new().await;
    let mut users: Vec<User> = Vec::new();
    for (index, step) in steps.into_iter().enumerate() {
        let mut change = async |whom: usize, change: &dyn Fn(&mut User)| {
            let Some(before) = whom.checked_rem(users.len()).map(|at| users[at].clone()) else { return };
            let mut after = before.clone();
            change(&mut after);
            searcher.write(Some(&before), Some(&after)).await;
            after.version += 1;
            users.retain(|user| user.id != before.id);
            users.push(after);
        };
        match step {
            Step::Create { first, last, mail } => {
                let mut user = plain_user(&searcher.app, &format!("u{index}")).await;
                user.first_name = first;
                user.last_name = last;
                user.email = mail.and_then(|mail| EmailAddress::parse(&format!("{mail}.{index}@mail.example")));
                searcher.write(None, Some(&user)).await;
                users.push(user);
            }
            Step::Rename { whom, first } => change(whom, &|user| user.first_name.clone_from(&first)).await,
            Step::Switch { whom } => change(whom, &|user| user.flags.is_active = !user.flags.is_active).await,
            Step::Move { whom, seconds } => {
                change(whom, &|user| user.date_joined = user.date_joined.plus_seconds(seconds)).await;
            }
            Step::Remove { whom } => {
                let Some(at) = whom.checked_rem(users.len()) else { continue };
                let user = users.remove(at);
                searcher.write(Some(&user), None).await;
            }
        }
    }
    Table::read(&searcher.app.engine).assert_sound();
    let all = searcher.page(&UserFilter::default(), PageRange::From { skip: 0, limit: 1000 }).await.items;
    assert_eq!(all.len(), users.len() + 1);
    for filter in filters {
        let expected: Vec<UserId> = all.iter().filter(|row| is_wanted(filter, row)).map(|row| row.id).collect();
        let found = searcher.page(filter, PageRange::From { skip: 0, limit: 1000 }).await;
        let found: Vec<UserId> = found.items.iter().map(|row| row.id).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

/// Said again, without what the directory uses.
fn is_wanted(filter: &UserFilter, row: &UserRow) -> bool {
    let contains = |part: &Option<String>, value: &str| {
        part.as_ref().is_none_or(|part| value.to_lowercase().contains(&part.to_lowercase()))
    };
    contains(&filter.username, row.username.as_str())
        && contains(&filter.first_name, &row.first_name)
        && contains(&filter.last_name, &row.last_name)
        && contains(&filter.email, row.email.as_ref().map_or("", |email| email.as_str()))
        && filter.is_active.is_none_or(|wanted| wanted == row.flags.is_active)
}

/// Puts a user's entries into the index behind the store's back.
fn import(app: &TestApp, user: &User) {
    let items = search_items([user].into_iter()).expect("an index");
    app.engine.put(items.into_iter().map(crate::support::item_of).collect());
}

/// Takes an item out behind the store's back.
fn remove(app: &TestApp, item: &Item) {
    app.engine.delete(["pk", "sk"].map(|name| (name.to_owned(), item[name].clone())).into());
}

#[tokio::test]
async fn a_user_name_is_searched_too() {
    let searcher = Searcher::new().await;
    let filter = UserFilter { username: Some("DMI".to_owned()), ..UserFilter::default() };
    assert_eq!(searcher.names(&filter).await, ["admin"]);
    let user = plain_user(&searcher.app, "admiral").await;
    let user = User { username: Username::parse("Admiral").expect("a name"), ..user };
    insert(&searcher.app, &user).await;
    assert_eq!(searcher.names(&filter).await, ["admin", "Admiral"]);
}
