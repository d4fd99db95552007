//! Every address × every kind of caller × every method: who gets which status.
//!
//! A new endpoint is new rows; one without rows fails the build.

mod managers;

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestApp, USERS};

const ORGANIZATIONS: &str = "/api/v1/users/organization/";
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The callers, in the order of the columns.
const CALLERS: [&str; 9] = ["nobody", "inactive", "plain", "staff", "view", "add", "change", "delete", "superuser"];

/// That status for every user, and 401 for the others.
const fn users(status: u16) -> [u16; 9] {
    [401, 401, status, status, status, status, status, status, status]
}

/// That status for superusers alone.
const fn superusers(status: u16) -> [u16; 9] {
    [401, 401, 403, 403, 403, 403, 403, 403, status]
}

/// That status for every user, and 403 for the others, as the documentation has it.
const fn readers(status: u16) -> [u16; 9] {
    [403, 403, status, status, status, status, status, status, status]
}

/// What each caller gets, by address, in the order of [`METHODS`]. What addresses name is out of sight for all but superusers,
/// groups apart.
#[rustfmt::skip]
const TABLE: &[(&str, [[u16; 9]; 7])] = &[
    // nobody, inactive, plain, staff, view, add, change, delete, superuser
    ("/api/v1/users/token/", [[405; 9], [405; 9], [200; 9], [405; 9], [405; 9], [405; 9], [200; 9]]),
    ("/api/v1/users/password/reset/", [[405; 9], [405; 9], [200; 9], [405; 9], [405; 9], [405; 9], [200; 9]]),
    ("/api/v1/users/password/reset/confirm/", [[405; 9], [405; 9], [400; 9], [405; 9], [405; 9], [405; 9], [200; 9]]),
    ("/api/v1/users/user/password/change/", [
        users(405), users(405), users(200), users(405), users(405), users(405), users(200),
    ]),
    ("/api/v1/users/user/", [
        [401, 401, 403, 403, 200, 403, 200, 403, 200], [401, 401, 403, 403, 200, 403, 200, 403, 200],
        [401, 401, 403, 403, 403, 201, 403, 403, 201], [401, 401, 403, 403, 403, 403, 405, 403, 405],
        [401, 401, 403, 403, 403, 403, 405, 403, 405], [401, 401, 403, 403, 403, 403, 403, 405, 405], users(200),
    ]),
    ("/api/v1/users/user/{id}/", [
        [401, 401, 403, 403, 404, 403, 404, 403, 200], [401, 401, 403, 403, 404, 403, 404, 403, 200],
        [401, 401, 403, 403, 403, 405, 403, 403, 405], [401, 401, 403, 403, 403, 403, 404, 403, 200],
        [401, 401, 403, 403, 403, 403, 404, 403, 200], [401, 401, 403, 403, 403, 403, 403, 404, 204], users(200),
    ]),
    ("/api/v1/users/user/{id}/password/", [
        [401, 401, 403, 403, 403, 403, 405, 403, 405], [401, 401, 403, 403, 403, 403, 405, 403, 405],
        [401, 401, 403, 403, 403, 403, 405, 403, 405], [401, 401, 403, 403, 403, 403, 404, 403, 200],
        [401, 401, 403, 403, 403, 403, 405, 403, 405], [401, 401, 403, 403, 403, 403, 405, 403, 405], users(200),
    ]),
    ("/api/v1/users/user/{id}/email/", [
        [401, 401, 403, 403, 404, 403, 404, 403, 200], [401, 401, 403, 403, 404, 403, 404, 403, 200],
        [401, 401, 403, 403, 403, 404, 403, 403, 201], [401, 401, 403, 403, 403, 403, 404, 403, 405],
        [401, 401, 403, 403, 403, 403, 404, 403, 405], [401, 401, 403, 403, 403, 403, 403, 404, 405],
        [401, 401, 404, 404, 404, 404, 404, 404, 200],
    ]),
    ("/api/v1/users/user/{id}/email/{number}/", [
        [401, 401, 403, 403, 404, 403, 404, 403, 200], [401, 401, 403, 403, 404, 403, 404, 403, 200],
        [401, 401, 403, 403, 403, 404, 403, 403, 405], [401, 401, 403, 403, 403, 403, 404, 403, 200],
        [401, 401, 403, 403, 403, 403, 404, 403, 200], [401, 401, 403, 403, 403, 403, 403, 404, 204],
        [401, 401, 404, 404, 404, 404, 404, 404, 200],
    ]),
    ("/api/v1/users/user/{id}/organization/", [
        [401, 401, 403, 403, 404, 403, 404, 403, 200], [401, 401, 403, 403, 404, 403, 404, 403, 200],
        [401, 401, 403, 403, 403, 404, 403, 403, 201], [401, 401, 403, 403, 403, 403, 404, 403, 405],
        [401, 401, 403, 403, 403, 403, 404, 403, 405], [401, 401, 403, 403, 403, 403, 403, 404, 405],
        [401, 401, 404, 404, 404, 404, 404, 404, 200],
    ]),
    ("/api/v1/users/user/{id}/organization/{organization}/", [
        [401, 401, 403, 403, 404, 403, 404, 403, 200], [401, 401, 403, 403, 404, 403, 404, 403, 200],
        [401, 401, 403, 403, 403, 404, 403, 403, 405], [401, 401, 403, 403, 403, 403, 404, 403, 405],
        [401, 401, 403, 403, 403, 403, 404, 403, 200], [401, 401, 403, 403, 403, 403, 403, 404, 204],
        [401, 401, 404, 404, 404, 404, 404, 404, 200],
    ]),
    ("/api/v1/users/group/", [
        [401, 401, 403, 403, 200, 403, 200, 403, 200], [401, 401, 403, 403, 200, 403, 200, 403, 200],
        [401, 401, 403, 403, 403, 201, 403, 403, 201], [401, 401, 403, 403, 403, 403, 405, 403, 405],
        [401, 401, 403, 403, 403, 403, 405, 403, 405], [401, 401, 403, 403, 403, 403, 403, 405, 405], users(200),
    ]),
    ("/api/v1/users/group/{number}/", [
        [401, 401, 403, 403, 200, 403, 200, 403, 200], [401, 401, 403, 403, 200, 403, 200, 403, 200],
        [401, 401, 403, 403, 403, 405, 403, 403, 405], [401, 401, 403, 403, 403, 403, 200, 403, 200],
        [401, 401, 403, 403, 403, 403, 200, 403, 200], [401, 401, 403, 403, 403, 403, 403, 204, 204], users(200),
    ]),
    ("/api/v1/users/organization/", [
        [401, 401, 403, 403, 200, 403, 200, 403, 200], [401, 401, 403, 403, 200, 403, 200, 403, 200],
        [401, 401, 403, 403, 403, 201, 403, 403, 201], [401, 401, 403, 403, 403, 403, 405, 403, 405],
        [401, 401, 403, 403, 403, 403, 405, 403, 405], [401, 401, 403, 403, 403, 403, 403, 405, 405], users(200),
    ]),
    ("/api/v1/users/organization/{id}/", [
        [401, 401, 403, 403, 404, 403, 404, 403, 200], [401, 401, 403, 403, 404, 403, 404, 403, 200],
        [401, 401, 403, 403, 403, 405, 403, 403, 405], [401, 401, 403, 403, 403, 403, 404, 403, 200],
        [401, 401, 403, 403, 403, 403, 404, 403, 200], [401, 401, 403, 403, 403, 403, 403, 404, 204], users(200),
    ]),
    ("/api/v1/docs/", [
        readers(200), readers(200), readers(405), readers(405), readers(405), readers(405), readers(405),
    ]),
    ("/api/v1/docs.json", [
        readers(200), readers(200), readers(405), readers(405), readers(405), readers(405), readers(405),
    ]),
    ("/api/v1/docs.yaml", [
        readers(200), readers(200), readers(405), readers(405), readers(405), readers(405), readers(405),
    ]),
    ("/api/v1/redoc/", [
        readers(200), readers(200), readers(405), readers(405), readers(405), readers(405), readers(405),
    ]),
    ("/api/v1/docs/swagger-ui-bundle.js", [[200; 9], [200; 9], [405; 9], [405; 9], [405; 9], [405; 9], [405; 9]]),
    ("/api/v1/docs/swagger-ui.css", [[200; 9], [200; 9], [405; 9], [405; 9], [405; 9], [405; 9], [405; 9]]),
    ("/api/v1/docs/start.js", [[200; 9], [200; 9], [405; 9], [405; 9], [405; 9], [405; 9], [405; 9]]),
    ("/api/v1/docs/docs.css", [[200; 9], [200; 9], [405; 9], [405; 9], [405; 9], [405; 9], [405; 9]]),
    ("/.well-known/jwks.json", [[200; 9], [200; 9], [405; 9], [405; 9], [405; 9], [405; 9], [405; 9]]),
    ("/accounts/confirm-email/{key}/", [[200; 9], [200; 9], [403; 9], [405; 9], [405; 9], [405; 9], [405; 9]]),
    ("/accounts/email-verification-success/", [[200; 9], [200; 9], [405; 9], [405; 9], [405; 9], [405; 9], [405; 9]]),
    ("/accounts/password/reset/key/{pair}/", [[200; 9], [200; 9], [403; 9], [405; 9], [405; 9], [405; 9], [405; 9]]),
    ("/accounts/password/reset/key/done/", [[200; 9], [200; 9], [405; 9], [405; 9], [405; 9], [405; 9], [405; 9]]),
    ("/accounts/login/", [[200; 9], [200; 9], [403; 9], [405; 9], [405; 9], [405; 9], [405; 9]]),
    ("/accounts/logout/", [[200; 9], [200; 9], [403; 9], [405; 9], [405; 9], [405; 9], [405; 9]]),
    ("/api/rollcall/v1/me/tokens/", [
        users(200), users(200), users(405), users(405), users(405), users(405), users(200),
    ]),
    ("/api/rollcall/v1/me/tokens/{token}/", [
        users(404), users(404), users(405), users(405), users(405), users(404), users(200),
    ]),
    ("/api/rollcall/v1/me/sessions/", [
        users(200), users(200), users(405), users(405), users(405), users(204), users(200),
    ]),
    ("/api/rollcall/v1/me/sessions/{session}/", [
        users(404), users(404), users(405), users(405), users(405), users(404), users(200),
    ]),
    ("/api/rollcall/v1/events/", [
        [401, 401, 403, 403, 200, 403, 200, 403, 200], [401, 401, 403, 403, 200, 403, 200, 403, 200],
        [401, 401, 403, 403, 403, 405, 403, 403, 405], [401, 401, 403, 403, 403, 403, 405, 403, 405],
        [401, 401, 403, 403, 403, 403, 405, 403, 405], [401, 401, 403, 403, 403, 403, 403, 405, 405], users(200),
    ]),
    ("/api/rollcall/v1/users/{id}/unlock/", [
        superusers(405), superusers(405), superusers(200), superusers(405), superusers(405), superusers(405),
        superusers(200),
    ]),
    ("/api/rollcall/v1/deleted/", [
        [401, 401, 403, 403, 200, 403, 200, 403, 200], [401, 401, 403, 403, 200, 403, 200, 403, 200],
        [401, 401, 403, 403, 403, 405, 403, 403, 405], [401, 401, 403, 403, 403, 403, 405, 403, 405],
        [401, 401, 403, 403, 403, 403, 405, 403, 405], [401, 401, 403, 403, 403, 403, 403, 405, 405], users(200),
    ]),
    ("/api/rollcall/v1/deleted/{id}/", [
        [401, 401, 403, 403, 404, 403, 404, 403, 200], [401, 401, 403, 403, 404, 403, 404, 403, 200],
        [401, 401, 403, 403, 403, 405, 403, 403, 405], [401, 401, 403, 403, 403, 403, 405, 403, 405],
        [401, 401, 403, 403, 403, 403, 405, 403, 405], [401, 401, 403, 403, 403, 403, 403, 404, 204], users(200),
    ]),
    ("/api/rollcall/v1/deleted/{id}/restore/", [
        [401, 401, 403, 403, 405, 403, 405, 403, 405], [401, 401, 403, 403, 405, 403, 405, 403, 405],
        [401, 401, 403, 403, 403, 404, 403, 403, 200], [401, 401, 403, 403, 403, 403, 405, 403, 405],
        [401, 401, 403, 403, 403, 403, 405, 403, 405], [401, 401, 403, 403, 403, 403, 403, 405, 405], users(200),
    ]),
    ("/api/rollcall/v1/users/{id}/export/", [
        superusers(200), superusers(200), users(405), users(405), users(405), users(405), users(200),
    ]),
    ("/api/rollcall/v1/webhooks/", [
        superusers(200), superusers(200), superusers(201), superusers(405), superusers(405), superusers(405),
        superusers(200),
    ]),
    ("/api/rollcall/v1/webhooks/{webhook}/", [
        superusers(200), superusers(200), superusers(405), superusers(405), superusers(200), superusers(204),
        superusers(200),
    ]),
    ("/api/rollcall/v1/webhooks/{webhook}/secret/", [
        superusers(405), superusers(405), superusers(200), superusers(405), superusers(405), superusers(405),
        superusers(200),
    ]),
    ("/api/rollcall/v1/webhooks/{webhook}/deliveries/", [
        superusers(200), superusers(200), superusers(405), superusers(405), superusers(405), superusers(405),
        superusers(200),
    ]),
    ("/api/rollcall/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver/", [
        superusers(405), superusers(405), superusers(404), superusers(405), superusers(405), superusers(405),
        superusers(200),
    ]),
    ("/accounts/me/", [[303; 9], [303; 9], [303; 9], [405; 9], [405; 9], [405; 9], [405; 9]]),
    ("/accounts/style.css", [[200; 9], [200; 9], [405; 9], [405; 9], [405; 9], [405; 9], [405; 9]]),
];

