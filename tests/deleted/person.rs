//! Everything that is stored about a person, as one document.

use shared::directory::SystemCaller;
use shared::model::Username;

use super::*;

fn export(id: &str) -> String {
    format!("/api/rollcall/v1/users/{id}/export/")
}

#[tokio::test]
async fn an_export_has_everything_and_no_secrets() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = id_of(&jane(&admin, &app).await);
    let secret = app.api_token("jane").await;
    let browser = Browser::signed_in(&app, "jane").await;
    app.basic("jane", "wrong").get("/api/users/").await;
    let answer = admin.get(&export(&id)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let person = answer.json();
    let record = &person["user"];
    for (name, value) in [
        ("username", "jane"),
        ("email", "jane@mail.example"),
        ("first_name", "Janina"),
        ("last_name", "Doering"),
        ("bio", "Likes sailing"),
        ("notes", "Prefers mornings"),
        ("location", "Kiel"),
        ("phone_number", "+4915112345678"),
        ("birth_date", "1990-01-02"),
    ] {
        assert_eq!(record[name], value);
    }
    assert_eq!(record["addresses"].as_array().expect("addresses").len(), 2);
    assert_eq!(record["user_permissions"].as_array().expect("permissions").len(), 1);
    let names = |list: &str| -> Vec<String> {
        let list = person[list].as_array().expect("a list").iter();
        list.map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
    };
    let mut organizations = names("organizations");
    organizations.sort();
    assert_eq!(organizations, ["crew", "watch"]);
    assert_eq!(names("user_groups").len(), 2);
    assert_eq!(person["api_tokens"].as_array().expect("tokens").len(), 1);
    assert_eq!(person["sessions"].as_array().expect("sessions").len(), 1);
    assert_eq!(person["sign_ins"][0]["success"], false);
    assert_eq!((&person["deleted"], &person["has_more_sign_ins"]), (&Value::Null, &json!(false)));
    // Neither what is secret nor its hash.
    let user = stored(&app, &id).await.expect("jane");
    let text = answer.text();
    assert!(!text.contains(user.password.reveal()) && !text.contains(&secret));
    let hashes: Vec<String> = table(&app)
        .items
        .iter()
        .filter(|((pk, _), _)| pk.starts_with("TOKENS#") || pk.starts_with("SESSIONS#"))
        .filter_map(|(_, item)| Some(item.get("hash")?.as_str()?.to_owned()))
        .collect();
    assert!(hashes.len() >= 2 && hashes.iter().all(|hash| !text.contains(hash)), "{text}");
    assert!(browser.cookies.values().all(|cookie| !text.contains(cookie)));

    // The operator gets the same, and the event of the first export.
    let name = Username::parse("jane").expect("a name");
    let same = app.directory.export_named(SystemCaller::Operator, &name).await.expect("an export");
    let mut same = serde_json::to_value(::deleted::PersonResponse::from(same)).expect("JSON");
    let events = same["events"].as_array_mut().expect("events");
    let before = events.len();
    events.retain(|event| event["action"] != "export.completed");
    assert_eq!(before - events.len(), 1, "{events:?}");
    assert_eq!(same, person);
}

#[tokio::test]
async fn people_export_themselves_and_nobody_else() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let crew = organization(&admin, "crew").await;
    let boss = json!({"organization_users": {"organization": crew, "is_admin": true}});
    let boss_id = id_of(&admin.create_user("boss", &boss).await);
    let all = json!({"user_permissions": (1..=28).collect::<Vec<_>>()});
    assert_eq!(admin.patch(&detail(&boss_id), &all).await.status, StatusCode::OK);
    let member = json!({"organization_users": {"organization": crew, "is_admin": false}});
    let id = id_of(&admin.create_user("member", &member).await);
    let (boss, member) = (app.signed_in("boss").await, app.signed_in("member").await);
    assert_eq!(member.get(&export(&id)).await.json()["user"]["username"], "member");
    assert_eq!(member.get(&export(&boss_id)).await.status, StatusCode::FORBIDDEN);
    // Sessions and attempts of others are not a manager's business.
    assert_eq!(boss.get(&export(&id)).await.status, StatusCode::FORBIDDEN);
    assert_eq!(boss.get(&export(NOBODY)).await.status, StatusCode::FORBIDDEN);
    assert_eq!(admin.get(&export(NOBODY)).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn deleted_people_can_be_exported_until_they_are_purged() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = id_of(&jane(&admin, &app).await);
    app.basic("jane", "wrong").get("/api/users/").await;
    delete(&admin, &id).await;
    let person = admin.get(&export(&id)).await.json();
    assert_eq!(person["user"]["username"], "jane");
    assert!(person["deleted"].is_string(), "{person}");
    assert_eq!(person["organizations"].as_array().expect("organizations").len(), 2);
    assert_eq!((&person["api_tokens"], person["sign_ins"].as_array().map(Vec::len)), (&json!([]), Some(1)));
    assert_eq!(admin.delete(&deleted(&id)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(admin.get(&export(&id)).await.status, StatusCode::NOT_FOUND);
}
