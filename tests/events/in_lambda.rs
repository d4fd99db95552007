//! The same events, to release builds of the functions under a stand-in of Lambda; and how fast those start,
//! how much memory they take and how large they are.
//!
//! `cargo build --release --bins` makes them, `cargo test --test api -- --ignored in_lambda --test-threads 1 --nocapture`
//! runs this and shows the figures. `ROLLCALL_FUNCTIONS=users` has them of that function alone.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use http::StatusCode;
use serde_json::{Value, json};
use shared::auth::password::{HashCost, Hasher};
use shared::model::ambient::{Ambient as _, System};

use super::links::confirms_an_address;
use super::{Sample, ask as ask_router, changed, sample, samples, send, text_of, with_id, with_token};
use crate::outbox;
use crate::support::gateway::{functions, template};
use crate::support::lambda::{Function, Outcome, binary, command};
use crate::support::{Answer, PASSWORD, TestApp};

/// How large the zip of a function may be, in bytes.
const LARGEST_ZIP: usize = 4_800_000;
/// How much memory a function may have held when it has answered first, in bytes. No password is hashed for that.
const MOST_MEMORY: u64 = 12_000_000;
/// How long the processor may have worked by then, in the middle of all starts. It is some 4 ms on a machine of 2024.
const MOST_COMPUTING: Duration = Duration::from_millis(20);
/// How late the first answer may come, in the middle of all starts. A machine that does other things is slow:
/// the figure to aim at is 10 ms.
const LATEST_ANSWER: Duration = Duration::from_millis(250);
/// How many times as long a function may compute a hash as code that is compiled for speed. Without vectors it is twice as long.
/// What else a sign-in does and a refusal does not is counted too.
const SLOWEST_HASH: f64 = 1.3;
/// How often each function is started for the figures.
const STARTS: usize = 50;

/// A directory whose clock shows the time that functions see.
async fn app_of_today() -> TestApp {
    let app = TestApp::start().await;
    app.environment.advance(System.now().seconds() - app.environment.now().seconds());
    app
}

/// Asks a function that is started for it.
async fn ask(app: &TestApp, function: &str, event: &str) -> Answer {
    Function::start(app, function, None).await.ask(with_token(app, function, event).await).await
}

/// The same request to the stage `prod`, with the names that cookies have there, two more of them and a repeated header, as the
/// gateway joins them.
fn in_stage(event: &str) -> String {
    let mut event: Value = serde_json::from_str(event).expect("JSON");
    event["requestContext"]["stage"] = json!("prod");
    event["rawPath"] = json!(format!("/prod{}", event["rawPath"].as_str().expect("a path")));
    let cookies = event["cookies"].as_array().cloned().unwrap_or_default();
    let of_stage = |cookie: &Value| json!(cookie.as_str().expect("a cookie").replace("__Host-", "__Secure-"));
    let mut cookies: Vec<Value> = cookies.iter().map(of_stage).collect();
    cookies.extend([json!("a=1"), json!("b=2")]);
    event["cookies"] = json!(cookies);
    event["headers"]["x-repeated"] = json!("one,two");
    event.to_string()
}

/// Whether the answer to an event is the same each time: it only reads, and notes no attempt that it shows.
fn repeatable(sample: &Sample) -> bool {
    let reads = ["GET", "HEAD", "OPTIONS"].contains(&sample.method());
    reads && !sample.function.starts_with("edge-") && sample.function != "auth"
}

/// What must be equal of two answers.
fn telling(answer: &Answer) -> (StatusCode, BTreeMap<String, String>, String) {
    // The id differs, the cost depends on what a process remembers, and the local server does not count the bytes.
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !["x-request-id", "x-rollcall-cost", "content-length"].contains(&name.as_str()));
    let text = headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    (answer.status, text.collect(), String::from_utf8_lossy(&answer.body).into_owned())
}

#[tokio::test]
#[ignore = "needs release builds of the functions"]
async fn events_get_their_status_and_the_answer_of_the_routes() {
    let mut compared = 0;
    for sample in samples() {
        let app = app_of_today().await;
        let (name, function) = (&sample.name, sample.function);
        let text = with_token(&app, function, &sample.event.to_string()).await;
        let answer = Function::start(&app, function, None).await.ask(text.clone()).await;
        assert_eq!(answer.status.as_u16(), sample.statuses[0], "{name}: {answer:?}");
        if repeatable(&sample) {
            assert_eq!(telling(&answer), telling(&send(&app, function, &text).await), "{name}");
            compared += 1;
        }
    }
    assert!(compared > 60, "{compared} answers were compared");
}

#[tokio::test]
#[ignore = "needs release builds of the functions"]
async fn events_get_their_status_within_a_stage_with_an_id_that_is_there() {
    for sample in samples() {
        let app = app_of_today().await;
        let text = with_id(&app, &sample).await;
        let answer = ask(&app, sample.function, &in_stage(&text)).await;
        assert_eq!(answer.status.as_u16(), sample.statuses[1], "{}: {answer:?}", sample.name);
    }
}