/// The rows of such a table by address and method.
fn rows<const CALLERS: usize>(
    table: &[(&'static str, [[u16; CALLERS]; 7])],
) -> impl Iterator<Item = (&'static str, &'static str, [u16; CALLERS])> {
    table.iter().flat_map(|&(path, rows)| METHODS.into_iter().zip(rows).map(move |(method, row)| (path, method, row)))
}

/// The methods that an address of the table has.
pub fn methods_of(path: &str) -> impl Iterator<Item = &'static str> {
    rows(TABLE).filter(move |(of, _, row)| *of == path && !row.contains(&405)).map(|(_, method, _)| method)
}

/// The caller of a column.
async fn caller(app: &TestApp, admin: &Client, who: &str) -> Client {
    // The same action on e-mail addresses, groups, organizations, memberships and users.
    let models = [1, 9, 13, 21, 25];
    let permission = |action: u64| json!({"user_permissions": models.map(|first| first + action)});
    let change = match who {
        "nobody" => return app.anonymous(),
        "inactive" => json!({"is_active": false}),
        "staff" => json!({"is_staff": true}),
        "add" => permission(0),
        "change" => permission(1),
        "delete" => permission(2),
        "view" => permission(3),
        "superuser" => json!({"is_superuser": true}),
        _ => json!({}),
    };
    let user = admin.create_user(who, &json!({})).await;
    // Other than signed tokens, API tokens outlive a change of the own password and a sign-out everywhere.
    let client = app.bearer(&app.api_token(who).await);
    let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
    assert_eq!(admin.patch(&path, &change).await.status, StatusCode::OK);
    client
}

/// An address of that form, of something that was made for it.
async fn target(admin: &Client, template: &str, serial: usize) -> String {
    let name = format!("target{serial}");
    let made = async |path: &str, body: Value| {
        let answer = admin.post(path, &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.json()["id"].to_string().replace('"', "")
    };
    if !template.contains('{') {
        template.to_owned()
    } else if template.starts_with(USERS) || template.starts_with("/api/rollcall/v1/users/") {
        let user = admin.create_user(&name, &json!({})).await;
        let path = template.replace("{id}", user["id"].as_str().expect("an id"));
        if let Some((list, rest)) = path.split_once("{organization}") {
            let organization = made(ORGANIZATIONS, json!({"name": name, "slug": name})).await;
            made(list, json!({ "organization": organization })).await;
            return format!("{list}{organization}{rest}");
        }
        match path.split_once("{number}") {
            None => path,
            Some((list, rest)) => {
                let number = made(list, json!({"email": format!("more.{name}@mail.example")})).await;
                format!("{list}{number}{rest}")
            }
        }
    } else if template.starts_with("/api/rollcall/v1/deleted/") {
        let user = admin.create_user(&name, &json!({})).await;
        let id = user["id"].as_str().expect("an id");
        assert_eq!(admin.delete(&format!("{USERS}{id}/")).await.status, StatusCode::NO_CONTENT);
        template.replace("{id}", id)
    } else if let Some((list, rest)) = template.split_once("{webhook}") {
        format!("{list}{}{rest}", made(list, json!({"url": "https://hooks.example/"})).await)
            .replace("{delivery}", "1.0")
    } else if let Some((list, rest)) = template.split_once("{number}") {
        format!("{list}{}{rest}", made(list, json!({"name": name, "permissions": []})).await)
    } else if let Some((list, rest)) = template.split_once("{id}") {
        format!("{list}{}{rest}", made(list, json!({"name": name, "slug": name})).await)
    } else {
        let none = "0".repeat(24);
        template.replace("{key}", "x").replace("{pair}", "x-y").replace("{token}", &none).replace("{session}", &none)
    }
}

/// An organization of which nobody is a member.
async fn free(admin: &Client, serial: usize) -> String {
    let name = format!("free{serial}");
    let made = admin.post(ORGANIZATIONS, &json!({"name": name, "slug": name})).await.json();
    made["id"].as_str().expect("an id").to_owned()
}

/// A body that whoever may send it gets through, as far as there is one; `organization` is one to be joined.
fn body(template: &str, serial: usize, organization: &str) -> Value {
    let (name, address) = (format!("new{serial}"), format!("new{serial}@mail.example"));
    let secret = format!("Quarry-violet-{serial}");
    match template {
        "/api/v1/users/token/" => json!({"username": "admin", "password": PASSWORD}),
        "/api/v1/users/password/reset/" => json!({"input": "admin"}),
        "/api/v1/users/user/password/change/" => {
            json!({"old_password": PASSWORD, "new_password1": secret, "new_password2": secret})
        }
        "/api/v1/users/user/{id}/password/" => {
            json!({"current_password": null, "new_password": secret, "confirm_password": secret})
        }
        path if path.contains("/webhooks/") => json!({"url": "https://hooks.example/"}),
        path if path.contains("/email/") => json!({ "email": address }),
        path if path.contains("/user/{id}/organization/") => json!({"organization": organization, "is_admin": false}),
        path if path.contains("/group/") => json!({"name": name, "permissions": []}),
        path if path.contains("/organization/") => json!({"name": name, "slug": name}),
        _ => json!({"username": name, "email": address, "password": PASSWORD}),
    }
}

#[test]
fn every_address_has_its_rows_and_every_row_an_address() {
    let routes = rollcall::openwisp_routes();
    let addresses = routes.iter().map(|route| route.endpoint.path).chain(auth::PAGES);
    let addresses = addresses.chain(docs::DOCUMENTS).chain(docs::asset_paths()).chain([docs::KEYS]);
    let listed: BTreeSet<&str> = TABLE.iter().map(|(path, _)| *path).collect();
    assert_eq!(listed, addresses.collect());
    assert_eq!(listed.len(), TABLE.len(), "no address stands twice");
    for route in routes {
        let (path, allowed) = (route.endpoint.path, route.methods().into_iter().collect());
        assert_eq!(methods_of(path).collect::<BTreeSet<_>>(), allowed, "{path}");
    }
}

#[tokio::test]
async fn everyone_gets_what_the_table_says() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut clients = Vec::new();
    for who in CALLERS {
        clients.push(caller(&app, &admin, who).await);
    }
    let mut wrong = Vec::new();
    let mut serial = 0;
    let mut targets = BTreeMap::<&str, String>::new();
    for (template, method, expected) in rows(TABLE) {
        let mut got = [0; 9];
        for (client, status) in clients.iter().zip(&mut got) {
            serial += 1;
            let path = match targets.get(template) {
                Some(path) => path.clone(),
                None => target(&admin, template, serial).await,
            };
            let method: Method = method.parse().expect("a method");
            let joined =
                if template.ends_with("{id}/organization/") { free(&admin, serial).await } else { String::new() };
            let answer = client.json(method, &path, Some(&body(template, serial, &joined))).await;
            *status = answer.status.as_u16();
            if *status == 204 {
                targets.remove(template);
            } else {
                targets.insert(template, path);
            }
            assert_eq!(answer.header("www-authenticate").is_some(), *status == 401);
        }
        if got != expected {
            wrong.push(format!("{method} {template}: {got:?}, not {expected:?}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
