//! Lists of events: filters, cursors, who sees what, and what it costs.

use http::StatusCode;
use serde_json::{Value, json};

use super::{EVENTS, newest};
use crate::support::{Client, Options, TestApp, USERS};

const DAY: i64 = 24 * 60 * 60;

fn id(object: &Value) -> &str {
    object["id"].as_str().expect("an id")
}

async fn list(client: &Client, query: &str) -> Value {
    let answer = client.get(&format!("{EVENTS}?{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {answer:?}");
    answer.json()
}

/// The ids of all events of a list, following its links.
async fn all(client: &Client, query: &str) -> Vec<String> {
    let mut page = list(client, query).await;
    let mut ids = Vec::new();
    loop {
        ids.extend(page["results"].as_array().expect("events").iter().map(|event| id(event).to_owned()));
        let Some(next) = page["next"].as_str() else { return ids };
        let next = next.strip_prefix("http://rollcall.example").expect("our host");
        page = client.get(next).await.json();
    }
}

#[tokio::test]
async fn filters_give_what_they_name_in_both_orders() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (jane, joan) = (admin.create_user("jane", &json!({})).await, admin.create_user("joan", &json!({})).await);
    for number in 0..7 {
        admin.patch(&format!("{USERS}{}/", id(&jane)), &json!({"bio": number.to_string()})).await;
        app.environment.advance(60);
    }
    let everything = newest(&admin, 1000).await;
    let ids = |wanted: &dyn Fn(&Value) -> bool| -> Vec<String> {
        everything.iter().filter(|event| wanted(event)).map(|event| id(event).to_owned()).collect()
    };
    let actor = everything[0]["actor"]["id"].as_str().expect("an id");
    let middle = everything[3]["at"].as_str().expect("a time").to_owned();
    let of = |user: &Value| id(user).to_owned();
    let cases: [(String, Vec<String>); 7] = [
        (String::new(), ids(&|_| true)),
        (format!("target=user:{}", of(&jane)), ids(&|event| event["target"]["id"] == jane["id"])),
        (format!("target=user:{}", of(&joan)), ids(&|event| event["target"]["id"] == joan["id"])),
        (format!("actor={actor}"), ids(&|event| event["actor"]["id"] == actor)),
        ("action=user.created,signin.accepted".to_owned(), ids(&|event| event["action"] != "user.updated")),
        (format!("since={middle}"), ids(&|event| event["at"].as_str() >= Some(&middle))),
        (
            format!("until={middle}&actor={actor}"),
            ids(&|event| event["at"].as_str() < Some(&middle) && event["actor"]["id"] == actor),
        ),
    ];
    for (query, expected) in cases {
        let query = query.replace('+', "%2B");
        for limit in [1, 3, 1000] {
            assert_eq!(all(&admin, &format!("{query}&limit={limit}")).await, expected, "{query} by {limit}");
            let mut reversed = expected.clone();
            reversed.reverse();
            let ascending = all(&admin, &format!("{query}&limit={limit}&order=oldest")).await;
            assert_eq!(ascending, reversed, "{query} by {limit}, oldest first");
        }
    }
    assert!(list(&admin, "target=group:1").await["results"].as_array().is_some_and(Vec::is_empty));
    for query in ["target=x", "order=x", "limit=0", "after=x", "action=x", "since=x", "actor=x"] {
        let answer = admin.get(&format!("{EVENTS}?{query}")).await;
        let (name, _) = query.split_once('=').expect("a parameter");
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.json()[name].is_array(), "{query}: {answer:?}");
    }
}

#[tokio::test]
async fn lines_are_all_events() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for number in 0..5 {
        admin.create_user(&format!("user{number}"), &json!({})).await;
    }
    let answer = admin.accepting("application/x-ndjson", &format!("{EVENTS}?order=oldest&limit=2")).await;
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<Value> = answer.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let mut expected = newest(&admin, 1000).await;
    expected.reverse();
    assert_eq!(lines, expected);
    // Other endpoints have none.
    assert_eq!(admin.accepting("application/x-ndjson", USERS).await.status, StatusCode::NOT_ACCEPTABLE);
    // In Lambda a response has a limit, and the last line's cursor continues it.
    let app = app.another(Options { answer_limit: Some(4000), ..Options::default() });
    let admin = app.admin().await;
    let mut seen = 0;
    let mut after = "0.0".to_owned();
    loop {
        let path = format!("{EVENTS}?order=oldest&after={after}&action=user.created");
        let answer = admin.accepting("application/x-ndjson", &path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.body.len() <= 2000, "{} bytes", answer.body.len());
        let Some(last) = answer.text().lines().last().map(ToOwned::to_owned) else { break };
        seen += answer.text().lines().count();
        after = serde_json::from_str::<Value>(&last).expect("JSON")["cursor"].as_str().expect("a cursor").to_owned();
    }
    assert_eq!(seen, 6);
}

