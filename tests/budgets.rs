//! What each request may cost in read and write units (`docs/design.md` section 4), at two sizes of directory.
//!
//! `ROLLCALL_LARGE=1` adds the measurements among 100,000 users; `-- --nocapture` shows the figures.

mod crowds;
mod edge;
mod finding;
mod pages;
mod scim;
mod waits;

use std::collections::BTreeSet;
use std::time::Instant;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared::model::ambient::Ambient as _;
use shared::model::{GroupId, User};

use crate::support::{Answer, CHEAP, Client, PASSWORD, TOKEN, TestApp, USERS, insert_many, is_large, plain_user};

/// What an event costs in the transaction of its change.
const EVENT: f64 = 2.0;
/// What a change costs in its transaction that the search index does not contain yet.
const SEARCH: f64 = 2.0;
/// What switching a user off or on may write, all included.
const SWITCHED: f64 = 12.0;
const DAY: i64 = 24 * 60 * 60;

/// The highest read and write cost of one kind of request.
#[derive(Debug, Clone, Copy, Default)]
struct Peak {
    read: f64,
    write: f64,
}

impl Peak {
    fn note(&mut self, answer: &Answer, expected: StatusCode) -> f64 {
        assert_eq!(answer.status, expected, "{answer:?}");
        let (read, write) = answer.cost();
        self.read = self.read.max(read);
        self.write = self.write.max(write);
        read
    }

    #[track_caller]
    fn within(self, what: &str, read: f64, write: f64) {
        println!("{what}: {} of {read} read, {} of {write} write units", self.read, self.write);
        assert!(self.read > 0.0 || self.write > 0.0, "{what} was not measured");
        assert!(self.read <= read, "{what} reads {} units, at most {read} are allowed", self.read);
        assert!(self.write <= write, "{what} writes {} units, at most {write} are allowed", self.write);
    }
}

/// A directory of that many users of ordinary size, who joined over the last three years.
async fn directory_of(users: usize) -> TestApp {
    let app = TestApp::start().await;
    let began = Instant::now();
    let pattern = User {
        groups: BTreeSet::from([GroupId(2)]),
        password: format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA${}", "A".repeat(43)).into(),
        ..plain_user(&app, "user000000").await
    };
    // All before this year, in which `admin` has joined.
    let newest = app.environment.now().plus_seconds(-366 * DAY);
    let span = 3 * 365 * DAY;
    let count = i64::try_from(users).expect("small");
    let moments: Vec<_> = (1..count).map(|index| newest.plus_seconds(-span * index / count)).collect();
    insert_many(&app, &pattern, &moments).await;
    println!("{users} users written in {:.1} s", began.elapsed().as_secs_f64());
    app.environment.advance(60);
    app
}

/// The path and query of a page's `next` link.
fn next(page: &Answer) -> Option<String> {
    let next = page.json()["next"].as_str()?.to_owned();
    Some(next.strip_prefix("http://rollcall.example").expect("our host").to_owned())
}