#[tokio::test]
#[ignore = "needs release builds of the functions"]
async fn what_the_gateway_does_to_requests_is_understood() {
    let app = app_of_today().await;
    app.admin().await.create_user("somebody", &json!({})).await;
    let base = "https://abcdef1234.execute-api.us-east-1.amazonaws.com/prod/api/v1/users/user/";
    let list = ask(&app, "users", &in_stage(&changed(|event| event["rawQueryString"] = json!("page_size=1")))).await;
    assert_eq!(list.json()["next"], format!("{base}?page=2&page_size=1"));
    let decoded = changed(|event| event["rawPath"] = json!("/api/v1/users/user/?page=9"));
    assert_eq!(ask(&app, "users", &decoded).await.status, StatusCode::NOT_FOUND);
    let joined = changed(|event| event["headers"]["accept"] = json!("image/png,text/html"));
    assert_eq!(ask(&app, "users", &joined).await.header("content-type"), Some("text/html; charset=utf-8"));
    let packed = ask(&app, "admin-users", &text_of("admin-users-list")).await;
    assert_eq!(telling(&packed), telling(&ask_router(&app, "admin-users", &text_of("admin-users-list")).await));
}

#[tokio::test]
#[ignore = "needs release builds of the functions"]
async fn an_address_is_confirmed_by_two_functions() {
    let app = app_of_today().await;
    confirms_an_address(&app, async |function, event| ask(&app, function, &event).await).await;
}

#[tokio::test]
#[ignore = "needs release builds of the functions"]
async fn a_function_tells_errors_and_goes_on() {
    let app = app_of_today().await;
    let mut users = Function::start(&app, "users", None).await;
    let Outcome::Error(error) = users.take("{}".to_owned()).await else { panic!("an answer to nothing") };
    assert!(error["errorMessage"].is_string(), "{error}");
    // It would panic in lambda_http, and the function with it.
    let host = changed(|event| event["headers"]["host"] = json!("no host"));
    let usual = users.ask(changed(|_| {})).await.status;
    assert_eq!(users.ask(host).await.status, usual);
    let list = with_token(&app, "users", &text_of("users-list")).await;
    assert_eq!(users.ask(list).await.status, StatusCode::OK);
}

#[tokio::test]
#[ignore = "needs release builds of the functions"]
async fn a_setting_that_cannot_be_used_stops_the_start_and_is_named() {
    let app = app_of_today().await;
    let ended = command("users", &app).await.env("ROLLCALL_TOKEN_TTL", "soon").output().expect("a process");
    assert!(!ended.status.success());
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("ROLLCALL_TOKEN_TTL") && said.contains("soon"), "{said}");
}

#[tokio::test]
#[ignore = "needs release builds of the functions"]
async fn mails_of_the_stream_go_to_ses() {
    let app = app_of_today().await;
    let mails = outbox::three_waiting(&app).await;
    let mut function = Function::start(&app, "outbox", None).await;
    let Outcome::Response(answer) = function.take("{}".to_owned()).await else { panic!("an error") };
    assert_eq!(answer, Value::Null);
    let mut receivers = BTreeSet::new();
    while let Some(sent) = function.mail() {
        assert_eq!(sent["FromEmailAddress"], "rollcall@site.example");
        assert_eq!(sent["Content"]["Simple"]["Subject"]["Data"], "[Site] Please Confirm Your Email Address");
        receivers.insert(sent["Destination"]["ToAddresses"].to_string());
    }
    let wanted: BTreeSet<_> = mails.iter().map(|mail| json!([mail.to.as_str()]).to_string()).collect();
    assert_eq!(receivers, wanted);
    assert_eq!(app.directory.waiting_mails(10).await.expect("mails"), []);
}

#[tokio::test]
#[ignore = "needs release builds of the functions"]
async fn housekeeping_finishes_what_a_removal_has_left() {
    let app = app_of_today().await;
    let admin = app.admin().await;
    let group = admin.post("/api/v1/users/group/", &json!({ "name": "many", "permissions": [] })).await.json();
    // More than the removal does by itself.
    for index in 0..60 {
        admin.create_user(&format!("u{index}"), &json!({ "groups": [group["id"]] })).await;
    }
    let removed = admin.delete(&format!("/api/v1/users/group/{}/", group["id"])).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    assert_eq!(app.directory.store().cleanup_tasks().await.expect("the work").len(), 1);
    let Outcome::Response(_) =
        Function::start(&app, "housekeeping", None).await.take(text_of("housekeeping-work")).await
    else {
        panic!("an error")
    };
    assert_eq!(app.directory.store().cleanup_tasks().await.expect("the work").len(), 0);
}

