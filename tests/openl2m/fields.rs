//! What may be sent for each field, in every encoding (sections 4, 5.2 and 6).

use http::Method;
use serde_json::{Value, json};

use super::{TOKEN, USERS, admin, make, path_of, told};
use crate::support::{Client, PASSWORD, TestApp};

/// Changes one field; gives its value in the answer, or what was told of it.
async fn set(admin: &Client, path: &str, field: &str, value: Value) -> Result<Value, Value> {
    let (status, answer) = told(&admin.patch(path, &json!({ field: value })).await);
    match status {
        200 => Ok(answer[field].clone()),
        400 => {
            assert_eq!(answer.as_object().expect("errors").len(), 1, "{answer}");
            Err(answer[field].clone())
        }
        other => panic!("{other}: {answer}"),
    }
}

#[tokio::test]
async fn texts_are_trimmed_made_of_numbers_and_bounded_exactly() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let path = path_of(&make(&admin, "jane", json!({})).await);
    for (field, value, expected) in [
        ("first_name", json!("  Zoë\t\n"), Ok(json!("Zoë"))),
        ("first_name", json!(5), Ok(json!("5"))),
        ("last_name", json!(1.5), Ok(json!("1.5"))),
        ("last_name", json!(""), Ok(json!(""))),
        ("first_name", json!("名".repeat(150)), Ok(json!("名".repeat(150)))),
        ("first_name", json!("名".repeat(151)), Err(json!(["Ensure this field has no more than 150 characters."]))),
        ("last_name", json!({}), Err(json!(["Not a valid string."]))),
        ("password", json!("x".repeat(128)), Ok(json!("********"))),
        ("password", json!("x".repeat(129)), Err(json!(["Ensure this field has no more than 128 characters."]))),
        ("password", json!(" \t"), Err(json!(["This field may not be blank."]))),
        ("password", json!(null), Err(json!(["This field may not be null."]))),
        ("password", json!("a\u{0}b"), Err(json!(["Null characters are not allowed."]))),
        ("username", json!("j".repeat(150)), Ok(json!("j".repeat(150)))),
        ("username", json!("j".repeat(151)), Err(json!(["Ensure this field has no more than 150 characters."]))),
        ("username", json!(""), Err(json!(["This field may not be blank."]))),
        ("username", json!("a@b.+-_漢é²"), Ok(json!("a@b.+-_漢é²"))),
        ("email", json!(" Jane.Doe@Test.com "), Ok(json!("Jane.Doe@Test.com"))),
        ("email", json!("jdoe@localhost"), Ok(json!("jdoe@localhost"))),
        ("email", json!("a@домен.рф"), Ok(json!("a@домен.рф"))),
        ("email", json!("a@127.0.0.1"), Err(json!(["Enter a valid email address."]))),
        ("email", json!("ü@x.org"), Err(json!(["Enter a valid email address."]))),
        ("email", json!(null), Err(json!(["This field may not be null."]))),
        ("email", json!(""), Ok(json!(""))),
    ] {
        assert_eq!(set(&admin, &path, field, value.clone()).await, expected, "{field} {value}");
    }
    let invalid = "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.";
    for bad in ["a b", "a/b", "a!", "<b>", "😀", "e\u{301}", "\u{93f}", "Ⓐ", "a\u{200d}b"] {
        assert_eq!(set(&admin, &path, "username", json!(bad)).await, Err(json!([invalid])), "{bad}");
    }
    // White space around a password is cut off where it is set, and is wrong where it is shown.
    assert_eq!(set(&admin, &path, "password", json!(" my password ")).await, Ok(json!("********")));
    let name = admin.get(&path).await.json()["username"].clone();
    for (password, status) in [("my password", 200), (" my password ", 400)] {
        assert_eq!(app.anonymous().post(TOKEN, &json!({"username": name, "password": password})).await.status, status);
    }
}

#[tokio::test]
async fn a_long_email_is_told_by_its_length() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let path = path_of(&make(&admin, "jane", json!({})).await);
    let of_length = |length: usize| format!("{}@mail.example", "x".repeat(length - "@mail.example".len()));
    assert_eq!(set(&admin, &path, "email", json!(of_length(254))).await, Ok(json!(of_length(254))));
    let told = set(&admin, &path, "email", json!(of_length(255))).await;
    assert_eq!(told, Err(json!(["Ensure this field has no more than 254 characters."])));
}

