//! HTTP habits that all endpoints share (`contracts/openwisp.md` section 4).

use axum::body::Body;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared::model::MailKind;
use shared::web::BaseUrl;

use crate::support::{Answer, Client, NOBODY, PASSWORD, TOKEN, TestApp, USERS, request};

const LIST: &str = "GET, POST, HEAD, OPTIONS";
const DETAIL: &str = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS";

async fn jane(admin: &Client) -> String {
    let user = admin.create_user("jane", &json!({"first_name": "Jane"})).await;
    format!("{USERS}{}/", user["id"].as_str().expect("an id"))
}

#[track_caller]
fn is(answer: &Answer, status: StatusCode, body: &Value) {
    assert_eq!((answer.status, answer.json()), (status, body.clone()), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn every_answer_has_the_security_headers_and_a_name() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = jane(&admin).await;
    let bare = path.trim_end_matches('/');
    let answers = [
        (200, admin.get(USERS).await),
        (200, admin.accepting("text/html", USERS).await),
        (200, admin.json(Method::HEAD, USERS, None).await),
        (200, admin.json(Method::OPTIONS, USERS, None).await),
        (200, app.anonymous().get("/accounts/confirm-email/x/").await),
        (201, admin.post(USERS, &json!({"username": "x", "email": "x@x.example", "password": "x"})).await),
        (301, admin.get(bare).await),
        (400, admin.post(USERS, &json!({})).await),
        (401, app.anonymous().get(USERS).await),
        (403, app.signed_in("jane").await.get(USERS).await),
        (404, admin.get("/nothing").await),
        (404, admin.get(&format!("{USERS}{NOBODY}/")).await),
        (405, admin.delete(USERS).await),
        (406, admin.accepting("image/png", USERS).await),
        (415, admin.with_body(Method::POST, USERS, "text/plain", "x").await),
        (204, admin.delete(&path).await),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status.as_u16(), status, "{answer:?}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
        assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"));
        assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        // Over plain http browsers would not believe it.
        assert_eq!(answer.header("strict-transport-security"), None);
        assert_eq!(answer.header("set-cookie"), None);
        assert_eq!(answer.header("server"), None);
    }
}

#[tokio::test]
async fn over_https_browsers_are_told_to_stay_there() {
    let app = TestApp::start().await;
    for path in [USERS, "/nothing", "/accounts/login/", "/.well-known/jwks.json"] {
        let begun = request(Method::GET, path).extension(BaseUrl("https://users.example.org".to_owned()));
        let answer = app.anonymous().ask(begun, Body::empty()).await;
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"), "{path}");
    }
}

#[tokio::test]
async fn every_answer_of_an_endpoint_names_its_methods_and_varies_by_accept() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = jane(&admin).await;
    let plain = app.signed_in("jane").await;
    for client in [&admin, &plain, &app.anonymous()] {
        for (path, allow) in [(USERS, LIST), (&path, DETAIL), (TOKEN, "POST, OPTIONS")] {
            for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE", "BREW"] {
                let method: Method = method.parse().expect("a method");
                let answer = client.json(method, path, Some(&json!({"username": ""}))).await;
                assert_eq!(answer.header("allow"), Some(allow), "{answer:?}");
                assert_eq!(answer.header("vary"), Some("Accept, Cookie"));
            }
        }
    }
}

#[tokio::test]
async fn methods_that_an_endpoint_does_not_know_are_405() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = jane(&admin).await;
    for (path, methods) in [
        (USERS, &["PUT", "PATCH", "DELETE", "TRACE", "BREW"][..]),
        (&path, &["POST", "TRACE", "PROPFIND"]),
        (TOKEN, &["GET", "PUT", "PATCH", "DELETE", "BREW"]),
    ] {
        for method in methods {
            let answer = admin.json(method.parse().expect("a method"), path, None).await;
            is(
                &answer,
                StatusCode::METHOD_NOT_ALLOWED,
                &json!({"detail": format!("Method \"{method}\" not allowed.")}),
            );
        }
    }
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = jane(&admin).await;
    let missing = format!("{USERS}{NOBODY}/");
    for client in [&admin, &app.signed_in("jane").await, &app.anonymous()] {
        for path in [USERS, &format!("{USERS}?page=9"), &format!("{USERS}?format=api"), &path, &missing] {
            let (get, head) = (client.get(path).await, client.json(Method::HEAD, path, None).await);
            assert_eq!(head.status, get.status);
            assert_eq!(head.body.len(), 0);
            for name in ["content-type", "allow", "vary", "www-authenticate"] {
                assert_eq!(head.header(name), get.header(name), "{name} of {path}");
            }
        }
    }
}

