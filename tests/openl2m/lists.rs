//! The list of all users (sections 7 and 11).

use std::io::Read as _;

use http::Method;
use http::header::ACCEPT_ENCODING;
use serde_json::{Value, json};
use shared::model::ambient::Ambient as _;

use super::{USERS, admin, make, path_of, told};
use crate::support::{Options, TestApp, insert_many, plain_user, request};

fn ids(rows: &Value) -> Vec<u64> {
    rows.as_array().expect("rows").iter().map(|row| row["id"].as_u64().expect("an id")).collect()
}

#[tokio::test]
async fn all_users_are_there_in_order_of_ids_whatever_is_asked() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    for index in 0..25 {
        make(&admin, &format!("user{index}"), json!({})).await;
    }
    // One who joined earlier stands elsewhere in the lists of the other APIs.
    let moved = format!("{USERS}9/");
    assert_eq!(admin.patch(&moved, &json!({"date_joined": "2001-02-03T04:05:06Z"})).await.status, 200);
    let rows = admin.get(USERS).await.json();
    assert_eq!(ids(&rows), (1..=26).collect::<Vec<_>>());
    assert_eq!(rows[8]["date_joined"], "2001-02-03T04:05:06Z");
    for query in
        ["?page=7", "?limit=1", "?username=user3&offset=50&page_size=1&ordering=-id", "?format=json", "?after=x"]
    {
        let answer = admin.get(&format!("{USERS}{query}")).await;
        assert_eq!(ids(&answer.json()).len(), 26, "{query}");
        assert_eq!(answer.header("link"), None);
    }
    assert_eq!(told(&admin.get(&format!("{USERS}?format=xml")).await), (404, json!({"detail": "Not found."})));
}

#[tokio::test]
async fn parts_are_linked_and_together_are_all() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    for index in 0..9 {
        make(&admin, &format!("user{index}"), json!({})).await;
    }
    let mut url = Some(format!("{USERS}?after=0&limit=4"));
    let mut met = Vec::new();
    while let Some(at) = url {
        let part = admin.get(&at).await;
        met.extend(ids(&part.json()));
        url = part.header("link").map(|link| {
            let target = link.strip_prefix("<http://rollcall.example").expect("our host");
            target.strip_suffix(">; rel=\"next\"").expect("a next part").to_owned()
        });
    }
    assert_eq!(met, (1..=10).collect::<Vec<_>>());
    let all = admin.get(USERS).await.json();
    assert_eq!(admin.get(&format!("{USERS}?after=0")).await.json(), all);
    assert_eq!(admin.get(&format!("{USERS}?after=99999999999999999999999")).await.json(), all, "no number, so no part");
    assert_eq!(admin.get(&format!("{USERS}?after=18446744073709551615")).await.json(), json!([]));
}

#[tokio::test]
async fn many_users_fit_into_an_answer_of_lambda_when_compressed() {
    // A sixth of Lambda's limit, for a fifth of the users that would fill it.
    let lambda = Options { answer_limit: Some(1024 * 1024), ..Options::default() };
    let app = TestApp::with(lambda).await;
    let pattern = plain_user(&app, "user000000").await;
    let moments: Vec<_> =
        (0..4_000).map(|index| app.environment.now().plus_seconds(-400 * 24 * 3600 - index)).collect();
    insert_many(&app, &pattern, &moments).await;
    let admin = admin(&app).await;
    let refused = admin.get(USERS).await;
    assert_eq!(refused.status, 400);
    assert!(refused.json()["reason"].as_str().expect("a reason").contains("?after=0&limit=1000"));
    let begun = request(Method::GET, USERS).header(ACCEPT_ENCODING, "gzip, deflate");
    let answer = admin.ask(begun, "").await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert_eq!(answer.header("vary"), Some("Accept, Accept-Encoding"));
    assert!(answer.body.len() < 256 * 1024, "60,000 users still fit: {}", answer.body.len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(&answer.body[..]).read_to_string(&mut text).expect("unpacked");
    let rows: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(ids(&rows).len(), 4_001);
    assert!(ids(&rows).is_sorted());
    let (read, _) = answer.cost();
    println!("4,001 users: {read} read units, {} bytes, {} compressed", text.len(), answer.body.len());
    assert!(read < 4_001.0 / 6.0, "a list row is an eighth of a read unit: {read}");
}

#[tokio::test]
async fn json_is_indented_and_other_types_are_refused() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let answer = admin.accepting("application/json; indent=2", USERS).await;
    assert!(answer.text().starts_with("[\n  {\n    \"id\": 1,"));
    let refused = admin.accepting("application/xml", USERS).await;
    assert_eq!(told(&refused), (406, json!({"detail": "Could not satisfy the request Accept header."})));
    let page = admin.accepting("text/html,application/xhtml+xml,*/*;q=0.8", USERS).await;
    assert_eq!(page.header("content-type"), Some("application/json"));
    assert_eq!(app.anonymous().accepting("application/xml", USERS).await.status, 406, "before credentials");
}

#[tokio::test]
async fn head_and_options_and_unknown_ids() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let jane = make(&admin, "jane", json!({})).await;
    let head = admin.json(Method::HEAD, &path_of(&jane), None).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    let options = admin.json(Method::OPTIONS, USERS, None).await.json();
    assert_eq!(options["name"], "Api Admin Users");
    assert_eq!(options["parses"].as_array().expect("types").len(), 3);
    for id in ["0", "999", "99999999999999999999999"] {
        for method in [Method::GET, Method::POST, Method::PATCH] {
            let answer = admin.with_body(method, &format!("{USERS}{id}/"), "application/json", "{").await;
            assert_eq!(told(&answer), (400, json!({"reason": "Invalid user id!"})), "{id}");
        }
    }
    assert_eq!(admin.get(&format!("{USERS}002/")).await.json()["id"], 2, "leading zeros do not matter");
    for path in ["abc/", "-1/", "1.5/", "1/2/"] {
        assert_eq!(told(&admin.get(&format!("{USERS}{path}")).await), (404, json!({"detail": "Not found."})), "{path}");
    }
}
