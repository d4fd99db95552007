//! Creating, changing and removing users (sections 5 and 6).

use http::Method;
use serde_json::{Value, json};

use super::{USERS, admin, detail, make, path_of, told};
use crate::support::{PASSWORD, Table, TestApp};

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let required = json!(["This field is required."]);
    let sent = json!({"email": "nowhere", "is_staff": "perhaps", "memberships": ["PURPLE", "red", "WHITE"]});
    assert_eq!(
        told(&admin.post(USERS, &sent).await),
        (
            400,
            json!({
                "username": required, "password": required, "first_name": required, "last_name": required,
                "email": ["Enter a valid email address."], "is_staff": ["Must be a valid boolean."],
                "memberships": ["\"PURPLE\" is not a valid choice.", "\"red\" is not a valid choice."],
            })
        )
    );
    let whole = |name: &str, value: Value| {
        let mut body = json!({
            "username": "bob", "password": PASSWORD, "first_name": "B", "last_name": "S", "email": "bob@mail.example",
        });
        body[name] = value;
        body
    };
    for (field, value, sentence) in [
        (
            "username",
            json!("a b"),
            "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.",
        ),
        ("username", json!("u".repeat(151)), "Ensure this field has no more than 150 characters."),
        ("username", json!("admin"), "This field must be unique."),
        ("password", json!("Ab@1234"), "This password is too short. It must contain at least 8 characters."),
        ("password", json!("90817263544"), "This password is entirely numeric."),
        ("first_name", json!(["Ann"]), "Not a valid string."),
        ("last_name", json!("  "), "This field may not be blank."),
        ("description", Value::Null, "This field may not be null."),
        ("can_inbox", Value::Null, "This field may not be null."),
        ("memberships", json!("WHITE"), "Expected a list of items but got type \"str\"."),
        ("organization", json!({}), "Not a valid string."),
    ] {
        let answer = admin.post(USERS, &whole(field, value)).await;
        assert_eq!(told(&answer), (400, json!({field: [sentence]})), "{field}");
    }
    assert_eq!(admin.get(USERS).await.json().as_array().expect("users").len(), 1);
    let list = admin.with_body(Method::POST, USERS, "application/json", "[1]").await;
    assert_eq!(told(&list), (400, json!({"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]})));
    let plain = admin.with_body(Method::POST, USERS, "text/plain", "x").await;
    assert_eq!(told(&plain), (415, detail("Unsupported media type \"text/plain\" in request.")));
}

#[tokio::test]
async fn strings_lose_white_space_around_them_and_passwords_do_not() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let fields = json!({"first_name": " Ann ", "description": " note ", "password": "  Pass@1233 ", "allow_rest_access": "True"});
    let ann = make(&admin, "ann", fields).await;
    assert_eq!((ann["first_name"].clone(), ann["description"].clone()), (json!("Ann"), json!("note")));
    assert_eq!(app.basic("ann", "  Pass@1233 ").get(&path_of(&ann)).await.status, 200);
    assert_eq!(app.basic("ann", "Pass@1233").get(&path_of(&ann)).await.status, 401);
}

#[tokio::test]
async fn a_form_keeps_the_defaults_of_what_it_leaves_out() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let form = "username=bob&password=Pass%401233&first_name=B&last_name=S&email=bob%40mail.example&memberships=RED&memberships=GREEN";
    let bob = admin.form(Method::POST, USERS, form).await.json();
    for (name, value) in [
        ("memberships", json!(["GREEN", "RED"])),
        ("is_active", json!(true)),
        ("can_inbox", json!(true)),
        ("allow_rest_access", json!(false)),
    ] {
        assert_eq!(bob[name], value, "{name}");
    }
    let changed = admin.form(Method::PATCH, &path_of(&bob), "can_inbox=0&first_name=Jo+%26+Ann").await;
    assert_eq!((changed.status.as_u16(), changed.json()["can_inbox"].clone()), (202, json!(false)));
    assert_eq!(
        (changed.json()["first_name"].clone(), changed.json()["memberships"].clone()),
        (json!("Jo & Ann"), json!(["GREEN", "RED"]))
    );
    assert_eq!(admin.patch(&path_of(&bob), &json!({"memberships": []})).await.json()["memberships"], json!([]));
}

#[tokio::test]
async fn a_refused_change_changes_nothing() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"organization": "ACME"})).await;
    make(&admin, "eve", json!({})).await;
    for (change, errors) in [
        (json!({"first_name": "X", "email": ""}), json!({"email": ["This field may not be blank."]})),
        (json!({"first_name": "X", "username": "eve"}), json!({"username": ["This field must be unique."]})),
        (
            json!({"first_name": "X", "email": "eve@mail.example"}),
            json!({"email": ["user with this email address already exists."]}),
        ),
        (
            json!({"first_name": "X", "password": "short"}),
            json!({"password": ["This password is too short. It must contain at least 8 characters."]}),
        ),
    ] {
        assert_eq!(told(&admin.patch(&path_of(&bob), &change).await), (400, errors));
    }
    assert_eq!(admin.get(&path_of(&bob)).await.json(), bob);
    let cleared =
        admin.patch(&path_of(&bob), &json!({"organization": null, "first_name": null, "last_name": null})).await;
    for name in ["organization", "first_name", "last_name"] {
        assert_eq!(cleared.json()[name], Value::Null, "{name}");
    }
}

