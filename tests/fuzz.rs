//! Whatever is sent, the answer is one of ours, and what is refused changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use http::{HeaderName, HeaderValue, Method, Request};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use shared::config::TokenTtl;
use shared::model::MailKind;

use crate::support::{Answer, Client, NOBODY, Options, PASSWORD, TOKEN, TestApp, USERS};

/// How many requests are made up.
const CASES: u32 = 400;

const FIELDS: &[&str] = &[
    "username",
    "email",
    "password",
    "email_verified",
    "is_verified",
    "first_name",
    "last_name",
    "phone_number",
    "birth_date",
    "expiration_date",
    "is_active",
    "is_staff",
    "is_superuser",
    "groups",
    "organization_users",
    "user_permissions",
    "bio",
    "url",
    "company",
    "location",
    "notes",
    "id",
    "date_joined",
    "last_login",
    "csrfmiddlewaretoken",
    "organization_users.organization",
    "name",
    "slug",
    "permissions",
    "owner",
    "primary",
    "input",
    "new_password",
    "confirm_password",
    "current_password",
    "new_password1",
];

const HEADERS: &[&str] =
    &["accept", "content-type", "cookie", "host", "origin", "referer", "x-forwarded-for", "content-length", "expect"];

#[derive(Debug, Clone)]
enum Who {
    Nobody,
    Admin,
    Clerk,
    Header(Vec<u8>),
}

#[derive(Debug, Clone)]
struct Made {
    who: Who,
    method: String,
    /// `{0}` to `{2}` stand for users that exist, `{link}` for a link that was mailed.
    path: String,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
}

fn header_bytes() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "application/json",
        "application/json; charset=utf-8",
        "application/json; indent=99999999999",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "multipart/form-data",
        "multipart/form-data; boundary=\"",
        "text/html",
        "text/*, */*",
        "image/png",
        "*/*;q=",
        "csrftoken=x",
        "a=b; csrftoken=x; csrftoken",
        "rollcall.example",
        "[::1]:99999",
        "null",
        "http://rollcall.example/",
        "://",
        "0",
        "100-continue",
    ]);
    prop_oneof![
        3 => known.prop_map(|text| text.as_bytes().to_vec()),
        1 => "[ -~]{0,40}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "",
            " ",
            "jane",
            "fresh",
            "fresh@mail.example",
            "FRESH@mail.example",
            "jane@mail.example",
            "+393331234567",
            "+39 333 123 4567",
            "2000-01-01",
            "2099-12-31",
            "0001-01-01",
            "https://site.example/",
            "true",
            "off",
            "\0",
            "\u{202e}\u{fffd}",
            "x",
            "28",
            "99999999999999999999",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
        (0..600usize).prop_map(|count| "é".repeat(count)),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        (0..30u64).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..4).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn members() -> impl Strategy<Value = Map<String, Value>> {
    let pair = || (prop::sample::select(FIELDS.to_vec()), value());
    let pairs = prop_oneof![
        1 => Just(Vec::new()),
        1 => prop::collection::vec(pair(), 1),
        2 => prop::collection::vec(pair(), 0..5),
    ];
    (any::<Option<u16>>(), pairs).prop_map(|(fresh, pairs)| {
        let mut members = Map::new();
        if let Some(number) = fresh {
            members.insert("username".to_owned(), format!("fresh{number}").into());
            members.insert("email".to_owned(), format!("fresh{number}@mail.example").into());
            members.insert("password".to_owned(), PASSWORD.into());
        }
        members.extend(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)));
        members
    })
}

/// A body and the content type that it should have.
fn body() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    prop_oneof![
        6 => members().prop_map(|members| ("application/json", Value::Object(members).to_string().into_bytes())),
        1 => value().prop_map(|value| ("application/json", value.to_string().into_bytes())),
        2 => members().prop_map(move |members| {
            let pairs = members.iter().map(|(name, value)| {
                format!("{name}={}&", percent_encoding::utf8_percent_encode(&plain(value), percent_encoding::NON_ALPHANUMERIC))
            });
            ("application/x-www-form-urlencoded", pairs.collect::<String>().into_bytes())
        }),
        2 => members().prop_map(move |members| {
            let parts = members.iter().map(|(name, value)| {
                format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{}\r\n", plain(value))
            });
            let form: String = parts.chain(["--b--\r\n".to_owned()]).collect();
            ("multipart/form-data; boundary=b", form.into_bytes())
        }),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| ("application/json", bytes)),
        1 => Just(("application/json", Vec::new())),
    ]
}

