//! The index against a look at every user: random histories of writers, packers and searchers, of whom some stop anywhere.
//!
//! `ROLLCALL_HISTORIES` says how many.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use shared::model::{EdgeId, EmailAddress, Sequence, User, UserId, UserNumber, Username, fold};
use shared::store::{RetryPolicy, Search, SearchField, Store, UserWrite, WriteOutcome};
use uuid::Uuid;

use crate::support::index::ranks;
use crate::support::{FakeEnvironment, Options, Table, TestApp, plain_user};

/// How many users come and go.
const USERS: u64 = 24;
/// How long a merge keeps others from beginning, and a little more, in seconds.
const MERGE_ENDS: i64 = 21 * 60;

/// A task, and whether it may stop anywhere.
type Task<'a> = (Pin<Box<dyn Future<Output = ()> + 'a>>, bool);

struct Random(Arc<FakeEnvironment>);

impl Random {
    fn below(&self, most: u64) -> u64 {
        self.0.draw() % most
    }

    fn one_of<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.below(of.len() as u64)).expect("small")]
    }

    /// A few letters; sometimes many, so that few fit into a block.
    fn name(&self) -> String {
        let letters = (0..self.below(5)).map(|_| *self.one_of(&['a', 'b', 'Å', ' ']));
        let name: String = letters.collect();
        if self.below(3) == 0 { name + &"ab".repeat(usize::try_from(self.below(70)).expect("small")) } else { name }
    }

    fn part(&self) -> String {
        let part: String = (0..=self.below(4)).map(|_| *self.one_of(&['a', 'b', 'å', ' '])).collect();
        if self.below(5) == 0 { format!("{part}ail") } else { part }
    }

    fn search(&self) -> Search {
        let fields = || match self.below(4) {
            0 => SearchField::ALL.to_vec(),
            _ => vec![*self.one_of(&SearchField::ALL)],
        };
        Search { parts: (0..=self.below(2)).map(|_| (fields(), self.part())).collect(), ..Search::default() }
    }
}

