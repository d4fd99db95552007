//! What Rollcall does in its own way: `contracts/openwisp.md` section 15, those marked rows that no other file is about.
//!
//! Elsewhere: HEAD and the sight of managers in the access tables, unknown addresses in `http.rs`,
//! `is_verified` and links in `confirmation.rs`, groups that a manager gives in `users.rs`, expired accounts in `tokens.rs`.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Client, PASSWORD, TOKEN, TestApp, USERS};

const GROUPS: &str = "/api/v1/users/group/";
const ORGANIZATIONS: &str = "/api/v1/users/organization/";
const NEW: &str = " Copper-kettle-77 ";

fn path_of(user: &Value) -> String {
    format!("{USERS}{}/", user["id"].as_str().expect("an id"))
}

/// A refusal, which has changed nothing.
#[track_caller]
fn refused(answer: &Answer, expected: &Value) {
    assert_eq!((answer.status, &answer.json()), (StatusCode::BAD_REQUEST, expected));
}

async fn organization(admin: &Client, name: &str) -> Value {
    let answer = admin.post(ORGANIZATIONS, &json!({"name": name, "slug": name})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()
}

async fn signs_in(app: &TestApp, username: &str, password: &str) -> bool {
    let answer = app.anonymous().post(TOKEN, &json!({"username": username, "password": password})).await;
    answer.status == StatusCode::OK
}

/// A manager of an organization with the group Administrator, and a member of it.
async fn manager_and_member(app: &TestApp) -> (Client, Value, Value) {
    let admin = app.admin().await;
    let crew = organization(&admin, "crew").await;
    let boss = json!({"groups": [1], "organization_users": {"organization": crew["id"], "is_admin": true}});
    admin.create_user("boss", &boss).await;
    let member = json!({"organization_users": {"organization": crew["id"], "is_admin": false}});
    let member = admin.create_user("member", &member).await;
    (app.signed_in("boss").await, member, crew)
}

#[tokio::test]
async fn a_group_needs_no_permissions() {
    let app = TestApp::start().await;
    let answer = app.admin().await.post(GROUPS, &json!({"name": "Watch"})).await;
    assert_eq!((answer.status, &answer.json()["permissions"]), (StatusCode::CREATED, &json!([])));
}

#[tokio::test]
async fn permissions_that_are_none_are_refused_and_change_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let group = admin.post(GROUPS, &json!({"name": "Watch", "permissions": [1, 2]})).await.json();
    let path = format!("{GROUPS}{}/", group["id"]);
    let unknown = |sent: &str| format!("Invalid pk \"{sent}\" - object does not exist.");
    let wrong = |kind: &str| format!("Incorrect type. Expected pk value, received {kind}.");
    for (permission, message) in [
        (json!(99), unknown("99")),
        (json!(99.0), unknown("99.0")),
        (json!("-1"), unknown("-1")),
        (json!("99: user | Can do magic"), unknown("99")),
        (json!("one"), wrong("str")),
        (json!(null), wrong("NoneType")),
        (json!(true), wrong("bool")),
        (json!({}), wrong("dict")),
    ] {
        let (body, expected) =
            (json!({"name": "New", "permissions": [3, permission]}), json!({"permissions": [message]}));
        refused(&admin.post(GROUPS, &body).await, &expected);
        refused(&admin.patch(&path, &body).await, &expected);
    }
    assert_eq!(admin.get(&path).await.json(), group);
    assert_eq!(admin.get(GROUPS).await.json()["count"], 3);
}

