//! The list of users against a plain model of it: whatever is remembered of ranks, no page is ever wrong.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use shared::config::TokenTtl;
use shared::model::ambient::Ambient as _;
use shared::model::{User, UserId};
use shared::store::{UserWrite, WriteOutcome};

use crate::support::{Client, Options, TestApp, USERS, insert, plain_user};

const DAY: i64 = 24 * 60 * 60;

/// The users as they should be listed.
struct Model {
    app: TestApp,
    admin: Client,
    /// All but `admin`, in no order.
    users: Vec<User>,
    first: User,
    made: usize,
}

impl Model {
    async fn start() -> Self {
        let app = TestApp::with(Options { token_ttl: TokenTtl::Never, ..Options::default() }).await;
        let admin = app.admin().await;
        let id = admin.get(USERS).await.json()["results"][0]["id"].as_str().and_then(UserId::parse).expect("an id");
        let first = app.directory.store().user(id).await.expect("the store").expect("admin");
        Self { app, admin, users: Vec::new(), first, made: 0 }
    }

    /// Somebody who joined so many seconds ago.
    async fn join(&mut self, seconds_ago: i64) {
        self.made += 1;
        let user = plain_user(&self.app, &format!("user{}", self.made)).await;
        let user = User { date_joined: user.date_joined.plus_seconds(-seconds_ago), ..user };
        insert(&self.app, &user).await;
        self.users.push(user);
    }

    async fn leave(&mut self, index: usize) {
        if self.users.is_empty() {
            return;
        }
        let user = self.users.swap_remove(index % self.users.len());
        let write = UserWrite { before: Some(&user), ..UserWrite::default() };
        assert_eq!(self.app.directory.store().user_write(&write).await.expect("a write"), WriteOutcome::Done);
    }

    /// Moves somebody to another time of joining.
    async fn moved(&mut self, index: usize, seconds_ago: i64) {
        if self.users.is_empty() {
            return;
        }
        let index = index % self.users.len();
        let before = self.users[index].clone();
        let after = User { date_joined: self.app.environment.now().plus_seconds(-seconds_ago), ..before.clone() };
        let write =
            UserWrite { before: Some(&before), after: Some(&after), memberships: Some(&[]), ..UserWrite::default() };
        assert_eq!(self.app.directory.store().user_write(&write).await.expect("a write"), WriteOutcome::Done);
        self.users[index] = User { version: before.version + 1, ..after };
    }

    /// Reads rows by counts that a creation has made stale, as a request does that meets one.
    async fn meet(&mut self, offset: u64, limit: usize) {
        let store = self.app.directory.store().clone();
        let counts = store.user_counts().await.expect("counts");
        self.join(0).await;
        let rows = store.user_rows(&counts, offset.min(counts.total()), limit).await.expect("rows");
        assert!(rows.len() <= limit);
    }

    fn names(&self) -> Vec<String> {
        let mut users: Vec<&User> = self.users.iter().chain([&self.first]).collect();
        users.sort_by_key(|user| std::cmp::Reverse((user.date_joined, user.id)));
        users.into_iter().map(|user| user.username.to_string()).collect()
    }

    async fn page(&self, url: &str) -> (Vec<String>, Value) {
        let answer = self.admin.get(url).await;
        assert!(answer.status.is_success(), "{url}: {answer:?}");
        let body = answer.json();
        assert_eq!(body["count"], self.users.len() + 1);
        let rows = body["results"].as_array().expect("rows").iter();
        (rows.map(|row| row["username"].as_str().expect("a name").to_owned()).collect(), body["next"].clone())
    }

    /// Follows `next` from the first page to the last.
    async fn walk(&self, size: usize) {
        let mut url = format!("{USERS}?page_size={size}");
        let mut met = Vec::new();
        loop {
            let (names, next) = self.page(&url).await;
            met.extend(names);
            let Some(next) = next.as_str() else { break };
            next.strip_prefix("http://rollcall.example").expect("our host").clone_into(&mut url);
        }
        assert_eq!(met, self.names(), "walking by {size}");
    }

