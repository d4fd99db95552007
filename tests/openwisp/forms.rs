//! Forms have the semantics of HTML, JSON has its own (`contracts/openwisp.md` section 4, Bodies in).

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Client, TestApp, USERS};

const NEW: &str = "username=jane&email=jane%40mail.example&password=x";

async fn detail(client: &Client, user: &Value) -> Value {
    client.get(&path_of(user)).await.json()
}

fn path_of(user: &Value) -> String {
    format!("{USERS}{}/", user["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn a_form_without_a_flag_leaves_it_off_in_a_new_user() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let answer = admin.form(Method::POST, USERS, NEW).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let user = answer.json();
    assert_eq!(
        user,
        json!({
            "id": user["id"], "username": "jane", "email": "jane@mail.example", "first_name": "", "last_name": "",
            "phone_number": null, "birth_date": null, "is_active": false, "is_staff": false, "is_superuser": false,
            "expiration_date": null, "groups": [], "organization_users": [],
        })
    );
}

#[tokio::test]
async fn a_form_repeats_the_name_for_a_list_and_empty_means_none() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = format!(
        "{NEW}&is_active=on&is_staff=TRUE&groups=2&groups=1&birth_date=&phone_number=&expiration_date=\
         &first_name=&last_name=%C5%BDofie+%E7%94%A8&first_name=last+one+counts"
    );
    let answer = admin.form(Method::POST, USERS, &form).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let user = answer.json();
    let expected = json!({
        "is_active": true, "is_staff": true, "is_superuser": false, "groups": [1, 2], "birth_date": null,
        "phone_number": null, "expiration_date": null, "first_name": "last one counts", "last_name": "Žofie 用",
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(user[name], *value, "{name}");
    }
}

#[tokio::test]
async fn a_replacement_by_form_clears_absent_flags_and_lists_and_nothing_else() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let fields = json!({
        "is_staff": true, "is_superuser": true, "groups": [1], "first_name": "Kept", "birth_date": "2000-01-01",
        "phone_number": "+393331234567",
    });
    let user = admin.create_user("jane", &fields).await;
    admin.patch(&path_of(&user), &json!({"user_permissions": [1], "bio": "kept"})).await;
    let before = detail(&admin, &user).await;
    let answer = admin.form(Method::PUT, &path_of(&user), "username=jane").await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let mut expected = before;
    for flag in ["is_active", "is_staff", "is_superuser"] {
        expected[flag] = json!(false);
    }
    for list in ["groups", "user_permissions"] {
        expected[list] = json!([]);
    }
    assert_eq!(answer.json(), expected);
    assert_eq!(detail(&admin, &user).await, expected);
}

#[tokio::test]
async fn a_change_by_form_or_multipart_keeps_what_it_does_not_name() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = admin.create_user("jane", &json!({"is_staff": true, "groups": [1], "birth_date": "2000-01-01"})).await;
    let mut expected = detail(&admin, &user).await;
    let answer = admin.form(Method::PATCH, &path_of(&user), "first_name=Ada").await;
    expected["first_name"] = json!("Ada");
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, expected.clone()));
    let body = "--x\r\nContent-Disposition: form-data; name=\"first_name\"\r\n\r\nMulti\r\n\
                --x\r\nContent-Disposition: form-data; name=\"birth_date\"\r\n\r\n\r\n--x--\r\n";
    let kind = "multipart/form-data; boundary=x";
    let answer = admin.with_body(Method::PATCH, &path_of(&user), kind, body).await;
    expected["first_name"] = json!("Multi");
    expected["birth_date"] = Value::Null;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, expected));
}

#[tokio::test]
async fn json_that_leaves_a_field_out_takes_the_default_and_then_keeps_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = admin.create_user("jane", &json!({})).await;
    assert_eq!((&user["is_active"], &user["groups"]), (&json!(true), &json!([])));
    admin.patch(&path_of(&user), &json!({"is_staff": true, "groups": [1]})).await;
    let before = detail(&admin, &user).await;
    for answer in
        [admin.put(&path_of(&user), &json!({"username": "jane"})).await, admin.patch(&path_of(&user), &json!({})).await]
    {
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, before.clone()));
    }
}

#[tokio::test]
async fn a_file_is_no_text() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = admin.create_user("jane", &json!({})).await;
    let body = "--x\r\nContent-Disposition: form-data; name=\"first_name\"; filename=\"a.txt\"\r\n\
                Content-Type: text/plain\r\n\r\nAda\r\n--x--\r\n";
    let answer = admin.with_body(Method::PATCH, &path_of(&user), "multipart/form-data; boundary=x", body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json(), json!({"first_name": ["Not a valid string."]}));
}

#[tokio::test]
async fn refusals_of_forms_are_those_of_json() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let answer =
        admin.form(Method::POST, USERS, "username=a+b&email=&password=&is_active=maybe&groups=x&birth_date=x").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        answer.json(),
        json!({
            "username": ["Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."],
            "email": ["This field cannot be blank."],
            "password": ["This field may not be blank."],
            "is_active": ["Must be a valid boolean."],
            "groups": ["Incorrect type. Expected pk value, received str."],
            "birth_date": ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."],
        })
    );
}

#[tokio::test]
async fn the_last_of_equal_keys_in_json_counts() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = path_of(&admin.create_user("jane", &json!({})).await);
    let body = r#"{"first_name": "one", "last_name": "kept", "first_name": "two"}"#;
    let answer = admin.with_body(Method::PATCH, &path, "application/json; charset=utf-8", body).await;
    assert_eq!((&answer.json()["first_name"], &answer.json()["last_name"]), (&json!("two"), &json!("kept")));
}
