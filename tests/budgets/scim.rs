//! What identity providers cost (`contracts/scim.md`).

use super::*;
use crate::scim::{GROUPS, PATCH_URN, Provider, USERS as PROVIDED, at, encoded};

async fn note(
    peak: &mut Peak,
    provider: &Provider,
    method: Method,
    path: &str,
    body: Option<&Value>,
    status: u16,
) -> Value {
    let answer = provider.ask(method, path, body).await;
    peak.note(&answer, StatusCode::from_u16(status).expect("a status"));
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

async fn existence(provider: &Provider, made: &Value) {
    let mut peak = Peak::default();
    for filter in [
        "userName eq \"PROVIDED0@mail.example\"".to_owned(),
        "userName eq \"nobody@mail.example\"".to_owned(),
        "externalId eq \"external0\"".to_owned(),
        "externalId eq \"nobody\"".to_owned(),
        "emails[type eq \"work\"].value eq \"provided0@mail.example\"".to_owned(),
        "emails.value eq \"nobody@mail.example\"".to_owned(),
        format!("id eq {}", made["id"]),
    ] {
        let path = format!("{PROVIDED}?filter={}&startIndex=1&count=100", encoded(&filter));
        note(&mut peak, provider, Method::GET, &path, None, 200).await;
    }
    peak.within("SCIM, whether somebody exists", 4.0, 0.0);
}

/// At most four more than OpenWISP's creation has: names without regard to case, the external id, and larger rows.
async fn created(provider: &Provider) -> Vec<Value> {
    let (mut peak, mut users) = (Peak::default(), Vec::new());
    for number in 0..12 {
        let name = format!("Provided{number}@mail.example");
        let body = json!({
            "userName": name, "externalId": format!("external{number}"), "active": true, "password": PASSWORD, "locale": "en-US",
            "name": {"givenName": "Ada", "familyName": "Lovelace"}, "groups": [], "displayName": "Ada Lovelace",
            "emails": [{"value": name.to_lowercase(), "type": "work", "primary": true}],
        });
        let answer = provider.post(PROVIDED, &body).await;
        peak.note(&answer, StatusCode::CREATED);
        users.push(answer.json());
    }
    peak.within("SCIM, creation", 12.0, 24.0 + EVENT + SEARCH);
    users
}

async fn switched(provider: &Provider, users: &[Value]) {
    let mut peak = Peak::default();
    for user in users {
        for word in ["False", "True"] {
            let body =
                json!({"schemas": [PATCH_URN], "Operations": [{"op": "Replace", "path": "active", "value": word}]});
            note(&mut peak, provider, Method::PATCH, &at(user), Some(&body), 200).await;
        }
    }
    peak.within("SCIM, active=false and active=true, all included", 4.0, SWITCHED);
}

async fn pages(provider: &Provider, users: usize) {
    let mut peak = Peak::default();
    for query in ["", "?startIndex=1&count=100", "?count=100&cursor=", "?attributes=userName,externalId"] {
        let page = note(&mut peak, provider, Method::GET, &format!("{PROVIDED}{query}"), None, 200).await;
        assert_eq!(page["itemsPerPage"], 100, "{query}");
    }
    let mut cursor = String::new();
    for _ in 0..5.min(users / 100) {
        let page =
            note(&mut peak, provider, Method::GET, &format!("{PROVIDED}?count=100&cursor={cursor}"), None, 200).await;
        page["nextCursor"].as_str().unwrap_or_default().clone_into(&mut cursor);
    }
    peak.within("SCIM, a page of 100", 20.0, 0.0);
}

/// Group 2 has nearly everybody: one more costs the same as anywhere.
async fn joins(provider: &Provider, users: &[Value]) {
    let mut peak = Peak::default();
    for verb in ["add", "remove"] {
        for user in &users[..4] {
            let operation = json!({"op": verb, "path": "members", "value": [{"value": user["id"]}]});
            let body = json!({"schemas": [PATCH_URN], "Operations": [operation]});
            note(&mut peak, provider, Method::PATCH, &format!("{GROUPS}/2"), Some(&body), 204).await;
        }
    }
    let path = format!("{GROUPS}?excludedAttributes=members&filter={}", encoded("displayName eq \"Operator\""));
    note(&mut peak, provider, Method::GET, &path, None, 200).await;
    peak.within("SCIM, one more in a very large group", 10.0, 16.0);
}

async fn measure_scim(users: usize) {
    let app = directory_of(users).await;
    let provider = Provider::of(&app, "admin").await;
    pages(&provider, users).await;
    let made = created(&provider).await;
    existence(&provider, &made[0]).await;
    switched(&provider, &made).await;
    joins(&provider, &made).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scim_stays_within_its_budgets() {
    measure_scim(1000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scim_stays_within_its_budgets_among_a_hundred_thousand_users() {
    measure_scim(if is_large() { 100_000 } else { 150 }).await;
}
