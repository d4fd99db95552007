//! The sample events, and what becomes of an event on its way to a function's routes.

mod derived;
mod in_lambda;
mod jobs;
mod links;

use std::collections::BTreeSet;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use lambda_http::request::LambdaRequest;
use serde_json::{Value, json};
use shared::directory::SystemCaller;
use shared::lambda::{from_gateway, readable};
use shared::model::UserId;
use shared::web::ClientIp;

use self::derived::{by_method, without_slash};
use crate::routes::addresses;
use crate::support::gateway::{choose, read, routes, template};
use crate::support::policies::Act;
use crate::support::{Answer, Client, Options, PASSWORD, TestApp, router_of};

/// The user id that stands in the events.
pub const NOBODY: &str = "00000000-0000-0000-0000-000000000000";
/// The same on the OpenL2M wire.
pub const NO_NUMBER: &str = "999999999";
/// The same on the Edge wire, also for tokens.
pub const NO_EDGE_ID: &str = "000000000000000000000000";

/// What the name of a file says after the function, and the status that the event gets, once `TOKEN` is a superuser's token:
/// as it is, and with the id of a user, or of an organization, in place of [`NOBODY`].
type Row = (&'static str, u16, u16);

/// Every file in `events/`, by the function that it is for.
#[rustfmt::skip]
const EVENTS: &[(&str, &[Row])] = &[
    ("admin-users", &[
        ("admin", 200, 200),
        ("create", 201, 201),
        ("environment", 200, 200),
        ("list", 200, 200),
        ("list-part", 200, 200),
        ("read", 400, 200),
        ("root", 200, 200),
        ("stats", 200, 200),
        ("switches", 200, 200),
        ("update", 400, 200),
        ("update-by-post", 400, 200),
    ]),
    ("auth", &[
        ("account", 303, 303),
        ("account-submit", 303, 303),
        ("my-session", 404, 404),
        ("my-session-delete", 404, 404),
        ("my-sessions", 200, 200),
        ("my-sessions-delete", 204, 204),
        ("my-token", 404, 404),
        ("my-token-delete", 404, 404),
        ("my-tokens", 200, 200),
        ("confirm-email", 200, 200),
        ("confirm-email-submit", 200, 200),
        ("email-confirmed", 200, 200),
        ("openl2m-token", 200, 200),
        ("login", 200, 200),
        ("login-submit", 303, 303),
        ("logout", 200, 200),
        ("logout-submit", 303, 303),
        ("password-change", 200, 200),
        ("password-reset", 200, 200),
        ("password-reset-confirm", 400, 400),
        ("reset-done", 200, 200),
        ("reset-link", 200, 200),
        ("reset-link-mailed", 200, 200),
        ("reset-link-submit", 200, 200),
        ("style", 200, 200),
        ("token", 200, 200),
        ("token-form", 200, 200),
    ]),
    ("deleted", &[
        ("export", 404, 200),
        ("list", 200, 200),
        ("purge", 404, 204),
        ("read", 404, 200),
        ("restore", 404, 200),
    ]),
    ("docs", &[
        ("json", 200, 200),
        ("keys", 200, 200),
        ("page", 200, 200),
        ("page-as-document", 200, 200),
        ("page-without-token", 403, 403),
        ("reference", 200, 200),
        ("script", 200, 200),
        ("yaml", 200, 200),
    ]),
    ("edge-tokens", &[
        ("create", 404, 201),
        ("delete", 404, 404),
        ("list", 404, 200),
        ("read", 404, 404),
        ("update", 404, 404),
    ]),
    ("edge-users", &[
        ("create", 201, 201),
        ("delete", 404, 204),
        ("history", 404, 200),
        ("list", 200, 200),
        ("list-by-password", 200, 200),
        ("list-without-credentials", 401, 401),
        ("read", 404, 200),
        ("unknown-path", 404, 404),
        ("update", 404, 202),
    ]),
    ("emails", &[
        ("create", 404, 201),
        ("delete", 404, 204),
        ("list", 404, 200),
        ("read", 404, 200),
        ("replace", 404, 200),
        ("update", 404, 200),
    ]),
    ("events", &[
        ("feed", 200, 200),
        ("lines", 200, 200),
        ("list", 200, 200),
        ("webhooks-create", 201, 201),
        ("webhooks-delete", 404, 204),
        ("webhooks-deliveries", 404, 200),
        ("webhooks-list", 200, 200),
        ("webhooks-read", 404, 200),
        ("webhooks-redeliver", 404, 200),
        ("webhooks-secret", 404, 200),
        ("webhooks-update", 404, 200),
    ]),
    ("groups", &[
        ("create", 201, 201),
        ("delete", 204, 204),
        ("list", 200, 200),
        ("read", 200, 200),
        ("replace", 200, 200),
        ("update", 200, 200),
    ]),
    ("organizations", &[
        ("create", 201, 201),
        ("delete", 404, 204),
        ("list", 200, 200),
        ("read", 404, 200),
        ("replace", 404, 200),
        ("update", 404, 200),
    ]),
    ("scim", &[
        ("bulk", 200, 200),
        ("configuration", 200, 200),
        ("create", 201, 201),
        ("delete", 404, 204),
        ("group-create", 201, 201),
        ("group-delete", 204, 204),
        ("group-read", 200, 200),
        ("group-replace", 200, 200),
        ("group-update", 204, 204),
        ("groups", 200, 200),
        ("groups-by-search", 200, 200),
        ("list", 200, 200),
        ("list-by-search", 200, 200),
        ("me", 200, 200),
        ("me-replace", 200, 200),
        ("me-update", 200, 200),
        ("read", 404, 200),
        ("replace", 404, 200),
        ("resource-type", 200, 200),
        ("resource-types", 200, 200),
        ("schema", 200, 200),
        ("schemas", 200, 200),
        ("search", 200, 200),
        ("update", 404, 200),
    ]),
    ("users", &[
        ("create", 201, 201),
        ("delete", 404, 204),
        ("list", 200, 200),
        ("list-as-page", 200, 200),
        ("list-search", 200, 200),
        ("list-without-token", 401, 401),
        ("membership", 404, 404),
        ("membership-delete", 404, 404),
        ("membership-update", 404, 404),
        ("memberships", 404, 200),
        ("memberships-create", 404, 400),
        ("read", 404, 200),
        ("replace", 404, 200),
        ("set-password", 404, 200),
        ("unknown-path", 404, 404),
        ("unlock", 404, 200),
        ("update", 404, 200),
    ]),
];

fn text_of(event: &str) -> String {
    read(&format!("events/{event}.json"))
}

/// A request as API Gateway hands it to a function.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What its file is called without `.json`, or would be.
    name: String,
    function: &'static str,
    event: Value,
    /// The status that it gets as it is, and with an id that is there.
    statuses: [u16; 2],
}