fn path() -> impl Strategy<Value = String> {
    let users =
        prop::sample::select(vec!["/api/v1/users/user/{0}/", "/api/v1/users/user/{1}/", "/api/v1/users/user/{2}/"]);
    let others = prop::sample::select(vec![
        TOKEN,
        "{link}",
        "/accounts/confirm-email/x/",
        "/accounts/email-verification-success/",
        "/api/v1/users/user",
        "/api/v1/users/user/{0}",
        "/api/v1/users/user/%FF/",
        "/api/v1/users/user/11111111-1111-4111-8111-111111111111/",
        "/api/v1/users/user/{0}/email/",
        "/api/v1/users/user/{0}/email/1/",
        "/api/v1/users/user/{0}/password/",
        "/api/v1/users/user/password/change/",
        "/api/v1/users/password/reset/",
        "/api/v1/users/password/reset/confirm/",
        "/accounts/password/reset/key/x-y/",
        "/api/v1/users/group/",
        "/api/v1/users/organization/",
        "/",
    ]);
    let known = prop_oneof![
        3 => Just(USERS.to_owned()),
        4 => users.prop_map(str::to_owned),
        3 => others.prop_map(str::to_owned),
    ];
    let query = prop_oneof![
        6 => Just(String::new()),
        1 => "\\?(page|page_size|format|x)=(last|json|api|[0-9]{1,22}|-1|[!-;=?-~]{0,8})",
        1 => "\\?(page=[0-9]{1,2}&page_size=[0-9]{1,3}|[!-;=?-~]{0,20})",
    ];
    prop_oneof![
        12 => (known, query).prop_map(|(path, query)| path + &query),
        1 => "/[!-;=?-~]{0,30}",
        1 => "/api/v1/users/[a-z%0-9/]{0,20}",
    ]
}

fn made() -> impl Strategy<Value = Made> {
    let who = prop_oneof![
        1 => Just(Who::Nobody),
        8 => Just(Who::Admin),
        2 => Just(Who::Clerk),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Who::Header),
        1 => "(?i:bearer) [!-~]{0,40}".prop_map(|text| Who::Header(text.into_bytes())),
    ];
    let method = prop_oneof![
        14 => prop::sample::select(vec!["GET", "POST", "POST", "PUT", "PATCH", "PATCH", "DELETE"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["HEAD", "OPTIONS", "TRACE", "CONNECT"]).prop_map(str::to_owned),
        1 => "[A-Za-z!#$%&'*+.^_`|~0-9-]{1,12}",
    ];
    let headers = prop::collection::vec((prop::sample::select(HEADERS.to_vec()), header_bytes()), 0..3);
    let sensible = prop_oneof![
        2 => Just(("POST".to_owned(), USERS.to_owned())),
        1 => Just(("POST".to_owned(), TOKEN.to_owned())),
        2 => Just(("PATCH".to_owned(), "/api/v1/users/user/{0}/".to_owned())),
        1 => Just(("PUT".to_owned(), "/api/v1/users/user/{1}/".to_owned())),
    ];
    let target = prop_oneof![sensible, (method, path())];
    (who, target, headers, body()).prop_map(|(who, (method, path), mut headers, (kind, body))| {
        headers.insert(0, ("content-type", kind.as_bytes().to_vec()));
        Made { who, method, path, headers, body }
    })
}

/// The directory under fire, and what is needed to look into it.
struct Target {
    app: TestApp,
    admin: Client,
    clerk: Client,
    users: Vec<String>,
    link: String,
}

impl Target {
    async fn start() -> Self {
        let app = TestApp::with(Options { token_ttl: TokenTtl::Never, ..Options::default() }).await;
        let admin = app.admin().await;
        admin.create_user("clerk", &json!({"groups": [1]})).await;
        let clerk = app.signed_in("clerk").await;
        let mut target = Self { app, admin, clerk, users: Vec::new(), link: String::new() };
        target.refill().await;
        target
    }

