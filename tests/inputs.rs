//! Bodies and addresses as the clients of all three APIs send them: charsets, large numbers, references, moments, parts
//! of forms, encoded paths. What Django, REST framework and Python make of them is the reference.

use std::fmt::Write as _;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Client, PASSWORD, TestApp};

const OPENWISP: &str = "/api/v1/users/user/";
const OPENL2M: &str = "/api/admin/users/";
const EDGE: &str = "/api/users/";
const FORM: &str = "application/x-www-form-urlencoded";

/// The superuser by each API, and where its users are.
async fn everybody(app: &TestApp) -> [(Client, &'static str); 3] {
    [
        (app.admin().await, OPENWISP),
        (app.keyed(&app.api_token("admin").await), OPENL2M),
        (app.basic("admin", PASSWORD), EDGE),
    ]
}

/// The fields that every API takes for a new user.
fn fields(username: &str, first_name: &str) -> [(&'static str, String); 5] {
    [
        ("username", username.to_owned()),
        ("email", format!("{username}@mail.example")),
        ("password", "Orchid-lantern-42".to_owned()),
        ("first_name", first_name.to_owned()),
        ("last_name", "Tester".to_owned()),
    ]
}

/// A body of those fields with these bytes for the first name.
fn body(format: &str, username: &str, first_name: &[u8], wide: bool) -> Vec<u8> {
    let mut text = String::new();
    for (name, value) in fields(username, "@@@") {
        let before = if text.is_empty() { "{" } else { ", " };
        let written = match format {
            "json" => write!(text, "{before}{}: {}", json!(name), json!(value)),
            "form" => write!(text, "&{name}={value}"),
            _ => write!(text, "--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"),
        };
        written.expect("a text");
    }
    text += match format {
        "json" => "}",
        "form" => "",
        _ => "--b--\r\n",
    };
    let (before, after) = text.split_once("@@@").expect("the name");
    let encoded = |text: &str| {
        if wide { text.encode_utf16().flat_map(u16::to_le_bytes).collect() } else { text.as_bytes().to_vec() }
    };
    [encoded(before), first_name.to_vec(), encoded(after)].concat()
}

#[tokio::test]
async fn texts_are_read_in_the_charset_of_their_body() {
    let app = TestApp::start().await;
    for (client, users) in everybody(&app).await {
        let letter = users.len();
        let mut index = 0;
        for (charset, bytes, expected) in [
            ("", "André".as_bytes(), "André"),
            ("; charset=ISO-8859-1", b"Andr\xe9", "André"),
            ("; Charset=\"iso-8859-1\"", b"Andr\xe9", "André"),
            ("; charset=windows-1252", b"\x80uro", "€uro"),
            ("; charset=koi8-r", b"\xe4\xc1", "Да"),
            ("; charset=EUC-JP", b"\xb2\xd6\xbb\xd2", "花子"),
            ("; charset=utf-8", "花子".as_bytes(), "花子"),
        ] {
            for (format, kind) in
                [("json", "application/json"), ("form", FORM), ("parts", "multipart/form-data; boundary=b")]
            {
                index += 1;
                let sent = body(format, &format!("u{letter}.{index}"), bytes, false);
                let answer = client.with_body(Method::POST, users, &format!("{kind}{charset}"), sent).await;
                assert_eq!(answer.status, StatusCode::CREATED, "{users} {kind}{charset}: {answer:?}");
                assert_eq!(answer.json()["first_name"], expected, "{users} {kind}{charset}");
            }
        }
        let mut sent = b"\xff\xfe".to_vec();
        let name: Vec<u8> = "André".encode_utf16().flat_map(u16::to_le_bytes).collect();
        sent.extend(body("json", &format!("wide{letter}"), &name, true));
        let answer = client.with_body(Method::POST, users, "application/json; charset=utf-16", sent).await;
        assert_eq!(answer.json()["first_name"], "André", "{answer:?}");
    }
}

#[tokio::test]
async fn bytes_that_mean_nothing_and_charsets_that_nobody_knows_are_refused() {
    let app = TestApp::start().await;
    for (client, users) in everybody(&app).await {
        let before = app.items().len();
        for (format, kind) in
            [("json", "application/json"), ("form", FORM), ("parts", "multipart/form-data; boundary=b")]
        {
            for (charset, status) in
                [("", 400), ("; charset=us-ascii", 400), ("; charset=EUC-JP", 400), ("; charset=klingon", 415)]
            {
                let kind = format!("{kind}{charset}");
                let answer =
                    client.with_body(Method::POST, users, &kind, body(format, "nobody", b"Andr\xe9", false)).await;
                assert_eq!(answer.status.as_u16(), status, "{users} {kind}: {answer:?}");
                assert!(answer.json()["detail"].is_string(), "{answer:?}");
            }
        }
        let attempts = if users == EDGE { 12 } else { 0 };
        assert!(app.items().len() <= before + attempts, "nothing but the attempts of Edge's caller is stored");
    }
}

#[tokio::test]
async fn a_password_is_what_its_bytes_mean_and_nothing_else() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let sent = "username=ann&email=ann@mail.example&is_active=true&password=Pa%DFwort-orchid-42";
    let latin = format!("{FORM}; charset=ISO-8859-1");
    assert_eq!(admin.with_body(Method::POST, OPENWISP, &latin, sent).await.status, 201);
    let anonymous = app.anonymous();
    let token = "/api/v1/users/token/";
    assert_eq!(anonymous.post(token, &json!({"username": "ann", "password": "Paßwort-orchid-42"})).await.status, 200);
    let by = async |kind: &str, password: &str| {
        anonymous
            .with_body(Method::POST, token, kind, format!("username=ann&password={password}"))
            .await
            .status
            .as_u16()
    };
    assert_eq!(by(&latin, "Pa%DFwort-orchid-42").await, 200);
    assert_eq!(by(FORM, "Pa%C3%9Fwort-orchid-42").await, 200);
    for (kind, password) in [
        (latin.as_str(), "Pa%FCwort-orchid-42"),
        (FORM, "Pa%DFwort-orchid-42"),
        (FORM, "Pa%EF%BF%BDwort-orchid-42"),
        (latin.as_str(), "Pa%3Fwort-orchid-42"),
    ] {
        assert_eq!(by(kind, password).await, 400, "{kind} {password}");
    }
}

#[tokio::test]
async fn no_route_takes_a_secret_of_bytes_that_mean_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let [_, (openl2m, _), (edge, _)] = everybody(&app).await;
    let user = admin.create_user("ann", &json!({})).await;
    let id = user["id"].as_str().expect("an id");
    let number = openl2m.get(&format!("{OPENL2M}?username=ann")).await.json();
    assert!(number.is_array() || number.is_object());
    let on_edge = edge.get("/api/users/?username=ann").await.json()[0]["id"].as_str().expect("an id").to_owned();
    let anonymous = app.anonymous();
    let secret = "Caf%FF-orchid-42";
    let mut told = Vec::new();
    for (client, method, path, fields) in [
        (&anonymous, Method::POST, "/api/v1/users/token/".to_owned(), vec!["username=admin&password="]),
        (&anonymous, Method::POST, "/api/users/token/".to_owned(), vec!["username=admin&password="]),
        (
            &anonymous,
            Method::POST,
            "/api/v1/users/password/reset/confirm/".to_owned(),
            vec!["uid=x&token=x&new_password1=x&new_password2="],
        ),
        (
            &admin,
            Method::POST,
            "/api/v1/users/user/password/change/".to_owned(),
            vec!["new_password1=x&old_password=", "old_password=x&new_password1="],
        ),
        (
            &admin,
            Method::PUT,
            format!("{OPENWISP}{id}/password/"),
            vec!["new_password=x&confirm_password=", "confirm_password=x&new_password="],
        ),
        (&admin, Method::PATCH, format!("{OPENWISP}{id}/"), vec!["password=", "first_name="]),
        (&edge, Method::PATCH, format!("{EDGE}{on_edge}/"), vec!["password="]),
        (&openl2m, Method::PATCH, format!("{OPENL2M}2/"), vec!["password="]),
    ] {
        for field in fields {
            let answer: Answer = client.form(method.clone(), &path, &format!("{field}{secret}")).await;
            told.push((path.clone(), answer.status.as_u16(), answer.json()["detail"].clone()));
        }
    }
    for (path, status, detail) in told {
        assert_eq!((status, detail), (400, json!("The request body is no text in UTF-8.")), "{path}");
    }
}

