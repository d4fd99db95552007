//! What a purge leaves: nothing but ids.

use super::*;
use crate::support::{Options, key};

/// Values of the person in [`jane`], in whatever case.
const VALUES: &[&str] = &[
    "jane",
    "janina",
    "doering",
    "4915112345678",
    "1990-01-02",
    "sailing",
    "mornings",
    "kiel",
    "second.example",
    "mail.example",
    "kitchen",
    "192.0.2.9",
];

/// Everything in the table that has one of the person's values.
fn traces(app: &TestApp) -> Vec<String> {
    let items = app.items().into_iter().map(|item| serde_json::to_string(&item).expect("JSON"));
    let found = |item: &String| VALUES.iter().find(|value| item.to_lowercase().contains(**value));
    items.filter_map(|item| found(&item).map(|value| format!("{value} in {item}"))).collect()
}

/// Somebody who has left traces wherever there can be any.
async fn used(app: &TestApp, admin: &Client) -> String {
    let jane = jane(admin, app).await;
    let user = stored(app, &id_of(&jane)).await.expect("jane");
    let token = app.basic("admin", PASSWORD);
    let made = token.post(&format!("/api/users/{}/tokens/", user.edge_id), &json!({"title": "Kitchen display"})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let edge = app.basic("jane", PASSWORD);
    edge.get("/api/users/").await;
    app.basic("jane", "wrong").get("/api/users/").await;
    Browser::signed_in(app, "jane").await;
    let reset = json!({"input": "jane"});
    app.anonymous().post("/api/v1/users/password/reset/", &reset).await;
    app.mails().await;
    app.forget_mails().await;
    id_of(&jane)
}

#[tokio::test]
async fn after_a_purge_nothing_of_the_person_is_found() {
    let app = TestApp::with(Options { throttle: true, ..Options::default() }).await;
    let admin = app.admin().await;
    // What is there of others.
    assert_eq!(traces(&app), Vec::<String>::new());
    let id = used(&app, &admin).await;
    assert!(!traces(&app).is_empty());
    delete(&admin, &id).await;
    assert!(!traces(&app).is_empty());
    let purged = admin.delete(&deleted(&id)).await;
    assert_eq!(purged.status, StatusCode::NO_CONTENT, "{purged:?}");
    // The log of events is the job's.
    app.cleanup().await.expect("the work done");
    assert_eq!(traces(&app), Vec::<String>::new());
    let table = table(&app);
    assert_eq!((table.work_left(), table.deleted().count()), (0, 0));
    // The search index is the job's too.
    app.environment.advance(60);
    app.run_housekeeping().await.expect("a kept house");
    let items = app.items();
    let is_unpacked = |key: &String| key.starts_with("RECENT CHANGE#") || key.starts_with("PACKET#");
    assert_eq!(items.iter().map(key).find(|key| is_unpacked(key) || key == "WORK PURGED"), None);
    for bytes in items.iter().flat_map(|item| item.values()).filter_map(|value| match value {
        dynoxide::AttributeValue::B(bytes) => Some(String::from_utf8_lossy(bytes).to_lowercase()),
        _ => None,
    }) {
        assert!(VALUES.iter().all(|value| !bytes.contains(value)), "{bytes}");
    }
    // Not even ids, but in events.
    let left = table.items.iter().filter(|((pk, _), _)| !pk.starts_with("EVENT"));
    let left = left.map(|(key, item)| format!("{key:?} {item:?}")).filter(|item| item.contains(&id));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<String>::new());
}

#[tokio::test]
async fn a_deleted_user_is_purged_when_the_time_is_over_and_not_before() {
    let app = TestApp::with(Options { deleted_retention: 7 * DAY, ..Options::default() }).await;
    let admin = app.admin().await;
    let id = used(&app, &admin).await;
    delete(&admin, &id).await;
    app.environment.advance(7 * DAY - 60);
    app.run_housekeeping().await.expect("a kept house");
    assert_eq!(admin.get(&deleted(&id)).await.status, StatusCode::OK);
    app.environment.advance(120);
    // Before the job runs nobody can restore it any more.
    assert_eq!(admin.get(DELETED).await.json()["results"], json!([]));
    assert_eq!(admin.post(&restoring(&id), &json!({})).await.status, StatusCode::NOT_FOUND);
    app.run_housekeeping().await.expect("a kept house");
    app.cleanup().await.expect("the work done");
    let table = table(&app);
    assert_eq!((table.work_left(), table.deleted().count()), (0, 0));
    app.forget_mails().await;
    assert_eq!(traces(&app), Vec::<String>::new());
}

#[tokio::test]
async fn more_attempts_than_a_request_deletes_are_deleted_by_the_job() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = id_of(&admin.create_user("jane", &json!({})).await);
    let edge = app.basic("jane", PASSWORD);
    for _ in 0..120 {
        edge.get("/api/users/").await;
    }
    delete(&admin, &id).await;
    assert_eq!(admin.delete(&deleted(&id)).await.status, StatusCode::NO_CONTENT);
    // The rest of the attempts, and the log of events.
    assert_eq!(table(&app).work_left(), 2);
    // It cannot be restored any more, and its name is free.
    assert_eq!(admin.post(&restoring(&id), &json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(admin.get(DELETED).await.json()["results"], json!([]));
    admin.create_user("jane", &json!({})).await;
    app.cleanup().await.expect("the work");
    let table = table(&app);
    assert_eq!((table.work_left(), table.deleted().count()), (0, 0));
    assert_eq!(table.partition(&format!("ACCEPTED#{id}")).count(), 0);
}
