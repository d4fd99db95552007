//! Calls at the same time, undisturbed and in a storm of conflicts, lost answers and unfinished transactions.

use std::future::Future;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use shared::store::RetryPolicy;

use crate::support::{Answer, Client, Faults, Options, PASSWORD, Plan, TOKEN, Table, TestApp, USERS};

/// A directory whose store may be in a storm.
struct Arena {
    app: TestApp,
    admin: Client,
    faults: Faults,
    stormy: bool,
}

impl Arena {
    async fn open(stormy: bool) -> Self {
        let faults = Faults::default();
        let hand = faults.clone();
        let connection = Box::new(move |connection| hand.wrap(connection));
        let retry_policy = RetryPolicy { pause: Duration::from_millis(2), deadline: Duration::from_mins(1) };
        let app = TestApp::with(Options { retry_policy, connection, ..Options::default() }).await;
        let admin = app.admin().await;
        Self { app, admin, faults, stormy }
    }

    /// Makes all calls at once and gives their answers in order.
    async fn all<F: Future<Output = Answer> + Send + 'static>(&self, calls: impl Iterator<Item = F>) -> Vec<Answer> {
        self.faults.follow(if self.stormy { Plan::Storm } else { Plan::Calm });
        let tasks: Vec<_> = calls.map(tokio::spawn).collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.expect("no panic"));
        }
        assert!(self.stormy || self.faults.struck() == 0);
        self.faults.follow(Plan::Calm);
        answers
    }

    fn table(&self) -> Table {
        let table = Table::read(&self.app.engine);
        table.assert_sound();
        table
    }

    fn post(&self, path: &str, body: Value) -> impl Future<Output = Answer> + Send + 'static {
        let (client, path) = (self.admin.clone(), path.to_owned());
        async move { client.post(&path, &body).await }
    }

    fn patch(&self, path: &str, body: Value) -> impl Future<Output = Answer> + Send + 'static {
        let (client, path) = (self.admin.clone(), path.to_owned());
        async move { client.patch(&path, &body).await }
    }

    async fn user(&self, name: &str, fields: &Value) -> String {
        let user = self.admin.create_user(name, fields).await;
        user["id"].as_str().expect("an id").to_owned()
    }
}

fn count(answers: &[Answer], status: StatusCode) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