impl Sample {
    fn method(&self) -> &str {
        self.event["requestContext"]["http"]["method"].as_str().expect("a method")
    }

    fn path(&self) -> &str {
        self.event["rawPath"].as_str().expect("a path")
    }

    /// One that differs a little.
    fn derived(&self, suffix: &str, event: Value, statuses: [u16; 2]) -> Self {
        Self { name: format!("{}-{suffix}", self.name), function: self.function, event, statuses }
    }
}

/// The events that have files.
fn written() -> Vec<Sample> {
    let of = |function: &'static str, &(what, as_it_is, there): &Row| {
        let name = format!("{function}-{what}");
        let event = serde_json::from_str(&text_of(&name)).expect("JSON");
        Sample { name, function, event, statuses: [as_it_is, there] }
    };
    EVENTS.iter().flat_map(|&(function, rows)| rows.iter().map(move |row| of(function, row))).collect()
}

/// The events that have files, and for each documented address, where it has that, a HEAD, an OPTIONS, and a request without
/// the final slash, made from its first GET, or else from its first event.
fn samples() -> Vec<Sample> {
    let mut samples = written();
    let files = samples.clone();
    for address in addresses() {
        let there = || files.iter().filter(|sample| sample.path() == address.path);
        let shown = there().find(|sample| sample.method() == "GET").or(there().next());
        let base = shown.unwrap_or_else(|| panic!("no event for {}", address.path));
        if address.methods.contains(&"HEAD") {
            samples.push(base.derived("head", by_method(&base.event, "HEAD"), base.statuses));
        }
        if address.methods.contains(&"OPTIONS") {
            let statuses = [if address.is_below_user() { 404 } else { 200 }, 200];
            samples.push(base.derived("options", by_method(&base.event, "OPTIONS"), statuses));
        }
        if address.path.ends_with('/') {
            let statuses = if address.redirects() { [301; 2] } else { base.statuses };
            samples.push(base.derived("without-slash", without_slash(&base.event), statuses));
        }
    }
    samples
}

