//! What the calls of this API cost in read and write units. `-- --nocapture` shows the figures.

use http::Method;
use serde_json::json;
use shared::model::ambient::Ambient as _;

use super::{TOKEN, USERS, admin};
use crate::support::{Answer, PASSWORD, TestApp, insert, insert_many, plain_user};

/// What an event costs in the transaction of its change.
const EVENT: f64 = 2.0;

#[track_caller]
fn within(what: &str, answer: &Answer, status: u16, read: f64, write: f64) {
    assert_eq!(answer.status, status, "{what}: {answer:?}");
    let cost = answer.cost();
    println!("{what}: {} of {read} read, {} of {write} write units", cost.0, cost.1);
    assert!(cost.0 <= read, "{what} reads {} units, at most {read} are allowed", cost.0);
    assert!(cost.1 <= write, "{what} writes {} units, at most {write} are allowed", cost.1);
}

#[tokio::test]
async fn calls_stay_within_their_budgets() {
    let options = crate::support::Options { throttle: true, ..crate::support::Options::default() };
    let app = TestApp::with(options).await;
    let pattern = plain_user(&app, "user000000").await;
    let moments: Vec<_> = (0..400).map(|index| app.environment.now().plus_seconds(-500 * 24 * 3600 - index)).collect();
    insert_many(&app, &pattern, &moments).await;
    for index in 0..50 {
        insert(&app, &plain_user(&app, &format!("one{index}")).await).await;
    }
    let admin = admin(&app).await;
    // The first use of a token is noted, and the next one a minute later.
    within("first use of a token", &admin.get("/api/switches/").await, 200, 2.0, 1.0);
    within("authentication", &admin.get("/api/switches/").await, 200, 2.0, 0.0);
    let rows = admin.get(USERS).await.json();
    let count = u32::try_from(rows.as_array().expect("rows").len()).expect("small");
    assert_eq!(count, 451);
    let path = format!("{USERS}{}/", rows[200]["id"]);
    within("detail", &admin.get(&path).await, 200, 4.0, 0.0);
    within("unknown id", &admin.get(&format!("{USERS}99999/")).await, 400, 3.0, 0.0);
    within("numbers of tokens", &admin.get("/api/stats/").await, 200, 3.0, 0.0);
    // An eighth of a unit for each row of the list; one for each user where a part is read by numbers.
    within("all users", &admin.get(USERS).await, 200, 6.0 + f64::from(count) / 8.0, 0.0);
    let part = admin.get(&format!("{USERS}?after=0&limit=40")).await;
    assert_eq!(part.json().as_array().expect("rows").len(), 40);
    within("a part of 40 users", &part, 200, 8.0 + 40.0, 0.0);
    let profile = json!({"profile": {"theme": "dark"}});
    within("a profile", &admin.patch(&path, &profile).await, 200, 4.0, 4.0 + EVENT);
    within("nothing changed", &admin.patch(&path, &profile).await, 200, 4.0, 0.0);
    let login = json!({"username": "admin", "password": PASSWORD});
    within("another token", &app.anonymous().post(TOKEN, &login).await, 200, 3.0, 14.0 + EVENT);
    let wrong = json!({"username": "admin", "password": "wrong"});
    within("a wrong password", &app.anonymous().post(TOKEN, &wrong).await, 400, 3.0, 6.0);
    within("OPTIONS", &admin.json(Method::OPTIONS, USERS, None).await, 200, 2.0, 0.0);
}
