//! Filters, order and pages of users (section 4).

use http::Method;
use http::header::HOST;
use serde_json::{Value, json};

use super::{USERS, admin, detail, link_of, make, path_of, told};
use crate::support::{PASSWORD, TestApp};

fn names(list: &Value) -> Vec<&str> {
    list.as_array().expect("users").iter().map(|user| user["username"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn filters_hold_together_and_see_users_of_the_other_apis() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    make(&admin, "Johnny", json!({"first_name": "Jonathan", "last_name": "Doe"})).await;
    make(&admin, "jonas", json!({"first_name": "Jonas", "last_name": "Smith", "is_active": false})).await;
    app.admin().await.create_user("openwisp", &json!({"first_name": "Jon"})).await;
    let l2m = app.keyed(&app.api_token("admin").await);
    l2m.post("/api/admin/users/", &json!({"username": "openl2m", "password": "x", "first_name": "joN"})).await;
    for (query, expected) in [
        ("", vec!["admin", "Johnny", "jonas", "openwisp", "openl2m"]),
        ("first_name=jon", vec!["Johnny", "jonas", "openwisp", "openl2m"]),
        ("first_name=JON&last_name=doe", vec!["Johnny"]),
        ("first_name=jon&is_active=false", vec!["jonas"]),
        ("first_name=jon&is_active=True", vec!["Johnny", "openwisp", "openl2m"]),
        ("is_active=f", vec!["jonas"]),
        ("email=MAIL.example&username=o", vec!["Johnny", "jonas", "openwisp"]),
        ("first_name=&last_name=&is_active=", vec!["admin", "Johnny", "jonas", "openwisp", "openl2m"]),
        ("first_name=jonas&first_name=jonat", vec!["Johnny"]),
        ("is_staff=true&organization=x&shoe_size=44&last_name=smith", vec!["jonas"]),
        ("first_name=j.n", vec![]),
        ("first_name=%25", vec![]),
    ] {
        let answer = admin.get(&format!("{USERS}?{query}")).await;
        assert_eq!(names(&answer.json()), expected, "{query}");
    }
    let refused = admin.get(&format!("{USERS}?is_active=perhaps")).await;
    assert_eq!(told(&refused), (400, json!({"is_active": ["Must be a valid boolean."]})));
    // What another API changes is found at once.
    l2m.patch("/api/admin/users/2/", &json!({"first_name": "Renamed"})).await;
    assert_eq!(names(&admin.get(&format!("{USERS}?first_name=jonath")).await.json()), Vec::<&str>::new());
    assert_eq!(names(&admin.get(&format!("{USERS}?first_name=rENAM")).await.json()), ["Johnny"]);
}

#[tokio::test]
async fn pages_are_linked_as_the_rfc_says() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    for index in 0..5 {
        make(&admin, &format!("page{index}"), json!({"last_name": "Ta g+1"})).await;
    }
    let page = admin.get(&format!("{USERS}?page_size=2&page=2&last_name=ta+g%2B1")).await;
    assert_eq!(names(&page.json()), ["page2", "page3"]);
    let at = |page: &str| format!("<http://rollcall.example/api/users/?last_name=ta+g%2B1{page}&page_size=2>");
    assert_eq!(
        page.header("link").expect("links"),
        format!(
            "{}; rel=\"first\", {}; rel=\"prev\", {}; rel=\"next\", {}; rel=\"last\"",
            at(""),
            at(""),
            at("&page=3"),
            at("&page=3")
        )
    );
    let last = admin.get(&format!("{USERS}?page_size=2&page=last&last_name=ta+g%2B1")).await;
    assert_eq!(names(&last.json()), ["page4"]);
    assert!(!last.header("link").expect("links").contains("next"));
    for query in ["page=4", "page=0", "page=-1", "page=abc", "page=1.5", "page=99999999999999999999999"] {
        let answer = admin.get(&format!("{USERS}?last_name=ta+g&page_size=2&{query}")).await;
        assert_eq!(told(&answer), (404, detail("Invalid page.")), "{query}");
        let answer = admin.get(&format!("{USERS}?page_size=3&{query}")).await;
        assert_eq!(told(&answer), (404, detail("Invalid page.")), "{query} of all");
    }
    for query in ["page_size=0", "page_size=-2", "page_size=abc", "page_size=", "page_size=100000"] {
        let answer = admin.get(&format!("{USERS}?{query}")).await;
        assert_eq!((answer.json().as_array().expect("users").len(), answer.header("link")), (6, None), "{query}");
    }
    assert_eq!(told(&admin.get(&format!("{USERS}?username=nobody&page=1")).await), (200, json!([])));
    // The whole list walks from the oldest on, each once.
    let mut met = Vec::new();
    for number in 1..=3 {
        let page = admin.get(&format!("/api/users?page_size=2&page={number}")).await;
        met.extend(names(&page.json()).into_iter().map(str::to_owned));
    }
    assert_eq!(met, ["admin", "page0", "page1", "page2", "page3", "page4"]);
}

#[tokio::test]
async fn links_follow_the_host_and_the_setting_alone() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({})).await;
    let begun = http::Request::builder()
        .method(Method::GET)
        .uri(path_of(&bob))
        .header(HOST, "edge.example:8443")
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "host=evil.example");
    let shown = admin.ask(begun, "").await.json();
    assert_eq!(shown["url"], format!("http://edge.example:8443{}", path_of(&bob)));
}

#[tokio::test]
async fn a_page_of_a_search_among_many_stays_in_its_budget() {
    let census = crate::support::census::Census::of(2000).await;
    let admin = census.app.basic("admin", PASSWORD);
    for index in 0..30 {
        census.add(&format!("rare{index}"), "Wojciech").await;
    }
    // The first request of a process verifies the password.
    admin.get(&format!("{USERS}?username=admin")).await;
    let page = admin.get(&format!("{USERS}?first_name=woj&page_size=20")).await;
    assert_eq!(page.json().as_array().expect("users").len(), 20);
    let (read, write) = page.cost();
    println!("a page of 20 of 30 matches among 2,030: {read} read, {write} write units");
    assert!(read <= 30.0, "{read}");
    assert!((0.9..1.1).contains(&write), "{write}");
}

#[tokio::test]
async fn a_page_has_a_hundred_users_by_default_and_at_most() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let pattern = crate::support::plain_user(&app, "u000000").await;
    let a_year_ago = pattern.date_joined.plus_seconds(-365 * 24 * 60 * 60);
    let moments: Vec<_> = (1..=120).map(|second| a_year_ago.plus_seconds(-second)).collect();
    crate::support::insert_many(&app, &pattern, &moments).await;
    for query in ["", "?page_size=100", "?page_size=101", "?page_size=x"] {
        let answer = admin.get(&format!("{USERS}{query}")).await;
        assert_eq!(answer.json().as_array().map(Vec::len), Some(100), "{query}");
        let next = link_of(&answer, "next").expect("a second page");
        assert_eq!(admin.get(&next).await.json().as_array().map(Vec::len), Some(21));
        assert_eq!(link_of(&answer, "last"), Some(next));
    }
}