#[tokio::test]
async fn who_is_no_superuser_gives_groups_only_own_permissions() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    // Add and change groups, view users.
    let clerk = admin.create_user("clerk", &json!({})).await;
    admin.patch(&path_of(&clerk), &json!({"user_permissions": [9, 10, 28]})).await;
    let beyond = json!({"permissions": ["You cannot give permissions that you do not have."]});
    let clerk = app.signed_in("clerk").await;
    refused(&clerk.post(GROUPS, &json!({"name": "More", "permissions": [28, 27]})).await, &beyond);
    let made = clerk.post(GROUPS, &json!({"name": "Viewers", "permissions": [28]})).await;
    assert_eq!(made.status, StatusCode::CREATED);
    // Administrator holds permissions that the clerk does not have: they stay, and no others come.
    let administrator = admin.get(&format!("{GROUPS}1/")).await.json();
    let held: Vec<Value> = administrator["permissions"].as_array().expect("permissions").clone();
    let path = format!("{GROUPS}1/");
    let mut more = held.clone();
    more.push(json!(1));
    refused(&clerk.patch(&path, &json!({"permissions": more})).await, &beyond);
    assert_eq!(admin.get(&path).await.json(), administrator);
    let mut other = held.clone();
    other.push(json!(9));
    assert_eq!(clerk.patch(&path, &json!({"permissions": other})).await.status, StatusCode::OK);
    // Nor does the clerk take from others what it does not hold.
    refused(&clerk.patch(&path, &json!({"permissions": [28]})).await, &beyond);
    let own = format!("{GROUPS}{}/", made.json()["id"]);
    assert_eq!(clerk.patch(&own, &json!({"permissions": []})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_group_is_removed_by_who_holds_what_it_grants() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let clerk = admin.create_user("clerk", &json!({})).await;
    // Add and delete groups, change organizations.
    admin.patch(&path_of(&clerk), &json!({"user_permissions": [9, 11, 14]})).await;
    let clerk = app.signed_in("clerk").await;
    let administrator = format!("{GROUPS}1/");
    assert_eq!(clerk.delete(&administrator).await.status, StatusCode::FORBIDDEN);
    assert_eq!(admin.get(&administrator).await.status, StatusCode::OK);
    // Operator may view organizations, which whoever may change them may do as well.
    assert_eq!(clerk.delete(&format!("{GROUPS}2/")).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_owner_is_a_member_and_named() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (one, two) = (organization(&admin, "one").await, organization(&admin, "two").await);
    let user = json!({"organization_users": {"organization": one["id"], "is_admin": true}});
    let user = admin.create_user("jane", &user).await;
    let path = |organization: &Value| format!("{ORGANIZATIONS}{}/", organization["id"].as_str().expect("an id"));
    let owned = admin.get(&path(&one)).await.json();
    let membership = owned["owner"]["organization_user"].clone();
    assert!(membership.is_string(), "{owned}");
    let required = json!({"owner": {"organization_user": ["This field is required."]}});
    refused(&admin.patch(&path(&one), &json!({"owner": {}})).await, &required);
    let stranger = json!({"owner": {"organization_user": ["The selected user is not member of this organization."]}});
    refused(&admin.patch(&path(&two), &json!({"owner": {"organization_user": membership}})).await, &stranger);
    assert_eq!(admin.get(&path(&two)).await.json()["owner"], Value::Null);

    // The owner's membership stays as it is while it is the owner's.
    let detail = admin.get(&path_of(&user)).await.json();
    for is_admin in [true, false] {
        let change = json!({"organization_users": {"organization": one["id"], "is_admin": is_admin}});
        let answer = admin.patch(&path_of(&user), &change).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
        let told = answer.json();
        assert_eq!(told.as_object().expect("an object").keys().collect::<Vec<_>>(), ["organization_users"]);
    }
    let without = json!({"organization_users": {"organization": one["id"]}});
    refused(
        &admin.patch(&path_of(&user), &without).await,
        &json!({"organization_users": {"is_admin": ["This field is required."]}}),
    );
    assert_eq!(admin.get(&path_of(&user)).await.json(), detail);
    assert_eq!(admin.get(&path(&one)).await.json()["owner"], owned["owner"]);
}

#[tokio::test]
async fn an_empty_email_or_phone_is_none() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for name in ["one", "two"] {
        let path = path_of(&admin.create_user(name, &json!({})).await);
        let answer = admin.patch(&path, &json!({"email": "", "phone_number": ""})).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!((&answer.json()["email"], &answer.json()["phone_number"]), (&Value::Null, &Value::Null));
    }
}

#[tokio::test]
async fn an_organization_keeps_the_slug_that_was_sent() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({"name": "The Crew", "slug": "Other_slug", "url": "https://crew.example/"});
    let answer = admin.post(ORGANIZATIONS, &body).await;
    assert_eq!((answer.status, &answer.json()["slug"]), (StatusCode::CREATED, &json!("Other_slug")));
    // Nor does it send clients to the organization's own site.
    let detail = format!("{ORGANIZATIONS}{}/", answer.json()["id"].as_str().expect("an id"));
    assert!(answer.header("location").is_none_or(|location| location.ends_with(&detail)), "{answer:?}");
}

