//! What the list of users costs under filters. Its rows are read one by one, one unit each; what has counters is not gone
//! through; all else is counted exactly, at a fraction of a unit for each match.

use super::*;

/// What a page of ten may cost, of which the count is known.
const PAGE: f64 = 18.0;

async fn filtered(admin: &Client, what: &str, query: &str, most: f64, count: usize) {
    let mut peak = Peak::default();
    let answer = admin.get(&format!("{USERS}?{query}")).await;
    peak.note(&answer, StatusCode::OK);
    assert_eq!(answer.json()["count"], count, "{query}");
    peak.within(what, most, 0.0);
}

async fn measure_filters(users: usize) {
    let app = directory_of(users).await;
    let admin = app.admin().await;
    let all = f64::from(u32::try_from(users).expect("small"));
    let name = format!("user{:06}", users / 2);
    // `admin` is in no group and has another e-mail.
    let others = users - 1;
    filtered(&admin, "switched on", "is_active=true", PAGE, users).await;
    filtered(&admin, "switched off", "is_active=false", PAGE, 0).await;
    filtered(&admin, "the last page of who is switched on", "is_active=true&page=last", PAGE, users).await;
    // A tenth of these names share each of its trigrams, and are gone through.
    filtered(&admin, "one user", &format!("search={name}"), PAGE + 16.0 + all * 0.006, 1).await;
    filtered(&admin, "nobody", "search=zzzzzz", PAGE, 0).await;
    filtered(&admin, "a group of nobody", "group=1", PAGE, 0).await;
    filtered(&admin, "a group of nearly all", "group=2", PAGE + all * 0.03, others).await;
    filtered(&admin, "nearly all, by a part of their e-mail", "search=mail.exam", PAGE + 16.0 + all * 0.06, others)
        .await;
    let both = "group=2&is_active=true";
    filtered(&admin, "a group of nearly all, switched on", both, PAGE + all * 0.06, others).await;
    let last = users.div_ceil(10);
    for number in [2, 10, 100, last / 2].into_iter().filter(|number| (1..=last).contains(number)) {
        let from_end = u32::try_from(number.min(last - number + 1)).expect("small");
        let path = format!("is_active=true&page={number}");
        let what = format!("page {number} of who is switched on");
        // One more unit for each year that the page spans.
        filtered(&admin, &what, &path, PAGE + 2.0 + f64::from(from_end) * 0.25, users).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_stay_within_their_budgets() {
    measure_filters(1000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_stay_within_their_budgets_among_a_hundred_thousand_users() {
    measure_filters(if is_large() { 100_000 } else { 30 }).await;
}

/// Where many are inactive, each match costs at most one unit, and where few are, hardly anything.
#[tokio::test]
async fn active_users_are_found_among_inactive_ones() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for number in 0..240 {
        let name = format!("{}{number:03}", if number % 2 == 0 { "even" } else { "odd" });
        let email = format!("{name}@mail.example");
        let user = admin.create_user(&name, &json!({"email": email, "is_active": number % 4 != 0})).await;
        let switched = number % 8 == 0 || number % 8 == 1;
        if switched {
            let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
            let answer = admin.patch(&path, &json!({"is_active": number % 8 == 0})).await;
            assert_eq!(answer.status, StatusCode::OK);
        }
    }
    app.pack_search().await;
    let mut unfiltered = Peak::default();
    unfiltered.note(&admin.get(&format!("{USERS}?search=even")).await, StatusCode::OK);
    // The counters, and the part of the list of inactive users.
    let most = unfiltered.read + 3.0;
    for (query, most, count) in [
        ("search=even&is_active=true", most, 90),
        ("search=odd&is_active=true", most, 90),
        ("search=odd&is_active=false", most, 30),
        ("search=odd001&is_active=true", PAGE + 3.0, 0),
        ("search=odd001&is_active=false", PAGE + 3.0, 1),
        ("search=even008&is_active=true", PAGE + 3.0, 1),
        ("search=even008&is_active=false", PAGE + 3.0, 0),
        ("search=even012&is_active=true", PAGE + 3.0, 0),
        ("group=2&is_active=true", 6.0, 0),
        // Some of the first ten are inactive, so more are read.
        ("is_active=true", PAGE + 2.0, 181),
        ("is_active=false", PAGE, 60),
    ] {
        filtered(&admin, query, query, most, count).await;
    }
}
