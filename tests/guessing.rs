//! Every address that takes a secret counts guesses, and tells nothing of who exists (`docs/design.md` section 5): status,
//! headers, body, units, and store calls are the same, at the first try and when there were too many.

mod time;

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared::model::User;
use shared::web::ClientIp;
use shared::web::endpoint::{Access, Route};
use shared::web::fields::FieldKind;
use uuid::Uuid;

use crate::support::{Answer, CHEAP, Faults, Options, PASSWORD, Plan, TOKEN, TestApp, insert, plain_user, request};

const WRONG: &str = "not the password";
const LOGIN: &str = "/accounts/login/";
const RESET: &str = "/api/v1/users/password/reset/";
const CHANGE: &str = "/api/v1/users/user/password/change/";

/// What each guess is made with: somebody's name, and one of the same length that is nobody's.
const NAMES: [[&str; 2]; 3] =
    [["jane", "joan"], ["jane@mail.example", "joan@mail.example"], ["+393331234567", "+393331234568"]];

/// A way to guess: what it is, the name that is guessed for, and the request from a network address.
struct Guess {
    what: String,
    names: [&'static str; 2],
    request: Box<dyn Fn(&str) -> http::request::Builder>,
    body: Box<dyn Fn(&str) -> String>,
}

impl Guess {
    fn json(path: &str, names: [&'static str; 2], body: impl Fn(&str) -> Value + 'static) -> Self {
        let at = path.to_owned();
        let request = move |_: &str| request(Method::POST, &at).header(CONTENT_TYPE, "application/json");
        let what = format!("POST {path}");
        Self { what, names, request: Box::new(request), body: Box::new(move |name| body(name).to_string()) }
    }

    /// A guess by the header `Authorization`.
    fn header(method: &str, path: &str, header: impl Fn(&str) -> String + 'static) -> Self {
        let (method, at) = (Method::from_bytes(method.as_bytes()).expect("a method"), concrete(path));
        let what = format!("{method} {path} {}", header("…"));
        let request = move |name: &str| request(method.clone(), &at).header(AUTHORIZATION, header(name));
        Self { what, names: NAMES[0], request: Box::new(request), body: Box::new(|_| String::new()) }
    }

    async fn send(&self, client: &crate::support::Client, name: &str, address: &str) -> Answer {
        let begun = (self.request)(name).extension(ClientIp(Some(address.to_owned())));
        client.ask(begun, Body::from((self.body)(name))).await
    }
}

/// An address without variable parts.
fn concrete(path: &str) -> String {
    let id = match path {
        _ if path.starts_with("/scim/v2/Users/") => Uuid::from_u128(1).to_string(),
        _ if path.starts_with("/scim/") => "1".to_owned(),
        _ => "0".repeat(24),
    };
    let part = |part: &str| if part.starts_with('{') { id.clone() } else { part.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn basic(name: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{WRONG}")))
}

fn token(name: &str) -> String {
    format!("Token {name}:{}", "5f".repeat(20))
}

/// The routes of SCIM that need credentials.
fn guarded_scim_routes() -> impl Iterator<Item = Route> {
    rollcall::scim_routes().into_iter().filter(|route| route.endpoint.access != Access::Anyone)
}

/// All ways to guess for whom nobody has recognized.
fn guesses() -> Vec<Guess> {
    let login = |name: &str| json!({"username": name, "password": WRONG});
    let mut guesses = vec![Guess::json("/api/users/token/", NAMES[0], login)];
    for names in NAMES {
        guesses.push(Guess::json(TOKEN, names, login));
        let csrf = "5f".repeat(16);
        let cookie = format!("csrftoken={csrf}");
        guesses.push(Guess {
            what: format!("POST {LOGIN}"),
            names,
            request: Box::new(move |_| {
                let begun = request(Method::POST, LOGIN).header(COOKIE, &cookie);
                begun.header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            }),
            body: Box::new(move |name| {
                let name = name.replace('+', "%2B");
                format!("username={name}&password=wrong&csrfmiddlewaretoken={csrf}")
            }),
        });
    }
    for route in rollcall::edge_routes() {
        for method in route.methods().into_iter().filter(|method| *method != "OPTIONS") {
            guesses.push(Guess::header(method, route.endpoint.path, basic));
            guesses.push(Guess::header(method, route.endpoint.path, token));
        }
    }
    for route in guarded_scim_routes() {
        for method in route.methods().into_iter().filter(|method| *method != "OPTIONS") {
            guesses.push(Guess::header(method, route.endpoint.path, basic));
        }
    }
    for path in docs::DOCUMENTS {
        guesses.push(Guess::header("GET", path, basic));
        guesses.push(Guess::header("GET", path, token));
    }
    guesses
}

async fn app() -> TestApp {
    let app = TestApp::with(Options { throttle: true, ..Options::default() }).await;
    let fields = json!({"email": "jane@mail.example", "phone_number": "+393331234567"});
    app.admin().await.create_user("jane", &fields).await;
    app
}

/// Forgets failures in a row: what is kept of an account with three names grows thrice as fast, and so costs more.
fn forget(app: &TestApp) {
    let text = |item: &dynoxide::Item, name: &str| match item.get(name) {
        Some(dynoxide::AttributeValue::S(text)) => text.clone(),
        other => panic!("{other:?}"),
    };
    for item in app.items().into_iter().filter(|item| text(item, "sk") == "GUARD") {
        let part = |name: &str| (name.to_owned(), AttributeValue::S(text(&item, name)));
        app.engine.delete([part("pk"), part("sk")].into());
    }
}

/// An answer without what differs in every answer: its name in the logs, what was typed, how many seconds are left, and
/// whether calls that were made together overlapped.
fn comparable(answer: &Answer, name: &str) -> (StatusCode, Vec<(String, String)>, String) {
    let seconds = answer.header("retry-after").unwrap_or("no seconds").to_owned();
    let told = |text: &str| {
        let text = text.split(", waits=").next().unwrap_or_default();
        let text = text.replace(name, "NAME").replace(&seconds, "SECONDS");
        text.replace(&name.replace('+', "&#43;"), "NAME")
    };
    let headers = answer.headers.iter().filter(|(header, _)| *header != "x-request-id");
    let headers = headers.map(|(header, value)| (header.to_string(), told(value.to_str().expect("ASCII"))));
    (answer.status, headers.collect(), told(&answer.text()))
}

#[tokio::test]
async fn nothing_tells_who_exists_and_the_eleventh_guess_waits() {
    let app = app().await;
    // Whatever a process does once, it has done.
    Guess::json(TOKEN, NAMES[0], |name| json!({"username": name, "password": WRONG}))
        .send(&app.anonymous(), "nobody", "192.0.2.1")
        .await;
    for (number, guess) in guesses().iter().enumerate() {
        let address = |who: usize| format!("10.{who}.{}.{}", number / 250, number % 250);
        for index in 0..12 {
            let mut answers = Vec::new();
            for (who, name) in guess.names.into_iter().enumerate() {
                let answer = guess.send(&app.anonymous(), name, &address(who)).await;
                let is_refused = answer.status == StatusCode::TOO_MANY_REQUESTS;
                assert_eq!(is_refused, index >= 10, "{} for {name}, guess {index}: {answer:?}", guess.what);
                answers.push(comparable(&answer, name));
            }
            assert_eq!(answers[0], answers[1], "{} for {:?}, guess {index}", guess.what, guess.names);
        }
        forget(&app);
    }
}

/// What takes time is the same: which operations the store is asked for.
#[tokio::test]
async fn the_store_is_asked_the_same_for_somebody_and_for_nobody() {
    let app = app().await;
    for (name, hash) in [
        ("joey", "pbkdf2_sha256$1000$W3Dkpsalt0$Meva6GdOqIIjORRrVMbBcB7r6d5P7dTb6b51xOKw8CE="),
        ("john", "!"),
        ("josh", ""),
    ] {
        insert(&app, &User { password: hash.into(), ..plain_user(&app, name).await }).await;
    }
    let faults = Faults::default();
    let hand = faults.clone();
    let options = Options { throttle: true, connection: Box::new(move |to| hand.wrap(to)), ..Options::default() };
    let process = app.another(options);
    let client = process.anonymous();
    let mut guesses = guesses();
    guesses.extend(NAMES.map(|names| Guess::json(RESET, names, |name| json!({ "input": name }))));
    for (number, guess) in guesses.iter().enumerate() {
        forget(&app);
        let mut asked = Vec::new();
        let mut names = guess.names.to_vec();
        if guess.names == NAMES[0] {
            names.extend(["joey", "john", "josh", "idle"]);
        }
        for (who, name) in names.into_iter().enumerate() {
            // The first one learns what all processes have in common, and of hashes of another kind.
            guess.send(&client, name, &format!("10.{who}.{}.{}", number / 250, number % 250)).await;
            faults.follow(Plan::Calm);
            guess.send(&client, name, &format!("10.{who}.{}.{}", number / 250, number % 250)).await;
            let mut calls = faults.calls();
            calls.sort();
            asked.push((name, calls));
        }
        for (name, calls) in &asked {
            assert_eq!(*calls, asked[0].1, "{} for {name} and {}", guess.what, asked[0].0);
        }
    }
}

/// The same at the failure after which only known networks may try.
#[tokio::test]
async fn the_last_failure_in_a_row_asks_the_same_for_somebody_and_for_nobody() {
    let app = app().await;
    let faults = Faults::default();
    let hand = faults.clone();
    let options = Options { throttle: true, connection: Box::new(move |to| hand.wrap(to)), ..Options::default() };
    let client = app.another(options).anonymous();
    let guess = Guess::json(TOKEN, NAMES[0], |name: &str| json!({"username": name, "password": WRONG}));
    let mut most = BTreeSet::new();
    for number in 0..103 {
        let mut asked = Vec::new();
        for (who, name) in guess.names.into_iter().enumerate() {
            faults.follow(Plan::Calm);
            guess.send(&client, name, &format!("10.{who}.{number}.1")).await;
            let mut calls = faults.calls();
            calls.sort();
            asked.push(calls);
        }
        // The first one learns what all processes have in common.
        assert!(number == 0 || asked[0] == asked[1], "at try {number}: {asked:?}");
        most.insert(asked[0].len());
    }
    assert!(most.len() > 1, "no failure was the last one that counts");
}

/// What follows a mailed link, and what is guessed by who is recognized already.
#[tokio::test]
async fn links_and_the_own_password_are_not_guessed_either() {
    let app = app().await;
    let jane = app.admin().await.get("/api/v1/users/user/").await.json()["results"][0]["id"].clone();
    let uid = jane.as_str().expect("an id").replace('-', "");
    let junk = "A".repeat(75);
    let confirm = format!("{RESET}confirm/");
    let by_link = {
        let uid = uid.clone();
        move |_: &str| json!({"uid": uid, "token": junk, "new_password1": "Copper-kettle-77", "new_password2": "Copper-kettle-77"})
    };
    let page = |method: Method, path: String| {
        let csrf = "5f".repeat(16);
        let (what, cookie) = (format!("{method} {path}"), format!("csrftoken={csrf}; resettoken={}", "A".repeat(75)));
        Guess {
            what,
            names: NAMES[0],
            request: Box::new(move |_| {
                let begun = request(method.clone(), &path).header(COOKIE, &cookie);
                begun.header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            }),
            body: Box::new(move |_| {
                format!("new_password1=Copper-kettle-77&new_password2=Copper-kettle-77&csrfmiddlewaretoken={csrf}")
            }),
        }
    };
    let link = format!("/accounts/password/reset/key/{uid}-");
    let key = "A".repeat(86);
    for (number, guess) in [
        Guess::json(&confirm, NAMES[0], by_link),
        page(Method::GET, format!("{link}{}/", "A".repeat(75))),
        page(Method::GET, format!("{link}set-password/")),
        page(Method::POST, format!("{link}set-password/")),
        page(Method::GET, format!("/accounts/confirm-email/{key}/")),
        page(Method::POST, format!("/accounts/confirm-email/{key}/")),
    ]
    .into_iter()
    .enumerate()
    {
        for index in 0..12 {
            let answer = guess.send(&app.anonymous(), "", &format!("192.0.2.{number}")).await;
            let is_refused = answer.status == StatusCode::TOO_MANY_REQUESTS;
            assert_eq!(is_refused, index >= 10, "{}, guess {index}: {answer:?}", guess.what);
        }
    }
    let client = app.signed_in("jane").await;
    let change =
        json!({"old_password": WRONG, "new_password1": "Copper-kettle-77", "new_password2": "Copper-kettle-77"});
    let set =
        json!({"current_password": WRONG, "new_password": "Copper-kettle-77", "confirm_password": "Copper-kettle-77"});
    let own = format!("/api/v1/users/user/{}/password/", jane.as_str().expect("an id"));
    for index in 0..12 {
        let refused = [client.post(CHANGE, &change).await, client.put(&own, &set).await]
            .map(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused, [index >= 5; 2], "{index}");
    }
}

/// Whatever takes a secret is above, or sets one.
#[test]
fn no_address_that_takes_a_secret_is_left_out() {
    let takes_secret = |fields: &[&'static shared::web::fields::Field]| {
        fields.iter().any(|field| matches!(field.kind, FieldKind::Secret) || field.name == "token")
    };
    let found: BTreeSet<&str> = rollcall::openwisp_routes()
        .into_iter()
        .map(|route| route.endpoint)
        .filter(|endpoint| takes_secret(&(endpoint.fields)(true)))
        .map(|endpoint| endpoint.path)
        .collect();
    let known = [
        TOKEN,
        CHANGE,
        "/api/v1/users/password/reset/confirm/",
        "/api/v1/users/user/{id}/password/",
        // A new user's password.
        "/api/v1/users/user/",
    ];
    assert_eq!(found, BTreeSet::from(known));
    // Who may be asked without credentials takes them, or tells nothing.
    let open: BTreeSet<&str> = rollcall::openl2m_routes()
        .into_iter()
        .filter(|route| route.endpoint.access == Access::Anyone && route.methods().contains(&"POST"))
        .map(|route| route.endpoint.path)
        .collect();
    assert_eq!(open, BTreeSet::from(["/api/users/token/"]));
    let pages: BTreeSet<&str> = auth::PAGES.into_iter().collect();
    let known = [
        "/accounts/confirm-email/{key}/",
        "/accounts/password/reset/key/{pair}/",
        LOGIN,
        // With a session, and the own password as above.
        "/accounts/me/",
        // Nothing to guess.
        "/accounts/email-verification-success/",
        "/accounts/password/reset/key/done/",
        "/accounts/logout/",
    ];
    let rest: Vec<&&str> =
        pages.iter().filter(|path| !known.contains(*path) && path.strip_suffix("/style.css").is_none()).collect();
    assert_eq!(rest, Vec::<&&str>::new(), "a page that takes a secret?");
    let answered: BTreeSet<String> = guesses().into_iter().map(|guess| guess.what).collect();
    for route in rollcall::edge_routes().into_iter().chain(guarded_scim_routes()) {
        let path = route.endpoint.path;
        assert!(answered.iter().any(|what| what.contains(path)), "{path}");
    }
}

/// Failures take as long for who is nobody as for the slowest hash that is stored.
#[tokio::test]
async fn hashes_of_another_system_are_made_up_for() {
    let app = TestApp::start().await;
    let hash = "bcrypt$$2b$04$popKlwicBsH1qfPjKBjtMO.MlzGAg4Ux4SIufohL26ObLsJKeJ.FK";
    insert(&app, &User { password: hash.into(), ..plain_user(&app, "jane").await }).await;
    let login = |name: &str| json!({"username": name, "password": WRONG});
    let noted = || {
        let items = app.items();
        let common = items.into_iter().find(|item| format!("{:?}", item.get("pk")).contains("THROTTLE#COMMON"));
        common.and_then(|item| item.get("bcrypt").map(|rounds| format!("{rounds:?}")))
    };
    app.anonymous().post(TOKEN, &login("nobody")).await;
    assert_eq!(noted(), None);
    // It is noted when it is met, for tables that were filled before it was noted by imports.
    assert_eq!(app.anonymous().post(TOKEN, &login("jane")).await.status, StatusCode::BAD_REQUEST);
    assert!(noted().is_some_and(|rounds| rounds.contains("16")), "{:?}", noted());
    let right = json!({"username": "jane", "password": PASSWORD});
    assert_eq!(app.restarted(CHEAP).anonymous().post(TOKEN, &right).await.status, StatusCode::OK);
}