#[tokio::test]
async fn without_the_final_slash_every_method_is_redirected_and_nothing_done() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = jane(&admin).await;
    let before = admin.get(&path).await.json();
    for client in [&admin, &app.anonymous()] {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
            for path in [&path, USERS, TOKEN] {
                for query in ["", "?page_size=1&x=%20y", "?"] {
                    let bare = format!("{}{query}", path.trim_end_matches('/'));
                    let body = json!({"username": "other", "first_name": "x"});
                    let answer = client.json(method.parse().expect("a method"), &bare, Some(&body)).await;
                    assert_eq!(answer.status, StatusCode::MOVED_PERMANENTLY, "{method} {bare}");
                    assert_eq!(answer.header("location"), Some(&*format!("{path}{query}")));
                }
            }
        }
    }
    assert_eq!(admin.get(&path).await.json(), before);
    let begun = request(Method::GET, USERS.trim_end_matches('/'));
    let behind = begun.extension(BaseUrl("https://users.example.org/prod".to_owned()));
    let answer = admin.ask(behind, Body::empty()).await;
    assert_eq!(answer.header("location"), Some("/prod/api/v1/users/user/"), "the gateway's stage is kept");
}

#[tokio::test]
async fn addresses_of_no_endpoint_are_404_in_json() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = jane(&admin).await;
    let upper = path.to_uppercase().replace("/API/V1/USERS/USER/", USERS);
    let plain = path.replace('-', "");
    for path in [
        "/",
        "/api/v1/users/",
        "/api/v1/users/nothing-here/",
        "/api/v1/users/user.json",
        "/api/v1/users/user/not-a-uuid/",
        "/api/v1/users/user/not-a-uuid",
        "/api/v1/users/user//",
        "/api/v1/users//user/",
        "/api/v1/users/User/",
        "/api/v1/users/user/%00/",
        "/api/v1/users/user/%FF/",
        "/api/v1/users/user/1/",
        &upper,
        &plain,
        &format!("{path}more/"),
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = admin.json(method, path, None).await;
            is(&answer, StatusCode::NOT_FOUND, &json!({"detail": "Not found."}));
        }
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_say_why() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = jane(&admin).await;
    let before = admin.get(&path).await.json();
    let no_object =
        |kind: &str| json!({"non_field_errors": [format!("Invalid data. Expected a dictionary, but got {kind}.")]});
    for (method, path) in [(Method::POST, USERS), (Method::PUT, &*path), (Method::PATCH, &*path), (Method::POST, TOKEN)]
    {
        for (kind, body, status, expected) in [
            ("text/plain", "x", 415, json!({"detail": "Unsupported media type \"text/plain\" in request."})),
            (
                "application/xml; q=1",
                "x",
                415,
                json!({"detail": "Unsupported media type \"application/xml; q=1\" in request."}),
            ),
            ("", "x", 415, json!({"detail": "Unsupported media type \"\" in request."})),
            ("application/json", "null", 400, json!({"non_field_errors": ["No data provided"]})),
            ("application/json", "[]", 400, no_object("list")),
            ("application/json", "\"x\"", 400, no_object("str")),
            ("application/json", " 1 ", 400, no_object("int")),
            ("application/json", "-1.5", 400, no_object("float")),
            ("application/json; charset=utf-8", "true", 400, no_object("bool")),
            (
                "multipart/form-data",
                "x",
                400,
                json!({"detail": "Multipart form parse error - Invalid boundary in multipart: None"}),
            ),
        ] {
            let answer = admin.with_body(method.clone(), path, kind, body).await;
            is(&answer, StatusCode::from_u16(status).expect("a status"), &expected);
        }
        for body in [&br#"{"name": "#[..], br#"{"a": NaN}"#, b"{\"a\": \"\xff\"}", br#"{"a": 1} x"#, b"{'a': 1}"] {
            let answer = admin.with_body(method.clone(), path, "application/json", body.to_vec()).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST);
            let told = answer.json();
            assert!(told["detail"].as_str().is_some_and(|text| text.starts_with("JSON parse error - ")), "{told}");
            assert_eq!(told.as_object().expect("an object").len(), 1);
        }
    }
    // Half of a character is told by its field; what nobody reads may hold anything.
    let half = admin.with_body(Method::PATCH, &path, "application/json", r#"{"bio": "\ud800", "a": "\ud800"}"#).await;
    is(&half, StatusCode::BAD_REQUEST, &json!({"bio": ["Surrogate characters are not allowed: U+D800."]}));
    assert_eq!(admin.get(&path).await.json(), before);
}