#[tokio::test]
async fn managers_see_what_concerns_users_in_their_sight() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let organization = admin.post("/api/v1/users/organization/", &json!({"name": "One", "slug": "one"})).await.json();
    let within = json!({"organization_users": {"organization": organization["id"], "is_admin": false}});
    let boss = json!({"groups": [1], "organization_users": {"organization": organization["id"], "is_admin": true}});
    admin.create_user("boss", &boss).await;
    let member = admin.create_user("member", &within).await;
    let stranger = admin.create_user("stranger", &json!({})).await;
    let boss = app.signed_in("boss").await;
    let seen = newest(&boss, 1000).await;
    let targets: std::collections::BTreeSet<&str> =
        seen.iter().filter_map(|event| event["target"]["name"].as_str()).collect();
    assert_eq!(targets, ["boss", "member"].into());
    let by_admin = seen.iter().find(|event| event["target"]["name"] == "member").expect("an event");
    assert_eq!((&by_admin["actor"]["username"], &by_admin["actor"]["network"]), (&json!("admin"), &Value::Null));
    for (user, count) in [(&member, 1), (&stranger, 0)] {
        let found = list(&boss, &format!("target=user:{}", id(user))).await;
        assert_eq!(found["results"].as_array().map(Vec::len), Some(count));
    }
    // A page whose events are all out of sight still leads on.
    assert_eq!(all(&boss, "limit=1").await.len(), seen.len());
    let plain = app.signed_in("stranger").await;
    assert_eq!(plain.get(EVENTS).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn events_are_kept_for_their_time() {
    let app = TestApp::with(Options { event_retention: 100 * DAY, ..Options::default() }).await;
    let admin = app.admin().await;
    let old = admin.create_user("old", &json!({})).await;
    assert!(!newest(&admin, 10).await.is_empty());
    app.environment.advance(60 * DAY);
    let admin = app.admin().await;
    let younger = admin.create_user("younger", &json!({})).await;
    assert_eq!(newest(&admin, 1000).await.len(), 5, "three users, and two tokens");
    app.environment.advance(45 * DAY);
    let admin = app.admin().await;
    let of = |user: &Value| format!("target=user:{}", id(user));
    assert_eq!(all(&admin, &of(&old)).await.len(), 0);
    assert_eq!(all(&admin, &of(&younger)).await.len(), 1);
    let left = newest(&admin, 1000).await;
    assert!(left.iter().all(|event| event["target"]["name"] != "old"), "{left:#?}");
    assert_eq!(left.len(), 3);
}

#[tokio::test]
async fn a_page_costs_the_same_however_long_the_log_is() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let jane = admin.create_user("jane", &json!({})).await;
    let path = format!("{USERS}{}/", id(&jane));
    let mut costs = Vec::new();
    for size in [30, 300] {
        for number in 0..size {
            admin.patch(&path, &json!({"bio": format!("{size} {number}")})).await;
        }
        // Puts them into the log.
        newest(&admin, 1).await;
        let joan = admin.create_user(&format!("joan{size}"), &json!({})).await;
        newest(&admin, 1).await;
        let page = admin.get(&format!("{EVENTS}?limit=20")).await;
        let of_joan = admin.get(&format!("{EVENTS}?target=user:{}", id(&joan))).await;
        assert_eq!(of_joan.json()["results"].as_array().map(Vec::len), Some(1));
        costs.push((page.cost().0, of_joan.cost().0, page.cost().1 + of_joan.cost().1));
    }
    println!("read units of a page, and of one user's events: {costs:?}");
    for (page, of_one, written) in costs {
        assert!(page <= 60.0, "a page reads {page} units");
        assert!(of_one <= 7.0, "the events of one user read {of_one} units");
        assert!(written < 1.0, "reading an ordered log wrote {written}");
    }
}

#[tokio::test]
async fn an_event_costs_two_units_in_its_transaction_and_four_later() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let jane = admin.create_user("jane", &json!({})).await;
    newest(&admin, 1).await;
    let answer = admin.patch(&format!("{USERS}{}/", id(&jane)), &json!({"bio": "x"})).await;
    let (_, with_event) = answer.cost();
    // The record, its row and place change; two units for each kilobyte in a transaction.
    assert!(with_event <= 8.0, "an update writes {with_event} units");
    for number in 0..100 {
        admin.patch(&format!("{USERS}{}/", id(&jane)), &json!({"bio": format!("y{number}")})).await;
    }
    let (_, later) = admin.get(&format!("{EVENTS}?limit=1")).await.cost();
    println!("an update writes {with_event} units, ordering an event {} more", later / 101.0);
    assert!(later / 101.0 <= 4.0, "ordering an event writes {} units", later / 101.0);
}
