//! Texts.

use serde_json::{Value, json};
use shared::model::{MAX_LIST, MAX_TEXT, OpenWispDetails, User};
use shared::web::fields::{Field, FieldKind};

use super::{refused, too_long};
use crate::support::{Browser, PASSWORD, TestApp, USERS, insert, plain_user};

const ORGANIZATIONS: &str = "/api/v1/users/organization/";

/// The fields of everything that clients send.
fn fields() -> Vec<&'static Field> {
    let openwisp = rollcall::openwisp_routes().into_iter().flat_map(|route| (route.endpoint.fields)(true));
    let others = [admin_users::fields(), edge_users::fields(), edge_tokens::fields()];
    openwisp.chain(others.into_iter().flatten()).collect()
}

#[test]
fn every_text_and_every_list_has_a_limit() {
    let all = fields();
    assert!(all.len() > 50, "{}", all.len());
    for field in all.into_iter().filter(|field| !field.read_only) {
        match field.kind {
            FieldKind::Text(_) | FieldKind::Secret | FieldKind::Email(_) | FieldKind::Url(_) | FieldKind::Slug => {
                assert!(field.max_length.is_some_and(|most| most <= MAX_TEXT), "{field:?}");
            }
            FieldKind::References | FieldKind::Choices(_) => {
                assert!(field.max_items.is_some_and(|most| most <= MAX_LIST), "{field:?}");
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn texts_are_as_long_as_is_said_and_no_longer_through_every_api() {
    let app = TestApp::start().await;
    let (admin, edge) = (app.admin().await, app.basic("admin", PASSWORD));
    let jane = admin.create_user("jane", &json!({})).await;
    let openwisp = format!("{USERS}{}/", jane["id"].as_str().expect("an id"));
    let row = edge.get("/api/users/?username=jane").await.json();
    let at_edge = format!("/api/users/{}/", row[0]["id"].as_str().expect("an id"));
    let made = admin.post(ORGANIZATIONS, &json!({"name": "one", "slug": "one"})).await.json();
    let organization = format!("{ORGANIZATIONS}{}/", made["id"].as_str().expect("an id"));
    // Characters count, not bytes.
    let text = |length: usize| Value::from("ü".repeat(length));
    for (client, path, field, ok) in [
        (&admin, &openwisp, "bio", 200),
        (&admin, &openwisp, "notes", 200),
        (&admin, &organization, "description", 200),
        (&edge, &at_edge, "description", 202),
    ] {
        assert_eq!(client.patch(path, &json!({field: text(4096)})).await.status, ok, "{field}");
        refused(&client.patch(path, &json!({field: text(4097)})).await, &json!({field: [too_long(4096)]}));
        assert_eq!(client.get(path).await.json()[field], text(4096), "{field}");
    }
    let new = json!({"name": "two", "slug": "two", "description": text(4097)});
    refused(&admin.post(ORGANIZATIONS, &new).await, &json!({"description": [too_long(4096)]}));
    let new = json!({
        "username": "bob", "password": PASSWORD, "first_name": "B", "last_name": "O", "email": "bob@mail.example",
        "description": text(4097),
    });
    refused(&edge.post("/api/users/", &new).await, &json!({"description": [too_long(4096)]}));
}

#[tokio::test]
async fn forms_know_the_limits() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let jane = admin.create_user("jane", &json!({})).await;
    let path = format!("{USERS}{}/", jane["id"].as_str().expect("an id"));
    let mut browser = Browser::signed_in(&app, "admin").await;
    let page = browser.get(&path).await.text();
    for (input, most) in [("<textarea id=\"field-bio\"", 4096), ("<input id=\"field-location\"", 256)] {
        let start = page.find(input).unwrap_or_else(|| panic!("no {input}"));
        let tag = page[start..].split('>').next().expect("a tag");
        assert!(tag.contains(&format!("maxlength=\"{most}\"")), "{tag}");
    }
    let long = "x".repeat(4097);
    let answer = browser.send("PUT", &path, &[("username", "jane"), ("bio", &long)]).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains(&too_long(4096)));
    assert_eq!(admin.get(&path).await.json()["bio"], "");
}

/// A user whose texts are longer than they may be by now, with a user name that nobody could take any more.
pub async fn old_user(app: &TestApp) -> User {
    let hash = app.directory.store().user(plain(app).await).await.expect("a read").expect("the user").password;
    let mut user = User {
        username: shared::model::Username::of_existing("old\u{3164}name").expect("a name"),
        email: shared::model::EmailAddress::parse("old@mail.example"),
        password: hash,
        details: OpenWispDetails {
            bio: "b".repeat(5000),
            notes: "n".repeat(5000),
            url: format!("http://site.example/{}", "u".repeat(300)),
            company: "c".repeat(50),
            location: format!(" {} ", "l".repeat(300)),
        },
        ..plain_user(app, "old").await
    };
    user.sharing.description = "d".repeat(5000);
    user.sharing.organization = Some("o".repeat(300));
    user.sharing.allow_rest_access = true;
    user.profile.theme = "t".repeat(50);
    insert(app, &user).await;
    user
}

/// The id of a user with the tests' password.
async fn plain(app: &TestApp) -> shared::model::UserId {
    let made = app.admin().await.create_user("somebody", &json!({})).await;
    shared::model::UserId::parse(made["id"].as_str().expect("an id")).expect("an id")
}

#[tokio::test]
async fn what_is_stored_and_too_long_can_be_read_sent_back_and_shortened() {
    let app = TestApp::start().await;
    let (admin, edge) = (app.admin().await, app.basic("admin", PASSWORD));
    let user = old_user(&app).await;
    let path = format!("{USERS}{}/", user.id);
    let read = admin.get(&path).await.json();
    assert_eq!(read["bio"], "b".repeat(5000));
    // Another field, and all that was read.
    assert_eq!(admin.patch(&path, &json!({"first_name": "Grace"})).await.status, 200);
    let mut whole = read.clone();
    whole["last_name"] = json!("Hopper");
    let answer = admin.put(&path, &whole).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for field in ["username", "bio", "notes", "url", "company", "location"] {
        assert_eq!(answer.json()[field], read[field], "{field}");
    }
    let at_edge = format!("/api/users/{}/", user.edge_id);
    let shown = edge.get(&at_edge).await.json();
    let answer = edge.patch(&at_edge, &shown).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["organization"]), (202, &json!("o".repeat(300))));
    let l2m = app.keyed(&app.api_token("admin").await);
    let number = format!("/api/admin/users/{}/", user.number);
    let mut shown = l2m.get(&number).await.json();
    shown["profile"]["menu"] = json!(false);
    let answer = l2m.patch(&number, &shown).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["profile"]["menu"]), (200, &json!(false)), "{answer:?}");
    // Shorter is not short enough, and what was another field's is not this one's.
    refused(&admin.patch(&path, &json!({"bio": "b".repeat(4500)})).await, &json!({"bio": [too_long(4096)]}));
    refused(&admin.patch(&path, &json!({"bio": "n".repeat(5000)})).await, &json!({"bio": [too_long(4096)]}));
    assert_eq!(admin.patch(&path, &json!({"bio": "b".repeat(4096)})).await.status, 200);
    refused(&admin.patch(&path, &json!({"bio": "b".repeat(5000)})).await, &json!({"bio": [too_long(4096)]}));
}