#[tokio::test]
async fn a_user_put_back_as_it_was_read_is_unchanged() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let crew = organization(&admin, "crew").await;
    for (name, fields) in [
        ("alone", json!({})),
        ("member", json!({"organization_users": {"organization": crew["id"], "is_admin": false}})),
        ("boss", json!({"organization_users": {"organization": crew["id"], "is_admin": true}})),
    ] {
        let path = path_of(&admin.create_user(name, &fields).await);
        let read = admin.get(&path).await.json();
        let answer = admin.put(&path, &read).await;
        assert_eq!((answer.status, &answer.json()), (StatusCode::OK, &read));
        assert_eq!(admin.get(&path).await.json(), read);
    }
    // With PATCH the same membership goes.
    let path = path_of(&admin.create_user("leaver", &json!({})).await);
    for left in [1, 0] {
        let toggle = json!({"organization_users": {"organization": crew["id"], "is_admin": false}});
        let answer = admin.patch(&path, &toggle).await.json();
        assert_eq!(answer["organization_users"].as_array().expect("memberships").len(), left);
    }
}

#[tokio::test]
async fn anybody_who_knows_the_own_password_changes_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = admin.create_user("jane", &json!({})).await;
    let path = format!("{}password/", path_of(&user));
    let jane = app.signed_in("jane").await;
    let body = |current: Value| json!({"current_password": current, "new_password": NEW, "confirm_password": NEW});
    let wrong = "Your old password was entered incorrectly. Please enter it again.";
    for current in [json!(null), json!("wrong")] {
        refused(&jane.put(&path, &body(current)).await, &json!({"current_password": [wrong]}));
    }
    let answer = jane.put(&path, &body(json!(PASSWORD))).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    // It was not trimmed, and has ended signed tokens.
    assert!(signs_in(&app, "jane", NEW).await && !signs_in(&app, "jane", NEW.trim()).await);
    assert_eq!(jane.json(Method::OPTIONS, USERS, None).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn everything_wrong_with_a_password_is_told_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = admin.create_user("jane", &json!({})).await;
    let path = format!("{}password/", path_of(&user));
    let jane = app.signed_in("jane").await;
    let required = "This field is required.";
    let wrong = "Your old password was entered incorrectly. Please enter it again.";
    let differs = "The two password fields didn’t match.";
    let same = "New password cannot be the same as your old password.";
    for (body, told) in [
        (
            json!({}),
            json!({"current_password": [required], "new_password": [required], "confirm_password": [required]}),
        ),
        (
            json!({"current_password": "x", "new_password": NEW}),
            json!({"current_password": [wrong], "confirm_password": [required]}),
        ),
        (
            json!({"current_password": "", "new_password": NEW, "confirm_password": "x"}),
            json!({
                "current_password": ["This field may not be blank."], "confirm_password": [differs],
            }),
        ),
        (
            json!({"current_password": "x", "new_password": "x", "confirm_password": "y"}),
            json!({
                "current_password": [wrong], "new_password": [same], "confirm_password": [differs],
            }),
        ),
        (
            json!({"current_password": PASSWORD, "confirm_password": "x"}),
            json!({
                "new_password": [required], "confirm_password": [differs],
            }),
        ),
        (
            json!({"current_password": PASSWORD, "new_password": PASSWORD, "confirm_password": PASSWORD}),
            json!({
                "new_password": [same],
            }),
        ),
    ] {
        refused(&jane.put(&path, &body).await, &told);
    }
    assert!(signs_in(&app, "jane", PASSWORD).await);
}