/// Polls tasks in random order, one step at a time. Some may stop for ever before any step. What they have begun ends a little
/// later, beside what others do then.
async fn run(mut tasks: Vec<Task<'_>>, random: &Random) {
    while !tasks.is_empty() {
        let chosen = usize::try_from(random.below(tasks.len() as u64)).expect("small");
        if tasks[chosen].1 && random.below(12_000) == 0 {
            // A crash.
            drop(tasks.swap_remove(chosen));
            continue;
        }
        let is_over = poll_fn(|context| Poll::Ready(tasks[chosen].0.as_mut().poll(context).is_ready())).await;
        if is_over {
            drop(tasks.swap_remove(chosen));
        } else if random.below(4) == 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// Changes one user in some way: creates, renames, moves or removes.
async fn write(store: Store, pattern: User, random: &Random, ids: &Mutex<Vec<UserId>>) {
    let number = random.below(USERS);
    // Who is created anew is somebody else.
    let id = ids.lock().expect("ids")[usize::try_from(number).expect("small")];
    let before = store.user(id).await.expect("the store");
    let id = if before.is_some() { id } else { UserId(Uuid::from_u128(u128::from(random.below(u64::MAX)))) };
    let mut after = before.clone().unwrap_or_else(|| User {
        id,
        number: UserNumber(1000 + number),
        edge_id: EdgeId::parse(&format!("{number:024x}")).expect("an id"),
        username: Username::parse(&format!("ba{number}")).expect("a name"),
        email: EmailAddress::parse(&format!("ba{number}@mail.example")),
        version: 1,
        date_joined: pattern.date_joined.plus_seconds(i64::try_from(number).expect("small") * 60),
        ..pattern.clone()
    });
    after.first_name = random.name();
    match random.below(4) {
        0 => after.last_name = random.name(),
        1 => {
            let moved = i64::try_from(random.below(1000)).expect("small");
            after.date_joined = pattern.date_joined.plus_seconds(moved * 60);
        }
        2 => after.email = EmailAddress::parse(&format!("a{}b{number}@mail.example", random.below(5))),
        _ => {}
    }
    let is_removed = before.is_some() && random.below(4) == 0;
    let after = (!is_removed).then_some(after);
    let write =
        UserWrite { before: before.as_ref(), after: after.as_ref(), memberships: Some(&[]), ..UserWrite::default() };
    if store.user_write(&write).await.expect("an answer") == WriteOutcome::Done && !is_removed {
        ids.lock().expect("ids")[usize::try_from(number).expect("small")] = id;
    }
}

/// Packs, unless somebody else is at it.
async fn pack(store: Store) {
    store.search_pack(true).await.expect("lists");
}

fn histories() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "how long it may take is a matter of the environment")]
    std::env::var("ROLLCALL_HISTORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

/// All users, oldest first.
async fn everybody(store: &Store, admin: &User, ids: &Mutex<Vec<UserId>>) -> Vec<User> {
    let mut users = vec![admin.clone()];
    let ids = ids.lock().expect("ids").clone();
    for id in ids {
        users.extend(store.user(id).await.expect("the store"));
    }
    users.sort_by_key(|user| (user.date_joined, user.id.0));
    users
}

fn is_found(search: &Search, user: &User) -> bool {
    let value = |field: &SearchField| match field {
        SearchField::Username => user.username.to_string(),
        SearchField::FirstName => user.first_name.clone(),
        SearchField::LastName => user.last_name.clone(),
        SearchField::Email => user.email.as_ref().map(ToString::to_string).unwrap_or_default(),
    };
    let has = |(fields, part): &(Vec<SearchField>, String)| {
        fields.iter().any(|field| fold(&value(field)).contains(&fold(part)))
    };
    search.parts.iter().all(has)
}

async fn found(store: &Store, search: &Search) -> Vec<UserId> {
    store.search(search, usize::MAX).await.expect("users").into_iter().map(|member| member.user).collect()
}

/// Searches, and compares what it finds of users whom nobody changes meanwhile.
async fn search_among(store: Store, users: Vec<User>, search: Search, history: u64) {
    let found = found(&store, &search).await;
    for user in users {
        let is_in = found.contains(&user.id);
        assert_eq!(is_in, is_found(&search, &user), "history {history}: {search:?} and {user:?}");
    }
}

#[tokio::test]
async fn searches_find_what_is_there_in_any_history() {
    compared(1).await;
}

#[tokio::test]
async fn searches_find_what_is_there_in_any_other_history() {
    compared(2).await;
}

/// One of the two halves of the histories, at once on two processors.
async fn compared(half: u64) {
    let app = TestApp::start().await;
    (0..half).for_each(|_| _ = app.environment.draw());
    let pattern = plain_user(&app, "pattern").await;
    app.directory.store().sequence_raise(Sequence::Users, 2000).await.expect("numbers");
    let random = Random(app.environment.clone());
    let hasty = RetryPolicy { pause: std::time::Duration::from_millis(1), ..RetryPolicy::default() };
    let process = || app.another(Options { retry_policy: hasty, ..Options::default() });
    let mut processes = [process(), process()];
    let admin = store_admin(&app).await;
    let ids = Mutex::new((1..=USERS).map(|number| UserId(Uuid::from_u128(number.into()))).collect::<Vec<_>>());
    let mut ranked = 0;
    let mut kinds = BTreeMap::<&str, u64>::new();
    for history in 0..histories() / 2 {
        let store = || random.one_of(&processes).directory.store().clone();
        let users = everybody(&store(), &admin, &ids).await;
        let mut tasks: Vec<Task<'_>> = Vec::new();
        let is_quiet = random.below(2) == 0;
        if is_quiet {
            tasks.push((Box::pin(search_among(store(), users.clone(), random.search(), history)), false));
            // Packers may sleep longer than others wait for them.
            if random.below(4) == 0 {
                tasks.push((Box::pin(async { app.environment.advance(MERGE_ENDS) }), false));
            }
        } else {
            for _ in 0..random.below(4) {
                tasks.push((Box::pin(write(store(), pattern.clone(), &random, &ids)), false));
            }
        }
        for _ in 0..random.below(3) {
            tasks.push((Box::pin(pack(store())), true));
        }
        *kinds.entry(if is_quiet { "quiet" } else { "busy" }).or_default() += 1;
        run(tasks, &random).await;
        let users = everybody(&store(), &admin, &ids).await;
        for process in &processes {
            let search = random.search();
            let expected: Vec<UserId> =
                users.iter().filter(|user| is_found(&search, user)).map(|user| user.id).collect();
            assert_eq!(found(process.directory.store(), &search).await, expected, "history {history}: {search:?}");
        }
        let is_long = random.below(8) == 0;
        app.environment.advance(if is_long { MERGE_ENDS } else { i64::try_from(random.below(20)).expect("small") });
        if random.below(20) == 0 {
            processes[0] = process();
        }
        if history % 20 == 0 {
            let table = Table::read(&app.engine);
            let (complaints, right) = ranks(&table);
            assert!(complaints.is_empty(), "history {history}: {complaints:?}");
            ranked += usize::from(right > 0);
            if history % 500 == 0 {
                table.assert_sound();
            }
        }
    }
    Table::read(&app.engine).assert_sound();
    let state = Table::read(&app.engine).items[&("RECENT".to_owned(), "STATE".to_owned())].clone();
    println!("{} histories: {kinds:?}, {ranked} with ranks, {state:?}", histories() / 2);
    let count = |name: &str| state[name].as_u64().expect("a number");
    let (ended, last) = (count("merges"), count("last_merge"));
    // In few histories no merge may end: calls to an engine in another process take many steps, and a crash may come at any of them.
    if histories() >= 1000 {
        assert!(ended > histories() / 40 && ended < last, "merges have ended, and some have stopped in between");
        assert!(ranked as u64 > histories() / 100, "the rank index was there to be right");
    }
}

async fn store_admin(app: &TestApp) -> User {
    let admin = vec![(vec![SearchField::Username], "admin".to_owned())];
    let search = Search { parts: admin, ..Search::default() };
    let member = app.directory.store().search(&search, 1).await.expect("a search").remove(0);
    app.directory.store().user(member.user).await.expect("the store").expect("admin")
}
