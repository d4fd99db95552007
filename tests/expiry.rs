//! What expiration dates ask for: reminders, ends, and nothing twice (`contracts/openwisp.md` sections 7.5 and 13.3).

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use shared::Error;
use shared::model::{MailKind, User};
use shared::store::{RetryPolicy, measured};

use crate::support::{
    Client, Fault, Faults, Options, PASSWORD, Plan, TOKEN, Table, TestApp, USERS, insert, plain_user,
};

const DAY: i64 = 24 * 60 * 60;
const REMINDER: &str = "account-expires";
const DEACTIVATION: &str = "account-deactivated";

async fn made(admin: &Client, name: &str, fields: Value) -> String {
    format!("{USERS}{}/", admin.create_user(name, &fields).await["id"].as_str().expect("an id"))
}

async fn changed(admin: &Client, path: &str, change: Value) {
    let answer = admin.patch(path, &change).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

fn table(app: &TestApp) -> Table {
    let table = Table::read(&app.engine);
    table.assert_sound();
    table
}

/// What the waiting mails are about, and to whom they go.
fn mails(app: &TestApp) -> Vec<(String, String)> {
    let text = |mail: &crate::support::invariants::Item, name: &str| mail[name].as_str().expect("a text").to_owned();
    let mut mails: Vec<_> =
        table(app).partition("OUTBOX").map(|(_, mail)| (text(mail, "kind"), text(mail, "to"))).collect();
    mails.sort();
    mails
}

/// Runs the job, and gives what waits in the outbox then, which it empties.
async fn run(app: &TestApp) -> Vec<(String, String)> {
    app.expire_accounts().await.expect("the job");
    let sent = mails(app);
    app.forget_mails().await;
    sent
}

fn mail(kind: &str, name: &str) -> (String, String) {
    (kind.to_owned(), format!("{name}@mail.example"))
}

fn is_active(app: &TestApp, name: &str) -> bool {
    table(app).user_named(name).expect("the user").get("is_active") == Some(&json!(true))
}

#[tokio::test]
async fn an_account_is_reminded_once_a_week_ahead_and_ends_the_day_after_its_last() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.create_user("jane", &json!({"expiration_date": app.day(9)})).await;
    admin.create_user("joe", &json!({})).await;
    let mut sent = Vec::new();
    for day in 0..14 {
        for _ in 0..2 {
            sent.extend(run(&app).await.into_iter().map(|mail| (day, mail)));
        }
        assert_eq!(is_active(&app, "jane"), day < 10, "on day {day}");
        app.environment.advance(DAY);
    }
    assert_eq!(sent, [(2, mail(REMINDER, "jane")), (10, mail(DEACTIVATION, "jane"))]);
    assert!(is_active(&app, "joe"));
    assert_eq!(table(&app).partition("EXPIRY").count(), 0);
}

#[tokio::test]
async fn a_reminder_tells_the_last_day() {
    let app = TestApp::start().await;
    app.admin().await.create_user("jane", &json!({"expiration_date": app.day(7)})).await;
    app.run_housekeeping().await.expect("the job");
    let waiting = app.directory.waiting_mails(10).await.expect("the outbox");
    let [mail] = &waiting[..] else { panic!("{waiting:?}") };
    let MailKind::AccountExpires { last_day } = mail.kind else { panic!("{mail:?}") };
    assert_eq!((shared::model::date_text(last_day), mail.username.as_str()), (app.day(7), "jane"));
}

#[tokio::test]
async fn days_on_which_the_job_did_not_run_are_made_up_for() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.create_user("jane", &json!({"expiration_date": app.day(8)})).await;
    admin.create_user("joe", &json!({"expiration_date": app.day(11)})).await;
    admin.create_user("ann", &json!({"expiration_date": app.day(60)})).await;
    app.environment.advance(10 * DAY);
    // It is too late to remind `jane`.
    assert_eq!(run(&app).await, [mail(DEACTIVATION, "jane"), mail(REMINDER, "joe")]);
    app.environment.advance(100 * DAY);
    assert_eq!(run(&app).await, [mail(DEACTIVATION, "ann"), mail(DEACTIVATION, "joe")]);
    app.environment.advance(DAY);
    assert_eq!(run(&app).await, []);
}

#[tokio::test]
async fn a_date_that_changes_is_reminded_of_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = made(&admin, "jane", json!({"expiration_date": app.day(7)})).await;
    assert_eq!(run(&app).await, [mail(REMINDER, "jane")]);
    changed(&admin, &path, json!({"first_name": "Jane"})).await;
    assert_eq!(run(&app).await, []);
    changed(&admin, &path, json!({"expiration_date": app.day(20)})).await;
    app.environment.advance(12 * DAY);
    assert_eq!(run(&app).await, []);
    app.environment.advance(DAY);
    assert_eq!(run(&app).await, [mail(REMINDER, "jane")]);
    // Nearer than a week: that is told as well.
    changed(&admin, &path, json!({"expiration_date": app.day(2)})).await;
    assert_eq!(run(&app).await, [mail(REMINDER, "jane")]);
    changed(&admin, &path, json!({"expiration_date": null})).await;
    app.environment.advance(30 * DAY);
    assert_eq!(run(&app).await, []);
    assert!(is_active(&app, "jane"));
}

