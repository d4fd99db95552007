//! Creating and changing users (sections 5 and 6), and the same users through the other APIs.

use http::Method;
use serde_json::{Value, json};

use super::{TOKEN, USERS, admin, make, path_of, told};
use crate::support::{PASSWORD, Table, TestApp};

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once_and_nothing_is_changed() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let jane = make(&admin, "jane", json!({"first_name": "Jane"})).await;
    let bad = json!({
        "username": "no good", "password": "", "email": "nope", "first_name": null, "last_name": true,
        "is_active": "perhaps", "is_staff": null, "last_login": "yesterday", "date_joined": 5, "groups": [999],
        "user_permissions": "all", "profile": r#"{"theme": "dark"}"#,
    });
    let errors = json!({
        "username": ["Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."],
        "password": ["This field may not be blank."],
        "email": ["Enter a valid email address."],
        "first_name": ["This field may not be null."],
        "last_name": ["Not a valid string."],
        "is_active": ["Must be a valid boolean."],
        "is_staff": ["This field may not be null."],
        "last_login": ["Datetime has wrong format. Use one of these formats instead: \
                        YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."],
        "date_joined": ["Datetime has wrong format. Use one of these formats instead: \
                         YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."],
        "groups": ["Invalid pk \"999\" - object does not exist."],
        "user_permissions": ["Expected a list of items but got type \"str\"."],
    });
    let before = admin.get(&path_of(&jane)).await.json();
    for (method, path) in
        [(Method::POST, USERS.to_owned()), (Method::PATCH, path_of(&jane)), (Method::POST, path_of(&jane))]
    {
        assert_eq!(told(&admin.json(method, &path, Some(&bad)).await), (400, errors.clone()), "{path}");
    }
    assert_eq!(admin.get(&path_of(&jane)).await.json(), before);
    assert_eq!(admin.get(USERS).await.json().as_array().expect("rows").len(), 2);
}

#[tokio::test]
async fn what_no_text_can_hold_is_told_by_its_field() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let body = r#"{"username": "jane", "password": "x", "first_name": "a\ud800b", "last_name": "a\u0000b"}"#;
    let answer = admin.with_body(Method::POST, USERS, "application/json", body).await;
    let errors = json!({
        "first_name": ["Surrogate characters are not allowed: U+D800."],
        "last_name": ["Null characters are not allowed."],
    });
    assert_eq!(told(&answer), (400, errors));
}

#[tokio::test]
async fn forms_leave_alone_what_they_do_not_name() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let made = admin.form(Method::POST, USERS, "username=jane&password=x&is_staff=on").await.json();
    assert_eq!((made["is_active"].clone(), made["is_staff"].clone()), (json!(true), json!(true)));
    let path = path_of(&made);
    let changed = admin.form(Method::POST, &path, "first_name=Jane&is_staff=&date_joined=").await.json();
    assert_eq!((changed["is_staff"].clone(), changed["first_name"].clone()), (json!(true), json!("Jane")));
    assert_eq!(changed["date_joined"], made["date_joined"]);
    assert_eq!(
        admin.form(Method::PATCH, &path, "last_login=2020-01-01").await.json()["last_login"],
        "2020-01-01T00:00:00Z"
    );
    assert_eq!(admin.form(Method::PATCH, &path, "last_login=").await.json()["last_login"], Value::Null);
    assert_eq!(told(&admin.form(Method::PATCH, &path, "username=").await).0, 400);
}

#[tokio::test]
async fn the_mask_stands_for_the_present_password() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let refused = admin.post(USERS, &json!({"username": "jane", "password": "********"})).await;
    assert_eq!(told(&refused), (400, json!({"password": ["This field is required."]})));
    let jane = make(&admin, "jane", json!({"password": PASSWORD})).await;
    let fetched = admin.get(&path_of(&jane)).await.json();
    assert_eq!(told(&admin.post(&path_of(&jane), &fetched).await), (200, fetched));
    app.api_token("jane").await;
}