/// The event of that name.
fn sample(name: &str) -> Sample {
    let found = samples().into_iter().find(|sample| sample.name == name);
    found.unwrap_or_else(|| panic!("no event {name}"))
}

fn request_of(event: &str) -> Request<Body> {
    let event: LambdaRequest = serde_json::from_str(event).unwrap_or_else(|error| panic!("{error}: {event}"));
    from_gateway(readable(event).into())
}

/// What `users-list.json` becomes after a change.
fn changed(change: impl FnOnce(&mut Value)) -> String {
    changed_event("users-list", change)
}

fn changed_event(event: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut event = sample(event).event;
    change(&mut event);
    event.to_string()
}

/// Sends an event of a superuser to a function.
async fn ask(app: &TestApp, function: &str, event: &str) -> Answer {
    send(app, function, &with_token(app, function, event).await).await
}

/// Sends an event to a function as it is.
async fn send(app: &TestApp, function: &str, event: &str) -> Answer {
    Client::new(router_of(function, app), None).send(request_of(event)).await
}

/// An event with a superuser's token. OpenL2M and Edge have tokens of their own.
async fn with_token(app: &TestApp, function: &str, event: &str) -> String {
    let obtain = if ["admin-users", "edge-users", "edge-tokens"].contains(&function) {
        "/api/users/token/"
    } else {
        "/api/v1/users/token/"
    };
    let login = app.anonymous().post(obtain, &json!({"username": "admin", "password": PASSWORD})).await;
    event.replace("TOKEN", login.json()["token"].as_str().expect("a token"))
}

/// The ids of a webhook and of a delivery that waits.
async fn webhook_with_delivery(app: &TestApp) -> (String, String) {
    let url = json!({"url": "https://hooks.example/"});
    let made = app.admin().await.post("/api/rollcall/v1/webhooks/", &url).await.json();
    let by = SystemCaller::Outbox;
    let webhook = app.directory.active_webhooks(by).await.expect("webhooks").pop().expect("a webhook");
    let lanes = app.directory.delivery_lanes(by, &webhook).await.expect("deliveries");
    (made["id"].as_str().expect("an id").to_owned(), lanes[0][0].position.to_string())
}

/// An event with the id of a user, of an organization, or of a webhook and its delivery, that is there; of a deleted
/// user, where it is about one.
async fn with_id(app: &TestApp, sample: &Sample) -> String {
    let admin = app.admin().await;
    if sample.path().contains("/webhooks/") {
        let (id, delivery) = webhook_with_delivery(app).await;
        return sample.event.to_string().replace(NOBODY, &id).replace("/1.0/", &format!("/{delivery}/"));
    }
    let there = if sample.function == "organizations" {
        admin.post("/api/v1/users/organization/", &json!({"name": "Here", "slug": "here"})).await.json()
    } else {
        admin.create_user("somebody", &json!({})).await
    };
    let id = there["id"].as_str().expect("an id");
    let text = sample.event.to_string().replace(NOBODY, id);
    if sample.path().starts_with("/api/rollcall/v1/deleted/") {
        let deleted = admin.delete(&format!("/api/v1/users/user/{id}/")).await;
        assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    }
    match app.directory.store().user(UserId(id.parse().expect("an id"))).await.expect("the store") {
        Some(user) => text
            .replace(NO_NUMBER, &user.number.to_string())
            // The first one in a path is the user's, a second one a token's.
            .replace(&format!("/users/{NO_EDGE_ID}"), &format!("/users/{}", user.edge_id)),
        None => text,
    }
}

#[test]
fn every_event_has_a_row_and_every_row_an_event() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let entries = std::fs::read_dir(folder).expect("the events");
    let files: BTreeSet<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    let rows = written().into_iter().map(|sample| sample.name);
    let rows = rows.chain(jobs::JOBS.iter().map(|(event, _)| (*event).to_owned()));
    let rows: BTreeSet<String> = rows.map(|event| format!("{event}.json")).collect();
    assert_eq!(files, rows);
}