#[tokio::test]
async fn an_empty_body_is_an_empty_object_whatever_its_type() {
    let app = TestApp::start().await;
    let required = json!({"username": ["This field is required."], "password": ["This field is required."]});
    for kind in ["application/json", "text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let answer = app.anonymous().with_body(Method::POST, TOKEN, kind, "").await;
        is(&answer, StatusCode::BAD_REQUEST, &required);
    }
    is(&app.anonymous().ask(request(Method::POST, TOKEN), Body::empty()).await, StatusCode::BAD_REQUEST, &required);
}

#[tokio::test]
async fn checks_come_in_their_order() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = jane(&admin).await;
    let plain = app.signed_in("jane").await;
    let (missing, none) = (format!("{USERS}{NOBODY}/"), app.anonymous());
    let send = |client: &Client, method: Method, path: &str, accept: &'static str| {
        let begun = request(method, path).header(ACCEPT, accept).header(CONTENT_TYPE, "text/plain");
        let client = client.clone();
        async move { client.ask(begun, Body::from("x")).await.status.as_u16() }
    };
    let (json, image) = ("application/json", "image/png");
    // Each row would also fail at all the later checks.
    for (client, method, path, accept, expected) in [
        (&none, Method::PUT, "/api/v1/users/user/x/", image, 404),
        (&none, Method::PUT, USERS, image, 406),
        (&none, Method::PUT, USERS, json, 401),
        (&none, Method::PUT, &missing, json, 401),
        (&plain, Method::PUT, USERS, json, 403),
        (&plain, Method::PUT, &missing, json, 403),
        (&plain, Method::POST, &missing, json, 403),
        (&admin, Method::PUT, USERS, json, 405),
        (&admin, Method::POST, &missing, json, 405),
        (&admin, Method::PUT, &missing, json, 404),
        (&admin, Method::PATCH, &missing, json, 404),
        (&admin, Method::PATCH, &path, json, 415),
        (&admin, Method::POST, USERS, json, 415),
        (&none, Method::PUT, TOKEN, json, 405),
        (&none, Method::POST, TOKEN, image, 406),
        (&none, Method::POST, TOKEN, json, 415),
    ] {
        assert_eq!(send(client, method.clone(), path, accept).await, expected, "{method} {path} {accept}");
    }
    let unknown = none.get(&format!("{USERS}?format=xml")).await;
    is(&unknown, StatusCode::NOT_FOUND, &json!({"detail": "Not found."}));
}

#[tokio::test]
async fn the_client_chooses_the_representation() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (json, html) = (Some("application/json"), Some("text/html; charset=utf-8"));
    for (accept, query, expected) in [
        ("*/*", "", json),
        ("application/json", "", json),
        ("application/xml, */*;q=0.1", "", json),
        ("text/html, application/json", "", json),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "", html),
        ("text/*", "", html),
        ("text/html", "?format=json", json),
        ("image/png", "?format=json", json),
        ("application/json", "?format=api", html),
        ("application/json", "?format=", json),
    ] {
        let answer = admin.accepting(accept, &format!("{USERS}{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{accept} {query}");
        assert_eq!(answer.header("content-type"), expected, "{accept} {query}");
    }
    for accept in ["application/xml", "image/png", "text/plain", "nonsense", ""] {
        let answer = admin.accepting(accept, USERS).await;
        is(&answer, StatusCode::NOT_ACCEPTABLE, &json!({"detail": "Could not satisfy the request Accept header."}));
    }
}