#[tokio::test]
async fn an_account_that_is_extended_after_its_end_lives_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = made(&admin, "jane", json!({"expiration_date": app.day(0)})).await;
    app.environment.advance(DAY);
    assert_eq!(run(&app).await, [mail(DEACTIVATION, "jane")]);
    changed(&admin, &path, json!({"is_active": true, "expiration_date": app.day(7)})).await;
    assert_eq!(run(&app).await, [mail(REMINDER, "jane")]);
    app.environment.advance(8 * DAY);
    assert_eq!(run(&app).await, [mail(DEACTIVATION, "jane")]);
}

#[tokio::test]
async fn an_account_that_is_not_active_is_told_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = made(&admin, "jane", json!({"expiration_date": app.day(7), "is_active": false})).await;
    made(&admin, "joe", json!({"expiration_date": app.day(7), "is_active": false})).await;
    assert_eq!(run(&app).await, []);
    app.environment.advance(3 * DAY);
    changed(&admin, &path, json!({"is_active": true})).await;
    assert_eq!(run(&app).await, [mail(REMINDER, "jane")]);
    app.environment.advance(10 * DAY);
    assert_eq!(run(&app).await, [mail(DEACTIVATION, "jane")]);
}

#[tokio::test]
async fn a_removed_user_is_told_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = made(&admin, "jane", json!({"expiration_date": app.day(7)})).await;
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(table(&app).partition("EXPIRY").count(), 0);
    assert_eq!(run(&app).await, []);
}

#[tokio::test]
async fn mail_goes_to_a_verified_address_the_primary_one_first() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    // None that is verified.
    made(&admin, "ann", json!({"expiration_date": app.day(0), "email_verified": false})).await;
    run(&app).await;
    // The primary one is not the first.
    let jane = made(&admin, "jane", json!({"expiration_date": app.day(0)})).await;
    let first = admin.get(&format!("{jane}email/")).await.json()["results"][0]["id"].clone();
    changed(&admin, &format!("{jane}email/{first}/"), json!({"primary": false})).await;
    let second = json!({"email": "jane.second@mail.example", "primary": true});
    let second = admin.post(&format!("{jane}email/"), &second).await.json()["id"].clone();
    changed(&admin, &format!("{jane}email/{second}/"), json!({"verified": true})).await;
    // The primary one is not verified.
    let joe = made(&admin, "joe", json!({"expiration_date": app.day(0)})).await;
    let first = admin.get(&format!("{joe}email/")).await.json()["results"][0]["id"].clone();
    changed(&admin, &format!("{joe}email/{first}/"), json!({"primary": false})).await;
    admin.post(&format!("{joe}email/"), &json!({"email": "joe.second@mail.example", "primary": true})).await;

    assert_eq!(run(&app).await, [mail(REMINDER, "jane.second"), mail(REMINDER, "joe")]);
    app.environment.advance(DAY);
    assert_eq!(run(&app).await, [mail(DEACTIVATION, "jane.second"), mail(DEACTIVATION, "joe")]);
    assert!(!is_active(&app, "ann"));
}

#[tokio::test]
async fn the_last_superuser_expires_too() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let found = admin.get(USERS).await.json()["results"][0]["id"].clone();
    let path = format!("{USERS}{}/", found.as_str().expect("an id"));
    changed(&admin, &path, json!({"expiration_date": app.day(0)})).await;
    app.environment.advance(DAY);
    assert_eq!(admin.get(USERS).await.status, StatusCode::UNAUTHORIZED);
    app.expire_accounts().await.expect("the job");
    assert!(!is_active(&app, "admin"));
}

#[tokio::test]
async fn an_expired_account_cannot_sign_in_before_the_job_nor_after() {
    let app = TestApp::start().await;
    app.admin().await.create_user("jane", &json!({"expiration_date": app.day(0)})).await;
    let jane = app.signed_in("jane").await;
    let status = async || {
        let login = app.anonymous().post(TOKEN, &json!({"username": "jane", "password": PASSWORD})).await.status;
        (login, jane.json(http::Method::OPTIONS, USERS, None).await.status)
    };
    assert_eq!(status().await, (StatusCode::OK, StatusCode::OK));
    app.environment.advance(DAY);
    for _ in 0..2 {
        assert_eq!(status().await, (StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED));
        run(&app).await;
    }
}

/// Two users to remind and two whose last day is over, on the day after the one on which they were made.
async fn four_due(app: &TestApp) {
    let admin = app.admin().await;
    for (name, days) in [("ann", 8), ("bob", 8), ("jane", 0), ("joe", 0)] {
        admin.create_user(name, &json!({"expiration_date": app.day(days), "groups": [1]})).await;
    }
    app.expire_accounts().await.expect("the reminders of today");
    app.forget_mails().await;
    app.environment.advance(DAY);
}

