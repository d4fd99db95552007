//! What credentials and calls of the Edge API cost (`contracts/edge.md` sections 5, 7.6 and 8).

use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared::store::search_items;

use super::{Peak, user_of};
use crate::support::{CHEAP, Client, PASSWORD, TestApp};

const EDGE: &str = "/api/users/";

/// What a request costs that does nothing but let somebody in.
async fn entry(client: &Client) -> (f64, f64) {
    let answer = client.json(Method::OPTIONS, EDGE, None).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.cost()
}

async fn make(client: &Client, username: &str) -> Value {
    let body = json!({
        "username": username, "email": format!("{username}@mail.example"), "password": PASSWORD,
        "first_name": "Ada", "last_name": "Lovelace", "is_staff": true,
    });
    client.post(EDGE, &body).await.json()
}

#[tokio::test]
async fn an_api_token_costs_two_reads_and_a_note() {
    let app = TestApp::start().await;
    let admin = app.basic("admin", PASSWORD);
    let user = make(&admin, "clerk").await;
    let tokens = format!("{EDGE}{}/tokens/", user["id"].as_str().expect("an id"));
    let token = admin.post(&tokens, &json!({"title": "T"})).await.json();
    let clerk = app.keyed(&format!("clerk:{}", token["token"].as_str().expect("a token")));
    let (read, write) = entry(&clerk).await;
    println!("the first entry ever: {read} read, {write} write units");
    assert!(read <= 8.0 && write <= 10.0, "{read}, {write}");
    // The token and its owner; the attempt.
    for _ in 0..3 {
        assert_eq!(entry(&clerk).await, (2.0, 1.0));
    }
    // Once a minute, that it was used.
    app.script.advance(60);
    assert_eq!(entry(&clerk).await, (2.0, 2.0));
    assert_eq!(entry(&clerk).await, (2.0, 1.0));
    // What is no token is not looked for, but whose name it is; the attempt is noted all the same.
    for (wrong, most) in [("x".to_owned(), 1.0), ("0".repeat(40), 2.0)] {
        let answer = app.keyed(&format!("clerk:{wrong}")).json(Method::OPTIONS, EDGE, None).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let (read, write) = answer.cost();
        assert!(read <= most && write <= 1.0, "{read}, {write}");
        let (read, write) = app.keyed(&format!("nobody:{wrong}")).get(EDGE).await.cost();
        assert!(read <= most && write == 0.0, "{read}, {write}");
    }
}

#[tokio::test]
async fn creations_stay_below_their_budget_with_and_without_the_search_index() {
    let app = TestApp::start().await;
    let admin = app.basic("admin", PASSWORD);
    entry(&admin).await;
    let mut whole = Peak::default();
    for index in 0..45 {
        let name = format!("new{index}");
        let body = json!({
            "username": name, "email": format!("{name}@mail.example"), "password": PASSWORD,
            "first_name": "Ada", "last_name": "Lovelace",
        });
        // The first of a process, and enough later ones for it to reserve numbers again.
        let fresh = app.restarted(CHEAP);
        let client = if index == 0 { &fresh.basic("admin", PASSWORD) } else { &admin };
        let answer = client.post(EDGE, &body).await;
        whole.note(&answer, StatusCode::CREATED);
        let entries = search_items(&user_of(&app, &body).await).len();
        let (_, write) = answer.cost();
        let without = write - f64::from(u32::try_from(entries).expect("few"));
        assert!(without <= 20.0, "{without} without the index");
    }
    whole.within("creation by Edge", 8.0, 90.0);
}

#[tokio::test]
async fn reading_and_changing_one_user_is_cheap_whatever_the_history() {
    let app = TestApp::start().await;
    let admin = app.basic("admin", PASSWORD);
    let user = make(&admin, "clerk").await;
    let clerk = app.basic("clerk", PASSWORD);
    for _ in 0..30 {
        entry(&clerk).await;
    }
    let at = format!("{EDGE}{}/", user["id"].as_str().expect("an id"));
    let (mut read, mut change, mut listed) = (Peak::default(), Peak::default(), Peak::default());
    read.note(&admin.get(&at).await, StatusCode::OK);
    read.within("a user by Edge", 6.0, 1.0);
    change.note(&admin.patch(&at, &json!({"description": "x", "can_inbox": false})).await, StatusCode::ACCEPTED);
    change.within("a change by Edge", 8.0, 8.0);
    listed.note(&admin.get(&format!("{at}history/?page_size=10")).await, StatusCode::OK);
    listed.within("a page of a short history", 8.0, 1.0);
}