#[tokio::test]
async fn flags_groups_and_permissions_count_at_creation() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let fields = json!({
        "is_active": false, "is_staff": true, "is_superuser": true, "groups": ["2", 1], "user_permissions": [3, 1],
        "switchgroups": "1,2", "last_login": "2001-01-01", "date_joined": "2001-01-01",
    });
    let jane = make(&admin, "jane", fields).await;
    for (name, value) in [
        ("is_active", json!(false)),
        ("is_staff", json!(true)),
        ("is_superuser", json!(true)),
        ("groups", json!([1, 2])),
        ("user_permissions", json!([1, 3])),
        ("switchgroups", json!([])),
        ("last_login", Value::Null),
    ] {
        assert_eq!(jane[name], value, "{name}");
    }
    assert!(!jane["date_joined"].as_str().expect("a moment").starts_with("2001"));
    let cleared =
        admin.patch(&path_of(&jane), &json!({"groups": [], "user_permissions": [], "switchgroups": [5]})).await;
    assert_eq!((cleared.json()["groups"].clone(), cleared.json()["user_permissions"].clone()), (json!([]), json!([])));
    let unknown = admin.post(USERS, &json!({"username": "x", "password": "x", "user_permissions": [99]})).await;
    assert_eq!(told(&unknown), (400, json!({"user_permissions": ["Invalid pk \"99\" - object does not exist."]})));
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn a_profile_that_cannot_be_used_is_discarded_and_the_rest_is_applied() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let jane = make(&admin, "jane", json!({})).await;
    let path = path_of(&jane);
    for profile in
        [json!("{"), json!("[]"), json!(5), json!({"theme": null}), json!({"id": 1}), json!({"read_only": "banana"})]
    {
        let answer = admin.post(&path, &json!({"profile": profile, "last_name": "Doe"})).await;
        assert_eq!((answer.status.as_u16(), answer.json()["profile"].clone()), (200, jane["id"].clone()), "{profile}");
        assert_eq!(answer.json()["last_name"], "Doe");
    }
    let stored = admin.get(&path).await.json()["profile"].clone();
    assert_eq!((stored["theme"].clone(), stored["read_only"].clone()), (json!("light"), json!(false)));
    for profile in [json!({"theme": "dark"}), json!(r#"{"menu": 0}"#), json!({"id": jane["id"], "user": jane["id"]})] {
        assert!(admin.post(&path, &json!({ "profile": profile })).await.json()["profile"].is_object());
    }
    let stored = admin.get(&path).await.json()["profile"].clone();
    assert_eq!((stored["theme"].clone(), stored["menu"].clone()), (json!("dark"), json!(false)));
}

#[tokio::test]
async fn the_last_active_superuser_is_protected_in_this_api_too() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let sentence = "The last active superuser cannot be deleted, deactivated or stripped of its rights.";
    for change in [json!({"is_superuser": false}), json!({"is_active": false, "first_name": "X"})] {
        let answer = admin.patch(&format!("{USERS}1/"), &change).await;
        assert_eq!(told(&answer), (400, json!({ "reason": sentence })));
    }
    assert_eq!(admin.get(&format!("{USERS}1/")).await.json()["first_name"], "");
    make(&admin, "second", json!({"is_superuser": true})).await;
    assert_eq!(admin.patch(&format!("{USERS}1/"), &json!({"is_superuser": false})).await.status, 200);
}

#[tokio::test]
async fn an_email_that_another_has_is_shown_and_signs_nobody_in() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let openwisp = app.admin().await;
    openwisp.create_user("first", &json!({"email": "same@mail.example"})).await;
    let second = make(&admin, "second", json!({"email": "Same@mail.example", "password": PASSWORD})).await;
    assert_eq!(second["email"], "Same@mail.example");
    let third = make(&admin, "third", json!({})).await;
    let third = admin.patch(&path_of(&third), &json!({"email": "same@mail.example"})).await.json();
    assert_eq!(third["email"], "same@mail.example");
    Table::read(&app.engine).assert_sound();
    // By the address the first one is meant, as before.
    let login = json!({"username": "same@mail.example", "password": PASSWORD});
    let token = app.anonymous().post(crate::support::TOKEN, &login).await.json()["token"].clone();
    let claims = token.as_str().expect("a token").split('.').nth(1).expect("claims").to_owned();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    let users = openwisp.get(&format!("{}?page_size=100", crate::support::USERS)).await.json();
    let first = users["results"].as_array().expect("rows").iter().find(|row| row["username"] == "first");
    assert_eq!(claims["sub"], first.expect("the first")["id"]);
    // Sent back as it is, it stays; OpenWISP gives it to nobody else.
    assert_eq!(admin.patch(&path_of(&second), &json!({"email": "Same@mail.example"})).await.status, 200);
    let taken = openwisp
        .post(
            crate::support::USERS,
            &json!({
                "username": "fourth", "email": "same@mail.example", "password": PASSWORD,
            }),
        )
        .await;
    assert_eq!(taken.json(), json!({"email": ["user with this email address already exists."]}));
    // An address of its own can be claimed again.
    assert_eq!(admin.patch(&path_of(&third), &json!({"email": "third@mail.example"})).await.status, 200);
    let login = json!({"username": "third@mail.example", "password": "first-password-1"});
    assert_eq!(app.anonymous().post(crate::support::TOKEN, &login).await.status, 200);
    Table::read(&app.engine).assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_different_fields_at_once_all_survive() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let jane = make(&admin, "jane", json!({})).await;
    let changes = [
        json!({"first_name": "Jane"}),
        json!({"last_name": "Doe"}),
        json!({"email": "jane@mail.example"}),
        json!({"is_staff": true}),
        json!({"profile": {"theme": "dark"}}),
        json!({"profile": {"vlan_edit": true}}),
        json!({"groups": [1]}),
        json!({"date_joined": "2020-01-01"}),
    ];
    let tasks: Vec<_> = changes
        .into_iter()
        .map(|change| {
            let (client, path) = (admin.clone(), path_of(&jane));
            tokio::spawn(async move { client.patch(&path, &change).await.status })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("an answer"), 200);
    }
    let user = admin.get(&path_of(&jane)).await.json();
    for (name, value) in [
        ("first_name", json!("Jane")),
        ("last_name", json!("Doe")),
        ("email", json!("jane@mail.example")),
        ("is_staff", json!(true)),
        ("groups", json!([1])),
        ("date_joined", json!("2020-01-01T00:00:00Z")),
    ] {
        assert_eq!(user[name], value, "{name}");
    }
    assert_eq!((user["profile"]["theme"].clone(), user["profile"]["vlan_edit"].clone()), (json!("dark"), json!(true)));
    Table::read(&app.engine).assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_creations_of_one_name_one_is_made() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let body = json!({"username": "jane", "password": "x"});
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let (client, body) = (admin.clone(), body.clone());
            tokio::spawn(async move { told(&client.post(USERS, &body).await) })
        })
        .collect();
    let mut statuses = Vec::new();
    for task in tasks {
        let (status, answer) = task.await.expect("an answer");
        if status != 201 {
            assert_eq!(answer, json!({"username": ["A user with that username already exists."]}));
        }
        statuses.push(status);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 400, 400, 400, 400, 400]);
}