async fn login(app: &TestApp) {
    let mut peak = Peak::default();
    for name in ["admin", "user000001@mail.example", "nobody"] {
        let body = json!({"username": name, "password": PASSWORD});
        let answer = app.anonymous().post(TOKEN, &body).await;
        let expected = if name == "admin" { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        peak.note(&answer, expected);
    }
    peak.within("login", 3.0, 6.0);
}

async fn authentication(app: &TestApp, admin: &Client) {
    let mut peak = Peak::default();
    peak.note(&admin.json(Method::OPTIONS, USERS, None).await, StatusCode::OK);
    peak.within("authentication", 1.0, 0.0);
    admin.create_user("clerk", &json!({"groups": [1, 2]})).await;
    let clerk = app.signed_in("clerk").await;
    let mut peak = Peak::default();
    peak.note(&clerk.json(Method::OPTIONS, USERS, None).await, StatusCode::OK);
    peak.within("authentication and rights", 3.0, 0.0);
}

async fn detail(admin: &Client) {
    let list = admin.get(&format!("{USERS}?page_size=3&page=last")).await.json();
    let mut peak = Peak::default();
    for row in list["results"].as_array().expect("rows") {
        let path = format!("{USERS}{}/", row["id"].as_str().expect("an id"));
        peak.note(&admin.get(&path).await, StatusCode::OK);
    }
    peak.within("detail", 3.0, 0.0);
}

/// Follows `next` for so many pages of ten, from a page on; gives the number of users met.
async fn walk(admin: &Client, what: &str, from: &str, pages: usize) -> usize {
    let mut peak = Peak::default();
    let mut met = BTreeSet::new();
    let mut url = Some(from.to_owned());
    let mut first = true;
    for _ in 0..pages {
        let Some(at) = url else { break };
        let page = admin.get(&at).await;
        for row in page.json()["results"].as_array().expect("rows") {
            let id = row["id"].as_str().expect("an id").to_owned();
            assert!(met.insert(id), "{at} repeats a user");
        }
        // The page that a walk begins with is asked directly, unless it is the newest.
        if !first || at == USERS {
            peak.note(&page, StatusCode::OK);
        }
        first = false;
        url = next(&page);
    }
    peak.within(what, 8.0, 0.0);
    met.len()
}

async fn pages_asked_directly(app: &TestApp, users: usize) {
    let last = users.div_ceil(10);
    let mut pages: Vec<usize> = vec![1, 2, 3, 10, 33, 100, last / 4, last / 2, last * 3 / 4, last - 1, last];
    pages.retain(|page| (1..=last).contains(page));
    let mut worst = (0.0, 0, 0.0);
    for number in pages {
        // A process that remembers nothing.
        let admin = app.restarted(CHEAP).admin().await;
        let mut peak = Peak::default();
        let read = peak.note(&admin.get(&format!("{USERS}?page={number}")).await, StatusCode::OK);
        let budget = 8.0 + f64::from(u32::try_from(number).expect("small")) * 0.2;
        assert!(read <= budget, "page {number} reads {read} units, at most {budget} are allowed");
        if read / budget > worst.0 {
            worst = (read / budget, number, read);
        }
    }
    println!("page asked directly, nearest to its budget: page {} with {} read units", worst.1, worst.2);
    assert!(worst.1 > 0);
}

async fn creations(app: &TestApp, admin: &Client) {
    // Being in a group is an item of its own, the group must be there, and so must whoever gives what it grants.
    for (what, verified, groups, most) in [
        ("creation, verified", true, json!([]), 20.0),
        ("creation, unverified", false, json!([]), 20.0),
        ("creation in a group, unverified", false, json!([2]), 26.0),
    ] {
        let mut first = Peak::default();
        let mut later = Peak::default();
        let fresh = app.restarted(CHEAP).admin().await;
        for index in 0..45 {
            let name = format!("new{}{index}", what.len());
            let body = json!({
                "username": name, "email": format!("{name}@mail.example"), "password": PASSWORD,
                "email_verified": verified, "first_name": "Ada", "last_name": "Lovelace", "groups": groups,
            });
            // The first of a process, and enough later ones for it to reserve numbers again.
            let (client, peak) = if index == 0 { (&fresh, &mut first) } else { (admin, &mut later) };
            let answer = client.post(USERS, &body).await;
            peak.note(&answer, StatusCode::CREATED);
            // Each group has an entry in a list.
            let groups = f64::from(u32::try_from(groups.as_array().map_or(0, Vec::len)).expect("few"));
            let (_, write) = answer.cost();
            assert!(
                write <= most + EVENT + SEARCH + groups,
                "{what} writes {write} units, {most} without events and search allowed"
            );
        }
        let all = if groups == json!([]) { 20.0 } else { 27.0 } + EVENT + SEARCH;
        first.within(&format!("{what}, first of a process"), 8.0, all);
        later.within(what, 8.0, all);
    }
}

async fn switched(admin: &Client) {
    let mut peak = Peak::default();
    for number in 0..5 {
        let name = format!("switched{number}");
        let body = json!({"first_name": "Ada", "last_name": "Lovelace", "email": format!("{name}@mail.example")});
        let user = admin.create_user(&name, &body).await;
        let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
        for is_active in [false, true] {
            peak.note(&admin.patch(&path, &json!({"is_active": is_active})).await, StatusCode::OK);
        }
    }
    peak.within("a user switched off or on, all included", 3.0, SWITCHED);
}

async fn measure(users: usize) {
    let app = directory_of(users).await;
    let admin = app.admin().await;
    login(&app).await;
    detail(&admin).await;
    let last = users.div_ceil(10);
    let walked = walk(&admin, "pages from the newest on", USERS, 150.min(last + 1)).await;
    assert_eq!(walked, users.min(1500), "everyone once");
    let middle = format!("{USERS}?page={}", last / 2);
    walk(&admin, "pages from the middle on", &middle, 50).await;
    let end = format!("{USERS}?page={}", last.saturating_sub(60).max(1));
    walk(&admin, "pages to the oldest", &end, 70).await;
    pages_asked_directly(&app, users).await;
    authentication(&app, &admin).await;
    creations(&app, &admin).await;
    switched(&admin).await;
    assert!(admin.get(USERS).await.json()["count"].as_u64().expect("a count") > users as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_stay_within_their_budgets_among_a_thousand_users() {
    measure(1000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_stay_within_their_budgets_among_a_hundred_thousand_users() {
    // Without opting in, the smallest directory stands in, so that the code of the measurement is run.
    measure(if is_large() { 100_000 } else { 30 }).await;
}

#[tokio::test]
async fn a_login_costs_the_same_while_failures_are_counted() {
    let options = crate::support::Options { throttle: true, ..crate::support::Options::default() };
    let app = TestApp::with(options).await;
    let mut peak = Peak::default();
    for (name, password) in
        [("admin", PASSWORD), ("admin", "wrong"), ("nobody@mail.example", "wrong"), ("admin", PASSWORD)]
    {
        let begun = crate::support::request(Method::POST, TOKEN)
            .header("content-type", "application/json")
            .extension(shared::web::ClientIp(Some("192.0.2.1".to_owned())));
        let body: Value = json!({"username": name, "password": password});
        let answer = app.anonymous().ask(begun, body.to_string()).await;
        let expected = if password == PASSWORD { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        peak.note(&answer, expected);
    }
    peak.within("login with limits", 3.0, 6.0);
}
