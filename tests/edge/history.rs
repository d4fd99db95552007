//! The access history (section 8).

use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared::model::ambient::Ambient as _;
use shared::model::{SignInAttempt, UserId, Username};

use super::{USERS, admin, every_method, history, link_of, make, path, path_of, text, token_of};
use crate::support::{CHEAP, Client, Options, PASSWORD, Table, TestApp, request};

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

/// An attempt may be recorded while the list is read, whatever becomes of the request.
#[tokio::test]
async fn a_list_shows_its_own_caller_as_if_the_attempt_was_recorded_before() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"allow_rest_access": true})).await;
    let root = admin.get("/api/users/?username=admin").await.json()[0].clone();
    for list in ["/api/users/", "/api/users/?username=admin", "/api/users/?page=99", "/api/users/?page=x"] {
        app.environment.advance(1);
        let answer = admin.get(list).await;
        let attempts = history(&admin, &root).await;
        // The newest one is that of reading the history.
        let [last, before] = [1, 2].map(|index| attempts[index]["attempted_on"].clone());
        assert_ne!(last, before, "{list} is an attempt");
        if let Some(row) = answer.json().as_array().and_then(|rows| rows.iter().find(|row| row["username"] == "admin"))
        {
            assert_eq!(row["previous_login_date"], before, "{list}");
        } else {
            assert!(!answer.status.is_success(), "{list}: {answer:?}");
        }
    }
    let own = app.basic("bob", PASSWORD);
    assert_eq!(own.get("/api/users/").await.status, StatusCode::FORBIDDEN);
    assert_eq!(successes(&history(&admin, &bob).await), [true]);
    app.basic("bob", "wrong").get("/api/users/").await;
    assert_eq!(successes(&history(&admin, &bob).await), [false, true]);
    assert_eq!(app.anonymous().json(Method::HEAD, "/api/users/", None).await.status, StatusCode::UNAUTHORIZED);
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
    assert_eq!(shown, 200);
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
    // 200 bytes would end within a letter.
    let mut begun = request(Method::GET, USERS).header("user-agent", format!("x{}", "ü".repeat(600)));
    for header in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        begun = begun.header(header, "for=198.51.100.9");
    }
    app.basic("bob", PASSWORD).ask(begun, "").await;
    let entries = history(&admin, &bob).await;
    assert_eq!(entries[0]["user_agent"], format!("x{}", "ü".repeat(99)));
    assert_eq!(entries[0]["remote_address"], Value::Null, "headers can be written by anybody");
}

#[tokio::test]
async fn attempts_of_the_same_moment_are_all_kept() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({})).await;
    app.basic("bob", PASSWORD).get(USERS).await;
    let (id, _) = stored(&app, "bob", true).await;
    let store = app.directory.store();
    let at = app.environment.now();
    for success in [true, false, true, false, true] {
        let attempt = SignInAttempt { success, at, user_agent: None, address: None };
        store.attempt_insert(id, &attempt).await.expect("a write");
    }
    let entries = history(&admin, &bob).await;
    assert_eq!(entries.len(), 6);
    assert_eq!(successes(&entries).into_iter().filter(|success| *success).count(), 4);
    assert!(entries[..5].iter().all(|entry| entry["attempted_on"] == at.naive()));
}

/// The id behind a user's object, and the attempts of a kind that the store holds.
async fn stored(app: &TestApp, username: &str, accepted: bool) -> (UserId, Vec<SignInAttempt>) {
    let name = Username::parse(username).expect("a name");
    let store = app.directory.store();
    let id = store.user_by_username(&name).await.expect("the store").expect("a user").user;
    let found = store.attempts_readable(id, accepted).await.expect("the store");
    (id, found.records.into_iter().map(|(_, attempt)| attempt).collect())
}

/// All attempts, by following `next` through pages of that size.
async fn walked(client: &Client, user: &Value, size: usize) -> Vec<Value> {
    let mut url = Some(format!("{}history/?page_size={size}", path_of(user)));
    let mut attempts = Vec::new();
    while let Some(at) = url {
        let page = client.get(&at).await;
        attempts.extend(page.json().as_array().expect("attempts").clone());
        url = link_of(&page, "next");
    }
    attempts
}

#[tokio::test]
async fn strangers_cannot_fill_the_history() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"allow_rest_access": true})).await;
    app.basic("bob", PASSWORD).get(USERS).await;
    // Three processes at once, for an hour.
    let apps = [app.restarted(CHEAP), app.restarted(CHEAP), app.restarted(CHEAP)];
    let mut spent = 0.0;
    for quarter in 0..4 {
        for round in 0..60 {
            let secret = format!("{:040x}", 1000 * quarter + round);
            let clients = apps.each_ref().map(|app| app.keyed(&format!("bob:{secret}")));
            let answers = futures_util::future::join_all(clients.iter().map(|client| client.get(USERS))).await;
            for answer in answers {
                assert_eq!(answer.status, 401);
                let (_, write) = answer.cost();
                // Three tries, and the event.
                assert!(write <= 4.0, "{write}");
                spent += write;
            }
        }
        let last = apps[0].keyed("bob:x").get(USERS).await;
        assert!(last.cost().1 < 0.1, "full, so that nothing more is tried");
        app.environment.advance(15 * 60);
    }
    let (_, refused) = stored(&app, "bob", false).await;
    assert!((100..=124).contains(&refused.len()), "{}", refused.len());
    assert!(spent <= 4.0 * 124.0, "{spent}");
    // What counts for the owner is all there.
    assert_eq!(stored(&app, "bob", true).await.1.len(), 1);
    assert_eq!(walked(&admin, &bob, 7).await.len(), refused.len() + 1);
    // The next hour has room again.
    app.keyed("bob:x").get(USERS).await;
    assert_eq!(stored(&app, "bob", false).await.1.len(), refused.len() + 1);
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn a_few_refused_attempts_are_all_noted_whatever_process_refuses_them() {
    let app = TestApp::start().await;
    let bob = make(&admin(&app), "bob", json!({})).await;
    for _ in 0..10 {
        app.restarted(CHEAP).keyed("bob:x").get(USERS).await;
    }
    assert_eq!(history(&admin(&app), &bob).await.len(), 10);
}