#[tokio::test]
async fn a_manager_must_know_the_own_password_and_no_other() {
    let app = TestApp::start().await;
    let (boss, member, _) = manager_and_member(&app).await;
    let body = json!({"current_password": null, "new_password": NEW, "confirm_password": NEW});
    let own = boss.get(USERS).await.json()["results"][1].clone();
    assert_eq!(own["username"], "boss");
    let wrong = "Your old password was entered incorrectly. Please enter it again.";
    refused(&boss.put(&format!("{}password/", path_of(&own)), &body).await, &json!({"current_password": [wrong]}));
    // Set by somebody else, it ends the user's tokens.
    let theirs = app.signed_in("member").await;
    let path = format!("{}password/", path_of(&member));
    assert_eq!(boss.put(&path, &body).await.status, StatusCode::OK);
    assert!(signs_in(&app, "member", NEW).await);
    assert_eq!(theirs.json(Method::OPTIONS, USERS, None).await.status, StatusCode::UNAUTHORIZED);
    let long = "x".repeat(129);
    let body = json!({"current_password": null, "new_password": long, "confirm_password": long});
    let most = json!(["Ensure this field has no more than 128 characters."]);
    refused(&boss.put(&path, &body).await, &json!({"new_password": most, "confirm_password": most}));
}

#[tokio::test]
async fn a_password_changed_by_its_user_is_not_trimmed_and_sets_no_cookie() {
    let app = TestApp::start().await;
    app.admin().await.create_user("jane", &json!({})).await;
    let jane = app.signed_in("jane").await;
    let body = json!({"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW});
    let answer = jane.post("/api/v1/users/user/password/change/", &body).await;
    assert_eq!(answer.json(), json!({"detail": "New password has been saved."}));
    assert_eq!(answer.header("set-cookie"), None);
    assert!(signs_in(&app, "jane", NEW).await && !signs_in(&app, "jane", NEW.trim()).await);
}

#[tokio::test]
async fn a_reset_is_told_what_is_wrong_ends_tokens_and_trims_nothing() {
    let app = TestApp::start().await;
    app.admin().await.create_user("jane", &json!({})).await;
    let jane = app.signed_in("jane").await;
    let confirm = "/api/v1/users/password/reset/confirm/";
    let body = |uid: &str, token: &str| json!({"uid": uid, "token": token, "new_password1": NEW, "new_password2": NEW});
    refused(&app.anonymous().post(confirm, &body("zz", "x")).await, &json!({"uid": ["Invalid value"]}));
    app.anonymous().post("/api/v1/users/password/reset/", &json!({"input": "jane"})).await;
    let mails = app.mails().await;
    let shared::model::MailKind::PasswordReset { link } = &mails[0].kind else { panic!("another mail") };
    let pair = link.trim_end_matches('/').rsplit('/').next().expect("a pair");
    let (uid, token) = pair.split_once('-').expect("a pair");
    let answer = app.anonymous().post(confirm, &body(uid, token)).await;
    assert_eq!(answer.json(), json!({"detail": "Password has been reset with the new password."}));
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(jane.json(Method::OPTIONS, USERS, None).await.status, StatusCode::UNAUTHORIZED);
    assert!(signs_in(&app, "jane", NEW).await && !signs_in(&app, "jane", NEW.trim()).await);
}

#[tokio::test]
async fn only_a_superuser_says_that_an_address_is_verified_and_in_lower_case_only_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (boss, member, _) = manager_and_member(&app).await;
    let list = format!("{}email/", path_of(&member));
    let entry = admin.post(&list, &json!({"email": "Second@Mail.example"})).await.json();
    let path = format!("{list}{}/", entry["id"]);
    let ignored = boss.patch(&path, &json!({"verified": true})).await;
    assert_eq!((ignored.status, &ignored.json()["verified"]), (StatusCode::OK, &json!(false)));
    let set = admin.patch(&path, &json!({"verified": true})).await;
    assert_eq!((set.status, &set.json()["verified"]), (StatusCode::OK, &json!(true)));

    let other = admin.create_user("other", &json!({})).await;
    let list = format!("{}email/", path_of(&other));
    let taken = json!({"email": ["email address with this email address already exists."]});
    refused(&admin.post(&list, &json!({"email": "SECOND@mail.EXAMPLE"})).await, &taken);
    // Neither by marking one that was there before.
    let third = json!({"email": "third@mail.example"});
    let (mine, theirs) = (admin.post(&list, &third).await.json(), format!("{}email/", path_of(&member)));
    let again = admin.post(&theirs, &json!({"email": "THIRD@mail.example"})).await.json();
    let verified = json!({"verified": true});
    assert_eq!(admin.patch(&format!("{list}{}/", mine["id"]), &verified).await.status, StatusCode::OK);
    refused(&admin.patch(&format!("{theirs}{}/", again["id"]), &verified).await, &taken);
}

#[tokio::test]
async fn another_text_is_not_verified_and_older_links_are_dead() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = admin.create_user("jane", &json!({"email_verified": false})).await;
    let mails = app.directory.waiting_mails(10).await.expect("the outbox");
    let shared::model::MailKind::Confirmation { link } = &mails[0].kind else { panic!("another mail") };
    let link = link.replace("http://rollcall.example", "");
    assert!(app.anonymous().get(&link).await.text().contains("<form"));
    let list = format!("{}email/", path_of(&user));
    let path = format!("{list}{}/", admin.get(&list).await.json()["results"][0]["id"]);
    admin.patch(&path, &json!({"verified": true})).await;
    // Another letter case is the same address.
    let same = admin.patch(&path, &json!({"email": "Jane@mail.example"})).await.json();
    assert_eq!(same["verified"], true);
    let changed = admin.patch(&path, &json!({"email": "another@mail.example"})).await.json();
    assert_eq!(changed["verified"], false);
    assert!(!app.anonymous().get(&link).await.text().contains("<form"));
}