async fn one_of_many_gets_the_name(stormy: bool, many: usize) {
    let arena = Arena::open(stormy).await;
    let body =
        |number| json!({"username": "jane", "email": format!("jane{number}@mail.example"), "password": PASSWORD});
    let answers = arena.all((0..many).map(|number| arena.post(USERS, body(number)))).await;
    assert_eq!(count(&answers, StatusCode::CREATED), 1);
    let taken = json!({"username": ["A user with that username already exists."]});
    for answer in answers.iter().filter(|answer| answer.status != StatusCode::CREATED) {
        assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, taken.clone()));
    }
    let table = arena.table();
    assert_eq!(table.users().count(), 2);
    assert_eq!(table.partition("OUTBOX").count(), 1);
    let winner = answers.iter().find(|answer| answer.status == StatusCode::CREATED).expect("a winner").json();
    assert_eq!(table.user_named("jane").expect("jane")["id"], winner["id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_200_gets_the_name() {
    one_of_many_gets_the_name(false, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_gets_the_name_in_a_storm() {
    one_of_many_gets_the_name(true, 60).await;
}

async fn one_gets_the_address_in_whatever_case(stormy: bool) {
    let arena = Arena::open(stormy).await;
    let spellings = ["jane@mail.example", "Jane@Mail.Example", "JANE@MAIL.EXAMPLE", "jANE@mail.example"];
    let body = |number: usize| {
        json!({
            "username": format!("jane{number}"), "email": spellings[number % spellings.len()],
            "password": PASSWORD, "email_verified": number.is_multiple_of(2),
        })
    };
    let answers = arena.all((0..40).map(|number| arena.post(USERS, body(number)))).await;
    assert_eq!(count(&answers, StatusCode::CREATED), 1);
    let winner = answers.iter().position(|answer| answer.status == StatusCode::CREATED).expect("a winner");
    for (number, answer) in answers.iter().enumerate().filter(|(number, _)| *number != winner) {
        let same = spellings[number % spellings.len()] == spellings[winner % spellings.len()];
        let told = answer.json();
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{told}");
        let sentence = if same {
            "user with this email address already exists."
        } else {
            "User with this Email address already exists."
        };
        assert_eq!(told, json!({"email": [sentence]}), "{number} against {winner}");
    }
    assert_eq!(arena.table().users().count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_gets_the_address() {
    one_gets_the_address_in_whatever_case(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_gets_the_address_in_a_storm() {
    one_gets_the_address_in_whatever_case(true).await;
}

/// What the changes number 0 to 49 set: 16 fields, most of them several times, never to the same value.
fn change(app: &TestApp, number: usize) -> (&'static str, Value) {
    let round = number / 16;
    let text = |what: &str| json!(format!("{what}{number}"));
    match number % 16 {
        0 => ("username", text("jane")),
        1 => ("email", json!(format!("jane{number}@mail.example"))),
        2 => ("first_name", text("Jane ")),
        3 => ("last_name", text("Doe ")),
        4 => ("bio", text("born ")),
        5 => ("url", json!(format!("https://example.org/{number}"))),
        6 => ("company", text("ACME ")),
        7 => ("location", text("room ")),
        8 => ("notes", text("note ")),
        9 => ("phone_number", json!(format!("+4915112345{number:03}"))),
        10 => ("birth_date", json!(format!("19{}-01-01", 50 + number))),
        11 => ("expiration_date", json!(app.day(i64::try_from(number).expect("a number")))),
        12 => ("is_staff", json!(round.is_multiple_of(2))),
        13 => ("is_superuser", json!(round.is_multiple_of(2))),
        14 => ("groups", [json!([1]), json!([2]), json!([1, 2])][round % 3].clone()),
        _ => ("user_permissions", json!([round + 1])),
    }
}

async fn no_change_is_lost(stormy: bool) {
    let arena = Arena::open(stormy).await;
    let id = arena.user("jane", &json!({})).await;
    let path = format!("{USERS}{id}/");
    let patches = (0..50).map(|number| {
        let (field, value) = change(&arena.app, number);
        arena.patch(&path, json!({ field: value }))
    });
    let answers = arena.all(patches).await;
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer.status, StatusCode::OK, "{:?}: {answer:?}", change(&arena.app, number));
    }
    // Each answer shows the sender's own change.
    for (number, answer) in answers.iter().enumerate() {
        let (field, value) = change(&arena.app, number);
        assert_eq!(answer.json()[field], value, "{field}");
    }
    arena.table();
    let user = arena.admin.get(&path).await.json();
    for field in (0..16).map(|number| change(&arena.app, number).0) {
        let sent: Vec<Value> = (0..50)
            .map(|number| change(&arena.app, number))
            .filter(|(name, _)| *name == field)
            .map(|(_, v)| v)
            .collect();
        assert!(sent.contains(&user[field]), "{field} is {} and not of {sent:?}", user[field]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_change_of_50_is_lost() {
    no_change_is_lost(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_change_of_50_is_lost_in_a_storm() {
    no_change_is_lost(true).await;
}

/// Two superusers, the only ones, take each other's rights at once, in three ways.
async fn a_superuser_always_remains(stormy: bool) {
    for way in [json!({"is_superuser": false}), json!({"is_active": false}), Value::Null] {
        let arena = Arena::open(stormy).await;
        let other = arena.user("other", &json!({"is_superuser": true})).await;
        let admin = arena.table().user_named("admin").expect("admin")["id"].as_str().expect("an id").to_owned();
        let calls = [(arena.admin.clone(), other), (arena.app.signed_in("other").await, admin)];
        let answers = arena
            .all(calls.into_iter().map(|(client, victim)| {
                let (path, way) = (format!("{USERS}{victim}/"), way.clone());
                async move { if way.is_null() { client.delete(&path).await } else { client.patch(&path, &way).await } }
            }))
            .await;
        assert_eq!(answers.iter().filter(|answer| answer.status.is_success()).count(), 1, "{answers:?}");
        let refused = answers.iter().find(|answer| !answer.status.is_success()).expect("a refusal");
        // Refused by the rule, or because the caller has lost its rights by then.
        let lost = [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND];
        assert!(lost.contains(&refused.status), "{refused:?}");
        let table = arena.table();
        let left = table.users().filter(|user| user.contains_key("is_superuser") && user.contains_key("is_active"));
        assert_eq!(left.count(), 1, "{way}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_superusers_remains() {
    a_superuser_always_remains(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_three_superusers_remains_when_all_take_the_rights_of_the_next_in_a_storm() {
    let arena = Arena::open(true).await;
    let mut calls = Vec::new();
    let names = ["second", "third"];
    for name in names {
        arena.user(name, &json!({"is_superuser": true})).await;
    }
    let table = arena.table();
    let id = |name| table.user_named(name).expect("a user")["id"].as_str().expect("an id").to_owned();
    for (who, whom) in [("admin", "second"), ("second", "third"), ("third", "admin")] {
        calls.push((arena.app.signed_in(who).await, format!("{USERS}{}/", id(whom))));
    }
    let demote = json!({"is_superuser": false});
    let answers = arena
        .all(calls.into_iter().map(|(client, path)| {
            let demote = demote.clone();
            async move { client.patch(&path, &demote).await }
        }))
        .await;
    let done = count(&answers, StatusCode::OK);
    let left = arena.table().users().filter(|user| user.contains_key("is_superuser")).count();
    assert_eq!((done + left, left.cmp(&0)), (3, std::cmp::Ordering::Greater), "{answers:?}");
}

async fn a_removal_is_told_once(stormy: bool) {
    let arena = Arena::open(stormy).await;
    let id = arena.user("jane", &json!({"groups": [1]})).await;
    let path = format!("{USERS}{id}/");
    let answers = arena
        .all((0..30).map(|_| {
            let (client, path) = (arena.admin.clone(), path.clone());
            async move { client.delete(&path).await }
        }))
        .await;
    assert_eq!(count(&answers, StatusCode::NO_CONTENT), 1);
    assert_eq!(count(&answers, StatusCode::NOT_FOUND), 29);
    assert_eq!(arena.table().users().count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_30_removals_is_done() {
    a_removal_is_told_once(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_30_removals_is_done_in_a_storm() {
    a_removal_is_told_once(true).await;
}

/// A group goes while users join it: nobody stays in it, whoever was quicker.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_joins_a_group_that_goes() {
    let arena = Arena::open(true).await;
    let group = arena.admin.post("/api/v1/users/group/", &json!({"name": "crew"})).await.json()["id"].clone();
    let mut calls = vec![(true, format!("/api/v1/users/group/{group}/"))];
    for number in 0..20 {
        let id = arena.user(&format!("u{number}"), &json!({})).await;
        calls.insert(if number < 10 { 0 } else { calls.len() }, (false, format!("{USERS}{id}/")));
    }
    let join = json!({"groups": [group]});
    let answers = arena
        .all(calls.into_iter().map(|(remove, path)| {
            let (client, join) = (arena.admin.clone(), join.clone());
            async move { if remove { client.delete(&path).await } else { client.patch(&path, &join).await } }
        }))
        .await;
    assert_eq!(count(&answers, StatusCode::NO_CONTENT), 1);
    assert_eq!(count(&answers, StatusCode::OK) + count(&answers, StatusCode::BAD_REQUEST), 20, "{answers:?}");
    arena.app.cleanup().await.expect("the work done");
    let table = arena.table();
    assert_eq!(table.partition("WORK").count(), 0);
    assert_eq!(table.users().filter(|user| user.contains_key("groups")).count(), 0);
}

/// Several people who know one password, or have one link, set another at once: the first ends it for the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_changed_by_the_first_who_knows_it() {
    let arena = Arena::open(true).await;
    arena.user("jane", &json!({})).await;
    let jane = arena.app.signed_in("jane").await;
    let new = |number: usize| format!("Copper-kettle-{number}");
    let answers = arena
        .all((0..6).map(|number| {
            let body = json!({"old_password": PASSWORD, "new_password1": new(number), "new_password2": new(number)});
            let jane = jane.clone();
            async move { jane.post("/api/v1/users/user/password/change/", &body).await }
        }))
        .await;
    assert_eq!(count(&answers, StatusCode::OK), 1, "{answers:?}");
    // The others are too late with the old password, or with the token, which the change has ended.
    let wrong = json!({"old_password": ["Your old password was entered incorrectly. Please enter it again."]});
    let ended = json!({"detail": "Invalid token."});
    let late = answers.iter().filter(|answer| answer.json() == wrong || answer.json() == ended);
    assert_eq!(late.count(), 5, "{answers:?}");
    let first = answers.iter().position(|answer| answer.status == StatusCode::OK).expect("the first");
    let login = json!({"username": "jane", "password": new(first)});
    assert_eq!(arena.app.anonymous().post(TOKEN, &login).await.status, StatusCode::OK);
    arena.table();
}

/// Of several who follow one link, one sets a password; changes of other fields do not end the link.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_sets_one_password_whatever_else_changes() {
    let arena = Arena::open(false).await;
    let id = arena.user("jane", &json!({})).await;
    arena.admin.post("/api/v1/users/password/reset/", &json!({"input": "jane"})).await;
    arena.app.mails().await;
    let table = arena.table();
    let link = table.mails_to("jane@mail.example").next().expect("a mail")["link"].as_str().expect("a link");
    let pair = link.trim_end_matches('/').rsplit('/').next().expect("a pair");
    let (uid, token) = pair.split_once('-').expect("a pair");
    let calls = (0..24).map(|number| {
        if number % 12 == 6 {
            let new = format!("Copper-kettle-{number}");
            let body = json!({"uid": uid, "token": token, "new_password1": new, "new_password2": new});
            ("/api/v1/users/password/reset/confirm/".to_owned(), body, true)
        } else {
            (format!("{USERS}{id}/"), json!({"first_name": format!("Jane {number}")}), false)
        }
    });
    let answers = arena
        .all(calls.map(|(path, body, post)| {
            let client = arena.admin.clone();
            async move { if post { client.post(&path, &body).await } else { client.patch(&path, &body).await } }
        }))
        .await;
    let (resets, patches): (Vec<_>, Vec<_>) = answers.into_iter().enumerate().partition(|(number, _)| number % 12 == 6);
    assert!(patches.iter().all(|(_, answer)| answer.status == StatusCode::OK), "{patches:?}");
    assert_eq!(resets.iter().filter(|(_, answer)| answer.status == StatusCode::OK).count(), 1, "{resets:?}");
    let used = json!({"token": ["Invalid value"]});
    assert_eq!(resets.iter().filter(|(_, answer)| answer.json() == used).count(), 1, "{resets:?}");
    arena.table();
}
