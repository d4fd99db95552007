//! The access history (section 8).

use http::Method;
use serde_json::{Value, json};

use super::{admin, make, path_of, token_of};
use crate::support::{PASSWORD, Table, TestApp, request};

async fn history(client: &crate::support::Client, user: &Value) -> Vec<Value> {
    let answer = client.get(&format!("{}history/?page_size=100", path_of(user))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json().as_array().expect("attempts").clone()
}

fn successes(attempts: &[Value]) -> Vec<bool> {
    attempts.iter().map(|attempt| attempt["success"].as_bool().expect("a flag")).collect()
}

#[tokio::test]
async fn every_attempt_that_names_a_user_is_there_before_its_answer() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"allow_rest_access": true})).await;
    let eve = make(&admin, "eve", json!({"allow_rest_access": true})).await;
    assert_eq!(history(&admin, &bob).await, Vec::<Value>::new());
    let own = app.basic("bob", PASSWORD);
    assert_eq!(successes(&history(&own, &bob).await), [true], "the own request is there");
    let secret = token_of(&admin, &bob).await["token"].as_str().expect("a secret").to_owned();
    app.keyed(&format!("bob:{secret}")).get(&path_of(&bob)).await;
    app.keyed(&format!("bob:{}", "0".repeat(40))).get(&path_of(&bob)).await;
    // Another's token with bob's name is an attempt at bob.
    let eves = token_of(&admin, &eve).await["token"].as_str().expect("a secret").to_owned();
    app.keyed(&format!("bob:{eves}")).get(&path_of(&bob)).await;
    app.basic("nobody", PASSWORD).get(&path_of(&bob)).await;
    app.basic("bob", "wrong").get(&path_of(&bob)).await;
    assert_eq!(successes(&history(&admin, &bob).await), [false, false, false, true, true]);
    assert_eq!(history(&admin, &eve).await, Vec::<Value>::new());
    Table::read(&app.database).assert_sound();
}

#[tokio::test]
async fn the_previous_sign_in_is_the_last_but_one_success_in_every_answer() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"allow_rest_access": true})).await;
    let own = app.basic("bob", PASSWORD);
    let previous = async || admin.get(&path_of(&bob)).await.json()["previous_login_date"].clone();
    own.get(&path_of(&bob)).await;
    app.basic("bob", "wrong").get(&path_of(&bob)).await;
    assert_eq!(previous().await, Value::Null);
    own.get(&path_of(&bob)).await;
    let attempts = history(&admin, &bob).await;
    assert_eq!(previous().await, attempts[2]["attempted_on"]);
    let listed = admin.get("/api/users/?username=bob").await.json();
    assert_eq!(listed[0]["previous_login_date"], attempts[2]["attempted_on"]);
    let shown = own.patch(&path_of(&bob), &json!({"first_name": "B"})).await.json();
    assert_eq!(shown["previous_login_date"], attempts[0]["attempted_on"]);
}

#[tokio::test]
async fn pages_of_a_long_history_hold_every_attempt_once() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"allow_rest_access": true})).await;
    let own = app.basic("bob", PASSWORD);
    for index in 0..23 {
        let client = if index % 5 == 0 { app.basic("bob", "wrong") } else { own.clone() };
        let begun = request(Method::GET, &path_of(&bob)).header("user-agent", format!("agent-{index}"));
        client.ask(begun, "").await;
    }
    let mut url = Some(format!("{}history/?page_size=5", path_of(&bob)));
    let mut agents = Vec::new();
    while let Some(at) = url {
        let page = admin.get(&at).await;
        agents.extend(page.json().as_array().expect("attempts").iter().map(|attempt| attempt["user_agent"].clone()));
        let link = page.header("link").unwrap_or_default().to_owned();
        url = link.split(", ").find_map(|link| {
            let target = link.strip_suffix(">; rel=\"next\"")?;
            Some(target.strip_prefix("<http://rollcall.example").expect("our host").to_owned())
        });
    }
    let expected: Vec<Value> = (0..23).rev().map(|index| json!(format!("agent-{index}"))).collect();
    assert_eq!(agents, expected);
    let last = admin.get(&format!("{}history/?page_size=5&page=last", path_of(&bob))).await;
    assert_eq!(last.json().as_array().expect("attempts").len(), 3);
    assert_eq!(admin.get(&format!("{}history/?page_size=5&page=6", path_of(&bob))).await.status, 404);
}

#[tokio::test]
async fn names_of_clients_are_cut_and_an_attempt_costs_one_unit() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"allow_rest_access": true})).await;
    let own = app.basic("bob", PASSWORD);
    own.get(&path_of(&bob)).await;
    let begun = request(Method::GET, &path_of(&bob)).header("user-agent", "x".repeat(5000));
    let (_, write) = own.ask(begun, "").await.cost();
    assert!((0.9..1.1).contains(&write), "{write}");
    let shown = history(&admin, &bob).await[0]["user_agent"].as_str().expect("a name").len();
    assert_eq!(shown, 500);
}
