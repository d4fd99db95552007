//! The caller's own user.

use super::*;
use crate::support::{PASSWORD, Table};

const ME: &str = "/scim/v2/Me";

#[tokio::test]
async fn everybody_reads_and_changes_a_profile_of_its_own() {
    let app = TestApp::start().await;
    let admin = Provider::of(&app, "admin").await;
    let more = json!({"password": PASSWORD, "emails": [{"value": "jane@mail.example"}], "roles": [{"value": "boss"}]});
    let made = admin.create("jane", more).await;
    let jane = Provider::of(&app, "jane").await;
    let seen = jane.read(ME).await;
    assert_eq!((&seen["id"], &seen["roles"]), (&made["id"], &made["roles"]));
    let changes = json!([
        {"op": "replace", "value": {"name.givenName": "Jane", "nickName": "J", "locale": "de"}},
        {"op": "add", "path": "addresses", "value": [{"type": "home", "country": "DE"}]},
    ]);
    let changed = jane.patch(ME, changes).await;
    assert_eq!(changed.status.as_u16(), 200);
    assert_eq!(changed.json()["name"]["givenName"], "Jane");
    let mut whole = jane.read(ME).await;
    whole["title"] = json!("Dr");
    assert_eq!(jane.put(ME, &whole).await.json()["title"], "Dr");
    assert_eq!(admin.read(&at(&made)).await["title"], "Dr");
    for (path, value) in [
        ("userName", json!("janet")),
        ("externalId", json!("x")),
        ("active", json!(false)),
        ("emails", json!([{"value": "other@mail.example"}])),
        ("phoneNumbers", json!([{"value": "+393331234567"}])),
        ("roles", json!([])),
        (&*format!("{ENTERPRISE_URN}:department"), json!("x")),
        (&*format!("{ROLLCALL_URN}:expirationDate"), json!("2099-01-01")),
    ] {
        let before = jane.read(ME).await;
        let answer = jane.patch(ME, json!([{"op": "replace", "path": path, "value": value}])).await;
        assert_eq!(told(&answer), (403, String::new()), "{path}");
        assert_eq!(jane.read(ME).await, before, "{path}");
    }
    let both = json!([{"op": "add", "value": {"password": "Walnut-harbour-77", "nickName": "x"}}]);
    assert_eq!(told(&jane.patch(ME, both).await), (403, String::new()));
    let alone = json!([{"op": "add", "value": {"password": "Walnut-harbour-77"}}]);
    assert_eq!(jane.patch(ME, alone).await.status.as_u16(), 200);
    assert_eq!(app.basic("jane", "Walnut-harbour-77").get(ME).await.status.as_u16(), 200);
    assert_eq!(app.basic("jane", PASSWORD).get(ME).await.status.as_u16(), 401);
    // All else is the business of others.
    let jane = Provider(app.basic("jane", "Walnut-harbour-77"));
    for path in [USERS, GROUPS, &at(&made)] {
        assert!([403, 404].contains(&jane.get(path).await.status.as_u16()), "{path}");
    }
    assert_eq!(jane.delete(ME).await.status.as_u16(), 405);
    assert_eq!(jane.post(ME, &json!({})).await.status.as_u16(), 405);
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn a_superuser_may_change_all_of_itself() {
    let app = TestApp::start().await;
    let admin = Provider::of(&app, "admin").await;
    let changed = admin.patch(ME, json!([{"op": "add", "value": {"title": "Root", "externalId": "0"}}])).await;
    assert_eq!((changed.status.as_u16(), &changed.json()["externalId"]), (200, &json!("0")));
    let off = admin.patch(ME, json!([{"op": "replace", "path": "active", "value": false}])).await;
    assert_eq!(told(&off), (403, String::new()), "the last one stays");
}