#[tokio::test]
async fn a_moved_moment_of_joining_keeps_lists_and_memberships_whole() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let openwisp = app.admin().await;
    let organization =
        openwisp.post("/api/v1/users/organization/", &json!({"name": "Org", "slug": "org"})).await.json();
    let member = json!({"organization_users": {"organization": organization["id"], "is_admin": true}});
    let jane = openwisp.create_user("jane", &member).await;
    let manager = app.signed_in("jane").await;
    let give = json!({"user_permissions": [26, 28]});
    let path = format!("{}{}/", crate::support::USERS, jane["id"].as_str().expect("an id"));
    assert_eq!(openwisp.patch(&path, &give).await.status, 200);
    assert_eq!(admin.patch(&format!("{USERS}2/"), &json!({"date_joined": "2020-06-01"})).await.status, 200);
    Table::read(&app.engine).assert_sound();
    assert_eq!(openwisp.get(&path).await.json()["date_joined"], "2020-06-01T00:00:00.000000Z");
    let seen = manager.get(crate::support::USERS).await.json();
    assert_eq!((seen["count"].clone(), seen["results"][0]["username"].clone()), (json!(1), json!("jane")));
}

#[tokio::test]
async fn the_same_user_is_seen_through_all_three_apis() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let (openwisp, edge) = (app.admin().await, app.basic("admin", PASSWORD));
    let fields = json!({"first_name": "Jane", "email": "jane@mail.example", "password": PASSWORD, "is_staff": true});
    make(&admin, "jane", fields).await;
    let list = openwisp.get(crate::support::USERS).await.json();
    let row = &list["results"][0];
    assert_eq!((row["username"].clone(), row["email"].clone()), (json!("jane"), json!("jane@mail.example")));
    let path = format!("{}{}/", crate::support::USERS, row["id"].as_str().expect("an id"));
    let emails = openwisp.get(&format!("{path}email/")).await.json();
    assert_eq!((emails["count"].clone(), emails["results"][0]["verified"].clone()), (json!(1), json!(false)));
    assert_eq!(app.directory.waiting_mails(10).await.expect("mails"), [], "no mail is sent");
    let found = edge.get("/api/users/?first_name=JAN").await.json();
    assert_eq!(found[0]["username"], "jane");
    assert_eq!(found[0]["memberships"], json!(["WHITE"]));
    let edge_path = format!("/api/users/{}/", found[0]["id"].as_str().expect("an id"));
    // What one changes, the others show, and a token of one is a token of the others.
    assert_eq!(openwisp.patch(&path, &json!({"last_name": "Roe", "groups": [2]})).await.status, 200);
    let changed = edge.patch(&edge_path, &json!({"first_name": null, "description": "night shift"})).await;
    assert_eq!(changed.status, 202);
    let shown = admin.get(&format!("{USERS}2/")).await.json();
    assert_eq!(
        (shown["first_name"].clone(), shown["last_name"].clone(), shown["groups"].clone()),
        (json!(""), json!("Roe"), json!([2]))
    );
    let key =
        app.anonymous().post(TOKEN, &json!({"username": "jane", "password": PASSWORD})).await.json()["token"].clone();
    let key = key.as_str().expect("a token");
    // The staff flag opens nothing in Edge's API.
    assert_eq!(app.keyed(&format!("jane:{key}")).get(&edge_path).await.status, 403);
    assert_eq!(edge.patch(&edge_path, &json!({"allow_rest_access": true})).await.status, 202);
    assert_eq!(app.keyed(&format!("jane:{key}")).get(&edge_path).await.status, 200);
    assert_eq!(app.bearer(key).get(crate::support::USERS).await.status, 403, "known, and without permissions");
    assert_eq!(edge.delete(&edge_path).await.status, 204);
    assert_eq!(told(&admin.get(&format!("{USERS}2/")).await), (400, json!({"reason": "Invalid user id!"})));
    assert_eq!(openwisp.get(&path).await.status, 404);
    assert_eq!(app.bearer(key).get(crate::support::USERS).await.status, 401);
    Table::read(&app.engine).assert_sound();
}
