//! What is refused in users and how that is told (`contracts/openwisp.md` section 5).

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{TestApp, USERS};

const REQUIRED: &str = "This field is required.";
const NULL: &str = "This field may not be null.";
const BLANK: &str = "This field may not be blank.";
const EMPTY: &str = "This field cannot be blank.";
const NO_TEXT: &str = "Not a valid string.";
const NUL: &str = "Null characters are not allowed.";
const NO_BOOLEAN: &str = "Must be a valid boolean.";
const NO_DATE: &str = "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.";
const NO_EMAIL: &str = "Enter a valid email address.";
const NO_URL: &str = "Enter a valid URL.";
const NO_USERNAME: &str =
    "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.";
const NO_PHONE: &str = "The phone number entered is not valid.";
const NAME_TAKEN: &str = "A user with that username already exists.";
const EMAIL_TAKEN: &str = "user with this email address already exists.";
const EMAIL_TAKEN_IN_ANOTHER_CASE: &str = "User with this Email address already exists.";
const PHONE_TAKEN: &str = "user with this phone number already exists.";

fn too_long(most: usize) -> String {
    format!("Ensure this field has no more than {most} characters.")
}

fn unknown(key: &str) -> String {
    format!("Invalid pk \"{key}\" - object does not exist.")
}

fn wrong_type(kind: &str) -> String {
    format!("Incorrect type. Expected pk value, received {kind}.")
}

fn no_list(kind: &str) -> String {
    format!("Expected a list of items but got type \"{kind}\".")
}

fn letters(count: usize) -> String {
    "x".repeat(count)
}

/// Refusals that hold for new users and for changes alike: the field, the value, what is told.
fn common() -> Vec<(&'static str, Value, Vec<String>)> {
    let one = |message: &str| vec![message.to_owned()];
    let mut cases = vec![
        ("username", json!(null), one(NULL)),
        ("username", json!(""), one(BLANK)),
        ("username", json!(" \t\n "), one(BLANK)),
        ("username", json!(["x"]), one(NO_TEXT)),
        ("username", json!({"x": 1}), one(NO_TEXT)),
        ("username", json!(true), one(NO_TEXT)),
        ("username", json!(letters(151)), one(&too_long(150))),
        ("username", json!(format!("a b{}", letters(148))), vec![too_long(150), NO_USERNAME.to_owned()]),
        ("username", json!("a\u{0}b"), vec![NUL.to_owned(), NO_USERNAME.to_owned()]),
        ("username", json!("jane"), one(NAME_TAKEN)),
        ("username", json!(" jane "), one(NAME_TAKEN)),
        ("email", json!(["x"]), one(NO_TEXT)),
        ("email", json!(false), one(NO_TEXT)),
        ("email", json!(format!("{}@mail.example", letters(250))), one(&too_long(254))),
        ("email", json!(letters(300)), vec![too_long(254), NO_EMAIL.to_owned()]),
        ("email", json!(5), one(NO_EMAIL)),
        ("email", json!("jane@mail.example"), one(EMAIL_TAKEN)),
        ("email", json!("Jane@Mail.EXAMPLE"), one(EMAIL_TAKEN_IN_ANOTHER_CASE)),
        ("phone_number", json!("+39 333 123 4567"), one(PHONE_TAKEN)),
        ("phone_number", json!({}), one(NO_TEXT)),
        ("birth_date", json!({}), one(NO_DATE)),
        ("is_active", json!(null), one(NULL)),
        ("groups", json!(null), one(NULL)),
        ("groups", json!("x"), one(&no_list("str"))),
        ("groups", json!(1), one(&no_list("int"))),
        ("groups", json!(1.5), one(&no_list("float"))),
        ("groups", json!({}), one(&no_list("dict"))),
        ("groups", json!(true), one(&no_list("bool"))),
    ];
    for text in ["has space", "slash/ed", "semi;colon", "new\nline", "a:b", "smile😀", "a\"b", "a'b", "a<b"] {
        cases.push(("username", json!(text), one(NO_USERNAME)));
    }
    for text in
        ["plain", "a@", "@b.example", "a b@c.example", "a@b@c.example", "a..b@c.example", ".a@c.example", "a@nodot"]
    {
        cases.push(("email", json!(text), one(NO_EMAIL)));
    }
    for text in ["123", "letters", "+39", "3331234567", "+999123456789"] {
        cases.push(("phone_number", json!(text), one(NO_PHONE)));
    }
    for name in ["first_name", "last_name"] {
        cases.push((name, json!(null), one(NULL)));
        cases.push((name, json!([]), one(NO_TEXT)));
        cases.push((name, json!(letters(151)), one(&too_long(150))));
        cases.push((name, json!("a\u{0}b"), one(NUL)));
    }
    for name in ["birth_date", "expiration_date"] {
        for text in ["", "x", "2001-02-30", "01-02-2001", "2001-02-03T00:00:00Z", "2001-02"] {
            cases.push((name, json!(text), one(NO_DATE)));
        }
        cases.push((name, json!(20_000_229), one(NO_DATE)));
        cases.push((name, json!(true), one(NO_DATE)));
    }
    for name in ["is_active", "is_staff", "is_superuser"] {
        for value in [json!("maybe"), json!(""), json!(2), json!(-1), json!(0.5), json!([]), json!({}), json!("tr ue")]
        {
            cases.push((name, value, one(NO_BOOLEAN)));
        }
    }
    for (entry, message) in [
        (json!(9999), unknown("9999")),
        (json!(0), unknown("0")),
        (json!("9999"), unknown("9999")),
        (json!("-1"), unknown("-1")),
        (json!(9999e0), unknown("9999.0")),
        (json!(1e30), unknown("1e+30")),
        (json!("x"), wrong_type("str")),
        (json!(null), unknown("None")),
        (json!(true), wrong_type("bool")),
        (json!(1.5), wrong_type("float")),
        (json!({}), wrong_type("dict")),
        (json!([]), wrong_type("list")),
    ] {
        cases.push(("groups", json!([entry]), one(&message)));
        cases.push(("groups", json!([1, entry]), one(&message)));
    }
    cases.push(("groups", json!(["+1", 9999, " 9998"]), one(&unknown("9999"))));
    cases
}