#[tokio::test]
async fn json_is_compact_unless_an_indent_is_asked_for() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.create_user("jane", &json!({"first_name": "Žofie 用"})).await;
    let path = format!("{USERS}?page_size=1");
    let compact = admin.get(&path).await;
    assert!(compact.text().starts_with(r#"{"count":2,"next":"http://rollcall.example/"#));
    assert!(compact.text().contains("Žofie 用"), "UTF-8, not escapes");
    let indented = admin.accepting("application/json; indent=2", &path).await;
    assert_eq!(indented.header("content-type"), Some("application/json"));
    assert!(indented.text().starts_with("{\n  \"count\": 2,\n  \"next\": \"http"), "{}", indented.text());
    assert_eq!(indented.json(), compact.json());
    for accept in ["application/json; indent=1000000", "application/json; indent=x", "application/json; indent=-1"] {
        assert_eq!(admin.accepting(accept, &path).await.json(), compact.json());
    }
}

#[tokio::test]
async fn a_browser_gets_a_page_with_the_same_status_and_the_answer_in_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = admin.create_user("jane", &json!({"first_name": "<script>alert(1)</script>"})).await;
    let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
    admin.patch(&path, &json!({"notes": "</pre><img src=x onerror=alert(1)>\"'&"})).await;
    let page = admin.accepting("text/html", &format!("{path}?%3Cb%3E=%22")).await;
    assert_eq!(page.status, StatusCode::OK);
    let text = page.text();
    assert!(text.starts_with("<!DOCTYPE html>") && text.contains("<title>User Detail</title>"), "{text}");
    assert!(text.contains("jane@mail.example") && text.contains("&lt;script&gt;alert(1)"), "{text}");
    assert!(!text.contains("<script") && !text.contains("<img") && !text.contains("<b>\""), "{text}");
    for (client, method, path, status) in [
        (&admin, Method::GET, USERS, 200),
        (&admin, Method::OPTIONS, USERS, 200),
        (&app.anonymous(), Method::GET, USERS, 401),
        (&admin, Method::GET, &format!("{USERS}{NOBODY}/"), 404),
        (&admin, Method::POST, USERS, 400),
        (&admin, Method::DELETE, USERS, 405),
        (&app.anonymous(), Method::POST, TOKEN, 400),
    ] {
        let page = client.ask(request(method, path).header(ACCEPT, "text/html"), Body::empty()).await;
        assert_eq!(page.status.as_u16(), status);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.header("allow").is_some());
        assert_eq!(page.header("www-authenticate").is_some(), status == 401);
    }
    let gone = admin.ask(request(Method::DELETE, &path).header(ACCEPT, "text/html"), Body::empty()).await;
    assert_eq!((gone.status, gone.body.len()), (StatusCode::NO_CONTENT, 0));
}

fn field(kind: &str, label: &str) -> Value {
    json!({"type": kind, "required": false, "read_only": false, "label": label})
}

fn with(mut field: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().expect("an object") {
        field[name] = value.clone();
    }
    field
}

fn described(name: &str) -> Value {
    json!({
        "name": name,
        "description": "",
        "renders": ["application/json", "text/html"],
        "parses": ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
    })
}

/// The fields that a list and a detail have in common, as a superuser sees them.
fn common_fields() -> Value {
    let username = json!({
        "required": true, "max_length": 150,
        "help_text": "Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
    });
    json!({
        "id": with(field("string", "Id"), &json!({"read_only": true})),
        "username": with(field("string", "Username"), &username),
        "email": with(field("email", "Email address"), &json!({"max_length": 254})),
        "first_name": with(field("string", "First name"), &json!({"max_length": 150})),
        "last_name": with(field("string", "Last name"), &json!({"max_length": 150})),
        "phone_number": with(field("string", "Phone number"), &json!({"max_length": 128})),
        "birth_date": field("date", "Birth date"),
        "expiration_date": field("date", "Expiration date"),
        "is_active": field("boolean", "Active"),
        "is_staff": field("boolean", "Staff status"),
        "is_superuser": field("boolean", "Superuser status"),
        "groups": with(field("field", "Groups"), &json!({"max_length": 25})),
        "organization_users": with(field("nested object", "Organization users"), &json!({"children": {
            "organization": with(field("field", "Organization"), &json!({"required": true})),
            "is_admin": field("boolean", "Organization manager"),
        }})),
    })
}

fn list_fields() -> Value {
    let mut fields = common_fields();
    fields["email"]["required"] = json!(true);
    let own = json!({
        "password": with(field("string", "Password"), &json!({"required": true, "max_length": 128})),
        "email_verified": field("boolean", "Email verified"),
    });
    with(fields, &own)
}

fn detail_fields() -> Value {
    let own = json!({
        "bio": with(field("string", "Bio"), &json!({"max_length": 4096})),
        "url": with(field("url", "URL"), &json!({"max_length": 200})),
        "company": with(field("string", "Company"), &json!({"max_length": 30})),
        "location": with(field("string", "Location"), &json!({"max_length": 256})),
        "notes": with(field("string", "Notes"), &json!({"max_length": 4096})),
        "last_login": with(field("datetime", "Last login"), &json!({"read_only": true})),
        "date_joined": with(field("datetime", "Date joined"), &json!({"read_only": true})),
        "user_permissions": with(field("field", "User permissions"), &json!({"max_length": 100})),
    });
    with(common_fields(), &own)
}

