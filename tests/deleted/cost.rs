//! What deletions, restorations and lists of deleted users cost.

use super::*;

/// What an event costs in the transaction of its change.
const EVENT: f64 = 2.0;
/// What a change costs in its transaction that the search index does not contain yet.
const SEARCH: f64 = 2.0;

/// The read and write units of an answer.
fn units(what: &str, answer: &crate::support::Answer) -> (f64, f64) {
    assert!(answer.status.is_success(), "{answer:?}");
    let (read, write) = answer.cost();
    println!("{what}: {read} read, {write} write units");
    (read, write)
}

#[tokio::test]
async fn deletions_and_restorations_stay_within_their_budgets() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let fields = json!({"first_name": "Ada", "last_name": "Lovelace", "email_verified": true});
    let id = id_of(&admin.create_user("ada", &fields).await);
    let (read, write) = units("deletion", &admin.delete(&detail(&id)).await);
    assert!(read <= 8.0 && write <= 24.0 + EVENT + SEARCH);
    let (read, write) = units("reading a deleted user", &admin.get(&deleted(&id)).await);
    assert!(read <= 4.0 && write == 0.0);
    let (read, write) = units("restoration", &admin.post(&restoring(&id), &json!({})).await);
    assert!(read <= 10.0 && write <= 28.0 + EVENT + SEARCH);
    delete(&admin, &id).await;
    let purged = admin.delete(&deleted(&id)).await;
    let (read, write) = units("purge", &purged);
    assert!(read <= 12.0 && write <= 22.0 + EVENT);
    // Taken values are found before anything is written.
    let id = id_of(&admin.create_user("ada", &fields).await);
    delete(&admin, &id).await;
    admin.create_user("ada", &fields).await;
    let refused = admin.post(&restoring(&id), &json!({})).await;
    assert_eq!((refused.status, refused.cost().1), (StatusCode::CONFLICT, 0.0));
}

#[tokio::test]
async fn a_page_of_deleted_users_costs_the_same_wherever_it_is() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for index in 0..60 {
        let id = id_of(&admin.create_user(&format!("user{index}"), &json!({"first_name": "Ada"})).await);
        delete(&admin, &id).await;
    }
    let mut path = DELETED.to_owned();
    let mut parts = 0;
    loop {
        let answer = admin.get(&path).await;
        let (read, _) = units("a part of ten", &answer);
        assert!(read <= 3.0);
        parts += 1;
        let part = answer.json();
        let Some(next) = part["next"].as_str() else { break };
        path = next.strip_prefix("http://rollcall.example").expect("our host").to_owned();
    }
    assert_eq!(parts, 6);
}
