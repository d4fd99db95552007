//! The sample events, and what becomes of an event on its way to a function's routes.

mod in_lambda;

use std::collections::BTreeSet;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use shared::model::{MailKind, UserId};
use shared::runtime::from_gateway;
use shared::web::ClientAddress;

use crate::routes::DOCUMENTED;
use crate::support::gateway::{choose, read, routes, template};
use crate::support::policies::Act;
use crate::support::{Answer, Client, FUNCTIONS, Options, PASSWORD, TestApp, router_of};

/// The user id that stands in the events.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";
/// The same on the OpenL2M wire.
const NO_NUMBER: &str = "999999999";
/// The same on the Edge wire, also for tokens.
const NO_EDGE_ID: &str = "000000000000000000000000";

/// Every event with the status it gets from the function it is named for, once `TOKEN` is a superuser's token:
/// as it is, and with the id of a user, or of an organization, in place of [`NOBODY`].
const EVENTS: [(&str, u16, u16); 149] = [
    ("admin-users-admin", 200, 200),
    ("admin-users-admin-head", 200, 200),
    ("admin-users-admin-options", 200, 200),
    ("admin-users-create", 201, 201),
    ("admin-users-environment", 200, 200),
    ("admin-users-environment-head", 200, 200),
    ("admin-users-environment-options", 200, 200),
    ("admin-users-list", 200, 200),
    ("admin-users-list-head", 200, 200),
    ("admin-users-list-options", 200, 200),
    ("admin-users-list-part", 200, 200),
    ("admin-users-list-without-slash", 200, 200),
    ("admin-users-read", 400, 200),
    ("admin-users-read-head", 400, 200),
    ("admin-users-read-options", 200, 200),
    ("admin-users-root", 200, 200),
    ("admin-users-root-head", 200, 200),
    ("admin-users-root-options", 200, 200),
    ("admin-users-stats", 200, 200),
    ("admin-users-stats-head", 200, 200),
    ("admin-users-stats-options", 200, 200),
    ("admin-users-switches", 200, 200),
    ("admin-users-switches-head", 200, 200),
    ("admin-users-switches-options", 200, 200),
    ("admin-users-update", 400, 200),
    ("admin-users-update-by-post", 400, 200),
    ("auth-confirm-email", 200, 200),
    ("auth-confirm-email-head", 200, 200),
    ("auth-confirm-email-submit", 200, 200),
    ("auth-email-confirmed", 200, 200),
    ("auth-email-confirmed-head", 200, 200),
    ("auth-openl2m-token", 200, 200),
    ("auth-openl2m-token-options", 200, 200),
    ("auth-login", 200, 200),
    ("auth-login-head", 200, 200),
    ("auth-login-submit", 303, 303),
    ("auth-logout", 200, 200),
    ("auth-logout-head", 200, 200),
    ("auth-logout-submit", 303, 303),
    ("auth-password-change", 200, 200),
    ("auth-password-change-options", 200, 200),
    ("auth-password-change-without-slash", 301, 301),
    ("auth-password-reset", 200, 200),
    ("auth-password-reset-confirm", 400, 400),
    ("auth-password-reset-confirm-options", 200, 200),
    ("auth-password-reset-options", 200, 200),
    ("auth-reset-done", 200, 200),
    ("auth-reset-done-head", 200, 200),
    ("auth-reset-link", 200, 200),
    ("auth-reset-link-head", 200, 200),
    ("auth-reset-link-mailed", 200, 200),
    ("auth-reset-link-submit", 200, 200),
    ("auth-style", 200, 200),
    ("auth-style-head", 200, 200),
    ("auth-token", 200, 200),
    ("auth-token-form", 200, 200),
    ("auth-token-options", 200, 200),
    ("auth-token-without-slash", 301, 301),
    ("docs-json", 200, 200),
    ("docs-json-head", 200, 200),
    ("docs-keys", 200, 200),
    ("docs-keys-head", 200, 200),
    ("docs-page", 200, 200),
    ("docs-page-as-document", 200, 200),
    ("docs-page-head", 200, 200),
    ("docs-page-without-slash", 301, 301),
    ("docs-page-without-token", 403, 403),
    ("docs-reference", 200, 200),
    ("docs-reference-head", 200, 200),
    ("docs-reference-without-slash", 301, 301),
    ("docs-script", 200, 200),
    ("docs-yaml", 200, 200),
    ("docs-yaml-head", 200, 200),
    ("edge-tokens-create", 404, 201),
    ("edge-tokens-delete", 404, 404),
    ("edge-tokens-list", 404, 200),
    ("edge-tokens-list-head", 404, 200),
    ("edge-tokens-list-options", 200, 200),
    ("edge-tokens-list-without-slash", 404, 200),
    ("edge-tokens-read", 404, 404),
    ("edge-tokens-read-head", 404, 404),
    ("edge-tokens-read-options", 200, 200),
    ("edge-tokens-update", 404, 404),
    ("edge-users-create", 201, 201),
    ("edge-users-delete", 404, 204),
    ("edge-users-history", 404, 200),
    ("edge-users-history-head", 404, 200),
    ("edge-users-history-options", 200, 200),
    ("edge-users-list", 200, 200),
    ("edge-users-list-by-password", 200, 200),
    ("edge-users-list-head", 200, 200),
    ("edge-users-list-options", 200, 200),
    ("edge-users-list-without-credentials", 401, 401),
    ("edge-users-list-without-slash", 200, 200),
    ("edge-users-read", 404, 200),
    ("edge-users-read-head", 404, 200),
    ("edge-users-read-options", 200, 200),
    ("edge-users-unknown-path", 404, 404),
    ("edge-users-update", 404, 202),
    ("emails-create", 404, 201),
    ("emails-delete", 404, 204),
    ("emails-list", 404, 200),
    ("emails-list-head", 404, 200),
    ("emails-list-options", 404, 200),
    ("emails-list-without-slash", 301, 301),
    ("emails-read", 404, 200),
    ("emails-read-head", 404, 200),
    ("emails-read-options", 404, 200),
    ("emails-replace", 404, 200),
    ("emails-update", 404, 200),
    ("groups-create", 201, 201),
    ("groups-delete", 204, 204),
    ("groups-list", 200, 200),
    ("groups-list-head", 200, 200),
    ("groups-list-options", 200, 200),
    ("groups-list-without-slash", 301, 301),
    ("groups-read", 200, 200),
    ("groups-read-head", 200, 200),
    ("groups-read-options", 200, 200),
    ("groups-replace", 200, 200),
    ("groups-update", 200, 200),
    ("organizations-create", 201, 201),
    ("organizations-delete", 404, 204),
    ("organizations-list", 200, 200),
    ("organizations-list-head", 200, 200),
    ("organizations-list-options", 200, 200),
    ("organizations-list-without-slash", 301, 301),
    ("organizations-read", 404, 200),
    ("organizations-read-head", 404, 200),
    ("organizations-read-options", 200, 200),
    ("organizations-replace", 404, 200),
    ("organizations-update", 404, 200),
    ("users-create", 201, 201),
    ("users-delete", 404, 204),
    ("users-list", 200, 200),
    ("users-list-as-page", 200, 200),
    ("users-list-head", 200, 200),
    ("users-list-options", 200, 200),
    ("users-list-without-slash", 301, 301),
    ("users-list-without-token", 401, 401),
    ("users-read", 404, 200),
    ("users-read-head", 404, 200),
    ("users-read-options", 200, 200),
    ("users-read-without-slash", 301, 301),
    ("users-replace", 404, 200),
    ("users-set-password", 404, 200),
    ("users-set-password-options", 200, 200),
    ("users-unknown-path", 404, 404),
    ("users-update", 404, 200),
];