#[tokio::test]
#[ignore = "needs release builds of the functions"]
async fn passwords_are_hashed_at_full_speed() {
    let app = app_of_today().await.restarted(HashCost::DEFAULT);
    app.admin().await.create_user("jane", &json!({})).await;
    let mut event: Value = serde_json::from_str(&text_of("auth-token")).expect("JSON");
    event["headers"].as_object_mut().expect("headers").remove("content-length");
    let mut sign_in = |username: &str| {
        event["body"] = json!(json!({"username": username, "password": PASSWORD}).to_string());
        event.to_string()
    };
    let (good, refused) = (sign_in("jane"), sign_in("nobody"));
    let mut process = Function::start(&app, "auth", None).await;
    for _ in 0..10 {
        assert_eq!(process.ask(refused.clone()).await.status, StatusCode::BAD_REQUEST);
    }
    let hasher = Hasher::new(HashCost::DEFAULT, Arc::new(System), 1);
    let (mut whole, mut rest, mut here) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..20 {
        for (event, status, times) in
            [(&good, StatusCode::OK, &mut whole), (&refused, StatusCode::TOO_MANY_REQUESTS, &mut rest)]
        {
            let before = process.computed();
            assert_eq!(process.ask(event.clone()).await.status, status);
            times.push((process.computed().as_secs_f64() - before.as_secs_f64()) * 1e3);
        }
        let began = Instant::now();
        hasher.hash(PASSWORD.into()).await.expect("a hash");
        here.push(began.elapsed().as_secs_f64() * 1e3);
    }
    // What else the machine does only adds.
    let [whole, rest, here] = [whole, rest, here].map(|times| times.into_iter().fold(f64::INFINITY, f64::min));
    println!(
        "`auth` computes {whole:.1} ms for a sign-in, {rest:.1} ms for a refusal without a hash; a hash takes {here:.1} ms here"
    );
    assert!(whole - rest <= here * SLOWEST_HASH);
}

/// The functions to measure.
#[expect(clippy::disallowed_methods, reason = "for who runs the tests, not for the product")]
fn measured() -> Vec<String> {
    let template = template();
    let all = functions(&template).into_iter().map(|(function, _)| function);
    match std::env::var("ROLLCALL_FUNCTIONS") {
        Ok(chosen) => all.filter(|function| chosen.split(',').any(|one| one == function)).collect(),
        Err(_) => all.collect(),
    }
}

/// The first event of a function in the measurement: one that asks who is there, where anything does.
async fn first_event(app: &TestApp, function: &str) -> String {
    let event = match function {
        "outbox" => return text_of("outbox-mails"),
        "housekeeping" => return text_of("housekeeping-hourly"),
        "auth" => "auth-password-change-options".to_owned(),
        "docs" => "docs-json".to_owned(),
        "users" | "groups" => format!("{function}-read"),
        _ => format!("{function}-list"),
    };
    let text = with_id(app, &sample(&event)).await;
    with_token(app, function, &text).await
}

/// About what its zip has: the deflated file, and some hundred bytes about it.
fn zip_size(file: &[u8]) -> usize {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(file).expect("memory");
    encoder.finish().expect("memory").len() + 256
}

#[tokio::test]
#[ignore = "needs release builds of the functions"]
async fn functions_start_quickly_and_are_small() {
    let megabytes = |bytes: u64| format!("{:.1} MB", f64::from(u32::try_from(bytes).expect("below 4 GB")) / 1e6);
    let milliseconds = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
    println!("| function | binary | zip | memory | processor | first answer | 95th percentile |");
    println!("|---|---|---|---|---|---|---|");
    let mut excesses = Vec::new();
    for function in measured() {
        let app = app_of_today().await;
        let event = first_event(&app, &function).await;
        let (mut times, mut computed, mut memory) = (Vec::new(), Vec::new(), 0);
        for _ in 0..STARTS {
            let mut process = Function::start(&app, &function, event.clone()).await;
            let (time, outcome) = process.outcome().await;
            let Outcome::Response(response) = outcome else { panic!("{function}: {outcome:?}") };
            assert!(response["statusCode"].is_null() || response["statusCode"] == 200, "{function}: {response}");
            times.push(time);
            computed.push(process.computed());
            memory = memory.max(process.most_memory());
        }
        times.sort();
        computed.sort();
        let file = std::fs::read(binary(&function)).expect("a file");
        let (size, zip) = (file.len() as u64, zip_size(&file));
        let (computing, middle, late) = (computed[STARTS / 2], times[STARTS / 2], times[STARTS * 95 / 100]);
        let sizes = [size, zip as u64, memory].map(megabytes).join(" | ");
        let times = [computing, middle, late].map(milliseconds).join(" | ");
        println!("| `{function}` | {sizes} | {times} |");
        if zip > LARGEST_ZIP || memory > MOST_MEMORY || computing > MOST_COMPUTING || middle > LATEST_ANSWER {
            excesses.push(function);
        }
    }
    assert!(excesses.is_empty(), "larger or slower than allowed: {excesses:?}");
}