#[tokio::test]
async fn integers_keep_their_digits_in_every_text() {
    let app = TestApp::start().await;
    let json = "application/json";
    for (index, (client, users)) in everybody(&app).await.into_iter().enumerate() {
        for last in 0..2 {
            let username = format!("8939010000123456789{index}{last}");
            let sent = format!(
                r#"{{"username": {username}, "email": "s{index}{last}@mail.example", "password": 12345678901234567890123,
                "first_name": -98765432109876543210, "last_name": 1.10}}"#
            );
            // Digits alone are too weak a password for some.
            let sent =
                if users == OPENWISP { sent } else { sent.replace("12345678901234567890123", "\"Orchid-lantern-42\"") };
            let answer = client.with_body(Method::POST, users, json, sent).await;
            assert_eq!(answer.status, StatusCode::CREATED, "{users}: {answer:?}");
            let user = answer.json();
            assert_eq!(user["username"], username, "{users}");
            assert_eq!((&user["first_name"], &user["last_name"]), (&json!("-98765432109876543210"), &json!("1.1")));
        }
    }
    let [(openwisp, _), (openl2m, _), (edge, _)] = everybody(&app).await;
    // Digits sign in, what they are as a float does not.
    let name = "893901000012345678900";
    for (password, status) in
        [("12345678901234567890123", 200), ("\"12345678901234567890123\"", 200), ("\"1.2345678901234568e22\"", 400)]
    {
        let sent = format!(r#"{{"username": {name}, "password": {password}}}"#);
        let answer = app.anonymous().with_body(Method::POST, "/api/v1/users/token/", json, sent).await;
        assert_eq!(answer.status.as_u16(), status, "{password}: {answer:?}");
    }
    let id = openwisp.create_user("ann", &json!({})).await["id"].as_str().expect("an id").to_owned();
    let path = format!("{OPENWISP}{id}/");
    let changed = openwisp.with_body(Method::PATCH, &path, json, r#"{"company": 100000000000000000000}"#).await;
    assert_eq!(changed.json()["company"], "100000000000000000000", "{changed:?}");
    // Too long, and of a wrong kind.
    let long = format!(r#"{{"first_name": {}}}"#, "1".repeat(200));
    let refused = openwisp.with_body(Method::PATCH, &path, json, long).await;
    assert_eq!(refused.json(), json!({"first_name": ["Ensure this field has no more than 150 characters."]}));
    for (sent, told) in [
        (
            r#"{"groups": [123456789012345678901]}"#,
            json!({"groups": ["Invalid pk \"123456789012345678901\" - object does not exist."]}),
        ),
        (r#"{"groups": 123456789012345678901}"#, json!({"groups": ["Expected a list of items but got type \"int\"."]})),
        (r#"{"is_active": 123456789012345678901}"#, json!({"is_active": ["Must be a valid boolean."]})),
        (
            r#"{"birth_date": 123456789012345678901}"#,
            json!({"birth_date": ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]}),
        ),
        (
            r#"{"organization_users": {"organization": 123456789012345678901}}"#,
            json!({"organization_users": {"organization": ["“123456789012345678901” is not a valid UUID."]}}),
        ),
        (
            r#"{"organization_users": 123456789012345678901}"#,
            json!({"organization_users": {"non_field_errors": ["Invalid data. Expected a dictionary, but got int."]}}),
        ),
        (
            r#"{"organization_users": {"organization": "00000000000040008000000000000000"}}"#,
            json!({"organization_users": {
                "organization": ["Invalid pk \"00000000000040008000000000000000\" - object does not exist."],
            }}),
        ),
        (
            r#"{"organization_users": [null]}"#,
            json!({"organization_users": {
                "non_field_errors": ["Invalid data. Expected a dictionary, but got NoneType."],
            }}),
        ),
    ] {
        let answer = openwisp.with_body(Method::PATCH, &path, json, sent).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (400, told), "{sent}");
    }
    // A profile, as an object and as a text that holds one.
    for profile in [r#"{"theme": 98765432109876543210}"#, r#""{\"theme\": 98765432109876543210}""#] {
        let sent = format!(r#"{{"profile": {profile}}}"#);
        let answer = openl2m.with_body(Method::PATCH, &format!("{OPENL2M}2/"), json, sent).await;
        assert_eq!(answer.json()["profile"]["theme"], "98765432109876543210", "{answer:?}");
    }
    let colour = edge.get("/api/users/?username=ann").await.json()[0]["url"].as_str().expect("a URL").to_owned();
    let colour = colour.strip_prefix("http://rollcall.example").expect("our host");
    let answer = edge.with_body(Method::PATCH, colour, json, r#"{"memberships": [123456789012345678901]}"#).await;
    assert_eq!(answer.json(), json!({"memberships": ["\"123456789012345678901\" is not a valid choice."]}));
}

#[tokio::test]
async fn an_empty_page_number_is_the_first() {
    let app = TestApp::start().await;
    let [(openwisp, _), _, (edge, _)] = everybody(&app).await;
    for list in ["user", "group", "organization"] {
        let list = format!("/api/v1/users/{list}/?page_size=1");
        let first = openwisp.get(&list).await;
        for page in ["&page=", "&page", "&page=7&page="] {
            let answer = openwisp.get(&format!("{list}{page}")).await;
            assert_eq!((answer.status, answer.json()), (StatusCode::OK, first.json()), "{list}{page}");
        }
        for page in ["&page=0", "&page=abc", "&page=+"] {
            assert_eq!(openwisp.get(&format!("{list}{page}")).await.status, 404, "{list}{page}");
        }
    }
    assert_eq!(edge.get("/api/users/?page=").await.status, 200);
    assert_eq!(edge.get("/api/users/?page=0").await.status, 404);
}

#[tokio::test]
async fn references_that_are_empty_name_nothing_and_wrong_shapes_are_told() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let organizations = "/api/v1/users/organization/";
    let made = admin.post(organizations, &json!({"name": "One", "slug": "one"})).await.json();
    let organization = made["id"].as_str().expect("an id");
    let path = format!("{organizations}{organization}/");
    let member = json!({"organization_users": {"organization": organization, "is_admin": true}});
    admin.create_user("ann", &member).await;
    let owner = admin.get(&path).await.json()["owner"].clone();
    assert!(owner.is_object(), "the first manager owns it");
    for gone in [json!(""), Value::Null] {
        for (method, whole) in [(Method::PATCH, json!({})), (Method::PUT, json!({"name": "One", "slug": "one"}))] {
            let back = admin.patch(&path, &json!({ "owner": owner })).await;
            assert_eq!(back.json()["owner"], owner, "{back:?}");
            let mut sent = whole;
            sent["owner"] = json!({ "organization_user": gone });
            let answer = admin.json(method, &path, Some(&sent)).await;
            assert_eq!((answer.status, &answer.json()["owner"]), (StatusCode::OK, &Value::Null), "{sent}");
        }
    }
    for list in [json!([]), json!([owner]), json!(["x"]), json!([null])] {
        let answer = admin.patch(&path, &json!({ "owner": list })).await;
        let told = json!({"owner": {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}});
        assert_eq!((answer.status.as_u16(), answer.json()), (400, told), "{list}");
    }
    let beth = admin.create_user("beth", &json!({"organization_users": {"organization": "", "is_admin": false}})).await;
    assert_eq!(beth["organization_users"], json!([]));
    let beth = format!("{OPENWISP}{}/", beth["id"].as_str().expect("an id"));
    for method in [Method::PATCH, Method::PUT] {
        let sent =
            json!({"username": "beth", "email": "beth@mail.example", "organization_users": {"organization": ""}});
        let answer = admin.json(method, &beth, Some(&sent)).await;
        assert_eq!((answer.status, &answer.json()["organization_users"]), (StatusCode::OK, &json!([])), "{answer:?}");
    }
    for (groups, expected) in
        [(json!([" 2"]), json!([2])), (json!([1.0]), json!([1])), (json!(["2\n", 1]), json!([1, 2]))]
    {
        let answer = admin.patch(&beth, &json!({ "groups": groups })).await;
        assert_eq!((answer.status, &answer.json()["groups"]), (StatusCode::OK, &expected), "{groups}: {answer:?}");
    }
    for groups in [json!([1.5]), json!([" "]), json!(["1.0"]), json!([true])] {
        assert_eq!(admin.patch(&beth, &json!({ "groups": groups })).await.status, 400, "{groups}");
    }
}

#[tokio::test]
async fn moments_are_read_as_rest_framework_reads_them() {
    let app = TestApp::start().await;
    let [_, (openl2m, _), _] = everybody(&app).await;
    let path = openl2m.post(OPENL2M, &json!({"username": "ann", "password": "first-password-1"})).await;
    let path = format!("{OPENL2M}{}/", path.json()["id"]);
    for (sent, shown) in [
        ("2021-02-03T04:05:06.1234567Z", "2021-02-03T04:05:06.123456Z"),
        ("2021-02-03T04:05:06,5Z", "2021-02-03T04:05:06.500000Z"),
        ("2021-2-3T4:05:06Z", "2021-02-03T04:05:06Z"),
        ("2021-02-03T04:05:06 Z", "2021-02-03T04:05:06Z"),
        ("20210203T040506Z", "2021-02-03T04:05:06Z"),
        ("2021-02-03T04Z", "2021-02-03T04:00:00Z"),
    ] {
        let answer = openl2m
            .patch(&path, &json!({"date_joined": sent, "last_login": sent, "profile": {"last_ldap_login": sent}}))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{sent}: {answer:?}");
        let user = answer.json();
        assert_eq!((&user["date_joined"], &user["last_login"]), (&json!(shown), &json!(shown)), "{sent}");
        assert_eq!(user["profile"]["last_ldap_login"], shown, "{sent}");
        let form = openl2m.form(Method::PATCH, &path, &format!("date_joined={}", sent.replace('+', "%2B"))).await;
        assert_eq!(form.json()["date_joined"], shown, "{sent}");
    }
    for sent in [
        json!("2021-02-03T24:00"),
        json!("2021-02-03T04:05:60"),
        json!(1_612_325_106),
        json!("2021-02-03T04:05:06 UTC"),
    ] {
        assert_eq!(openl2m.patch(&path, &json!({ "date_joined": sent })).await.status, 400, "{sent}");
    }
}

#[tokio::test]
async fn parts_of_forms_are_read_as_django_reads_them() {
    let app = TestApp::start().await;
    for (client, users) in everybody(&app).await {
        let n = users.len();
        let part = |headers: &str, body: &str| format!("--b\r\n{headers}\r\n\r\n{body}\r\n");
        let mut sent = part("Content-Disposition: form-data; NAME=\"username\"", &format!("parts{n}"));
        sent += &part("content-disposition: form-data; name*=utf-8''email", &format!("parts{n}@mail.example"));
        sent +=
            &part("Content-Disposition: form-data; name=\"first_name\"\r\nContent-Transfer-Encoding: base64", "QW5u");
        sent += &part(
            "Content-Disposition: form-data; name=\"last_name\"\r\nContent-Type: text/plain; charset=us-ascii",
            "Bee",
        );
        sent += &part("Content-Disposition: form-data; name=\"password\"; filename=\"\"", "Orchid-lantern-42");
        let sent = format!("{sent}--b--\r\n");
        let answer = client.with_body(Method::POST, users, "multipart/form-data; boundary=b", sent.clone()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{users}: {answer:?}");
        let user = answer.json();
        assert_eq!(
            (&user["username"], &user["first_name"], &user["last_name"]),
            (&json!(format!("parts{n}")), &json!("Ann"), &json!("Bee"))
        );
        let file = sent.replace("name=\"first_name\"", "name=\"first_name\"; FileName=\"x\"");
        let answer = client.with_body(Method::POST, users, "multipart/form-data; boundary=b", file).await;
        assert_eq!(answer.json()["first_name"], json!(["Not a valid string."]), "{users}: {answer:?}");
    }
}

#[tokio::test]
async fn letters_of_a_path_may_be_encoded_once() {
    let app = TestApp::start().await;
    let [(openwisp, _), (openl2m, _), (edge, _)] = everybody(&app).await;
    let ann = openwisp.create_user("ann", &json!({})).await;
    let id = ann["id"].as_str().expect("an id").replace('-', "%2D");
    let on_edge = edge.get("/api/users/?username=ann").await.json()[0]["id"].as_str().expect("an id").to_owned();
    let first = format!("%{:x}{}", on_edge.as_bytes()[0], &on_edge[1..]);
    for (client, path, plain) in [
        (&openwisp, "/api/v1/users/gr%6fup/".to_owned(), "/api/v1/users/group/".to_owned()),
        (&openwisp, "/api/v1/users/gr%6Fup/?page_size=1".to_owned(), "/api/v1/users/group/?page_size=1".to_owned()),
        (
            &openwisp,
            format!("/%61pi/v%31/users/user/{id}/"),
            format!("{OPENWISP}{}/", ann["id"].as_str().expect("an id")),
        ),
        (&openl2m, "/api/%61dmin/users/%31/".to_owned(), "/api/admin/users/1/".to_owned()),
        (&edge, format!("/api/%75sers/{first}"), format!("/api/users/{on_edge}")),
    ] {
        let (answer, plain) = (client.get(&path).await, client.get(&plain).await);
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, plain.json()), "{path}");
        assert_eq!(app.anonymous().get(&path).await.status, 401, "{path}: authentication comes first");
    }
    let changed = openwisp.patch(&format!("/api/v1/users/us%65r/{id}/"), &json!({"first_name": "Ann"})).await;
    assert_eq!(changed.json()["first_name"], "Ann");
    for path in [
        "/api/v1/users/gr%256fup/",
        "/api/v1/users%2Fgroup/",
        "/api/v1/users/gr%6fup%2f",
        "/api/v1/users/x/%2e%2e/group/",
    ] {
        assert_eq!(openwisp.get(path).await.status, 404, "{path}");
    }
}
