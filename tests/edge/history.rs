//! The access history (section 8).

use http::Method;
use serde_json::{Value, json};
use shared::ambient::Ambient as _;
use shared::model::SignInAttempt;

use super::{USERS, admin, every_method, history, make, path, path_of, token_of};
use crate::support::{PASSWORD, Table, TestApp, request};

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
    Table::read(&app.engine).assert_sound();
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

#[tokio::test]
async fn each_request_is_one_entry_whatever_comes_of_it() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"is_staff": true})).await;
    let client = app.basic("bob", PASSWORD);
    let mut count = 0;
    for address in [USERS.to_owned(), format!("{USERS}x/y/z"), path(&bob["url"]), "/api/users/%ff/".to_owned()] {
        // Neither PATCH nor DELETE of himself, and no POST of a user.
        for method in every_method().into_iter().filter(|method| *method != Method::DELETE) {
            client.json(method, &address, Some(&json!({}))).await;
            count += 1;
            assert_eq!(history(&admin, &bob).await.len(), count, "{address}");
        }
    }
}

#[tokio::test]
async fn what_is_not_known_of_the_client_is_null_and_long_names_are_cut() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({})).await;
    app.basic("bob", PASSWORD).get(USERS).await;
    let entries = history(&admin, &bob).await;
    assert_eq!((&entries[0]["user_agent"], &entries[0]["remote_address"]), (&Value::Null, &Value::Null));
    let mut begun = request(Method::GET, USERS).header("user-agent", "ü".repeat(600));
    for header in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        begun = begun.header(header, "for=198.51.100.9");
    }
    app.basic("bob", PASSWORD).ask(begun, "").await;
    let entries = history(&admin, &bob).await;
    assert_eq!(entries[0]["user_agent"], "ü".repeat(500));
    assert_eq!(entries[0]["remote_address"], Value::Null, "headers can be written by anybody");
}

#[tokio::test]
async fn attempts_of_the_same_moment_are_all_kept() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({})).await;
    app.basic("bob", PASSWORD).get(USERS).await;
    let name = shared::model::Username::parse("bob").expect("a name");
    let store = app.directory.store();
    let id = store.user_claiming_username(&name).await.expect("the store").expect("a user").user;
    let at = app.script.now();
    for success in [true, false, true, false, true] {
        let attempt = SignInAttempt { success, at, user_agent: None, address: None };
        store.attempt_insert(id, &attempt).await.expect("a write");
    }
    let entries = history(&admin, &bob).await;
    assert_eq!(entries.len(), 6);
    assert_eq!(successes(&entries).into_iter().filter(|success| *success).count(), 4);
    assert!(entries[..5].iter().all(|entry| entry["attempted_on"] == at.naive()));
}
