//! What is taken for a domain, in e-mails and in URLs, by all APIs and imports.

use http::StatusCode;
use serde_json::json;

use crate::support::{PASSWORD, TestApp, USERS};

const ORGANIZATIONS: &str = "/api/v1/users/organization/";
const NO_EMAIL: &str = "Enter a valid email address.";

/// Domains with marks, which used to be refused.
const GOOD: [&str; 8] = [
    "తెలుగు.భారత్",
    "ಕನ್ನಡ.ಭಾರತ",
    "பரிட்சை.example",
    "परीक्षा.भारत",
    "မြန်မာ.example",
    "ខ្មែរ.example",
    "re\u{301}sume\u{301}.example",
    "домен.рф",
];

/// What no mail can reach, or Django does not read.
fn bad() -> Vec<String> {
    let long = format!("a@{}.example", "ü".repeat(60));
    [
        "a@[IPv6:::1]",
        "a@ü_b.example",
        "a@ü!.example",
        "a@-ü.example",
        "a@ü-.example",
        "a@ü b.example",
        "\"a\u{b}b\"@x.org",
        &long,
    ]
    .map(ToOwned::to_owned)
    .into()
}

#[tokio::test]
async fn domains_with_marks_are_taken_by_all_apis() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let keyed = app.keyed(&app.api_token("admin").await);
    let basic = app.basic("admin", PASSWORD);
    for (number, domain) in GOOD.into_iter().enumerate() {
        let email = |api: &str| format!("{api}@{domain}");
        let user = admin.create_user(&format!("w{number}"), &json!({"email": email("w")})).await;
        assert_eq!(user["email"], email("w"));
        let url = format!("http://{domain}/");
        let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
        let changed = admin.patch(&path, &json!({"url": url})).await;
        assert_eq!((changed.status, &changed.json()["url"]), (StatusCode::OK, &json!(url)), "{domain}");
        let organization = json!({"name": domain, "slug": format!("s{number}"), "email": email("o"), "url": url});
        assert_eq!(admin.post(ORGANIZATIONS, &organization).await.status, StatusCode::CREATED, "{domain}");
        let user = json!({"username": format!("l{number}"), "password": PASSWORD, "email": email("l")});
        assert_eq!(keyed.post("/api/admin/users/", &user).await.status, StatusCode::CREATED, "{domain}");
        let user = json!({
            "username": format!("e{number}"), "password": PASSWORD, "email": email("e"), "first_name": "E", "last_name": "E"
        });
        assert_eq!(basic.post("/api/users/", &user).await.status, StatusCode::CREATED, "{domain}");
    }
}

#[tokio::test]
async fn addresses_that_no_mail_can_reach_are_refused_by_all_apis() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let keyed = app.keyed(&app.api_token("admin").await);
    let basic = app.basic("admin", PASSWORD);
    for email in bad() {
        let user = json!({"username": "u", "password": PASSWORD, "email": email, "first_name": "E", "last_name": "E"});
        for (client, path) in [(&admin, USERS), (&keyed, "/api/admin/users/"), (&basic, "/api/users/")] {
            let answer = client.post(path, &user).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}, {email}");
            assert!(answer.text().contains(NO_EMAIL), "{path}, {email}: {answer:?}");
        }
        let organization = json!({"name": "o", "slug": "o", "email": email});
        let answer = admin.post(ORGANIZATIONS, &organization).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, json!({"email": [NO_EMAIL]})), "{email}");
    }
    assert_eq!(admin.get(USERS).await.json()["count"], 1);
}