#[tokio::test]
async fn every_refusal_of_a_new_user_is_told_in_its_words() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.create_user("jane", &json!({"phone_number": "+393331234567"})).await;
    let one = |message: &str| vec![message.to_owned()];
    let mut cases = common();
    cases.extend([
        ("email", json!(null), one(EMPTY)),
        ("email", json!(""), one(EMPTY)),
        ("email", json!("  "), one(EMPTY)),
        ("password", json!(null), one(NULL)),
        ("password", json!(""), one(BLANK)),
        ("password", json!([]), one(NO_TEXT)),
        ("password", json!(true), one(NO_TEXT)),
        ("password", json!(letters(129)), one(&too_long(128))),
        ("password", json!("a\u{0}b"), one(NUL)),
        ("email_verified", json!("maybe"), one(NO_BOOLEAN)),
        ("email_verified", json!(null), one(NULL)),
    ]);
    for (field, value, messages) in cases {
        let mut body = json!({"username": "new", "email": "new@mail.example", "password": "x"});
        body[field] = value;
        let answer = admin.post(USERS, &body).await;
        let expected = json!({ field: messages });
        assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, expected), "{body}");
    }
    assert_eq!(admin.get(USERS).await.json()["count"], 2, "nothing was made");
    for field in ["username", "email", "password"] {
        let mut body = json!({"username": "new", "email": "new@mail.example", "password": "x"});
        body.as_object_mut().expect("an object").remove(field);
        let answer = admin.post(USERS, &body).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, json!({ field: [REQUIRED] })));
    }
}

#[tokio::test]
async fn every_refusal_of_a_change_is_told_in_its_words_and_changes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.create_user("jane", &json!({"phone_number": "+393331234567"})).await;
    let user = admin.create_user("john", &json!({"first_name": "Kept"})).await;
    let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
    let before = admin.get(&path).await.json();
    let one = |message: &str| vec![message.to_owned()];
    let mut cases = common();
    for text in ["not a url", "site.example", "//site.example", "javascript://site.example", "http://", "http://nodot"]
    {
        cases.push(("url", json!(text), one(NO_URL)));
    }
    for (name, most) in [("company", 30), ("location", 256)] {
        cases.push((name, json!(letters(most + 1)), one(&too_long(most))));
    }
    for name in ["bio", "notes", "url", "company", "location"] {
        cases.push((name, json!(null), one(NULL)));
        cases.push((name, json!([]), one(NO_TEXT)));
    }
    cases.extend([
        ("bio", json!("a\u{0}b"), one(NUL)),
        ("url", json!(format!("https://site.example/{}", letters(200))), one(&too_long(200))),
        ("url", json!(letters(201)), vec![too_long(200), NO_URL.to_owned()]),
        ("user_permissions", json!(null), one(NULL)),
        ("user_permissions", json!("x"), one(&no_list("str"))),
        ("user_permissions", json!([9999, 9998]), one(&unknown("9999"))),
        ("user_permissions", json!([0]), one(&unknown("0"))),
        ("user_permissions", json!([-1]), one(&unknown("-1"))),
        ("user_permissions", json!(["x"]), one(&wrong_type("str"))),
    ]);
    for (field, value, messages) in cases {
        let mut body = json!({"username": "john", "first_name": "Changed"});
        body[field] = value;
        for answer in [admin.patch(&path, &body).await, admin.put(&path, &body).await] {
            let mut expected = json!({ field: messages });
            if field == "username" {
                expected["username"] = json!(messages);
            }
            assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, expected), "{body}");
        }
    }
    assert_eq!(admin.get(&path).await.json(), before);
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.create_user("jane", &json!({"phone_number": "+393331234567"})).await;
    let cases = [
        (json!({}), json!({"username": [REQUIRED], "email": [REQUIRED], "password": [REQUIRED]})),
        (
            json!({"username": "", "email": "", "password": ""}),
            json!({"username": [BLANK], "email": [EMPTY], "password": [BLANK]}),
        ),
        (
            json!({"username": "jane", "email": "jane@mail.example", "password": "x", "phone_number": "+393331234567"}),
            json!({"username": [NAME_TAKEN], "email": [EMAIL_TAKEN], "phone_number": [PHONE_TAKEN]}),
        ),
        (
            // Another case of an address is a matter of the whole object, told when the single fields are good.
            json!({"username": "jane", "email": "JANE@mail.example", "password": "x"}),
            json!({"username": [NAME_TAKEN]}),
        ),
        (
            json!({"username": "jane", "email": "bad", "password": null, "first_name": null, "is_active": "maybe",
                   "birth_date": "x", "expiration_date": "y", "phone_number": "1", "groups": [99]}),
            json!({"username": [NAME_TAKEN], "email": [NO_EMAIL], "password": [NULL], "first_name": [NULL],
                   "is_active": [NO_BOOLEAN], "birth_date": [NO_DATE], "expiration_date": [NO_DATE],
                   "phone_number": [NO_PHONE], "groups": [unknown("99")]}),
        ),
    ];
    for (body, expected) in cases {
        let answer = admin.post(USERS, &body).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, expected), "{body}");
    }
    let user = admin.create_user("john", &json!({})).await;
    let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
    let body = json!({
        "username": "a b", "email": "jane@mail.example", "url": "x", "groups": [99], "user_permissions": ["x"],
        "company": letters(31), "is_staff": null,
    });
    let expected = json!({
        "username": [NO_USERNAME], "email": [EMAIL_TAKEN], "url": [NO_URL], "groups": [unknown("99")],
        "user_permissions": [wrong_type("str")], "company": [too_long(30)], "is_staff": [NULL],
    });
    let answer = admin.patch(&path, &body).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, expected));
}