#[tokio::test]
async fn options_describe_what_the_caller_could_send() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = jane(&admin).await;
    let options = async |client: &Client, path: &str| {
        let answer = client.json(Method::OPTIONS, path, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()
    };
    let list = with(described("Users List Create"), &json!({"actions": {"POST": list_fields()}}));
    assert_eq!(options(&admin, USERS).await, list);
    let detail = with(described("User Detail"), &json!({"actions": {"PUT": detail_fields()}}));
    assert_eq!(options(&admin, &path).await, detail);
    let token = json!({"actions": {"POST": {
        "username": with(field("string", "Username"), &json!({"required": true, "max_length": 254})),
        "password": with(field("string", "Password"), &json!({"required": true, "max_length": 4096})),
    }}});
    assert_eq!(options(&app.anonymous(), TOKEN).await, with(described("Obtain Auth Token"), &token));

    let plain = app.signed_in("jane").await;
    assert_eq!(options(&plain, USERS).await, described("Users List Create"));
    assert_eq!(options(&plain, &path).await, described("User Detail"));
    assert_eq!(
        options(&admin, &format!("{USERS}{NOBODY}/")).await,
        described("User Detail"),
        "nothing there to change"
    );

    admin.create_user("clerk", &json!({"groups": [1]})).await;
    let mut fields = list_fields();
    fields.as_object_mut().expect("an object").remove("is_superuser");
    let list = with(described("Users List Create"), &json!({"actions": {"POST": fields}}));
    assert_eq!(options(&app.signed_in("clerk").await, USERS).await, list);
    let refused = app.anonymous().json(Method::OPTIONS, USERS, None).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_host_that_was_asked_stands_in_links_unless_it_is_none() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    jane(&admin).await;
    let token = app.anonymous().post(TOKEN, &json!({"username": "admin", "password": PASSWORD})).await.json();
    let bearer = format!("Bearer {}", token["token"].as_str().expect("a token"));
    for (host, expected) in [
        ("users.example.org:8443", "http://users.example.org:8443"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("evil.example/x?", "http://localhost"),
        ("\"><b>", "http://localhost"),
        ("", "http://localhost"),
    ] {
        let begun = http::Request::builder().uri(format!("{USERS}?page_size=1"));
        let begun = begun.header("host", host).header("authorization", &bearer);
        let next = app.anonymous().ask(begun, Body::empty()).await.json()["next"].clone();
        assert_eq!(next, format!("{expected}{USERS}?page=2&page_size=1"));
    }
}

/// Whoever asks for a mail used to choose where its link leads, by the header.
#[tokio::test]
async fn no_header_decides_where_mailed_links_lead() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    jane(&admin).await;
    app.forget_mails().await;
    let token = app.token("admin").await;
    for (number, (name, value)) in [
        ("host", "evil.example"),
        ("host", "127.0.0.1:9000"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-forwarded-proto", "https"),
        ("origin", "http://evil.example"),
    ]
    .into_iter()
    .enumerate()
    {
        let ask = |path: &str| http::Request::builder().method(Method::POST).uri(path).header(name, value);
        let json = "application/json";
        let reset = ask("/api/v1/users/password/reset/").header("content-type", json);
        let reset = app.anonymous().ask(reset, Body::from(r#"{"input": "jane"}"#)).await;
        assert_eq!(reset.status, StatusCode::OK, "{reset:?}");
        let user = json!({
            "username": format!("u{number}"), "email": format!("u{number}@mail.example"), "password": PASSWORD,
            "email_verified": false
        });
        let create = ask(USERS).header("content-type", json).header("authorization", format!("Bearer {token}"));
        let created = app.anonymous().ask(create, Body::from(user.to_string())).await;
        assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
        let mails = app.mails().await;
        assert_eq!(mails.len(), 2, "{name}: {value}");
        for mail in mails {
            let (MailKind::Confirmation { link } | MailKind::PasswordReset { link }) = mail.kind else {
                panic!("another mail")
            };
            assert!(link.reveal().starts_with("http://rollcall.example/accounts/"), "{name}: {value}");
        }
        app.forget_mails().await;
    }
}
