//! Pages of lists (`contracts/openwisp.md` section 4, Pagination).

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, USERS, insert, plain_user};

/// `admin` and eleven more: the page of the contract's example.
async fn twelve(app: &TestApp) -> Client {
    for index in 1..12 {
        insert(app, &plain_user(app, &format!("user{index:02}")).await).await;
    }
    app.admin().await
}

async fn page(client: &Client, query: &str) -> (Value, Vec<String>) {
    let answer = client.get(&format!("{USERS}{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {answer:?}");
    let mut body = answer.json();
    let rows = body["results"].take();
    let names = rows.as_array().expect("rows").iter();
    (body, names.map(|row| row["username"].as_str().expect("a name").to_owned()).collect())
}

fn links(count: u64, next: Option<&str>, previous: Option<&str>) -> Value {
    let link = |query: Option<&str>| query.map(|query| format!("http://rollcall.example{USERS}{query}"));
    json!({"count": count, "next": link(next), "previous": link(previous), "results": null})
}

#[tokio::test]
async fn the_newest_come_first_ten_to_a_page() {
    let app = TestApp::start().await;
    let admin = twelve(&app).await;
    let (first, newest) = page(&admin, "").await;
    assert_eq!(first, links(12, Some("?page=2"), None));
    let expected: Vec<String> = (2..12).rev().map(|index| format!("user{index:02}")).collect();
    assert_eq!(newest, expected);
    let (second, oldest) = page(&admin, "?page=2").await;
    assert_eq!(second, links(12, None, Some("")));
    assert_eq!(oldest, ["user01", "admin"]);
}

#[tokio::test]
async fn links_keep_the_other_parameters_sorted_and_as_written() {
    let app = TestApp::start().await;
    let admin = twelve(&app).await;
    for (query, next, previous) in [
        ("?page_size=5&page=2", Some("?page=3&page_size=5"), Some("?page_size=5")),
        ("?page_size=5&page=last", None, Some("?page=2&page_size=5")),
        ("?page_size=1000", None, None),
        ("?page_size=0", Some("?page=2&page_size=0"), None),
        ("?page_size=abc&color=dark%20red", Some("?color=dark+red&page=2&page_size=abc"), None),
        ("?z=1&a=2&page=1&z=0", Some("?a=2&page=2&z=1&z=0"), None),
        (
            "?name=zzz&ordering=username&username=nobody",
            Some("?name=zzz&ordering=username&page=2&username=nobody"),
            None,
        ),
        ("?format=json", Some("?format=json&page=2"), None),
        ("?q=%26%3D%23%C3%A9", Some("?page=2&q=%26%3D%23%C3%A9"), None),
    ] {
        let (body, _) = page(&admin, query).await;
        assert_eq!(body, links(12, next, previous), "{query}");
    }
}

#[tokio::test]
async fn a_page_holds_as_many_as_asked_up_to_a_hundred() {
    let app = TestApp::start().await;
    let admin = twelve(&app).await;
    for (query, rows) in [
        ("?page_size=1", 1),
        ("?page_size=7", 7),
        ("?page_size=12", 12),
        ("?page_size=0", 10),
        ("?page_size=-1", 10),
        ("?page_size=", 10),
        ("?page_size=abc", 10),
        ("?page_size=1.5", 10),
        ("?page_size=3&page_size=4", 4),
        ("?page=last", 2),
        ("?page=last&page_size=6", 6),
        ("?page=3&page_size=5", 2),
    ] {
        assert_eq!(page(&admin, query).await.1.len(), rows, "{query}");
    }
    for index in 12..110 {
        insert(&app, &plain_user(&app, &format!("user{index:03}")).await).await;
    }
    let (body, rows) = page(&admin, "?page_size=101").await;
    assert_eq!((body, rows.len()), (links(110, Some("?page=2&page_size=101"), None), 100));
}

#[tokio::test]
async fn pages_that_do_not_exist_are_404() {
    let app = TestApp::start().await;
    let admin = twelve(&app).await;
    for query in [
        "?page=0",
        "?page=-1",
        "?page=abc",
        "?page=3",
        "?page=1.0",
        "?page=13&page_size=1",
        "?page=99999999999999999999",
        "?page=LAST",
        "?page=2&page_size=100",
    ] {
        let answer = admin.get(&format!("{USERS}{query}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{query}");
        assert_eq!(answer.text(), r#"{"detail":"Invalid page."}"#);
    }
}

#[tokio::test]
async fn the_first_and_last_page_of_an_empty_list_exist() {
    let app = TestApp::start().await;
    app.admin().await.create_user("clerk", &json!({"groups": [1]})).await;
    let clerk = app.signed_in("clerk").await;
    for query in ["", "?page=1", "?page=last"] {
        assert_eq!(page(&clerk, query).await, (links(0, None, None), vec![]));
    }
    assert_eq!(clerk.get(&format!("{USERS}?page=2")).await.status, StatusCode::NOT_FOUND);
}