#[tokio::test]
async fn refused_fields_count_only_when_they_would_change() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"allow_rest_access": true})).await;
    let own = app.basic("bob", PASSWORD);
    let mut read = own.get(&path_of(&bob)).await.json();
    read["first_name"] = json!("Robert");
    let answer = own.patch(&path_of(&bob), &read).await;
    assert_eq!((answer.status.as_u16(), answer.json()["first_name"].clone()), (202, json!("Robert")));
    let forbidden = (403, detail("You do not have permission to perform this action."));
    for change in [
        json!({"is_superuser": true}),
        json!({"is_staff": true}),
        json!({"is_active": false}),
        json!({"can_inbox": false}),
        json!({"allow_rest_access": false}),
        json!({"organization": "X"}),
        json!({"username": "x"}),
        json!({"memberships": []}),
    ] {
        let mut body = json!({"last_name": "Sneaky"});
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        assert_eq!(told(&own.patch(&path_of(&bob), &body).await), forbidden, "{change}");
    }
    assert_eq!(admin.get(&path_of(&bob)).await.json()["last_name"], "Tester");
    // Before the body: garbage to what one may not touch is forbidden, not malformed.
    make(&admin, "staff", json!({"is_staff": true})).await;
    let staff = app.basic("staff", PASSWORD);
    let boss = make(&admin, "boss", json!({"is_superuser": true})).await;
    assert_eq!(told(&staff.with_body(Method::PATCH, &path_of(&boss), "application/json", "{").await), forbidden);
    assert_eq!(told(&staff.patch(&path_of(&boss), &json!({})).await), forbidden);
    let body = json!({
        "username": "z", "password": PASSWORD, "first_name": "Z", "last_name": "Z", "email": "z@mail.example", "is_superuser": true,
    });
    assert_eq!(told(&staff.post(USERS, &body).await), forbidden);
}

#[tokio::test]
async fn the_last_active_superuser_is_protected_here_too() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let own = admin.get(&format!("{USERS}?username=admin")).await.json()[0].clone();
    assert_eq!(admin.delete(&path_of(&own)).await.status, 400);
    for change in [json!({"is_superuser": false}), json!({"is_active": false})] {
        let answer = admin.patch(&path_of(&own), &change).await;
        assert_eq!(
            told(&answer),
            (400, detail("The last active superuser cannot be deleted, deactivated or stripped of its rights."))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_different_fields_at_once_both_take_effect() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({})).await;
    let changes = [
        json!({"first_name": "Jo"}),
        json!({"last_name": "Seph"}),
        json!({"description": "d"}),
        json!({"memberships": ["RED"]}),
        json!({"can_inbox": false}),
        json!({"organization": "ACME"}),
    ];
    let tasks: Vec<_> = changes
        .into_iter()
        .map(|change| {
            let (client, path) = (admin.clone(), path_of(&bob));
            tokio::spawn(async move { client.patch(&path, &change).await.status })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("an answer"), 202);
    }
    let now = admin.get(&path_of(&bob)).await.json();
    for (name, value) in [
        ("first_name", json!("Jo")),
        ("last_name", json!("Seph")),
        ("description", json!("d")),
        ("memberships", json!(["RED"])),
        ("can_inbox", json!(false)),
        ("organization", json!("ACME")),
    ] {
        assert_eq!(now[name], value, "{name}");
    }
    Table::read(&app.engine).assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_creations_of_one_name_one_is_made() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let tasks: Vec<_> = (0..5)
        .map(|index| {
            let client = admin.clone();
            let body = json!({
                "username": "bob", "password": PASSWORD, "first_name": "B", "last_name": "S",
                "email": format!("bob{index}@mail.example"),
            });
            tokio::spawn(async move { told(&client.post(USERS, &body).await) })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        match task.await.expect("an answer") {
            (201, _) => made += 1,
            other => assert_eq!(other, (400, json!({"username": ["This field must be unique."]}))),
        }
    }
    assert_eq!(made, 1);
    assert_eq!(admin.get(&format!("{USERS}?username=bob")).await.json().as_array().expect("users").len(), 1);
    Table::read(&app.engine).assert_sound();
}