#[tokio::test]
async fn booleans_moments_and_references_are_read_in_all_their_forms() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let path = path_of(&make(&admin, "jane", json!({})).await);
    let form = "Datetime has wrong format. Use one of these formats instead: \
                YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].";
    for (field, value, expected) in [
        ("is_staff", json!(1.0), Ok(json!(true))),
        ("is_staff", json!("OFF"), Ok(json!(false))),
        ("is_staff", json!("y"), Ok(json!(true))),
        ("is_staff", json!(0), Ok(json!(false))),
        ("is_staff", json!(2), Err(json!(["Must be a valid boolean."]))),
        ("is_staff", json!([]), Err(json!(["Must be a valid boolean."]))),
        ("is_active", json!(null), Err(json!(["This field may not be null."]))),
        ("date_joined", json!("2021-02-03"), Ok(json!("2021-02-03T00:00:00Z"))),
        ("date_joined", json!("2021-02-03 04:05"), Ok(json!("2021-02-03T04:05:00Z"))),
        ("date_joined", json!("2021-02-03T04:05:06.5"), Ok(json!("2021-02-03T04:05:06.500000Z"))),
        ("date_joined", json!("2021-02-03T04:05:06+02:00"), Ok(json!("2021-02-03T02:05:06Z"))),
        ("date_joined", json!("03.02.2021"), Err(json!([form]))),
        ("date_joined", json!(true), Err(json!([form]))),
        ("date_joined", json!(null), Err(json!(["This field may not be null."]))),
        ("last_login", json!("2021-02-03T04:05:06.000001Z"), Ok(json!("2021-02-03T04:05:06.000001Z"))),
        ("last_login", json!(5), Err(json!([form]))),
        ("last_login", json!(null), Ok(Value::Null)),
        ("groups", json!(["2", 1, 2]), Ok(json!([1, 2]))),
        ("groups", json!([]), Ok(json!([]))),
        ("groups", json!("1"), Err(json!(["Expected a list of items but got type \"str\"."]))),
        ("groups", json!(null), Err(json!(["This field may not be null."]))),
        ("groups", json!(["x"]), Err(json!(["Incorrect type. Expected pk value, received str."]))),
        ("groups", json!([true]), Err(json!(["Incorrect type. Expected pk value, received bool."]))),
        ("groups", json!([1, 999]), Err(json!(["Invalid pk \"999\" - object does not exist."]))),
        ("user_permissions", json!([-1]), Err(json!(["Invalid pk \"-1\" - object does not exist."]))),
        ("user_permissions", json!([2]), Ok(json!([2]))),
    ] {
        assert_eq!(set(&admin, &path, field, value.clone()).await, expected, "{field} {value}");
    }
    let changed = admin.form(Method::PATCH, &path, "groups=1&groups=2&is_staff=Yes").await.json();
    assert_eq!((changed["groups"].clone(), changed["is_staff"].clone()), (json!([1, 2]), json!(true)));
    let refused = admin.form(Method::PATCH, &path, "is_staff=perhaps").await;
    assert_eq!(told(&refused), (400, json!({"is_staff": ["Must be a valid boolean."]})));
}

#[tokio::test]
async fn what_is_unknown_or_the_servers_is_ignored_and_the_last_of_equals_counts() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let jane = make(&admin, "jane", json!({"id": 77, "shoes": [1], "switchgroups": {"a": 1}})).await;
    assert_eq!((jane["id"].clone(), jane["switchgroups"].clone()), (json!(2), json!([])));
    let path = path_of(&jane);
    let changed = admin.patch(&format!("{path}?last_name=Roe"), &json!({"id": 1, "pk": 1, "first_name": "J"})).await;
    assert_eq!((changed.json()["id"].clone(), changed.json()["last_name"].clone()), (json!(2), json!("")));
    let form = admin.form(Method::PATCH, &path, "first_name=A&last_name=B&first_name=C").await.json();
    assert_eq!((form["first_name"].clone(), form["last_name"].clone()), (json!("C"), json!("B")));
    let repeated = r#"{"first_name": "D", "first_name": "E"}"#;
    let json = admin.with_body(Method::PATCH, &path, "application/json", repeated).await.json();
    assert_eq!(json["first_name"], "E");
}

