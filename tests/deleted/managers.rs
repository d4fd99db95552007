//! Who sees, restores and purges whom: the one rights model.

use super::*;

/// Somebody who manages that organization, with permissions.
async fn manager(app: &TestApp, admin: &Client, name: &str, organization: &str, permissions: &[u64]) -> Client {
    let membership = json!({"organization_users": {"organization": organization, "is_admin": true}});
    let id = id_of(&admin.create_user(name, &membership).await);
    let given = admin.patch(&detail(&id), &json!({ "user_permissions": permissions })).await;
    assert_eq!(given.status, StatusCode::OK, "{given:?}");
    app.signed_in(name).await
}

/// Of users: add, change, delete, view.
const ALL: [u64; 4] = [25, 26, 27, 28];

#[tokio::test]
async fn managers_act_within_their_organizations() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (crew, other) = (organization(&admin, "crew").await, organization(&admin, "other").await);
    let boss = manager(&app, &admin, "boss", &crew, &ALL).await;
    let stranger = manager(&app, &admin, "stranger", &other, &ALL).await;
    let member = json!({"organization_users": {"organization": crew, "is_admin": false}});
    let id = id_of(&admin.create_user("member", &member).await);
    delete(&boss, &id).await;
    assert_eq!(stranger.get(DELETED).await.json(), json!({"next": null, "results": []}));
    for answer in [
        stranger.get(&deleted(&id)).await,
        stranger.delete(&deleted(&id)).await,
        stranger.post(&restoring(&id), &json!({})).await,
    ] {
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer:?}");
    }
    assert_eq!(boss.get(DELETED).await.json()["results"][0]["id"], id);
    assert_eq!(boss.get(&deleted(&id)).await.json()["username"], "member");
    restore(&boss, &id).await;
    assert_eq!(boss.get(&detail(&id)).await.status, StatusCode::OK);
    delete(&boss, &id).await;
    // Nobody manages what is closed.
    let close = json!({"is_active": false});
    assert_eq!(admin.patch(&format!("{ORGANIZATIONS}{crew}/"), &close).await.status, StatusCode::OK);
    assert_eq!(boss.get(DELETED).await.json()["results"], json!([]));
    assert_eq!(boss.post(&restoring(&id), &json!({})).await.status, StatusCode::NOT_FOUND);
    table(&app);
}

#[tokio::test]
async fn nobody_restores_or_purges_somebody_stronger() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (crew, other) = (organization(&admin, "crew").await, organization(&admin, "other").await);
    let boss = manager(&app, &admin, "boss", &crew, &ALL).await;
    let group = admin.post(GROUPS, &json!({"name": "office", "permissions": [9]})).await.json()["id"].clone();
    let member = json!({"organization": crew, "is_admin": false});
    let mut stronger = Vec::new();
    for (name, fields) in [
        ("grouped", json!({"groups": [group]})),
        ("elsewhere", json!({})),
        ("permitted", json!({})),
        ("edge", json!({})),
    ] {
        let id = id_of(&admin.create_user(name, &fields).await);
        join(&admin, &id, member["organization"].as_str().expect("an id"), false).await;
        stronger.push(id);
    }
    join(&admin, &stronger[1], &other, true).await;
    let permitted = admin.patch(&detail(&stronger[2]), &json!({"user_permissions": [21]})).await;
    assert_eq!(permitted.status, StatusCode::OK);
    let edge_id = stored(&app, &stronger[3]).await.expect("a user").edge_id;
    let staff = app.basic("admin", PASSWORD).patch(&format!("/api/users/{edge_id}/"), &json!({"is_staff": true})).await;
    assert_eq!(staff.status, StatusCode::ACCEPTED);
    for id in &stronger {
        delete(&admin, id).await;
        assert_eq!(boss.get(&deleted(id)).await.status, StatusCode::OK, "it is in sight");
        assert_eq!(boss.post(&restoring(id), &json!({})).await.status, StatusCode::FORBIDDEN);
        assert_eq!(boss.delete(&deleted(id)).await.status, StatusCode::FORBIDDEN);
    }
    // A right that no longer exists protects nobody.
    assert_eq!(admin.delete(&format!("{GROUPS}{group}/")).await.status, StatusCode::NO_CONTENT);
    restore(&boss, &stronger[0]).await;
    assert_eq!(admin.delete(&format!("{ORGANIZATIONS}{other}/")).await.status, StatusCode::NO_CONTENT);
    restore(&boss, &stronger[1]).await;
    let superuser = id_of(&admin.create_user("root", &json!({"is_superuser": true})).await);
    join(&admin, &superuser, &crew, false).await;
    delete(&admin, &superuser).await;
    assert_eq!(boss.post(&restoring(&superuser), &json!({})).await.status, StatusCode::NOT_FOUND);
    table(&app);
}

#[tokio::test]
async fn each_act_needs_its_permission() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let crew = organization(&admin, "crew").await;
    let member = json!({"organization_users": {"organization": crew, "is_admin": false}});
    for (name, permission, expected) in [
        ("adds", 25, [403, 200, 403]),
        ("changes", 26, [200, 403, 403]),
        ("deletes", 27, [403, 403, 204]),
        ("views", 28, [200, 403, 403]),
    ] {
        let client = manager(&app, &admin, name, &crew, &[permission]).await;
        let id = id_of(&admin.create_user(&format!("of{name}"), &member).await);
        delete(&admin, &id).await;
        let mut got = [client.get(&deleted(&id)).await.status.as_u16(); 3];
        got[1] = client.post(&restoring(&id), &json!({})).await.status.as_u16();
        if got[1] == 200 {
            delete(&admin, &id).await;
        }
        got[2] = client.delete(&deleted(&id)).await.status.as_u16();
        assert_eq!(got, expected, "{name}");
        assert_eq!(client.get(DELETED).await.status.as_u16(), expected[0], "{name}");
    }
}

/// A manager's page looks at so many deleted users, and says where to go on.
#[tokio::test]
async fn a_managers_page_goes_on_behind_what_is_out_of_sight() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let crew = organization(&admin, "crew").await;
    let boss = manager(&app, &admin, "boss", &crew, &ALL).await;
    let member = json!({"organization_users": {"organization": crew, "is_admin": false}});
    let oldest = id_of(&admin.create_user("oldest", &member).await);
    delete(&admin, &oldest).await;
    for index in 0..210 {
        app.environment.advance(1);
        let id = id_of(&admin.create_user(&format!("u{index}"), &json!({})).await);
        delete(&admin, &id).await;
    }
    let first = boss.get(DELETED).await.json();
    assert_eq!(first["results"], json!([]));
    let next = first["next"].as_str().expect("a link").strip_prefix("http://rollcall.example").expect("our host");
    let second = boss.get(next).await.json();
    assert_eq!((&second["results"][0]["id"], &second["next"]), (&json!(oldest), &Value::Null));
}
