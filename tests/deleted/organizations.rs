//! Groups and organizations of restored users, whatever became of them meanwhile.

use super::*;
use crate::support::PASSWORD;

#[tokio::test]
async fn what_no_longer_exists_is_told_and_the_rest_comes_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (gone, closed, kept) =
        (organization(&admin, "gone").await, organization(&admin, "closed").await, organization(&admin, "kept").await);
    let group = admin.post(GROUPS, &json!({"name": "gone", "permissions": [1]})).await.json()["id"].clone();
    let id = id_of(&admin.create_user("jane", &json!({"groups": [group, 1]})).await);
    for organization in [&gone, &closed, &kept] {
        join(&admin, &id, organization, true).await;
    }
    delete(&admin, &id).await;
    assert_eq!(admin.delete(&format!("{GROUPS}{group}/")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(admin.delete(&format!("{ORGANIZATIONS}{gone}/")).await.status, StatusCode::NO_CONTENT);
    let close = json!({"is_active": false});
    assert_eq!(admin.patch(&format!("{ORGANIZATIONS}{closed}/"), &close).await.status, StatusCode::OK);
    // Somebody else owns it by now.
    let other = id_of(&admin.create_user("other", &json!({})).await);
    join(&admin, &other, &kept, true).await;
    let owner = admin.get(&format!("{ORGANIZATIONS}{kept}/")).await.json()["owner"].clone();
    assert_ne!(owner, Value::Null);

    let lost = restore(&admin, &id).await;
    assert_eq!((&lost["lost_groups"], &lost["lost_organizations"]), (&json!([group]), &json!([gone])));
    let user = stored(&app, &id).await.expect("jane");
    assert_eq!(user.manages.iter().map(ToString::to_string).collect::<Vec<_>>(), std::slice::from_ref(&kept));
    let holds = user.holds.expect("what it holds");
    assert_eq!(holds.iter().map(ToString::to_string).collect::<Vec<_>>(), std::slice::from_ref(&closed));
    assert_eq!(admin.get(&format!("{ORGANIZATIONS}{kept}/")).await.json()["owner"], owner);
    // The closed one had no owner any more.
    assert_ne!(admin.get(&format!("{ORGANIZATIONS}{closed}/")).await.json()["owner"], Value::Null);
    assert_eq!(admin.get(&detail(&id)).await.json()["groups"], json!([1]));
    app.cleanup().await.expect("the work");
    table(&app);
}

#[tokio::test]
async fn memberships_that_do_not_fit_into_one_transaction_follow() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = id_of(&admin.create_user("jane", &json!({})).await);
    let mut all = Vec::new();
    for index in 0..70 {
        let organization = organization(&admin, &format!("o{index}")).await;
        join(&admin, &id, &organization, true).await;
        all.push(organization);
    }
    let before = stored(&app, &id).await.expect("jane");
    delete(&admin, &id).await;
    // More are left than the request works through.
    let waits = json!({"detail": "Service temporarily unavailable, try again later."});
    assert!(table(&app).work_left() > 0, "{waits}");
    restore(&admin, &id).await;
    let restored = stored(&app, &id).await.expect("jane");
    assert!(!restored.returning.is_empty(), "some are left for the cleanup");
    // One who is deleted again before all are back loses none of them.
    delete(&admin, &id).await;
    app.cleanup().await.expect("the work");
    restore(&admin, &id).await;
    app.cleanup().await.expect("the work");
    let after = stored(&app, &id).await.expect("jane");
    assert_eq!((after.manages, after.returning.len()), (before.manages, 0));
    let table = table(&app);
    assert_eq!(table.work_left(), 0);
    for organization in all {
        assert_ne!(admin.get(&format!("{ORGANIZATIONS}{organization}/")).await.json()["owner"], Value::Null);
    }
}

#[tokio::test]
async fn cleanup_that_is_late_touches_no_restored_user() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let crew = organization(&admin, "crew").await;
    let membership = json!({"organization_users": {"organization": crew, "is_admin": true}});
    let id = id_of(&admin.create_user("jane", &membership).await);
    delete(&admin, &id).await;
    restore(&admin, &id).await;
    let token = app.api_token("jane").await;
    app.basic("jane", PASSWORD).get("/api/users/").await;
    let before = table(&app);
    // What another process has read of the deletion's work before the restoration, and does only now.
    let store = app.directory.store();
    let user = UserId::parse(&id).expect("an id");
    let left = store.memberships_left(user, None, 10).await.expect("memberships");
    let [left] = &left[..] else { panic!("one membership") };
    let membership = left.membership.as_ref().expect("a membership");
    store.membership_remove(user, &left.position, membership).await.expect("nothing");
    store.tokens_remove_some(user, 10).await.expect("nothing");
    store.sessions_remove_some(user, 10).await.expect("nothing");
    assert_eq!(table(&app).items, before.items);
    assert_eq!(app.bearer(&token).get("/api/rollcall/v1/me/tokens/").await.status, StatusCode::OK);
}
