//! The calls of the two published pages, as they stand there, with their whole answers.

use http::Method;
use serde_json::json;

use super::{USERS, admin, told};
use crate::support::TestApp;

/// The profile that the newer page sends, encoded as in a form.
const CREATE: &str = "username=jane123&password=my_new_password&first_name=Jane&last_name=Doe&email=jane.doe%40test.com\
                      &profile=%7B%22allow_poe_toggle%22%3A+false%2C+%22are_you_sure%22%3A+false%2C+%22theme%22%3A+%22dark%22%7D";

#[tokio::test]
async fn a_user_is_created_read_listed_and_changed_as_documented() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let created = admin.form(Method::POST, USERS, CREATE).await;
    let profile = json!({
        "id": 2, "read_only": false, "bulk_edit": true, "vlan_edit": false, "allow_poe_toggle": false,
        "edit_if_descr": true, "are_you_sure": false, "last_ldap_dn": "", "last_ldap_login": null, "theme": "dark",
        "menu": true, "user": 2,
    });
    let mut jane = json!({
        "id": 2, "switchgroups": [], "profile": profile, "password": "********", "last_login": null,
        "is_superuser": false, "username": "jane123", "first_name": "Jane", "last_name": "Doe",
        "email": "jane.doe@test.com", "is_staff": false, "is_active": true,
        "date_joined": created.json()["date_joined"], "groups": [], "user_permissions": [],
    });
    assert_eq!(told(&created), (201, jane.clone()));
    assert_eq!(created.header("allow"), Some("GET, POST, HEAD, OPTIONS"));
    assert_eq!(created.header("vary"), Some("Accept"));
    assert_eq!(created.header("content-type"), Some("application/json"));
    let path = format!("{USERS}2/");
    assert_eq!(told(&admin.get(&path).await), (200, jane.clone()));

    // The older page knows no profile; there the integer stands.
    let changed = admin.form(Method::POST, &path, "password=new_password").await;
    jane["profile"] = json!(2);
    assert_eq!(told(&changed), (200, jane.clone()));
    assert_eq!(changed.header("allow"), Some("GET, POST, PATCH, HEAD, OPTIONS"));
    let login = app.anonymous().form(Method::POST, super::TOKEN, "username=jane123&password=new_password").await;
    assert_eq!(
        (login.json()["user_id"].clone(), login.json()["email"].clone()),
        (json!(2), json!("jane.doe@test.com"))
    );
    let rows = admin.get(USERS).await.json();
    assert_eq!(rows.as_array().expect("rows").len(), 2);
    assert_eq!(rows[1], jane);

    let changed = admin.form(Method::PATCH, &path, "profile=%7B%22theme%22%3A+%22light%22%7D").await;
    jane["profile"] = profile;
    jane["profile"]["theme"] = json!("light");
    assert_eq!(told(&changed), (200, jane));
}

#[tokio::test]
async fn the_first_calls_answer_as_for_a_server_without_switches() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let base = "http://rollcall.example/api";
    assert_eq!(
        told(&admin.get("/api/").await),
        (
            200,
            json!({
                "switches": format!("{base}/switches/"), "stats": format!("{base}/stats/"), "admin": format!("{base}/admin/"),
            })
        )
    );
    assert_eq!(admin.get("/api").await.json(), admin.get("/api/").await.json());
    assert_eq!(admin.get("/api/admin/").await.json()["users"], format!("{base}/admin/users/"));
    assert_eq!(
        told(&admin.get("/api/switches/").await),
        (
            200,
            json!({
                "user": {
                    "name": "admin", "read_only": false, "vlan_edit": false, "allow_poe_toggle": false, "edit_if_descr": true,
                },
                "groups": {},
            })
        )
    );
    let environment = admin.get("/api/environment/").await.json();
    assert_eq!(environment["openl2m"], json!({"label": "OpenL2M", "value": "4.2.6 (2026-08-21)"}));
    assert_eq!(environment.as_object().expect("entries").len(), 10);
}

#[tokio::test]
async fn statistics_count_tokens_exactly() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let count = async || admin.get("/api/stats/").await.json()["database"]["api_tokens"]["value"].clone();
    assert_eq!(count().await, 1);
    let jane = super::make(&admin, "jane", json!({"password": crate::support::PASSWORD})).await;
    for _ in 0..2 {
        app.api_token("jane").await;
    }
    assert_eq!(count().await, 3);
    let openwisp = app.admin().await;
    let store = app.directory.store();
    let number = shared::model::UserNumber(jane["id"].as_u64().expect("a number"));
    let id = store.user_by_number(number).await.expect("the store").expect("jane").user;
    assert_eq!(openwisp.delete(&format!("{}{id}/", crate::support::USERS)).await.status, 204);
    assert_eq!(count().await, 1, "tokens go with their user");
    let usage = admin.get("/api/stats/").await.json()["usage"].clone();
    assert_eq!(usage.as_object().expect("entries").len(), 4 + 4 + 5 + 3 + 4);
}