#[test]
fn every_method_of_every_documented_address_has_an_event() {
    let samples = samples();
    let events: BTreeSet<_> = samples.iter().map(|sample| (sample.method(), sample.path())).collect();
    for address in addresses() {
        for method in &address.methods {
            assert!(events.contains(&(*method, &*address.path)), "no event for {method} {}", address.path);
        }
    }
}

#[tokio::test]
async fn events_get_their_status_as_they_are() {
    for sample in samples() {
        let app = TestApp::start().await;
        let answer = ask(&app, sample.function, &sample.event.to_string()).await;
        assert_eq!(answer.status.as_u16(), sample.statuses[0], "{}: {answer:?}", sample.name);
    }
}

#[tokio::test]
async fn events_get_their_status_with_an_id_that_is_there() {
    for sample in samples() {
        let app = TestApp::start().await;
        let text = with_id(&app, &sample).await;
        let answer = ask(&app, sample.function, &text).await;
        assert_eq!(answer.status.as_u16(), sample.statuses[1], "{}: {answer:?}", sample.name);
    }
}

/// What functions do for the events, each with a process of its own.
pub async fn acts_for_all() -> BTreeSet<Act> {
    let mut acts = BTreeSet::new();
    for sample in samples() {
        acts.extend(with_an_id_that_is_there(&sample).await.1);
    }
    acts
}

/// Sends an event about a user, or an organization, that is there. Gives the answer and what the function did for it.
async fn with_an_id_that_is_there(sample: &Sample) -> (Answer, BTreeSet<Act>) {
    let app = TestApp::start().await;
    let text = with_token(&app, sample.function, &with_id(&app, sample).await).await;
    let process = app.another(Options::default());
    let answer = send(&process, sample.function, &text).await;
    (answer, process.watch.acts())
}

#[test]
fn events_are_what_the_routes_of_the_template_make_of_a_request() {
    let template = template();
    let routes = routes(&template);
    for sample in samples() {
        let (name, event) = (&sample.name, &sample.event);
        let context = &event["requestContext"];
        let route = choose(&routes, sample.method(), sample.path()).expect("a route");
        assert_eq!(route.function, sample.function, "{name}");
        assert_eq!((&event["routeKey"], &context["routeKey"]), (&json!(route.key), &json!(route.key)), "{name}");
        assert_eq!(event["rawPath"], context["http"]["path"], "{name}");
    }
}

#[test]
fn a_decoded_path_is_encoded_again_and_the_query_is_kept() {
    let request = request_of(&changed(|event| {
        event["rawPath"] = json!("/api/v1/users/user/Zoë \"x\"/");
        event["rawQueryString"] = json!("a=1&a=%2F&b=x+y");
    }));
    assert_eq!(request.uri(), "/api/v1/users/user/Zo%C3%AB%20%22x%22/?a=1&a=%2F&b=x+y");
}

#[tokio::test]
async fn a_decoded_question_mark_or_number_sign_stays_in_the_path() {
    let app = TestApp::start().await;
    for (sign, encoded) in [("?", "%3F"), ("#", "%23")] {
        let event = changed(|event| event["rawPath"] = json!(format!("/api/v1/users/user/{sign}page=9")));
        assert_eq!(request_of(&event).uri(), &*format!("/api/v1/users/user/{encoded}page=9"));
        // It used to be read as the list's query, or to cut the query off.
        assert_eq!(ask(&app, "users", &event).await.status, StatusCode::NOT_FOUND);
    }
}

#[test]
fn dots_in_a_path_lead_nowhere_else() {
    let request = request_of(&changed(|event| event["rawPath"] = json!("/api/v1/users/token/../user/")));
    assert_eq!(request.uri().path(), "/api/v1/users/token/../user/");
}

#[tokio::test]
async fn bodies_arrive_byte_for_byte() {
    for (body, is_base64, bytes) in [
        (json!("AP/+"), true, &[0, 0xff, 0xfe][..]),
        (json!("é\n"), false, "é\n".as_bytes()),
        (Value::Null, false, b""),
    ] {
        let request = request_of(&changed(|event| {
            event["body"] = body;
            event["isBase64Encoded"] = json!(is_base64);
        }));
        assert_eq!(axum::body::to_bytes(request.into_body(), 100).await.expect("a body"), bytes);
    }
}