#[tokio::test]
async fn a_multipart_form_is_a_form_and_a_file_is_no_text() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let form = |parts: &[(&str, &str)]| {
        let part = |(name, value): &(&str, &str)| {
            format!("--b\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}\r\n")
        };
        parts.iter().map(part).collect::<String>() + "--b--\r\n"
    };
    let kind = "multipart/form-data; boundary=b";
    let body = form(&[("\"username\"", "jane"), ("\"password\"", "x"), ("\"profile\"", " {\"theme\": \"dark\"} ")]);
    let made = admin.with_body(Method::POST, USERS, kind, body).await;
    assert_eq!((made.status.as_u16(), made.json()["profile"]["theme"].clone()), (201, json!("dark")));
    let file = form(&[("\"first_name\"; filename=\"a.txt\"", "Jane"), ("\"profile\"; filename=\"b\"", "{}")]);
    let refused = admin.with_body(Method::POST, &path_of(&made.json()), kind, file).await;
    assert_eq!(told(&refused), (400, json!({"first_name": ["Not a valid string."]})));
}

#[tokio::test]
async fn a_profile_is_merged_however_it_is_spelled() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let jane = make(&admin, "jane", json!({"profile": r#"{"theme": "dark", "last_ldap_dn": "cn=jane"}"#})).await;
    let path = path_of(&jane);
    let mut expected = jane["profile"].clone();
    assert_eq!((expected["theme"].clone(), expected["last_ldap_dn"].clone()), (json!("dark"), json!("cn=jane")));
    let text = admin.patch(&path, &json!({"profile": " {\"vlan_edit\": \"True\", \"x\": 1} "})).await.json();
    expected["vlan_edit"] = json!(true);
    assert_eq!(text["profile"], expected);
    let object =
        admin.patch(&path, &json!({"profile": {"last_ldap_login": "2020-01-02", "bulk_edit": 0}})).await.json();
    expected["last_ldap_login"] = json!("2020-01-02T00:00:00Z");
    expected["bulk_edit"] = json!(false);
    assert_eq!(object["profile"], expected);
    let form = "profile=%5B%5D&profile=%7B%22last_ldap_login%22%3Anull%2C%22menu%22%3A%22f%22%7D";
    let form = admin.form(Method::POST, &path, form).await.json();
    expected["last_ldap_login"] = Value::Null;
    expected["menu"] = json!(false);
    assert_eq!(form["profile"], expected);
    assert_eq!(admin.patch(&path, &json!({"profile": {}})).await.json()["profile"], expected);
    assert_eq!(admin.get(&path).await.json()["profile"], expected);
    // A profile that names another user's is discarded, and the other one's stays as it was.
    let before = admin.get(&format!("{USERS}1/")).await.json();
    let answer = admin.patch(&path, &json!({"profile": {"user": 1, "theme": "x"}, "first_name": "J"})).await.json();
    assert_eq!((answer["profile"].clone(), answer["first_name"].clone()), (json!(2), json!("J")));
    assert_eq!(admin.get(&format!("{USERS}1/")).await.json(), before);
    // With an invalid field beside it, it is not applied.
    let refused = admin.patch(&path, &json!({"profile": {"theme": "x"}, "email": "nope"})).await;
    assert_eq!(told(&refused), (400, json!({"email": ["Enter a valid email address."]})));
    assert_eq!(admin.get(&path).await.json()["profile"], expected);
}

#[tokio::test]
async fn names_are_unique_with_their_case_and_free_after_a_rename() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let jane = make(&admin, "jane", json!({"password": PASSWORD})).await;
    make(&admin, "JANE", json!({})).await;
    let taken = json!({"username": ["A user with that username already exists."]});
    let other = make(&admin, "other", json!({})).await;
    assert_eq!(told(&admin.patch(&path_of(&other), &json!({"username": "jane"})).await), (400, taken.clone()));
    assert_eq!(told(&admin.post(USERS, &json!({"username": "jane", "password": "x"})).await), (400, taken));
    let own = admin.patch(&path_of(&jane), &json!({"username": "jane", "last_name": "Doe"})).await;
    assert_eq!((own.status.as_u16(), own.json()["last_name"].clone()), (200, json!("Doe")));
    assert_eq!(admin.patch(&path_of(&jane), &json!({"username": "janet"})).await.status, 200);
    let again = make(&admin, "jane", json!({"password": "jane"})).await;
    assert_ne!(again["id"], jane["id"]);
    app.api_token("janet").await;
    let login = json!({"username": "jane", "password": "jane"});
    assert_eq!(app.anonymous().post(TOKEN, &login).await.json()["user_id"], again["id"]);
}
