//! What requests cost where something is large: an organization of very many members, a group of very many users,
//! a user in very many organizations. No request reads them all unless it returns them all.
//!
//! `ROLLCALL_LARGE=1` makes them a hundred thousand members and users, and a thousand organizations.

use shared::model::{OrganizationId, Timestamp};

use super::*;
use crate::support::{Table, insert_members};

const ORGANIZATIONS: &str = "/api/v1/users/organization/";
const GROUPS: &str = "/api/v1/users/group/";
/// One user in so many is in both of the organizations.
const SHARE: usize = 100;

fn id_of(made: &Value) -> String {
    made["id"].as_str().expect("an id").to_owned()
}

async fn organization(admin: &Client, name: &str) -> String {
    let answer = admin.post(ORGANIZATIONS, &json!({"name": name, "slug": name})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    id_of(&answer.json())
}

async fn joins(admin: &Client, user: &str, organization: &str, is_admin: bool) {
    let membership = json!({"organization_users": {"organization": organization, "is_admin": is_admin}});
    let answer = admin.patch(&format!("{USERS}{user}/"), &membership).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

/// A user with the group Administrator who manages the organizations, signed in.
async fn manager(app: &TestApp, admin: &Client, name: &str, organizations: &[&str]) -> Client {
    let user = id_of(&admin.create_user(name, &json!({"groups": [1]})).await);
    for organization in organizations {
        joins(admin, &user, organization, true).await;
    }
    app.signed_in(name).await
}

/// A directory with so many members of an organization; one in a hundred, and nobody else, is in another one too.
async fn crowd(members: usize) -> (TestApp, [String; 2]) {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let organizations = [organization(&admin, "large").await, organization(&admin, "small").await];
    let ids = organizations.each_ref().map(|id| OrganizationId::parse(id).expect("an id"));
    let moments = |count: usize, age: i64| -> Vec<Timestamp> {
        let newest = app.environment.now().plus_seconds(-age * 366 * DAY);
        let step = 200 * DAY / i64::try_from(count).expect("small");
        (0..count).map(|index| newest.plus_seconds(-step * i64::try_from(index).expect("small"))).collect()
    };
    let in_both = members / SHARE;
    for (name, count, age, ids) in [("both", in_both, 1, &ids[..]), ("user", members - in_both, 2, &ids[..1])] {
        let pattern = plain_user(&app, &format!("{name}000000")).await;
        insert_members(&app, &pattern, &moments(count, age), ids).await;
    }
    app.environment.advance(60);
    (app, organizations)
}

/// Makes a request, which may cost so many read and write units.
async fn one(client: &Client, what: &str, method: Method, path: &str, body: &Value, most: (f64, f64)) -> Answer {
    let mut peak = Peak::default();
    let answer = client.json(method.clone(), path, Some(body)).await;
    let expected = match method {
        Method::DELETE => StatusCode::NO_CONTENT,
        Method::POST => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    peak.note(&answer, expected);
    peak.within(what, most.0, most.1 + EVENT);
    answer
}

/// Reads, which may cost so many read units.
async fn get(client: &Client, what: &str, path: &str, most: f64) -> Answer {
    one(client, what, Method::GET, path, &Value::Null, (most, 0.0)).await
}

/// Follows `next` for so many pages; none but the first may cost more than `most`.
async fn walk_managed(client: &Client, what: &str, from: &str, pages: usize, most: f64) -> usize {
    let mut peak = Peak::default();
    let mut met = Vec::new();
    let mut url = Some(from.to_owned());
    for number in 0..pages {
        let Some(at) = url else { break };
        let page = client.get(&at).await;
        met.extend(page.json()["results"].as_array().expect("rows").iter().map(id_of));
        if number > 0 {
            peak.note(&page, StatusCode::OK);
        }
        url = next(&page);
    }
    peak.within(what, most, 0.0);
    assert_eq!(met.iter().collect::<BTreeSet<_>>().len(), met.len(), "{what} repeats a user");
    met.len()
}

/// What a manager's requests cost among so many users in sight; the first page of a process may cost `first`,
/// and `by_page` more for each page between it and the nearest end.
async fn managed(app: &TestApp, name: &str, client: &Client, users: usize, (first, by_page): (f64, f64)) {
    let what = |request: &str| format!("manager of {name}, {request}");
    let page = get(client, &what("first page"), USERS, first).await;
    assert_eq!(page.json()["count"], users);
    let walked = walk_managed(client, &what("from the newest on"), USERS, 30, 22.0).await;
    assert_eq!(walked, users.min(300));
    let last = users.div_ceil(10);
    let end = format!("{USERS}?page={}", last.saturating_sub(20).max(1));
    walk_managed(client, &what("to the oldest"), &end, 25, 22.0).await;
    let page = get(client, &what("last page"), &format!("{USERS}?page=last"), 22.0).await;
    let user = format!("{USERS}{}/", id_of(&page.json()["results"][0]));
    get(client, &what("detail"), &user, 6.0).await;
    one(client, &what("change"), Method::PATCH, &user, &json!({"first_name": "Jane"}), (6.0, 30.0)).await;
    // Pages asked directly, of a process that remembers nothing.
    for number in [2, 10, 100, last / 4, last / 2, last - 10, last] {
        let number = number.clamp(1, last);
        let fresh = app.restarted(CHEAP).signed_in(name).await;
        let from_end = u32::try_from(number.min(last - number + 1)).expect("small");
        let most = first + 2.0 + f64::from(from_end) * by_page;
        let path = format!("{USERS}?page={number}");
        get(&fresh, &what(&format!("page {number} directly")), &path, most).await;
    }
}

async fn a_large_organization(members: usize) {
    let (app, [large, small]) = crowd(members).await;
    let admin = app.admin().await;
    let of_one = manager(&app, &admin, "one", &[&large]).await;
    let of_two = manager(&app, &admin, "two", &[&large, &small]).await;
    let users = members + 2;
    if !is_large() {
        let complaints = Table::read(&app.engine).complaints();
        // The numbers of those who were imported are not from the sequences.
        assert_eq!(complaints.iter().find(|complaint| !complaint.starts_with("the sequence")), None);
    }

    // Ten rows are read one by one. The index of who is in both is read once by each process.
    let index = f64::from(u32::try_from(members / SHARE).expect("small")) * 0.05;
    managed(&app, "one", &of_one, users, (20.0, 0.25)).await;
    managed(&app, "two", &of_two, users, (24.0 + index, 0.5)).await;

    let listed = get(&admin, "its members", &format!("{USERS}?organization={large}"), 20.0).await;
    assert_eq!(listed.json()["count"], users);

    let path = format!("{ORGANIZATIONS}{large}/");
    get(&admin, "organization", &path, 3.0).await;
    one(&admin, "its description", Method::PATCH, &path, &json!({"description": "x"}), (3.0, 8.0)).await;
    one(&admin, "its name", Method::PATCH, &path, &json!({"name": "larger"}), (3.0, 10.0)).await;
    // This one goes on in the background after fifty members.
    one(&admin, "its removal", Method::DELETE, &path, &Value::Null, (100.0, 900.0)).await;
    assert_eq!(admin.get(&path).await.status, StatusCode::NOT_FOUND);
    let rest = of_two.get(USERS).await.json();
    assert_eq!(rest["count"], members / SHARE + 1);
    for row in rest["results"].as_array().expect("rows") {
        assert_eq!(row["organization_users"].as_array().expect("memberships").len(), 1, "{row}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_organization_is_not_read_as_a_whole() {
    a_large_organization(if is_large() { 100_000 } else { 2_000 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_group_is_not_read_as_a_whole() {
    let app = directory_of(if is_large() { 100_000 } else { 2_000 }).await;
    let admin = app.admin().await;
    let path = format!("{GROUPS}2/");
    get(&admin, "group", &path, 3.0).await;
    get(&admin, "groups", GROUPS, 3.0).await;
    one(&admin, "its name", Method::PATCH, &path, &json!({"name": "Crowd"}), (3.0, 8.0)).await;
    one(&admin, "its permissions", Method::PATCH, &path, &json!({"permissions": [28]}), (3.0, 4.0)).await;
    one(&admin, "its removal", Method::DELETE, &path, &Value::Null, (100.0, 900.0)).await;
    let page = get(&admin, "users without it", USERS, 8.0).await;
    assert!(page.json()["results"].as_array().expect("rows").iter().all(|row| row["groups"] == json!([])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_in_many_organizations_costs_as_others_where_these_are_not_shown() {
    let many = if is_large() { 1_000 } else { 60 };
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = id_of(&admin.create_user("jane", &json!({})).await);
    let clerk = id_of(&admin.create_user("clerk", &json!({"groups": [1]})).await);
    for index in 0..many {
        let organization = organization(&admin, &format!("organization-{index}")).await;
        joins(&admin, &user, &organization, false).await;
        if index < 2 {
            joins(&admin, &clerk, &organization, true).await;
        }
    }
    let path = format!("{USERS}{user}/");
    // The organizations' names, by which it is sorted, are read once by a process.
    get(&admin, "detail, first of a process", &path, 140.0).await;
    let shown = get(&admin, "detail", &path, 80.0).await;
    assert_eq!(shown.json()["organization_users"].as_array().expect("memberships").len(), many);

    let clerk = app.signed_in("clerk").await;
    // The clerk's record, the groups and the shared organization are conditions of what the clerk writes.
    for (who, client, written) in [("admin", &admin, 4.0), ("clerk", &clerk, 8.0)] {
        get(client, &format!("addresses for {who}"), &format!("{path}email/"), 6.0).await;
        let password = json!({"current_password": null, "new_password": PASSWORD, "confirm_password": PASSWORD});
        let to = format!("{path}password/");
        one(client, &format!("password by {who}"), Method::PUT, &to, &password, (6.0, written)).await;
    }
    let address = json!({"email": "jane.second@mail.example"});
    one(&admin, "another address", Method::POST, &format!("{path}email/"), &address, (4.0, 5.0)).await;
    let mut peak = Peak::default();
    let body = json!({"username": "jane", "password": PASSWORD});
    peak.note(&app.anonymous().post(TOKEN, &body).await, StatusCode::OK);
    peak.within("login", 3.0, 6.0);
    let jane = app.signed_in("jane").await;
    let mut peak = Peak::default();
    peak.note(&jane.json(Method::OPTIONS, USERS, None).await, StatusCode::OK);
    peak.within("authentication", 1.0, 0.0);
    one(&admin, "removal", Method::DELETE, &path, &Value::Null, (150.0, 900.0)).await;
    app.cleanup().await.expect("the rest");
    Table::read(&app.engine).assert_sound();
}
