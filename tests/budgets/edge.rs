//! What credentials and calls of the Edge API cost (`contracts/edge.md` sections 5, 7.6 and 8).

use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared::model::ambient::Ambient as _;
use shared::model::{SignInAttempt, Username};

use super::{EVENT, Peak, SEARCH};
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
    app.environment.advance(60);
    assert_eq!(entry(&clerk).await, (2.0, 2.0));
    assert_eq!(entry(&clerk).await, (2.0, 1.0));
    // What is no token is not looked for, but whose name it is. The attempt and its event are noted.
    for (wrong, most) in [("x".to_owned(), 1.0), ("0".repeat(40), 2.0)] {
        let answer = app.keyed(&format!("clerk:{wrong}")).json(Method::OPTIONS, EDGE, None).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let (read, write) = answer.cost();
        assert!(read <= most && write <= 2.0, "{read}, {write}");
        // Nobody's name costs as much as somebody's.
        assert_eq!(app.keyed(&format!("nobody:{wrong}")).get(EDGE).await.cost(), (read, write));
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
    }
    whole.within("creation by Edge", 8.0, 20.0 + EVENT + SEARCH);
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
    change.within("a change by Edge", 8.0, 8.0 + EVENT);
    listed.note(&admin.get(&format!("{at}history/?page_size=10")).await, StatusCode::OK);
    listed.within("a page of a short history", 8.0, 1.0);
}

#[tokio::test]
async fn pages_of_a_long_history_cost_what_they_show() {
    let app = TestApp::start().await;
    let admin = app.basic("admin", PASSWORD);
    let user = make(&admin, "clerk").await;
    let name = Username::parse("clerk").expect("a name");
    let id = app.directory.store().user_by_username(&name).await.expect("the store").expect("a user").user;
    // As a version without slots has left them: a stranger's flood, and every tenth the owner.
    let attempts: Vec<_> = (0..12_000_u64)
        .map(|index| {
            let user_agent = Some("a client that says much of itself ".repeat(3));
            let at = app.environment.now().plus_seconds(i64::try_from(index / 4).expect("small"));
            (
                id,
                u64::MAX - index,
                SignInAttempt { success: index % 10 == 0, at, user_agent, address: Some("192.0.2.1".into()) },
            )
        })
        .collect();
    app.directory.store().attempts_restore(&attempts).await.expect("a write");
    app.environment.advance(12_000);
    let at = format!("{EDGE}{}/history/", user["id"].as_str().expect("an id"));

    // What a process reads every ten minutes, it has read.
    entry(&admin).await;
    // Following `next`, all pages cost the same, the hundredth too.
    let (mut walked, mut url, mut met) = (Peak::default(), format!("{at}?page_size=10"), 0);
    for _ in 0..110 {
        let page = admin.get(&url).await;
        walked.note(&page, StatusCode::OK);
        met += page.json().as_array().expect("attempts").len();
        let link =
            page.header("link").expect("links").split(", ").find_map(|link| link.strip_suffix(">; rel=\"next\""));
        url = link.and_then(|link| link.strip_prefix("<http://rollcall.example")).expect("a next page").to_owned();
    }
    assert_eq!(met, 1100);
    walked.within("a page of 10 of a long history, following `next`", 10.0, 1.0);

    let cost = async |query: &str, status: StatusCode| {
        let mut peak = Peak::default();
        peak.note(&admin.get(&format!("{at}?{query}")).await, status);
        peak
    };
    cost("page_size=10&page=2", StatusCode::OK).await.within("page 2 asked directly", 12.0, 1.0);
    cost("page_size=10&page=100", StatusCode::OK).await.within("page 100 asked directly", 90.0, 1.0);
    cost("page_size=100&page=101", StatusCode::OK).await.within("the last page that there may be", 800.0, 1.0);
    cost("page=last", StatusCode::OK).await.within("the last page", 800.0, 1.0);
    for query in ["page=102", "page=1000000000", "page_size=1&page=10002", "page=18446744073709551615"] {
        cost(query, StatusCode::NOT_FOUND).await.within(query, 4.0, 1.0);
    }
}
