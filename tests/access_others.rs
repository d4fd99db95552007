//! Every address of OpenL2M and Edge × every kind of caller × every method: who gets which status.
//!
//! A new endpoint is new rows; one without rows fails.

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared::model::{EdgeId, User};

use crate::support::{Client, PASSWORD, TestApp, USERS};

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// The callers, in the order of the columns.
const CALLERS: [&str; 6] = ["nobody", "inactive", "plain", "rest", "staff", "superuser"];
const LIST: &str = "/api/users/";
const USER: &str = "/api/users/{id}/";
const HISTORY: &str = "/api/users/{id}/history/";
const TOKENS: &str = "/api/users/{id}/tokens/";
const TOKEN: &str = "/api/users/{id}/tokens/{token}/";

/// What each caller gets where GET, HEAD and OPTIONS are all there is, and who may ask is said by `good`.
fn read_only(good: [u16; 6]) -> [[u16; 6]; 7] {
    let refused = good.map(|status| if status == 200 { 405 } else { status });
    [good, good, refused, refused, refused, refused, good]
}

/// By address, in the order of [`METHODS`]. In Edge's addresses the user is another one, who is no superuser.
#[rustfmt::skip]
fn table() -> BTreeMap<&'static str, [[u16; 6]; 7]> {
    let any = [401, 401, 200, 200, 200, 200];
    let superuser = [401, 401, 403, 403, 403, 200];
    BTreeMap::from([
        ("/api/", read_only(any)),
        ("/api/switches/", read_only(any)),
        ("/api/environment/", read_only(any)),
        ("/api/stats/", read_only(any)),
        ("/api/admin/", read_only(superuser)),
        // nobody, inactive, plain, rest, staff, superuser
        ("/api/admin/users/", [
            superuser, superuser, [401, 401, 403, 403, 403, 201], [401, 401, 403, 403, 403, 405],
            [401, 401, 403, 403, 403, 405], [401, 401, 403, 403, 403, 405], superuser,
        ]),
        ("/api/admin/users/{number}/", [
            superuser, superuser, superuser, [401, 401, 403, 403, 403, 405],
            superuser, [401, 401, 403, 403, 403, 405], superuser,
        ]),
        // A bad token is refused even where none is needed.
        ("/api/users/token/", [
            [405, 401, 405, 405, 405, 405], [405, 401, 405, 405, 405, 405], [200, 401, 400, 400, 400, 400],
            [405, 401, 405, 405, 405, 405], [405, 401, 405, 405, 405, 405], [405, 401, 405, 405, 405, 405],
            [200, 401, 200, 200, 200, 200],
        ]),
        (LIST, [
            [401, 401, 403, 403, 200, 200], [401, 401, 403, 403, 200, 200], [401, 401, 403, 403, 201, 201],
            [401, 401, 403, 403, 405, 405], [401, 401, 403, 403, 405, 405], [401, 401, 403, 403, 405, 405],
            [401, 401, 403, 403, 200, 200],
        ]),
        (USER, [
            [401, 401, 403, 403, 200, 200], [401, 401, 403, 403, 200, 200], [401, 401, 403, 405, 405, 405],
            [401, 401, 403, 405, 405, 405], [401, 401, 403, 403, 202, 202], [401, 401, 403, 403, 204, 204],
            [401, 401, 403, 200, 200, 200],
        ]),
        (HISTORY, [
            [401, 401, 403, 403, 200, 200], [401, 401, 403, 403, 200, 200], [401, 401, 403, 405, 405, 405],
            [401, 401, 403, 405, 405, 405], [401, 401, 403, 405, 405, 405], [401, 401, 403, 405, 405, 405],
            [401, 401, 403, 200, 200, 200],
        ]),
        (TOKENS, [
            [401, 401, 403, 403, 200, 200], [401, 401, 403, 403, 200, 200], [401, 401, 403, 403, 201, 201],
            [401, 401, 403, 405, 405, 405], [401, 401, 403, 405, 405, 405], [401, 401, 403, 405, 405, 405],
            [401, 401, 403, 200, 200, 200],
        ]),
        (TOKEN, [
            [401, 401, 403, 403, 200, 200], [401, 401, 403, 403, 200, 200], [401, 401, 403, 405, 405, 405],
            [401, 401, 403, 405, 405, 405], [401, 401, 403, 403, 202, 202], [401, 401, 403, 403, 204, 204],
            [401, 401, 403, 200, 200, 200],
        ]),
    ])
}

