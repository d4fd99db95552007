//! Requests at the same time, undisturbed and in a storm of conflicts and lost answers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shared::store::RetryPolicy;

use super::*;
use crate::support::{Faults, Options, Plan, Table};

struct Arena {
    app: TestApp,
    provider: Provider,
    faults: Faults,
    /// How often a fault has struck.
    struck: AtomicUsize,
}

impl Arena {
    async fn open() -> Self {
        let faults = Faults::default();
        let hand = faults.clone();
        let connection = Box::new(move |connection| hand.wrap(connection));
        let retry_policy = RetryPolicy { pause: Duration::from_millis(2), deadline: Duration::from_mins(1) };
        let app = TestApp::with(Options { retry_policy, connection, ..Options::default() }).await;
        let provider = Provider::of(&app, "admin").await;
        Self { app, provider, faults, struck: AtomicUsize::new(0) }
    }

    /// Sends all at once; the answers come in the same order.
    async fn all(&self, plan: Plan, requests: Vec<(Method, String, Value)>) -> Vec<Answer> {
        self.faults.follow(plan);
        let send = |(method, path, body): (Method, String, Value)| {
            let provider = self.provider.clone();
            tokio::spawn(async move { provider.ask(method, &path, Some(&body)).await })
        };
        let tasks: Vec<_> = requests.into_iter().map(send).collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.expect("no panic"));
        }
        self.struck.fetch_add(self.faults.struck(), Ordering::Relaxed);
        self.faults.follow(Plan::Calm);
        Table::read(&self.app.engine).assert_sound();
        answers
    }
}

fn member_patch(verb: &str, user: &Value) -> Value {
    json!({"schemas": [PATCH_URN], "Operations": [{"op": verb, "path": "members", "value": [{"value": user["id"]}]}]})
}

async fn members_added_at_once_are_all_in(plan: Plan) {
    let arena = Arena::open().await;
    let mut users = Vec::new();
    for number in 0..20 {
        users.push(arena.provider.create(&format!("user{number}"), json!({})).await);
    }
    let group = arena.provider.create_group("Staff", &[]).await;
    let add = users.iter().map(|user| (Method::PATCH, at(&group), member_patch("add", user)));
    for answer in arena.all(plan, add.collect()).await {
        assert_eq!(answer.status.as_u16(), 204, "{answer:?}");
    }
    assert_eq!(members(&arena.provider, &group).await, ids(&users.iter().collect::<Vec<_>>()));
    // Some leave while others stay.
    let leave = users.iter().step_by(2).map(|user| (Method::PATCH, at(&group), member_patch("remove", user)));
    for answer in arena.all(plan, leave.collect()).await {
        assert_eq!(answer.status.as_u16(), 204, "{answer:?}");
    }
    assert_eq!(members(&arena.provider, &group).await, ids(&users.iter().skip(1).step_by(2).collect::<Vec<_>>()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_who_are_added_at_once_are_all_in() {
    members_added_at_once_are_all_in(Plan::Calm).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_who_are_added_at_once_are_all_in_in_a_storm() {
    members_added_at_once_are_all_in(Plan::Storm).await;
}

async fn one_of_many_spellings_gets_the_name(plan: Plan) {
    let arena = Arena::open().await;
    let spellings = ["jane", "Jane", "JANE", "jAne", "jaNe", "janE", "JAne", "jaNE"];
    let body = |name: &str| json!({"schemas": [USER_URN], "userName": name, "externalId": "one"});
    let requests = spellings.map(|name| (Method::POST, USERS.to_owned(), body(name)));
    let answers = arena.all(plan, requests.to_vec()).await;
    let made: Vec<&Answer> = answers.iter().filter(|answer| answer.status.as_u16() == 201).collect();
    assert_eq!(made.len(), 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status.as_u16() != 201) {
        assert_eq!(told(answer), (409, "uniqueness".to_owned()));
    }
    assert_eq!(arena.provider.find(USERS, "userName eq \"jane\"").await, [made[0].json()]);
    assert_eq!(arena.provider.find(USERS, "externalId eq \"one\"").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_spellings_alone_gets_the_name() {
    one_of_many_spellings_gets_the_name(Plan::Calm).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_spellings_alone_gets_the_name_in_a_storm() {
    one_of_many_spellings_gets_the_name(Plan::Storm).await;
}

/// What an identity provider does again and again, in a storm: whatever was answered has happened, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_loses_and_doubles_nobody() {
    let arena = Arena::open().await;
    let body = |number: usize| json!({"schemas": [USER_URN], "userName": format!("User{number}"), "externalId": format!("x{number}")});
    let requests: Vec<_> = (0..24).map(|number| (Method::POST, USERS.to_owned(), body(number))).collect();
    let answers = arena.all(Plan::Storm, requests).await;
    let users: Vec<Value> = answers.iter().map(Answer::json).collect();
    assert!(answers.iter().all(|answer| answer.status.as_u16() == 201), "{answers:?}");
    let group = arena.provider.create_group("Staff", &[]).await;
    let everybody: Vec<Value> = users.iter().map(|user| json!({"value": user["id"]})).collect();
    let full = json!({"displayName": "Staff", "members": everybody});
    let mut mixed = vec![(Method::PUT, at(&group), full)];
    let title = |number: usize| json!({"Operations": [{"op": "add", "value": {"title": format!("Dr {number}")}}]});
    mixed.extend(users.iter().enumerate().map(|(number, user)| (Method::PATCH, at(user), title(number))));
    for answer in arena.all(Plan::Storm, mixed).await {
        assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    }
    assert_eq!(members(&arena.provider, &group).await, ids(&users.iter().collect::<Vec<_>>()));
    assert_eq!(arena.provider.read(USERS).await["totalResults"], 25);
    for (number, user) in users.iter().enumerate() {
        let now = arena.provider.read(&at(user)).await;
        assert_eq!((&now["title"], &now["meta"]["version"]), (&json!(format!("Dr {number}")), &json!("W/\"3\"")));
    }
    assert!(arena.struck.load(Ordering::Relaxed) > 0);
}
