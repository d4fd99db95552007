//! Transactions, and what is logged of those that fail.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Fault, Faults, Options, PASSWORD, Plan, TestApp, USERS};

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("the log").clone()).expect("UTF-8")
    }
}

#[tokio::test]
async fn more_than_a_transaction_holds_is_refused_before_anything_is_written() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let jane = admin.create_user("jane", &json!({})).await;
    let path = format!("{USERS}{}/", jane["id"].as_str().expect("an id"));
    let mut groups: Vec<Value> = Vec::new();
    for number in 0..50 {
        let made = admin.post("/api/v1/users/group/", &json!({"name": format!("g{number}"), "permissions": []})).await;
        groups.push(made.json()["id"].clone());
    }
    assert_eq!(admin.patch(&path, &json!({"groups": groups[..25]})).await.status, 200);
    for number in 0..10 {
        let slug = format!("o{number}");
        let made = admin.post("/api/v1/users/organization/", &json!({"name": slug, "slug": slug})).await.json();
        let joined = json!({"organization_users": {"organization": made["id"], "is_admin": false}});
        assert_eq!(admin.patch(&path, &joined).await.status, 200);
    }
    let l2m = app.keyed(&app.api_token("admin").await);
    let rows = l2m.get("/api/admin/users/").await.json();
    let row = rows.as_array().expect("rows").iter().find(|row| row["username"] == "jane").expect("jane").clone();
    let number = format!("/api/admin/users/{}/", row["id"]);
    let before = app.items();
    let much = json!({
        "groups": groups[25..], "username": "renamed", "email": "renamed@mail.example",
        "date_joined": "2019-02-03T04:05:06Z",
    });
    let answer = l2m.patch(&number, &much).await;
    let told = json!({"reason": "This changes too much at once. Change fewer things with one request."});
    assert_eq!((answer.status.as_u16(), answer.json()), (400, told));
    // But for the note of the token's last use, nothing was written, not even to the search index.
    assert_eq!(app.items().len(), before.len());
    assert_eq!(l2m.patch(&number, &json!({"groups": groups[25..], "username": "renamed"})).await.status, 200);
}

#[tokio::test]
async fn what_the_store_refuses_is_logged_without_what_it_was_asked() {
    let faults = Faults::default();
    let hand = faults.clone();
    let options = Options { connection: Box::new(move |connection| hand.wrap(connection)), ..Options::default() };
    let app = TestApp::with(options).await;
    let admin = app.admin().await;
    let jane = admin.create_user("jane", &json!({})).await;
    let path = format!("{USERS}{}/", jane["id"].as_str().expect("an id"));
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    for call in 0..3 {
        faults.follow(Plan::At { call, fault: Fault::Repeated, lasting: true });
        let secret = json!({"first_name": "Secretname", "email": "secret@mail.example"});
        assert_eq!(admin.patch(&path, &secret).await.status, 500, "{call}");
        faults.follow(Plan::At { call, fault: Fault::Repeated, lasting: true });
        let login = json!({"username": "jane", "password": PASSWORD});
        assert!(app.anonymous().post("/api/users/token/", &login).await.status.is_server_error(), "{call}");
    }
    drop(guard);
    let text = log.text();
    assert!(text.contains("DynamoDB GetItem: ValidationException"), "{text}");
    assert!(text.contains("DynamoDB TransactWriteItems: ValidationException"), "{text}");
    for secret in ["argon2", "Secretname", "mail.example", "jane", "Invalid request"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}
