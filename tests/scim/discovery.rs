//! What this API says about itself, and how it refuses.

use http::Method;

use super::*;

#[tokio::test]
async fn strangers_may_read_what_the_api_can_do() {
    let app = TestApp::start().await;
    let stranger = Provider(app.anonymous());
    let configuration = stranger.read(&format!("{ROOT}/ServiceProviderConfig")).await;
    for name in ["patch", "bulk", "filter", "changePassword", "etag"] {
        assert_eq!(configuration[name]["supported"], true, "{name}");
    }
    assert_eq!(configuration["pagination"]["cursor"], true);
    let types = stranger.read(&format!("{ROOT}/ResourceTypes")).await;
    assert_eq!((&types["totalResults"], &types["schemas"]), (&json!(2), &json!([LIST_URN])));
    for kind in types["Resources"].as_array().expect("types") {
        assert_eq!(&stranger.read(&at(kind)).await, kind);
    }
    let schemas = stranger.read(&format!("{ROOT}/Schemas")).await;
    let urns: Vec<&Value> = schemas["Resources"].as_array().expect("schemas").iter().map(|one| &one["id"]).collect();
    assert_eq!(urns, [USER_URN, ENTERPRISE_URN, ROLLCALL_URN, GROUP_URN]);
    for schema in schemas["Resources"].as_array().expect("schemas") {
        assert_eq!(&stranger.read(&at(schema)).await, schema);
    }
}

#[tokio::test]
async fn errors_have_one_shape_wherever_they_come_from() {
    let app = TestApp::start().await;
    let (stranger, admin) = (Provider(app.anonymous()), Provider::of(&app, "admin").await);
    for (client, method, path, status) in [
        (&stranger, Method::GET, USERS, 401),
        (&stranger, Method::POST, "/scim/v2/ServiceProviderConfig", 405),
        (&stranger, Method::DELETE, "/scim/v2/Schemas", 405),
        (&stranger, Method::GET, "/scim/v2/ResourceTypes?filter=name%20eq%20User", 403),
        (&stranger, Method::GET, "/scim/v2/Schemas/urn:nothing", 404),
        (&stranger, Method::GET, "/scim/v2", 404),
        (&stranger, Method::GET, "/scim/v2/users", 404),
        (&stranger, Method::GET, "/scim/v2/Nothing", 404),
        (&admin, Method::GET, "/scim/v2/Users/00919288221112222", 404),
        (&admin, Method::GET, "/scim/v2/Groups/00", 404),
        (&admin, Method::DELETE, USERS, 405),
        (&admin, Method::GET, "/scim/v2/Users/.search", 405),
        (&admin, Method::PATCH, "/scim/v2/Bulk", 405),
    ] {
        assert_eq!(client.ask(method.clone(), path, None).await.status.as_u16(), status, "{method} {path}");
    }
    let refused = Provider(app.bearer("wrong")).get(USERS).await;
    assert_eq!((refused.status.as_u16(), refused.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(refused.json()["status"], "401");
    let basic = Provider(app.basic("admin", crate::support::PASSWORD));
    assert_eq!(basic.get(&format!("{USERS}/?count=1")).await.status.as_u16(), 200);
    let in_xml = request(Method::POST, USERS).header("content-type", "application/xml");
    assert_eq!(admin.0.ask(in_xml, "<x/>").await.status.as_u16(), 415);
    let large = json!({"userName": "x", "title": "x".repeat(1024 * 1024)});
    assert_eq!(admin.post(USERS, &large).await.status.as_u16(), 413);
    for body in ["{", "[]", "null", "7", "\"x\"", "{\"userName\": \"\\ud800\"}"] {
        let begun = request(Method::POST, USERS).header("content-type", "application/json");
        let answer = admin.0.ask(begun, body).await;
        assert_eq!(told(&answer), (400, "invalidSyntax".to_owned()), "{body}");
    }
    // Plain JSON is read as well.
    let body = json!({"schemas": [USER_URN], "userName": "plain"});
    assert_eq!(admin.0.post(USERS, &body).await.status.as_u16(), 201);
}