    /// Asks for one page.
    async fn ask(&self, number: usize, size: usize) {
        let expected = self.names();
        let number = number % expected.len().div_ceil(size);
        let from = number * size;
        let expected = &expected[from..expected.len().min(from + size)];
        let (names, _) = self.page(&format!("{USERS}?page={}&page_size={size}", number + 1)).await;
        assert_eq!(names, expected, "page {} by {size}", number + 1);
    }
}

#[tokio::test]
async fn walking_meets_everyone_once_in_order_also_after_arrivals_and_departures() {
    let mut model = Model::start().await;
    for index in 0..24 {
        model.join(index * 97 * DAY).await;
    }
    model.app.environment.advance(60);
    for size in 1..=7 {
        model.walk(size).await;
    }
    for (index, size) in (1..=7).enumerate() {
        model.leave(index * 5).await;
        model.walk(size).await;
        model.join(0).await;
        model.walk(8 - size).await;
        model.join(i64::try_from(index).expect("small") * 200 * DAY).await;
        model.walk(size).await;
        model.moved(index * 3, 400 * DAY).await;
        model.app.environment.advance(60);
        model.walk(size).await;
    }
}

#[tokio::test]
async fn a_walk_under_way_goes_on_where_it_was_when_somebody_joins() {
    let mut model = Model::start().await;
    for index in 0..9 {
        model.join(index * DAY).await;
    }
    model.app.environment.advance(60);
    let before = model.names();
    model.page(&format!("{USERS}?page_size=3")).await;
    for (number, from) in [(2, 2), (3, 4)] {
        model.join(0).await;
        // Each arrival moves everyone by one place, as page numbers say.
        let (names, _) = model.page(&format!("{USERS}?page_size=3&page={number}")).await;
        assert_eq!(names, before[from..from + 3]);
    }
}

#[tokio::test]
async fn a_creation_between_counting_and_reading_leaves_no_wrong_rank_behind() {
    let mut model = Model::start().await;
    for index in 1..20 {
        model.join(index * DAY).await;
    }
    model.app.environment.advance(60);
    for (offset, limit) in [(0, 5), (5, 5), (7, 3), (18, 5)] {
        model.meet(offset, limit).await;
        // From the oldest on, so that no right rank is learnt before a wrong one would be used.
        for number in (0..model.names().len()).rev() {
            model.ask(number, 1).await;
        }
        model.walk(5).await;
        model.app.environment.advance(60);
        model.walk(4).await;
    }
}

#[derive(Debug, Clone)]
enum Step {
    Join(i64),
    Leave(usize),
    Move(usize, i64),
    Meet(u64, usize),
    Wait(i64),
    Ask(usize, usize),
    Walk(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let ago = || prop_oneof![Just(0), 0..40i64, 0..400 * DAY, 0..2000 * DAY];
    prop_oneof![
        4 => ago().prop_map(Step::Join),
        2 => any::<usize>().prop_map(Step::Leave),
        1 => (any::<usize>(), ago()).prop_map(|(index, ago)| Step::Move(index, ago)),
        2 => (0..20u64, 1..7usize).prop_map(|(offset, limit)| Step::Meet(offset, limit)),
        2 => prop_oneof![0..40i64, Just(60), 0..100 * DAY].prop_map(Step::Wait),
        6 => (any::<usize>(), 1..8usize).prop_map(|(number, size)| Step::Ask(number, size)),
        2 => (1..8usize).prop_map(Step::Walk),
    ]
}

#[test]
fn no_history_makes_a_page_wrong() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut runner = TestRunner::new(Config { cases: 5, failure_persistence: None, ..Config::default() });
    let steps = prop::collection::vec(step(), 10..40);
    let outcome = runner.run(&steps, |steps| {
        runtime.block_on(async {
            let mut model = Model::start().await;
            for step in steps {
                match step {
                    Step::Join(ago) => model.join(ago).await,
                    Step::Leave(index) => model.leave(index).await,
                    Step::Move(index, ago) => model.moved(index, ago).await,
                    Step::Meet(offset, limit) => model.meet(offset, limit).await,
                    Step::Wait(seconds) => model.app.environment.advance(seconds),
                    Step::Ask(number, size) => model.ask(number, size).await,
                    Step::Walk(size) => model.walk(size).await,
                }
            }
            model.walk(3).await;
        });
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