#[tokio::test]
async fn a_manager_sees_of_members_only_the_managed_memberships() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (boss, member, crew) = manager_and_member(&app).await;
    let other = organization(&admin, "a-first-by-name").await;
    let joins = json!({"organization_users": {"organization": other["id"]}});
    let all = admin.patch(&path_of(&member), &joins).await.json();
    assert_eq!(all["organization_users"].as_array().expect("memberships").len(), 2);
    let managed = json!([{"is_admin": false, "organization": crew["id"]}]);
    assert_eq!(boss.get(&path_of(&member)).await.json()["organization_users"], managed);
    assert_eq!(boss.get(USERS).await.json()["results"][0]["organization_users"], managed);
    let changed = boss.patch(&path_of(&member), &json!({"first_name": "Jo"})).await.json();
    assert_eq!(changed["organization_users"], managed);
}

#[tokio::test]
async fn the_staff_flag_is_not_set_about_oneself_and_opens_nothing() {
    let app = TestApp::start().await;
    let (boss, member, _) = manager_and_member(&app).await;
    let own = boss.get(USERS).await.json()["results"][1].clone();
    for (user, expected) in [(&own, false), (&member, true)] {
        let answer = boss.patch(&path_of(user), &json!({"is_staff": true})).await;
        assert_eq!((answer.status, &answer.json()["is_staff"]), (StatusCode::OK, &json!(expected)));
    }
    for name in [&own["username"], &member["username"]] {
        let name = name.as_str().expect("a name");
        for path in ["/api/users/", "/api/users/000000000000000000000000/"] {
            assert_eq!(app.basic(name, PASSWORD).get(path).await.status, StatusCode::FORBIDDEN, "{name} {path}");
        }
    }
}
