//! Several operations in one request.

use super::*;
use crate::support::Table;

const BULK: &str = "/scim/v2/Bulk";
const REQUEST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

fn request_of(operations: &[Value]) -> Value {
    json!({"schemas": [REQUEST_URN], "Operations": operations})
}

fn create(name: &str, user: &str) -> Value {
    json!({"method": "POST", "path": "/Users", "bulkId": name, "data": {"schemas": [USER_URN], "userName": user}})
}

#[tokio::test]
async fn operations_name_what_others_make() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    // The group comes first, and waits for its members.
    let group = json!({"method": "POST", "path": "/Groups", "bulkId": "g", "data": {
        "schemas": [GROUP_URN], "displayName": "Staff", "members": [{"value": "bulkId:a"}, {"value": "bulkId:b"}],
    }});
    let active = json!([{"op": "replace", "path": "active", "value": "False"}]);
    let off =
        json!({"method": "PATCH", "path": "/Users/bulkId:b", "data": {"schemas": [PATCH_URN], "Operations": active}});
    let operations = [group, create("a", "ada"), create("b", "bob"), off];
    let answer = provider.post(BULK, &request_of(&operations)).await;
    assert_eq!(answer.status.as_u16(), 200);
    let answer = answer.json();
    assert_eq!(answer["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]));
    let told = answer["Operations"].as_array().expect("operations");
    let statuses: Vec<&str> = told.iter().filter_map(|one| one["status"].as_str()).collect();
    assert_eq!(statuses, ["201", "201", "201", "200"], "{told:?}");
    assert_eq!((&told[0]["bulkId"], &told[0]["method"]), (&json!("g"), &json!("POST")));
    for one in told {
        assert!(one["location"].as_str().is_some_and(|at| at.starts_with("http://rollcall.example/scim/v2/")), "{one}");
    }
    let staff = provider.find(GROUPS, "displayName eq \"Staff\"").await.remove(0);
    assert_eq!(members(&provider, &staff).await.len(), 2);
    assert_eq!(provider.find(USERS, "userName eq bob").await[0]["active"], false);
    let stale = json!({"method": "DELETE", "path": format!("/Groups/{}", staff["id"].as_str().expect("an id")), "version": "W/\"77\""});
    let answer = provider.post(BULK, &request_of(std::slice::from_ref(&stale))).await.json();
    assert_eq!(answer["Operations"][0]["status"], "412");
    let mut fresh = stale;
    fresh["version"] = staff["meta"]["version"].clone();
    let answer = provider.post(BULK, &request_of(&[fresh])).await.json();
    assert_eq!(answer["Operations"][0]["status"], "204", "{answer}");
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn it_ends_after_so_many_errors() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let operations = [create("a", "ada"), create("b", "ADA"), create("c", ""), create("d", "dan")];
    let mut body = request_of(&operations);
    body["failOnErrors"] = json!(1);
    let told = provider.post(BULK, &body).await.json()["Operations"].clone();
    assert_eq!(told.as_array().map(Vec::len), Some(2));
    let response = &told[1]["response"];
    assert_eq!(
        (&told[1]["status"], &response["scimType"], &response["status"]),
        (&json!("409"), &json!("uniqueness"), &json!("409"))
    );
    assert_eq!(provider.find(USERS, "userName eq dan").await.len(), 0);
    let told = provider.post(BULK, &request_of(&operations)).await.json()["Operations"].clone();
    let statuses: Vec<&str> =
        told.as_array().expect("a list").iter().filter_map(|one| one["status"].as_str()).collect();
    assert_eq!(statuses, ["409", "409", "400", "201"]);
    body["failOnErrors"] = json!(0);
    assert_eq!(super::told(&provider.post(BULK, &body).await), (400, "invalidValue".to_owned()));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let many: Vec<Value> = (0..101).map(|number| create(&number.to_string(), &format!("user{number}"))).collect();
    assert_eq!(provider.post(BULK, &request_of(&many)).await.status.as_u16(), 413);
    for operation in [
        json!("x"),
        json!({}),
        json!({"method": "GET", "path": "/Users"}),
        json!({"method": "POST", "path": "/Users", "data": {}}),
        json!({"method": "PUT"}),
    ] {
        let answer = provider.post(BULK, &request_of(&[create("a", "ada"), operation.clone()])).await;
        assert_eq!(told(&answer), (400, "invalidSyntax".to_owned()), "{operation}");
    }
    assert_eq!(told(&provider.post(BULK, &json!({"schemas": [REQUEST_URN]})).await), (400, "invalidSyntax".to_owned()));
    assert_eq!(provider.read(USERS).await["totalResults"], 1, "nobody was made");
    // Two that wait for each other, one that waits for nobody's, and addresses of nothing.
    let waiting = |name: &str, other: &str| {
        let member = json!([{"value": format!("bulkId:{other}")}]);
        json!({"method": "POST", "path": "/Groups", "bulkId": name, "data": {"displayName": name, "members": member}})
    };
    let operations = [
        waiting("a", "b"),
        waiting("b", "a"),
        waiting("c", "nothing"),
        json!({"method": "DELETE", "path": "/Nothing/7"}),
        json!({"method": "DELETE", "path": "/Users/7"}),
        json!({"method": "PATCH", "path": "/Me", "data": {}}),
    ];
    let answer = provider.post(BULK, &request_of(&operations)).await.json();
    let statuses: Vec<&str> =
        answer["Operations"].as_array().expect("a list").iter().filter_map(|one| one["status"].as_str()).collect();
    assert_eq!(statuses, ["409", "409", "409", "404", "404", "404"]);
}
