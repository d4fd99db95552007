//! The twelve requests of Okta's SPEC test, in its order.

use std::time::{Duration, Instant};

use super::*;

#[tokio::test]
async fn okta_s_spec_test_passes() {
    let app = TestApp::start().await;
    let okta = Provider::of(&app, "admin").await;
    let one = json!({"name": {"givenName": "Al", "familyName": "Adams"}, "emails": [{"value": "al@mail.example"}]});
    okta.create("al@mail.example", one).await;
    let began = Instant::now();

    let first = okta.read(&format!("{USERS}?count=1&startIndex=1")).await;
    assert_eq!(first["schemas"], json!([LIST_URN]));
    assert_eq!((&first["itemsPerPage"], &first["startIndex"]), (&json!(1), &json!(1)));
    assert!(first["totalResults"].is_u64());
    let user = &first["Resources"][0];
    let id = user["id"].as_str().expect("an id");
    for pointer in ["/name/familyName", "/name/givenName", "/userName", "/emails/0/value"] {
        assert!(user.pointer(pointer).is_some_and(|value| value != ""), "{pointer}: {user}");
    }
    assert_eq!(user["active"], true);

    let alone = okta.read(&format!("{USERS}/{id}")).await;
    for name in ["id", "userName", "name", "emails", "active"] {
        assert_eq!(alone[name], user[name], "{name}");
    }

    let nobody = okta.read(&format!("{USERS}?filter={}", encoded("userName eq \"nobody@mail.example\""))).await;
    assert_eq!((&nobody["totalResults"], &nobody["schemas"]), (&json!(0), &json!([LIST_URN])));

    let unknown = okta.get(&format!("{USERS}/00000000-1111-2222-3333-444444444444")).await;
    assert_eq!(unknown.status.as_u16(), 404);

    let new = json!({
        "schemas": [USER_URN], "userName": "Runscope300x@Mail.example", "active": true, "displayName": "Runscope",
        "name": {"givenName": "Runscope", "familyName": "Test"}, "password": "x9!Kd8-rollcall",
        "emails": [{"primary": true, "value": "runscope300x@mail.example", "type": "work"}], "groups": [], "locale": "en-US",
    });
    let made = okta.post(USERS, &new).await;
    assert_eq!(made.status.as_u16(), 201);
    let made = made.json();
    for name in ["userName", "name", "emails", "active", "locale"] {
        let sent = &new[name];
        let is_kept = match sent {
            Value::Object(parts) => parts.iter().all(|(part, value)| &made[name][part] == value),
            _ => &made[name] == sent,
        };
        assert!(is_kept, "{name}: {made}");
    }
    assert!(made["schemas"].as_array().is_some_and(|urns| urns.contains(&json!(USER_URN))));

    assert_eq!(okta.read(&at(&made)).await["userName"], new["userName"]);
    let again = okta.post(USERS, &new).await;
    assert_eq!(told(&again), (409, "uniqueness".to_owned()));

    let capitals = okta.read(&format!("{USERS}?filter={}", encoded("userName eq \"RUNSCOPE300X@MAIL.EXAMPLE\""))).await;
    assert_eq!((&capitals["totalResults"], &capitals["Resources"][0]["id"]), (&json!(1), &made["id"]));

    assert_eq!(okta.get(GROUPS).await.status.as_u16(), 200);
    let wrong = Provider(app.bearer("wrong")).get(USERS).await;
    assert_eq!((wrong.status.as_u16(), &wrong.json()["status"]), (401, &json!("401")));
    assert_eq!(okta.get(&format!("{USERS}/00919288221112222")).await.status.as_u16(), 404);
    assert!(began.elapsed() < Duration::from_millis(12 * 600), "{:?}", began.elapsed());
}