/// What staff gets of a superuser, and a regular user of itself, in the order of [`METHODS`].
#[rustfmt::skip]
fn special() -> [(&'static str, [[u16; 2]; 7]); 4] {
    [
        (USER, [[200, 200], [200, 200], [405, 405], [405, 405], [403, 202], [403, 403], [200, 200]]),
        (HISTORY, [[200, 200], [200, 200], [405, 405], [405, 405], [405, 405], [405, 405], [200, 200]]),
        (TOKENS, [[200, 200], [200, 200], [403, 201], [405, 405], [405, 405], [405, 405], [200, 200]]),
        (TOKEN, [[200, 200], [200, 200], [405, 405], [405, 405], [403, 202], [403, 204], [200, 200]]),
    ]
}

#[test]
fn every_address_has_its_rows_and_every_row_an_address() {
    let routes = || rollcall::openl2m_routes().into_iter().chain(rollcall::edge_routes());
    let mounted: BTreeSet<&str> = routes().map(|route| route.endpoint.path).collect();
    assert_eq!(table().into_keys().collect::<BTreeSet<_>>(), mounted);
    for route in routes() {
        let (path, allowed) = (route.endpoint.path, route.methods());
        for (method, statuses) in METHODS.iter().zip(table()[path]) {
            assert_eq!(statuses.contains(&405), !allowed.contains(method), "{method} {path}");
        }
    }
}

/// Who asks, with an API token.
async fn caller(app: &TestApp, admin: &Client, who: &str, named: bool) -> Client {
    if who == "nobody" {
        return app.anonymous();
    }
    let token = app.api_token(who).await;
    if who == "inactive" {
        let id = edge_id(admin, who).await;
        assert_eq!(admin.patch(&format!("{LIST}{id}/"), &json!({"is_active": false})).await.status, 202);
    }
    if named { app.keyed(&format!("{who}:{token}")) } else { app.keyed(&token) }
}

async fn edge_id(admin: &Client, username: &str) -> String {
    let found = admin.get(&format!("{LIST}?username={username}")).await.json();
    let user = found.as_array().expect("users").iter().find(|user| user["username"] == username);
    user.expect("the user")["id"].as_str().expect("an id").to_owned()
}

async fn make(admin: &Client, username: &str, flags: Value) -> String {
    let mut body = json!({
        "username": username, "password": PASSWORD, "first_name": "A", "last_name": "B",
        "email": format!("{username}@mail.example"),
    });
    for (name, flag) in flags.as_object().expect("flags") {
        body[name] = flag.clone();
    }
    let answer = admin.post(LIST, &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()["id"].as_str().expect("an id").to_owned()
}

/// The address of that form below a user.
async fn address(admin: &Client, template: &str, id: &str) -> String {
    let path = template.replace("{id}", id);
    if !path.contains("{token}") {
        return path;
    }
    let made = admin.post(&format!("{LIST}{id}/tokens/"), &json!({"title": "T"})).await;
    path.replace("{token}", made.json()["id"].as_str().expect("an id"))
}

/// An address of that form, of somebody new if it names a user.
async fn target(app: &TestApp, admin: &Client, template: &str, serial: usize) -> String {
    if !template.contains('{') {
        return template.to_owned();
    }
    let id = make(admin, &format!("target{serial}"), json!({})).await;
    let path = address(admin, template, &id).await;
    path.replace("{number}", &stored(app, &id).await.number.to_string())
}

async fn stored(app: &TestApp, edge_id: &str) -> User {
    let store = app.directory.store();
    let id = EdgeId::parse(edge_id).expect("an id");
    let id = store.user_by_edge_id(id).await.expect("the store").expect("a user").user;
    store.user(id).await.expect("the store").expect("a user")
}

fn body(template: &str, serial: usize) -> Value {
    let name = format!("new{serial}");
    match template {
        "/api/users/token/" => json!({"username": "full", "password": PASSWORD}),
        LIST => json!({
            "username": name, "password": PASSWORD, "first_name": "A", "last_name": "B",
            "email": format!("{name}@mail.example"),
        }),
        "/api/admin/users/" => json!({"username": name, "password": PASSWORD}),
        TOKENS => json!({"title": "T"}),
        TOKEN => json!({"active": false}),
        _ => json!({"first_name": name}),
    }
}

async fn world(app: &TestApp) -> Client {
    let admin = app.basic("admin", PASSWORD);
    make(&admin, "inactive", json!({"allow_rest_access": true})).await;
    make(&admin, "plain", json!({})).await;
    make(&admin, "rest", json!({"allow_rest_access": true})).await;
    make(&admin, "staff", json!({"is_staff": true})).await;
    make(&admin, "superuser", json!({"is_superuser": true})).await;
    // Two tokens are taken, so that the first caller gets the third and nobody a fourth.
    make(&admin, "full", json!({})).await;
    for _ in 0..2 {
        app.api_token("full").await;
    }
    admin
}

#[tokio::test]
async fn everyone_gets_what_the_table_says() {
    let app = TestApp::start().await;
    let admin = world(&app).await;
    let mut clients = BTreeMap::new();
    for who in CALLERS {
        let plain = caller(&app, &admin, who, false).await;
        let edge = if who == "inactive" {
            // It is switched off by now, and its token is not shown again.
            app.basic(who, PASSWORD)
        } else {
            caller(&app, &admin, who, true).await
        };
        clients.insert(who, [plain, edge]);
    }
    let mut wrong = Vec::new();
    let mut serial = 0;
    for (template, rows) in table() {
        let is_edge = rollcall::edge_routes().iter().any(|route| route.endpoint.path == template);
        for (method, expected) in METHODS.iter().zip(rows) {
            let mut got = [0; 6];
            for (who, status) in CALLERS.iter().zip(&mut got) {
                serial += 1;
                let path = target(&app, &admin, template, serial).await;
                let method: Method = method.parse().expect("a method");
                let client = &clients[who][usize::from(is_edge)];
                let answer = client.json(method, &path, Some(&body(template, serial))).await;
                *status = answer.status.as_u16();
                assert_eq!(answer.header("www-authenticate").is_some(), *status == 401, "{answer:?}");
            }
            if got != expected {
                wrong.push(format!("{method} {template}: {got:?}, not {expected:?}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test]
async fn staff_only_looks_at_superusers_and_regular_users_have_themselves() {
    let app = TestApp::start().await;
    let admin = world(&app).await;
    let staff = app.basic("staff", PASSWORD);
    let mut serial = 0;
    for (template, rows) in special() {
        for (method, expected) in METHODS.iter().zip(rows) {
            serial += 1;
            let boss = make(&admin, &format!("boss{serial}"), json!({"is_superuser": true})).await;
            let name = format!("self{serial}");
            let own = make(&admin, &name, json!({"allow_rest_access": true})).await;
            let cases = [(staff.clone(), boss), (app.basic(&name, PASSWORD), own)];
            for ((client, id), expected) in cases.into_iter().zip(expected) {
                let path = address(&admin, template, &id).await;
                let method: Method = method.parse().expect("a method");
                let answer = client.json(method, &path, Some(&body(template, serial))).await;
                assert_eq!(
                    answer.status.as_u16(),
                    expected,
                    "{method:?} {template} {answer:?}",
                    method = answer.headers.get("allow")
                );
            }
        }
    }
}

/// Permissions of OpenWISP, its `is_staff` and the management of an organization open nothing here.
#[tokio::test]
async fn other_roles_give_nothing_here() {
    let app = TestApp::start().await;
    let basic = app.basic("admin", PASSWORD);
    let signed_in = app.admin().await;
    let organization =
        signed_in.post("/api/v1/users/organization/", &json!({"name": "one", "slug": "one"})).await.json();
    let all = json!({"user_permissions": (1..=28).collect::<Vec<_>>()});
    let mut clients = Vec::new();
    for (who, like, flags, fields) in [
        ("permitted", "plain", json!({}), all.clone()),
        ("flagged", "plain", json!({}), json!({"is_staff": true})),
        (
            "manager",
            "plain",
            json!({}),
            json!({"organization_users": {"organization": organization["id"], "is_admin": true}}),
        ),
        ("both", "staff", json!({"is_staff": true}), all),
    ] {
        let id = make(&basic, who, flags).await;
        let path = format!("{USERS}{}/", stored(&app, &id).await.id);
        assert_eq!(signed_in.patch(&path, &fields).await.status, StatusCode::OK);
        let column = CALLERS.iter().position(|caller| *caller == like).expect("a column");
        clients.push((who, column, [caller(&app, &basic, who, false).await, caller(&app, &basic, who, true).await]));
    }
    let mut wrong = Vec::new();
    let mut serial = 0;
    for (template, rows) in table().into_iter().filter(|(template, _)| *template != "/api/users/token/") {
        let is_edge = rollcall::edge_routes().iter().any(|route| route.endpoint.path == template);
        for (method, expected) in METHODS.iter().zip(rows) {
            for (who, column, pair) in &clients {
                serial += 1;
                let path = target(&app, &basic, template, serial).await;
                let sent: Method = method.parse().expect("a method");
                let client = &pair[usize::from(is_edge)];
                let got = client.json(sent, &path, Some(&body(template, serial))).await.status.as_u16();
                if got != expected[*column] {
                    wrong.push(format!("{who}: {method} {template}: {got}, not {}", expected[*column]));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Staff gets of who holds a permission what it gets of a superuser, unless it holds that permission too.
#[tokio::test]
async fn staff_only_looks_at_who_holds_more() {
    let app = TestApp::start().await;
    let admin = world(&app).await;
    let signed_in = app.admin().await;
    let equal = make(&admin, "equal", json!({"is_staff": true})).await;
    let fields = json!({"user_permissions": [16]});
    let grant = async |id: &str| {
        let path = format!("{USERS}{}/", stored(&app, id).await.id);
        assert_eq!(signed_in.patch(&path, &fields).await.status, StatusCode::OK);
    };
    grant(&equal).await;
    let (staff, equal) = (app.basic("staff", PASSWORD), app.basic("equal", PASSWORD));
    let column = CALLERS.iter().position(|caller| *caller == "staff").expect("a column");
    let mut serial = 0;
    for (template, rows) in special() {
        for (index, method) in METHODS.iter().enumerate() {
            for (client, expected) in [(&staff, rows[index][0]), (&equal, table()[template][index][column])] {
                serial += 1;
                let id = make(&admin, &format!("strong{serial}"), json!({})).await;
                grant(&id).await;
                let path = address(&admin, template, &id).await;
                let sent: Method = method.parse().expect("a method");
                // Names are not guarded; an e-mail address is.
                let body = match template {
                    USER => json!({"email": format!("other{serial}@mail.example")}),
                    _ => body(template, serial),
                };
                let answer = client.json(sent, &path, Some(&body)).await;
                assert_eq!(answer.status.as_u16(), expected, "{method} {template} {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn addresses_that_nobody_has_are_told_to_who_shows_credentials() {
    let app = TestApp::start().await;
    let admin = app.basic("admin", PASSWORD);
    let id = edge_id(&admin, "admin").await;
    for path in [format!("{LIST}{id}/shoes/"), format!("{LIST}{id}/tokens/a/b/"), format!("{LIST}{id}/shoes")] {
        for method in METHODS {
            let method: Method = method.parse().expect("a method");
            let known = admin.json(method.clone(), &path, None).await;
            assert_eq!(known.status, StatusCode::NOT_FOUND, "{method} {path}");
            assert_eq!(app.anonymous().json(method, &path, None).await.status, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(admin.get(&path).await.json(), json!({"detail": "Not found."}));
    }
}