fn text_of(event: &str) -> String {
    read(&format!("events/{event}.json"))
}

/// The function that an event is named for.
fn function_of(event: &str) -> &'static str {
    let named = FUNCTIONS.iter().map(|(name, _)| *name).filter(|name| event.starts_with(&format!("{name}-")));
    let longest = named.max_by_key(|name| name.len());
    longest.unwrap_or_else(|| panic!("{event} is named for no function"))
}

fn request_of(event: &str) -> Request<Body> {
    from_gateway(lambda_http::request::from_str(event).unwrap_or_else(|error| panic!("{error}: {event}")))
}

/// What `users-list.json` becomes after a change.
fn changed(change: impl FnOnce(&mut Value)) -> String {
    changed_event("users-list", change)
}

fn changed_event(event: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut event: Value = serde_json::from_str(&text_of(event)).expect("JSON");
    change(&mut event);
    event.to_string()
}

/// Sends an event of a superuser to a function.
async fn ask(app: &TestApp, function: &str, event: &str) -> Answer {
    send(app, function, &with_token(app, function, event).await).await
}

/// Sends an event to a function as it is.
async fn send(app: &TestApp, function: &str, event: &str) -> Answer {
    Client::new(router_of(function, app.directory.clone()), None).send(request_of(event)).await
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

/// An event with the id of a user, or of an organization, that is there.
async fn with_id(app: &TestApp, event: &str) -> String {
    let admin = app.admin().await;
    let there = if function_of(event) == "organizations" {
        admin.post("/api/v1/users/organization/", &json!({"name": "Here", "slug": "here"})).await.json()
    } else {
        admin.create_user("somebody", &json!({})).await
    };
    let id = there["id"].as_str().expect("an id");
    let text = text_of(event).replace(NOBODY, id);
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
    let rows: BTreeSet<String> = EVENTS.iter().map(|(event, ..)| format!("{event}.json")).collect();
    assert_eq!(files, rows);
}

#[test]
fn every_method_of_every_documented_address_has_an_event() {
    let asked = |(name, ..): &(&str, u16, u16)| {
        let event: Value = serde_json::from_str(&text_of(name)).expect("JSON");
        let http = &event["requestContext"]["http"];
        (http["method"].as_str().expect("a method").to_owned(), http["path"].as_str().expect("a path").to_owned())
    };
    let events: BTreeSet<_> = EVENTS.iter().map(asked).collect();
    for (path, allow, _) in DOCUMENTED {
        for method in allow.split(", ") {
            assert!(events.contains(&(method.to_owned(), path.to_owned())), "no event for {method} {path}");
        }
    }
}

#[tokio::test]
async fn events_get_their_status_as_they_are() {
    for (event, status, _) in EVENTS {
        let app = TestApp::start().await;
        let answer = ask(&app, function_of(event), &text_of(event)).await;
        assert_eq!(answer.status.as_u16(), status, "{event}: {answer:?}");
    }
}

#[tokio::test]
async fn events_get_their_status_with_an_id_that_is_there() {
    for (event, _, status) in EVENTS {
        let app = TestApp::start().await;
        let text = with_id(&app, event).await;
        let answer = ask(&app, function_of(event), &text).await;
        assert_eq!(answer.status.as_u16(), status, "{event}: {answer:?}");
    }
}

/// What functions do for the events, each with a process of its own.
pub async fn acts_for_all() -> BTreeSet<Act> {
    let mut acts = BTreeSet::new();
    for (event, ..) in EVENTS {
        acts.extend(with_an_id_that_is_there(event).await.1);
    }
    acts
}

/// Sends an event about a user, or an organization, that is there. Gives the answer and what the function did for it.
async fn with_an_id_that_is_there(event: &str) -> (Answer, BTreeSet<Act>) {
    let app = TestApp::start().await;
    let function = function_of(event);
    let text = with_token(&app, function, &with_id(&app, event).await).await;
    let process = app.another(Options::default());
    let answer = send(&process, function, &text).await;
    (answer, process.watch.acts())
}

#[test]
fn events_are_what_the_routes_of_the_template_make_of_a_request() {
    let template = template();
    let routes = routes(&template);
    for (name, ..) in EVENTS {
        let event: Value = serde_json::from_str(&text_of(name)).expect("JSON");
        let context = &event["requestContext"];
        let (method, path) = (context["http"]["method"].as_str(), context["http"]["path"].as_str());
        let route = choose(&routes, method.expect("a method"), path.expect("a path")).expect("a route");
        assert_eq!(route.function, function_of(name), "{name}");
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
    let address = request.extensions().get::<ClientAddress>();
    assert_eq!(address, Some(&ClientAddress(Some("198.51.100.4".to_owned()))));
}

#[tokio::test]
async fn links_name_the_host_and_the_stage_that_the_client_used() {
    let app = TestApp::start().await;
    app.admin().await.create_user("somebody", &json!({})).await;
    for (stage, before, base) in [
        ("$default", "", "https://abcdef1234.execute-api.us-east-1.amazonaws.com"),
        ("prod", "/prod", "https://abcdef1234.execute-api.us-east-1.amazonaws.com/prod"),
        // Behind a custom domain the stage does not show. Links used to name it all the same.
        ("prod", "", "https://abcdef1234.execute-api.us-east-1.amazonaws.com"),
        ("pro", "/pro", "https://abcdef1234.execute-api.us-east-1.amazonaws.com/pro"),
    ] {
        let event = changed(|event| {
            event["requestContext"]["stage"] = json!(stage);
            event["rawPath"] = json!(format!("{before}/api/v1/users/user/"));
            event["rawQueryString"] = json!("page_size=1");
        });
        let answer = ask(&app, "users", &event).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.json()["next"], format!("{base}/api/v1/users/user/?page=2&page_size=1"));
    }
}

#[tokio::test]
async fn links_of_edge_and_openl2m_stay_in_the_stage() {
    let app = TestApp::start().await;
    app.admin().await.create_user("somebody", &json!({})).await;
    let within = |event: &str, path: &str, query: &str| {
        changed_event(event, |event| {
            event["requestContext"]["stage"] = json!("prod");
            event["rawPath"] = json!(format!("/prod{path}"));
            event["rawQueryString"] = json!(query);
        })
    };
    let base = "https://abcdef1234.execute-api.us-east-1.amazonaws.com/prod/api";
    let users = ask(&app, "edge-users", &within("edge-users-list", "/api/users/", "page_size=1")).await;
    let url = users.json()[0]["url"].as_str().expect("a URL").to_owned();
    assert!(url.starts_with(&format!("{base}/users/")), "{url}");
    let next = format!("<{base}/users/?page=2&page_size=1>; rel=\"next\"");
    assert!(users.header("link").expect("links").starts_with(&next), "{users:?}");
    let created = ask(&app, "edge-users", &within("edge-users-create", "/api/users/", "")).await;
    assert_eq!(created.header("location"), created.json()["url"].as_str());
    assert!(created.header("location").expect("an address").starts_with(base));
    let part = ask(&app, "admin-users", &within("admin-users-list", "/api/admin/users/", "after=0&limit=1")).await;
    assert_eq!(part.header("link"), Some(&*format!("<{base}/admin/users/?after=1&limit=1>; rel=\"next\"")));
}

#[tokio::test]
async fn a_redirect_stays_in_the_stage() {
    let app = TestApp::start().await;
    let event = changed_event("users-list-without-slash", |event| {
        event["requestContext"]["stage"] = json!("prod");
        event["rawPath"] = json!("/prod/api/v1/users/user");
    });
    let answer = ask(&app, "users", &event).await;
    assert_eq!(answer.status, StatusCode::MOVED_PERMANENTLY);
    // It used to lead to the same path outside the stage.
    assert_eq!(answer.header("location"), Some("/prod/api/v1/users/user/?page_size=10"));
}

#[tokio::test]
async fn an_address_is_confirmed_within_a_stage() {
    let app = TestApp::start().await;
    confirms_an_address(&app, async |function, event| ask(&app, function, &event).await).await;
}

/// Makes a user, opens the mailed link and submits its page, all in the stage `prod`.
async fn confirms_an_address(app: &TestApp, mut ask: impl AsyncFnMut(&'static str, String) -> Answer) {
    let within = |event: &mut Value, path: &str| {
        event["requestContext"]["stage"] = json!("prod");
        event["rawPath"] = json!(path);
    };
    let create = changed_event("users-create", |event| within(event, "/prod/api/v1/users/user/"));
    assert_eq!(ask("users", create).await.status, StatusCode::CREATED);
    let mails = app.directory.waiting_mails(10).await.expect("mails");
    let MailKind::Confirmation { link } = &mails[0].kind else { panic!("another mail") };
    let path = link.strip_prefix("https://abcdef1234.execute-api.us-east-1.amazonaws.com").expect("a link to the host");
    assert!(path.starts_with("/prod/accounts/confirm-email/"), "{path}");

    let page = ask("auth", changed_event("auth-confirm-email", |event| within(event, path))).await;
    let cookie = page.header("set-cookie").expect("a cookie");
    // The cookie used to be for /accounts/, where browsers would not send it back from within the stage.
    assert!(cookie.contains("; Path=/prod;"), "{cookie}");
    let token = cookie.split(['=', ';']).nth(1).expect("a value");
    let submit = changed_event("auth-confirm-email-submit", |event| {
        within(event, path);
        event["cookies"] = json!([format!("csrftoken={token}")]);
        event["body"] = json!(format!("csrfmiddlewaretoken={token}"));
        event["isBase64Encoded"] = json!(false);
    });
    let done = ask("auth", submit).await;
    assert_eq!(done.status, StatusCode::FOUND, "{done:?}");
    assert_eq!(done.header("location"), Some("/prod/accounts/email-verification-success/"));
}

#[test]
fn an_event_gives_the_request_that_the_local_server_would_see() {
    let request = request_of(&changed(|_| ()));
    assert_eq!(request.method(), Method::GET);
    assert_eq!(request.uri(), "/api/v1/users/user/?page=1&page_size=10");
    assert_eq!(request.headers()[http::header::HOST], "abcdef1234.execute-api.us-east-1.amazonaws.com");
    assert_eq!(request.headers()[http::header::AUTHORIZATION], "Bearer TOKEN");
}