    /// Makes the users whom the paths name, as far as they are gone, and sees to it that there is a mailed link.
    async fn refill(&mut self) {
        let mut users = Vec::new();
        for name in ["jane", "john", "joan"] {
            let known = self.users.get(users.len()).cloned().unwrap_or_else(|| NOBODY.to_owned());
            if self.admin.get(&format!("{USERS}{known}/")).await.status.is_success() {
                users.push(known);
                continue;
            }
            let number = self.app.environment.draw();
            let user = self.admin.create_user(&format!("{name}{number}"), &json!({"email_verified": false})).await;
            users.push(user["id"].as_str().expect("an id").to_owned());
        }
        self.users = users;
        let mails = self.app.directory.waiting_mails(1000).await.expect("the outbox");
        let link = mails.iter().find_map(|mail| match &mail.kind {
            MailKind::Confirmation { link } => Some(link.reveal()),
            _ => None,
        });
        let link = link.expect("a confirmation");
        self.link = format!("/accounts/{}", link.split_once("/accounts/").expect("a link").1);
    }

    fn request(&self, made: &Made) -> Option<Request<Body>> {
        let mut path = made.path.replace("{link}", &self.link);
        for (index, id) in self.users.iter().enumerate() {
            path = path.replace(&format!("{{{index}}}"), id);
        }
        let method = Method::from_bytes(made.method.as_bytes()).ok()?;
        let mut request = Request::builder().method(method).uri(path).body(Body::from(made.body.clone())).ok()?;
        for (name, value) in &made.headers {
            let Ok(value) = HeaderValue::from_bytes(value) else { continue };
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        if let Who::Header(bytes) = &made.who
            && let Ok(value) = HeaderValue::from_bytes(bytes)
        {
            request.headers_mut().insert("authorization", value);
        }
        Some(request)
    }

    async fn send(&self, made: &Made) -> Option<Answer> {
        let request = self.request(made)?;
        Some(match made.who {
            Who::Admin => self.admin.send(request).await,
            Who::Clerk => self.clerk.send(request).await,
            Who::Nobody | Who::Header(_) => self.app.anonymous().send(request).await,
        })
    }

    /// Everything that is stored, but for numbers that may be given out in vain, and events of refused sign-ins.
    fn everything(&self) -> BTreeSet<String> {
        // Attributes are sorted by name; the engine itself prints maps inside of them in order.
        let items =
            self.app.items().into_iter().map(|item| format!("{:?}", item.into_iter().collect::<BTreeMap<_, _>>()));
        let passing = ["S(\"SEQUENCE\")", "signin.refused"];
        items.filter(|item| !passing.iter().any(|text| item.contains(text))).collect()
    }
}

fn is_ours(answer: &Answer) -> Result<(), TestCaseError> {
    prop_assert!(!answer.status.is_server_error(), "{answer:?}");
    prop_assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    let whole = !answer.body.is_empty();
    match answer.header("content-type") {
        Some("application/json") if whole => {
            prop_assert!(serde_json::from_slice::<Value>(&answer.body).is_ok(), "{answer:?}");
        }
        Some("text/html; charset=utf-8") if whole => prop_assert!(answer.text().starts_with("<!DOCTYPE html>")),
        other => prop_assert!(!whole, "{other:?}: {answer:?}"),
    }
    Ok(())
}

#[test]
fn nothing_that_is_sent_breaks_the_directory() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut target = runtime.block_on(Target::start());
    let target = &mut target;
    let seen = std::cell::RefCell::new((target, BTreeMap::<u16, u32>::new()));
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&made(), |made| {
        let (target, statuses) = &mut *seen.borrow_mut();
        runtime.block_on(async {
            let before = target.everything();
            let Some(answer) = target.send(&made).await else { return Ok(()) };
            is_ours(&answer)?;
            *statuses.entry(answer.status.as_u16()).or_default() += 1;
            let after = target.everything();
            let reads = ["GET", "HEAD", "OPTIONS"].contains(&&*made.method);
            if reads || !(answer.status.is_success() || answer.status == http::StatusCode::FOUND) {
                prop_assert_eq!(before, after);
            } else {
                target.refill().await;
            }
            Ok(())
        })
    });
    let statuses = &seen.borrow().1;
    println!("{statuses:?}");
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    for status in [200, 201, 400, 401, 404, 405] {
        assert!(statuses.contains_key(&status), "no request was made up that is answered {status}: {statuses:?}");
    }
}