#[tokio::test]
async fn passwords_of_more_than_four_kilobytes_are_not_hashed() {
    let app = TestApp::start().await;
    let login = json!({"username": "admin", "password": "x".repeat(4097)});
    for path in ["/api/v1/users/token/", "/api/users/token/"] {
        refused(&app.anonymous().post(path, &login).await, &json!({"password": [too_long(4096)]}));
    }
    assert_eq!(app.basic("admin", &"ü".repeat(3000)).get("/api/users/").await.status, 401);
    let mut browser = Browser::new(app.router.clone());
    assert_eq!(browser.sign_in("admin", &"x".repeat(5000), "").await.status, 400);
    let named = shared::model::Username::parse("second").expect("a name");
    let by = shared::directory::SystemCaller::Operator;
    let made = app.directory.create_superuser(by, named, None, "x".repeat(4097).into()).await;
    assert!(matches!(made, Err(shared::Error::Invalid(_))), "{made:?}");
    let mut browser = Browser::signed_in(&app, "admin").await;
    browser.get("/accounts/me/").await;
    let long = "x".repeat(5000);
    let fields = [
        ("csrfmiddlewaretoken", &*browser.token()),
        ("action", "change-password"),
        ("old_password", PASSWORD),
        ("new_password1", &long),
        ("new_password2", &long),
    ];
    let form = crate::support::form(&fields);
    let answer = browser.post("/accounts/me/", &form).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains(&too_long(128)), "{}", answer.text());
}
