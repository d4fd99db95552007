//! List rows: small whatever stands in a record, without free text and without names of organizations.

use dynoxide::AttributeValue;
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Client, Options, PASSWORD, Table, TestApp, USERS, key};

const EDGE: &str = "/api/users/";
const ORGANIZATIONS: &str = "/api/v1/users/organization/";

fn id(made: &Value) -> &str {
    made["id"].as_str().expect("an id")
}

async fn organization(admin: &Client, name: &str, slug: &str) -> String {
    let answer = admin.post(ORGANIZATIONS, &json!({"name": name, "slug": slug, "description": "A".repeat(4000)})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    id(&answer.json()).to_owned()
}

async fn joins(admin: &Client, user: &str, organization: &str) {
    let membership = json!({"organization_users": {"organization": organization, "is_admin": false}});
    let answer = admin.patch(&format!("{USERS}{user}/"), &membership).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

fn organizations_of(user: &Value) -> Vec<&str> {
    let memberships = user["organization_users"].as_array().expect("memberships");
    memberships.iter().map(|membership| membership["organization"].as_str().expect("an id")).collect()
}

fn rows(app: &TestApp, list: &str) -> Vec<(String, usize)> {
    let items = app.items();
    let rows = items.iter().filter(|item| key(item).starts_with(list));
    rows.map(|item| (key(item), serde_json::to_string(item).expect("JSON").len())).collect()
}

#[tokio::test]
async fn a_long_description_makes_no_row_large_and_no_other_list_dear() {
    let app = TestApp::start().await;
    let (admin, edge) = (app.admin().await, app.basic("admin", PASSWORD));
    let mut long = Vec::new();
    for index in 0..10 {
        let text = format!("{index}{}", "d".repeat(4000));
        let body = json!({
            "username": format!("user{index}"), "email": format!("user{index}@mail.example"), "password": PASSWORD,
            "first_name": "Ada", "last_name": "Lovelace", "description": text,
        });
        assert_eq!(edge.post(EDGE, &body).await.status, StatusCode::CREATED);
        long.push(text);
    }
    let user = admin.get(&format!("{USERS}?page_size=1")).await.json()["results"][0].clone();
    for (row, size) in rows(&app, "USERS#") {
        assert!(size < 1500, "{row}: {size} bytes");
    }
    let changed = admin.patch(&format!("{USERS}{}/", id(&user)), &json!({"first_name": "Jane"})).await;
    let (_, write) = changed.cost();
    // The record itself has some four and a half KB; the rest are entries of the search index.
    assert!(write <= 40.0, "{write} write units");
    let page = admin.get(USERS).await;
    assert!(page.cost().0 <= 8.0, "{:?}", page.cost());
    let all = app.keyed(&app.api_token("admin").await).get("/api/admin/users/").await;
    assert!(all.status == StatusCode::OK && all.cost().0 <= 8.0, "{:?}", all.cost());
    // Edge shows them all the same, in both kinds of lists.
    for list in [format!("{EDGE}?page_size=50"), format!("{EDGE}?first_name=a&page_size=50")] {
        let listed = edge.get(&list).await;
        let shown = listed.json();
        let shown: Vec<&str> =
            shown.as_array().expect("users").iter().filter_map(|user| user["description"].as_str()).collect();
        for text in &long {
            assert!(shown.contains(&text.as_str()), "{list}");
        }
        println!("{list}: {:?}", listed.cost());
    }
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn an_edge_list_without_descriptions_reads_rows_alone() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for index in 0..12 {
        admin.create_user(&format!("user{index}"), &json!({})).await;
    }
    let edge = app.basic("admin", PASSWORD);
    edge.get(EDGE).await;
    let listed = edge.get(EDGE).await;
    println!("an Edge list without descriptions: {:?}", listed.cost());
    assert!(listed.cost().0 <= 8.0, "{:?}", listed.cost());
}

#[tokio::test]
async fn organizations_are_listed_with_descriptions_that_their_rows_lack() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for index in 0..5 {
        organization(&admin, &format!("org{index}"), &format!("org{index}")).await;
    }
    for (row, size) in rows(&app, "ORGANIZATIONS#") {
        assert!(size < 1500, "{row}: {size} bytes");
    }
    let listed = admin.get(ORGANIZATIONS).await.json();
    let described = listed["results"].as_array().expect("rows").iter();
    assert_eq!(described.filter(|row| row["description"] == "A".repeat(4000)).count(), 5);
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn a_new_name_costs_a_handful_of_units_and_counts_at_once_in_every_process() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (one, two) = (organization(&admin, "b-one", "one").await, organization(&admin, "c-two", "two").await);
    let mut users = Vec::new();
    for index in 0..60 {
        let user =
            admin.create_user(&format!("user{index}"), &json!({"organization_users": {"organization": one}})).await;
        joins(&admin, id(&user), &two).await;
        users.push(id(&user).to_owned());
    }
    let other = app.another(Options::default()).admin().await;
    let path = format!("{USERS}{}/", users[0]);
    for (number, name) in ["a-two", "c-two", "a-two"].into_iter().enumerate() {
        let first = if number % 2 == 0 { [&two, &one] } else { [&one, &two] };
        let renamed = admin.patch(&format!("{ORGANIZATIONS}{two}/"), &json!({"name": name})).await;
        assert_eq!(renamed.status, StatusCode::OK);
        let (read, write) = renamed.cost();
        println!("a new name of an organization of 60: {read} read, {write} write units");
        // Its record has 4 KB. Amazon's engine counts 24.
        assert!(read <= 4.0 && write <= 24.0, "{read}, {write}");
        assert_eq!(app.directory.store().cleanup_tasks().await.expect("the work"), []);
        for client in [&admin, &other] {
            assert_eq!(organizations_of(&client.get(&path).await.json()), first);
            let page = client.get(USERS).await;
            assert!(page.json()["results"].as_array().expect("rows").iter().all(|row| organizations_of(row) == first));
            // Remembered now.
            let (read, _) = client.get(&path).await.cost();
            assert!(read <= 3.0, "detail: {read}");
            let (read, _) = client.get(USERS).await.cost();
            assert!(read <= 8.0, "page: {read}");
        }
    }
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn a_user_in_many_organizations_is_listed_with_all_of_them_and_has_a_small_row() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = admin.create_user("jane", &json!({})).await;
    let mut all = Vec::new();
    for index in 0..30 {
        // In another order than their ids.
        all.push(organization(&admin, &format!("name{:02}", 99 - index), &format!("org{index}")).await);
        joins(&admin, id(&user), &all[index]).await;
    }
    all.reverse();
    let listed = admin.get(USERS).await.json();
    let row = listed["results"].as_array().expect("rows").iter().find(|row| row["username"] == "jane").expect("a row");
    assert_eq!(organizations_of(row), all);
    for (row, size) in rows(&app, "USERS#") {
        assert!(size < 5000, "{row}: {size} bytes");
    }
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn rows_of_an_earlier_release_are_read_and_become_small_with_the_next_change() {
    let app = TestApp::start().await;
    let (admin, edge) = (app.admin().await, app.basic("admin", PASSWORD));
    let made = organization(&admin, "crew", "crew").await;
    let user = admin.create_user("jane", &json!({"organization_users": {"organization": made}})).await;
    let edge_id = edge.get(&format!("{EDGE}?username=jane")).await.json()[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(edge.patch(&format!("{EDGE}{edge_id}/"), &json!({"description": "A text."})).await.status, 202);
    // As they were: with the text, and with the organization's name.
    let mut old = Vec::new();
    let record = |sort_key: &str| {
        let wanted = format!("USER#{} {sort_key}", id(&user));
        app.items().into_iter().find(|item| key(item).starts_with(&wanted)).expect("an item")
    };
    for mut item in app.items() {
        let (name, is_row) = (key(&item), key(&item).starts_with("USERS#"));
        if is_row && name.contains(&id(&user).replace('-', "")) {
            // Each field was an attribute, as in the record.
            item.remove("row").expect("a row");
            for (name, value) in record("USER") {
                item.entry(name).or_insert(value);
            }
            let sharing = json!({"M": {
                "description": {"S": "A text."}, "can_inbox": {"BOOL": true}, "allow_rest_access": {"BOOL": false},
                "organization": {"NULL": true}, "memberships": {"L": [{"S": "WHITE"}]},
            }});
            item.insert("sharing".to_owned(), serde_json::from_value(sharing).expect("an attribute"));
            let mut membership = record("MEMBERSHIP#");
            membership.insert("name".to_owned(), AttributeValue::S("crew".to_owned()));
            let memberships = AttributeValue::L(vec![AttributeValue::M(membership)]);
            item.insert("memberships".to_owned(), memberships);
            old.push(item);
        } else if name.starts_with("ORGANIZATIONS#") && name.contains(&made.replace('-', "")) {
            item.remove("lacks_description");
            item.insert("description".to_owned(), AttributeValue::S("A".repeat(4000)));
            old.push(item);
        }
    }
    assert_eq!(old.len(), 2);
    app.engine.put(old);
    let described =
        |list: &Value| list.as_array().expect("rows").iter().filter(|row| row["description"] == "A text.").count();
    assert_eq!(described(&edge.get(EDGE).await.json()), 1);
    let rows = admin.get(ORGANIZATIONS).await.json()["results"].clone();
    assert!(rows.as_array().expect("rows").iter().any(|row| row["description"] == "A".repeat(4000)));
    let listed = admin.get(USERS).await.json();
    assert_eq!(organizations_of(&listed["results"][0]), [&made]);
    let path = format!("{USERS}{}/", id(&user));
    assert_eq!(admin.patch(&path, &json!({"first_name": "Jane"})).await.status, StatusCode::OK);
    assert_eq!(admin.patch(&format!("{ORGANIZATIONS}{made}/"), &json!({"name": "crew2"})).await.status, StatusCode::OK);
    Table::read(&app.engine).assert_sound();
    assert_eq!(described(&edge.get(EDGE).await.json()), 1);
}

#[tokio::test]
async fn every_list_is_refused_where_it_would_not_fit_into_an_answer() {
    let app = TestApp::with(Options { answer_limit: Some(6000), ..Options::default() }).await;
    let (admin, edge) = (app.admin().await, app.basic("admin", PASSWORD));
    for index in 0..40 {
        admin.create_user(&format!("user{index}"), &json!({})).await;
        let slug = format!("org{index}");
        let made = admin.post(ORGANIZATIONS, &json!({"name": slug, "slug": slug})).await;
        assert_eq!(made.status, StatusCode::CREATED);
    }
    for (client, list) in [(&admin, USERS), (&admin, ORGANIZATIONS), (&edge, EDGE)] {
        let refused = client.get(&format!("{list}?page_size=40")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{list}: {refused:?}");
        assert!(String::from_utf8_lossy(&refused.body).contains("page_size"), "{list}: {refused:?}");
        let fewer = client.get(&format!("{list}?page_size=5")).await;
        assert_eq!(fewer.status, StatusCode::OK, "{list}");
    }
}