#[tokio::test]
async fn repeated_headers_arrive_joined_and_are_read_as_a_list() {
    let app = TestApp::start().await;
    let event = changed(|event| event["headers"]["accept"] = json!("image/png,text/html"));
    let answer = ask(&app, "users", &event).await;
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
}

#[test]
fn cookies_become_one_header() {
    let request = request_of(&changed(|event| event["cookies"] = json!(["a=1", "b=2"])));
    let cookies: Vec<_> = request.headers().get_all(http::header::COOKIE).iter().collect();
    assert_eq!(cookies, ["a=1; b=2"]);
}

#[test]
fn the_client_is_who_the_gateway_saw_and_not_who_it_says_to_be() {
    let request = request_of(&changed(|event| {
        event["requestContext"]["http"]["sourceIp"] = json!("198.51.100.4");
        event["headers"]["x-forwarded-for"] = json!("203.0.113.99, 198.51.100.4");
        event["headers"]["x-real-ip"] = json!("203.0.113.99");
    }));
    let address = request.extensions().get::<ClientIp>();
    assert_eq!(address, Some(&ClientIp(Some("198.51.100.4".to_owned()))));
}

#[test]
fn letters_that_were_left_encoded_are_decoded_once() {
    for (path, expected) in [
        ("/api/v1/users/us%65r/", "/api/v1/users/user/"),
        ("/api/v1/users/us%2565r/", "/api/v1/users/us%2565r/"),
        ("/api/v1/users%2Fuser/%7e%", "/api/v1/users%2Fuser/~%"),
    ] {
        let request = request_of(&changed(|event| event["rawPath"] = json!(path)));
        assert_eq!(request.uri().path(), expected);
    }
}

#[test]
fn an_event_gives_the_request_that_the_local_server_would_see() {
    let request = request_of(&changed(|_| ()));
    assert_eq!(request.method(), Method::GET);
    assert_eq!(request.uri(), "/api/v1/users/user/?page=1&page_size=10");
    assert_eq!(request.headers()[http::header::HOST], "abcdef1234.execute-api.us-east-1.amazonaws.com");
    assert_eq!(request.headers()[http::header::AUTHORIZATION], "Bearer TOKEN");
}

#[tokio::test]
async fn no_event_ends_the_function() {
    let app = TestApp::start().await;
    let hostile = |change: &dyn Fn(&mut Value)| changed(|event| change(event));
    let hosts = ["xn--", "xn--a-ecp.ru", "a:99999", "[::1", "1.2.3.4.5", "a b", "a/b?c", "[x]", ":", ""];
    let mut events: Vec<String> =
        hosts.iter().map(|host| hostile(&|event| event["headers"]["host"] = json!(host))).collect();
    for host in hosts {
        events.push(hostile(&|event| {
            event["headers"].as_object_mut().expect("headers").remove("host");
            event["requestContext"]["domainName"] = json!(host);
        }));
    }
    for scheme in ["", "javascript", "1", "ht tp", "file"] {
        events.push(hostile(&|event| event["headers"]["x-forwarded-proto"] = json!(scheme)));
    }
    for (path, query) in [
        ("", ""),
        (":99999", ""),
        ("/api/v1/users/user/", "q=<x>\"é\u{7f} #"),
        ("/api/v1/users/user/", &*"x".repeat(70_000)),
        (&*"/é".repeat(20_000), ""),
        ("/\u{0}\\..//", "%"),
    ] {
        events.push(hostile(&|event| {
            event["rawPath"] = json!(path);
            event["rawQueryString"] = json!(query);
        }));
    }
    for event in events {
        // Most of them used to panic before a handler was called.
        let answer = ask(&app, "users", &event).await;
        assert!(answer.status.as_u16() < 500, "{event:.300}: {answer:?}");
    }
    let odd = hostile(&|event| event["rawQueryString"] = json!("page_size=1&search=<x>\"é"));
    let request = request_of(&odd);
    assert_eq!(request.uri().query(), Some("page_size=1&search=%3Cx%3E%22%C3%A9"));
    assert_eq!(request.headers()[http::header::HOST], "abcdef1234.execute-api.us-east-1.amazonaws.com");
}
