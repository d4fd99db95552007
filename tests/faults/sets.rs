//! Groups, and the e-mail addresses of a user.

use http::Method;

use super::*;

const GROUPS: &str = "/api/v1/users/group/";

/// The item of the group of that name.
fn group(table: &Table, name: &str) -> Option<Item> {
    table.partition("GROUPS").map(|(_, group)| group).find(|group| group["name"] == name).cloned()
}

fn in_group(table: &Table, group: u64) -> bool {
    let groups = table.users().filter_map(|user| user.get("groups")).filter_map(Value::as_array);
    groups.flatten().any(|id| *id == group)
}

async fn make_group(stage: &Stage, name: &str) -> u64 {
    let answer = stage.admin.post(GROUPS, &json!({"name": name, "permissions": [1]})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()["id"].as_u64().expect("an id")
}

#[tokio::test]
async fn a_group_is_made_once_or_not_at_all() {
    endure(false, async |_: &Stage, name| {
        let taken = json!({"name": ["group with this name already exists."]});
        let body = json!({"name": name, "permissions": [1, 2]});
        Trial::json(Method::POST, GROUPS, body, StatusCode::CREATED).again(StatusCode::BAD_REQUEST, Some(taken)).effect(
            move |table| match group(table, &name) {
                None => Effect::Nothing,
                Some(group) if group["permissions"] == json!([1, 2]) => Effect::All,
                Some(group) => Effect::Odd(format!("{group:?}")),
            },
        )
    })
    .await;
}

#[tokio::test]
async fn a_change_of_a_group_is_whole() {
    endure(false, async |stage: &Stage, name| {
        let id = make_group(stage, &name).await;
        let find = move |table: &Table| table.item("GROUPS", &format!("{id:020}")).cloned();
        let before = find(&stage.table()).expect("the group");
        let mut after = before.clone();
        after.insert("version".to_owned(), json!(before["version"].as_u64().expect("a version") + 1));
        after.insert("name".to_owned(), json!(format!("{name}.new")));
        let patch = json!({"name": format!("{name}.new")});
        Trial::json(Method::PATCH, &format!("{GROUPS}{id}/"), patch, StatusCode::OK).turns(
            find,
            Some(before),
            Some(after),
        )
    })
    .await;
}

#[tokio::test]
async fn a_removed_group_leaves_its_users_at_once_or_by_follow_up_work() {
    let left_work = endure(false, async |stage: &Stage, name| {
        let id = make_group(stage, &name).await;
        for number in 0..2 {
            stage.admin.create_user(&format!("{name}.{number}"), &json!({"groups": [id, 1]})).await;
        }
        let once = name.starts_with("once");
        Trial::json(Method::DELETE, &format!("{GROUPS}{id}/"), Value::Null, StatusCode::NO_CONTENT)
            .again(StatusCode::NOT_FOUND, None)
            .effect(move |table| {
                let there = table.item("GROUPS", &format!("{id:020}")).is_some();
                let work = table.item("WORK", &format!("GROUP#{id}")).is_some();
                match (there, work) {
                    (true, false) => Effect::Nothing,
                    (false, true) if once => Effect::Odd("work is left".to_owned()),
                    (false, false) if in_group(table, id) => Effect::Odd("a user is left".to_owned()),
                    (false, _) => Effect::All,
                    (true, true) => Effect::Odd("work without a removal".to_owned()),
                }
            })
    })
    .await;
    assert!(left_work > 0, "lasting trouble has never left work");
}

/// A user with one verified address, and the path of its addresses.
async fn with_address(stage: &Stage, name: &str) -> (String, String, u64) {
    let user = stage.admin.create_user(name, &json!({})).await;
    let id = user["id"].as_str().expect("an id").to_owned();
    let number = stage.table().user(&id).expect("the user")["addresses"][0]["id"].as_u64().expect("an id");
    (id.clone(), format!("/api/v1/users/user/{id}/email/"), number)
}

#[tokio::test]
async fn an_address_is_added_once_or_not_at_all() {
    endure(false, async |stage: &Stage, name| {
        let (id, path, _) = with_address(stage, &name).await;
        let body = json!({"email": format!("{name}.second@mail.example")});
        Trial::json(Method::POST, &path, body, StatusCode::CREATED).again(StatusCode::BAD_REQUEST, None).effect(
            move |table| {
                let user = table.user(&id).expect("the user");
                match (user["version"].as_u64(), user["addresses"].as_array().map(Vec::len)) {
                    (Some(1), Some(1)) => Effect::Nothing,
                    (Some(2), Some(2)) => Effect::All,
                    _ => Effect::Odd(format!("{user:?}")),
                }
            },
        )
    })
    .await;
}

#[tokio::test]
async fn a_change_of_an_address_is_whole() {
    endure(false, async |stage: &Stage, name| {
        let (id, path, number) = with_address(stage, &name).await;
        let before = stage.table().user(&id).expect("the user").clone();
        let mut after = before.clone();
        after["version"] = json!(2);
        after["addresses"] =
            json!([{"id": number, "email": format!("{name}.new@mail.example"), "verified": true, "primary": true}]);
        let body = json!({"email": format!("{name}.new@mail.example"), "verified": true});
        Trial::json(Method::PATCH, &format!("{path}{number}/"), body, StatusCode::OK).turns(
            move |table| table.user(&id).cloned(),
            Some(before),
            Some(after),
        )
    })
    .await;
}

#[tokio::test]
async fn a_removal_of_an_address_is_whole() {
    endure(false, async |stage: &Stage, name| {
        let (id, path, number) = with_address(stage, &name).await;
        let before = stage.table().user(&id).expect("the user").clone();
        let mut after = before.clone();
        after["version"] = json!(2);
        after.remove("addresses");
        Trial::json(Method::DELETE, &format!("{path}{number}/"), Value::Null, StatusCode::NO_CONTENT)
            .again(StatusCode::NOT_FOUND, None)
            .turns(move |table| table.user(&id).cloned(), Some(before), Some(after))
    })
    .await;
}