#[tokio::test]
async fn the_longest_values_and_all_spellings_are_accepted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = admin.create_user(&letters(150), &json!({"email": format!("{}@mail.example", letters(241))})).await;
    let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
    let url = format!("https://site.example/{}", letters(179));
    for (field, value, kept) in [
        ("first_name", json!(" Ada "), json!("Ada")),
        ("first_name", json!("é".repeat(150)), json!("é".repeat(150))),
        ("first_name", json!(12), json!("12")),
        ("last_name", json!(1.5), json!("1.5")),
        ("username", json!("x.+-_@é用Ж1"), json!("x.+-_@é用Ж1")),
        ("company", json!(letters(30)), json!(letters(30))),
        ("location", json!("用".repeat(256)), json!("用".repeat(256))),
        ("url", json!(url), json!(url)),
        ("url", json!(" http://localhost:8000/x "), json!("http://localhost:8000/x")),
        ("url", json!("ftp://[::1]/"), json!("ftp://[::1]/")),
        ("birth_date", json!("2000-2-9"), json!("2000-02-09")),
        ("birth_date", json!("20000229"), json!("2000-02-29")),
        ("birth_date", json!("2000-W09-2"), json!("2000-02-29")),
        ("birth_date", json!("9999-12-31"), json!("9999-12-31")),
        ("birth_date", json!("0001-01-01"), json!("0001-01-01")),
        ("email", json!(" o'Neil+x@localhost "), json!("o'Neil+x@localhost")),
        ("email", json!("\"a@b\"@mail.example"), json!("\"a@b\"@mail.example")),
        ("phone_number", json!(" +39 (333) 123-4567 "), json!("+393331234567")),
        ("groups", json!(["1", "+2", 1.0]), json!([1, 2])),
        ("user_permissions", json!([28, "1", 28]), json!([1, 28])),
        ("notes", json!("a\r\nb\tc 😀"), json!("a\r\nb\tc 😀")),
        ("bio", json!(letters(4096)), json!(letters(4096))),
    ] {
        let answer = admin.patch(&path, &json!({ field: value })).await;
        assert_eq!(answer.status, StatusCode::OK, "{field} {value}: {answer:?}");
        assert_eq!(answer.json()[field], kept);
    }
    for (words, flag) in
        [(["t", "Y", "yes", "TRUE", "on", "1", "True"], true), (["f", "N", "no", "FALSE", "off", "0", "False"], false)]
    {
        for word in words.map(|word| json!(word)).into_iter().chain([json!(flag), json!(i32::from(flag))]) {
            let answer = admin.patch(&path, &json!({"is_staff": word})).await;
            assert_eq!(answer.json()["is_staff"], flag, "{word}");
        }
    }
}

#[tokio::test]
async fn texts_that_are_too_long_are_refused_and_leave_the_record() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = admin.create_user("jane", &json!({})).await;
    let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
    let before = admin.get(&path).await.json();
    for length in [4097, 500_000] {
        let answer = admin.patch(&path, &json!({"bio": letters(length), "notes": letters(length)})).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{:?}", answer.status);
        assert_eq!(answer.json(), json!({"bio": [too_long(4096)], "notes": [too_long(4096)]}));
    }
    assert_eq!(admin.get(&path).await.json(), before);
}
