//! Organizations and memberships, whose changes leave follow-up work.

use http::Method;

use super::*;
use crate::support::USERS;

const ORGANIZATIONS: &str = "/api/v1/users/organization/";

async fn make(stage: &Stage, name: &str) -> String {
    let answer = stage.admin.post(ORGANIZATIONS, &json!({"name": name, "slug": name})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()["id"].as_str().expect("an id").to_owned()
}

/// A user in an organization that it manages and, as the first to do so, owns.
async fn with_owner(stage: &Stage, name: &str) -> (String, String) {
    let organization = make(stage, name).await;
    let membership = json!({"organization_users": {"organization": organization, "is_admin": true}});
    let user = stage.admin.create_user(name, &membership).await;
    (organization, user["id"].as_str().expect("an id").to_owned())
}

fn organization(table: &Table, id: &str) -> Option<Item> {
    table.item(&format!("ORGANIZATION#{id}"), "ORGANIZATION").cloned()
}

fn membership<'a>(table: &'a Table, user: &str, organization: &str) -> Option<&'a Item> {
    table.item(&format!("USER#{user}"), &format!("MEMBERSHIP#{organization}"))
}

#[tokio::test]
async fn an_organization_is_made_once_or_not_at_all() {
    endure(false, async |_: &Stage, name| {
        let body = json!({"name": name, "slug": name});
        Trial::json(Method::POST, ORGANIZATIONS, body, StatusCode::CREATED).again(StatusCode::BAD_REQUEST, None).effect(
            move |table| match table.item(&format!("SLUG#{name}"), "CLAIM") {
                None => Effect::Nothing,
                Some(claim) => match organization(table, claim["organization"].as_str().expect("an id")) {
                    Some(made) if made["name"] == name && made["version"] == 1 => Effect::All,
                    made => Effect::Odd(format!("{made:?}")),
                },
            },
        )
    })
    .await;
}

#[tokio::test]
async fn a_closed_organization_is_followed_at_once_or_by_work() {
    let left_work = endure(false, async |stage: &Stage, name| {
        let (id, user) = with_owner(stage, &name).await;
        let once = name.starts_with("once");
        let patch = json!({"name": format!("{name} anew"), "slug": format!("{name}-anew"), "is_active": false});
        Trial::json(Method::PATCH, &format!("{ORGANIZATIONS}{id}/"), patch, StatusCode::OK).effect(move |table| {
            let organization = organization(table, &id).expect("the organization");
            let record = table.user(&user).expect("the manager");
            let manages = record.get("manages").is_some_and(|ids| ids == &json!([id]));
            let work = table.item("WORK", &format!("ORGANIZATION#{id}")).is_some();
            match (organization["name"] == name, manages, work) {
                (true, true, false) => Effect::Nothing,
                (false, true, true) if !once => Effect::All,
                (false, false, work) if !(once && work) => Effect::All,
                other => Effect::Odd(format!("{other:?}")),
            }
        })
    })
    .await;
    assert!(left_work > 0, "lasting trouble has never left work");
}

#[tokio::test]
async fn a_removed_organization_is_left_at_once_or_by_work() {
    let left_work = endure(false, async |stage: &Stage, name| {
        let (id, user) = with_owner(stage, &name).await;
        let once = name.starts_with("once");
        Trial::json(Method::DELETE, &format!("{ORGANIZATIONS}{id}/"), Value::Null, StatusCode::NO_CONTENT)
            .again(StatusCode::NOT_FOUND, None)
            .effect(move |table| {
                let work = table.item("WORK", &format!("ORGANIZATION#{id}")).is_some();
                let member = membership(table, &user, &id).is_some();
                match (organization(table, &id).is_some(), member, work) {
                    (true, true, false) => Effect::Nothing,
                    (false, true, true) if !once => Effect::All,
                    (false, false, work) if !(once && work) => Effect::All,
                    other => Effect::Odd(format!("{other:?}")),
                }
            })
    })
    .await;
    assert!(left_work > 0, "lasting trouble has never left work");
}

#[tokio::test]
async fn a_user_is_made_with_its_membership_or_not_at_all() {
    endure(false, async |stage: &Stage, name| {
        let id = make(stage, &name).await;
        let body = json!({
            "username": name, "email": format!("{name}@mail.example"), "password": crate::support::PASSWORD,
            "organization_users": {"organization": id, "is_admin": true},
        });
        Trial::json(Method::POST, USERS, body, StatusCode::CREATED).again(StatusCode::BAD_REQUEST, None).effect(
            move |table| {
                let owner = organization(table, &id).expect("the organization").get("owner").cloned();
                match (table.user_named(&name), owner) {
                    (None, None) => Effect::Nothing,
                    (Some(user), Some(owner)) if owner["user"] == user["id"] => Effect::All,
                    other => Effect::Odd(format!("{other:?}")),
                }
            },
        )
    })
    .await;
}

#[tokio::test]
async fn joining_an_organization_is_whole() {
    endure(false, async |stage: &Stage, name| {
        let id = make(stage, &name).await;
        let user = stage.admin.create_user(&name, &json!({})).await["id"].as_str().expect("an id").to_owned();
        let patch = json!({"organization_users": {"organization": id, "is_admin": true}});
        // Asked for again, the membership of an owner is refused.
        Trial::json(Method::PATCH, &format!("{USERS}{user}/"), patch, StatusCode::OK)
            .again(StatusCode::BAD_REQUEST, None)
            .effect(move |table| {
                let record = table.user(&user).expect("the user");
                match (record["version"].as_u64(), membership(table, &user, &id).is_some()) {
                    (Some(1), false) => Effect::Nothing,
                    (Some(2), true) => Effect::All,
                    other => Effect::Odd(format!("{other:?}")),
                }
            })
    })
    .await;
}

#[tokio::test]
async fn a_removed_owner_leaves_at_once_or_by_work() {
    let left_work = endure(false, async |stage: &Stage, name| {
        let (id, user) = with_owner(stage, &name).await;
        let once = name.starts_with("once");
        Trial::json(Method::DELETE, &format!("{USERS}{user}/"), Value::Null, StatusCode::NO_CONTENT)
            .again(StatusCode::NOT_FOUND, None)
            .effect(move |table| {
                let owned = organization(table, &id).expect("the organization").contains_key("owner");
                let work = table.item("WORK", &format!("USER#{user}")).is_some();
                let member = membership(table, &user, &id).is_some();
                match (table.user(&user).is_some(), member, owned, work) {
                    (true, true, true, false) => Effect::Nothing,
                    (false, false, false, false) => Effect::All,
                    (false, _, _, true) if !once => Effect::All,
                    other => Effect::Odd(format!("{other:?}")),
                }
            })
    })
    .await;
    assert!(left_work > 0, "lasting trouble has never left work");
}