fn all_four() -> Vec<(String, String)> {
    vec![mail(DEACTIVATION, "jane"), mail(DEACTIVATION, "joe"), mail(REMINDER, "ann"), mail(REMINDER, "bob")]
}

#[tokio::test]
async fn every_trouble_is_survived_and_nobody_told_twice() {
    let troubled = async |retry_policy, plan| {
        let app = TestApp::start().await;
        four_due(&app).await;
        let faults = Faults::default();
        let hand = faults.clone();
        let connection = Box::new(move |connection| hand.wrap(connection));
        let other = app.another(Options { retry_policy, connection, ..Options::default() });
        faults.follow(plan);
        let ended = other.expire_accounts().await;
        (app, faults, ended)
    };
    let patient = RetryPolicy { pause: Duration::from_millis(1), deadline: Duration::from_secs(20) };
    let hasty = RetryPolicy { pause: Duration::from_millis(1), deadline: Duration::from_millis(200) };
    let (app, faults, ended) = troubled(patient, Plan::Calm).await;
    ended.expect("the job");
    assert_eq!(mails(&app), all_four());
    let calls = faults.calls();
    assert_eq!(calls.iter().filter(|call| *call == "TransactWriteItems").count(), 4, "{calls:?}");
    for (call, operation) in calls.iter().enumerate() {
        for fault in Fault::QUICK.into_iter().filter(|fault| fault.fits(operation)) {
            let what = format!("{fault:?} at call {call}, {operation}");
            let (app, faults, ended) = troubled(patient, Plan::At { call, fault, lasting: false }).await;
            assert_eq!(faults.struck(), 1, "{what}");
            assert!(ended.is_ok(), "{what}: {ended:?}");
            assert_eq!(mails(&app), all_four(), "{what}");

            // As good as a crash: nothing after it gets through.
            let (app, _, ended) = troubled(hasty, Plan::At { call, fault, lasting: true }).await;
            // Trouble that only some calls can meet may have met the last of them.
            assert!(matches!(ended, Err(Error::Unavailable(_)) | Ok(())), "{what}, lasting: {ended:?}");
            let so_far = mails(&app);
            assert!(so_far.iter().all(|mail| all_four().contains(mail)), "{what}, lasting: {so_far:?}");
            // What could be noted as failed rests for a minute.
            app.environment.advance(61);
            app.expire_accounts().await.expect("the next run");
            assert_eq!(mails(&app), all_four(), "{what}, run again");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_runs_at_once_tell_nobody_twice() {
    let app = TestApp::start().await;
    four_due(&app).await;
    let runs: Vec<_> = (0..6)
        .map(|_| {
            let other = app.another(Options::default());
            tokio::spawn(async move { other.expire_accounts().await })
        })
        .collect();
    for run in runs {
        run.await.expect("no panic").expect("the job");
    }
    assert_eq!(mails(&app), all_four());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_at_the_same_time_survive() {
    let app = TestApp::start().await;
    four_due(&app).await;
    let admin = app.admin().await;
    let tasks: Vec<_> = ["ann", "bob", "jane", "joe"]
        .into_iter()
        .map(|name| {
            let id = table(&app).user_named(name).expect("the user")["id"].as_str().expect("an id").to_owned();
            let admin = admin.clone();
            tokio::spawn(async move {
                for number in 0..5 {
                    changed(&admin, &format!("{USERS}{id}/"), json!({"notes": format!("note {number}")})).await;
                }
            })
        })
        .collect();
    app.expire_accounts().await.expect("the job");
    for task in tasks {
        task.await.expect("no panic");
    }
    assert_eq!(mails(&app), all_four());
    let table = table(&app);
    for (name, active) in [("ann", true), ("bob", true), ("jane", false), ("joe", false)] {
        let user = table.user_named(name).expect("the user");
        assert_eq!(user["notes"], "note 4");
        assert_eq!(user.get("is_active") == Some(&json!(true)), active, "{name}");
    }
}

#[tokio::test]
async fn the_job_reads_those_who_are_due_and_nobody_else() {
    let app = TestApp::start().await;
    let date = |user: User, days: i64| {
        let today = shared::model::ambient::Ambient::now(&*app.environment).date();
        User { expiration_date: today.checked_add(time::Duration::days(days)), ..user }
    };
    for number in 0..200 {
        let user = plain_user(&app, &format!("user{number}")).await;
        insert(&app, &date(user, 8 + number)).await;
    }
    let (ended, cost) = Box::pin(measured(app.expire_accounts())).await;
    ended.expect("the job");
    assert!(cost.read <= 1.0 && cost.write == 0.0, "{cost:?}");
    app.environment.advance(DAY);
    let (ended, cost) = Box::pin(measured(app.expire_accounts())).await;
    ended.expect("the job");
    println!("one reminder among 200 users with a date: {cost:?}");
    assert!(cost.read <= 3.0 && cost.write > 0.0, "{cost:?}");
}