#[tokio::test]
async fn who_is_throttled_writes_nothing() {
    let app = TestApp::with(Options { throttle: true, ..Options::default() }).await;
    let wrong = app.basic("admin", "wrong");
    while wrong.get(USERS).await.status == 401 {}
    let before = stored(&app, "admin", false).await.1.len();
    for _ in 0..5 {
        assert_eq!(wrong.get(USERS).await.status, 429);
    }
    assert_eq!(stored(&app, "admin", false).await.1.len(), before);
}

#[tokio::test]
async fn attempts_of_many_processes_and_of_old_are_in_order_and_each_is_met_once() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"allow_rest_access": true})).await;
    let (id, _) = stored(&app, "bob", true).await;
    let apps = [app.restarted(CHEAP), app.restarted(CHEAP), app.restarted(CHEAP)];
    for index in 0..90_u64 {
        // Some within the same moment, some quarters with none.
        app.environment.advance([0, 7, 40, 0, 200][usize::try_from(index % 5).expect("small")]);
        let at = app.environment.now();
        let agent = format!("agent-{index}");
        let success = index % 4 == 1;
        if index % 3 == 0 {
            // As they were written before there were slots.
            let attempt = SignInAttempt { success, at, user_agent: Some(agent.clone()), address: None };
            app.directory.store().attempts_restore(&[(id, u64::MAX - index, attempt)]).await.expect("a write");
        } else {
            let app = &apps[usize::try_from(index % 7 % 3).expect("small")];
            let client = if success { app.basic("bob", PASSWORD) } else { app.keyed("bob:x") };
            client.ask(request(Method::GET, USERS).header("user-agent", &agent), "").await;
        }
    }
    // A refused attempt is not recorded if it draws three slots that other processes have taken.
    let table = Table::read(&app.engine);
    let recorded = ["ACCEPTED", "REFUSED"].map(|kind| format!("{kind}#{id}"));
    let recorded = recorded.iter().flat_map(|partition| table.partition(partition));
    let mut expected: Vec<&str> = recorded.map(|(_, item)| text(&item["agent"])).collect();
    expected.sort_unstable();
    assert!((85..=90).contains(&expected.len()), "{expected:?}");
    for size in [1, 3, 10, 100] {
        let attempts = walked(&admin, &bob, size).await;
        let moments: Vec<&str> = attempts.iter().map(|attempt| text(&attempt["attempted_on"])).collect();
        assert!(moments.is_sorted_by(|a, b| a >= b), "{size}: {moments:?}");
        let mut agents: Vec<&str> = attempts.iter().map(|attempt| text(&attempt["user_agent"])).collect();
        agents.sort_unstable();
        assert_eq!(agents, expected, "{size}");
        // Asked for by number alone, a page is the same.
        let page = admin.get(&format!("{}history/?page_size={size}&page=2", path_of(&bob))).await;
        let rest = attempts.get(size..).unwrap_or_default();
        assert_eq!(page.status.is_success(), !rest.is_empty());
        if page.status.is_success() {
            assert_eq!(page.json().as_array().expect("attempts")[..], rest[..rest.len().min(size)]);
        }
    }
}

#[tokio::test]
async fn a_mark_that_is_none_or_of_another_page_counts_for_nothing() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"allow_rest_access": true})).await;
    for index in 0..7 {
        app.environment.advance(1);
        let begun = request(Method::GET, USERS).header("user-agent", format!("agent-{index}"));
        app.basic("bob", PASSWORD).ask(begun, "").await;
    }
    let at = format!("{}history/?page_size=2", path_of(&bob));
    let second = link_of(&admin.get(&at).await, "next").expect("a second page");
    let mark = second.split("after=").nth(1).and_then(|rest| rest.split('&').next()).expect("a mark");
    let third = admin.get(&format!("{at}&page=3")).await;
    for after in [mark, "", "x", "4.zz.a.0", "4.ff.x.0", "18446744073709551615.f.a.1"] {
        let answer = admin.get(&format!("{at}&page=3&after={after}")).await;
        assert_eq!(answer.json(), third.json(), "{after}");
        for relation in ["first", "prev", "last"] {
            let link = link_of(&answer, relation).expect("a link");
            assert!(!link.contains("after="), "{link}");
        }
    }
    let last = link_of(&third, "last").expect("a link");
    assert_eq!(admin.get(&last).await.json().as_array().expect("attempts").len(), 1);
}
