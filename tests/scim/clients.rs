//! What Okta and Entra ID send, from the test of the connection to the end and back (`contracts/scim.md` section 6), and
//! what OpenWISP, OpenL2M and Edge show of it.

use super::*;
use crate::support::{Client, PASSWORD, Table};

/// The other APIs, each as a superuser sees it.
struct Others {
    openwisp: Client,
    openl2m: Client,
    edge: Client,
}

impl Others {
    async fn of(app: &TestApp) -> Self {
        let openl2m = app.keyed(&app.api_token("admin").await);
        Self { openwisp: app.admin().await, openl2m, edge: app.basic("admin", PASSWORD) }
    }

    /// First name, e-mail and whether that user is active, which all of them agree about; `None` if none has it.
    async fn see(&self, name: &str) -> Option<(String, String, bool)> {
        let by_search = [
            self.openwisp.get(&format!("{}?search={}&page_size=100", crate::support::USERS, encoded(name))).await,
            self.openl2m.get("/api/admin/users/?limit=100").await,
            self.edge.get("/api/users/?page_size=100").await,
        ];
        let mut seen = by_search.iter().map(|answer| {
            let body = answer.json();
            let rows = body["results"].as_array().or(body.as_array()).expect("users").clone();
            let row = rows.into_iter().find(|row| row["username"] == name)?;
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            Some((text("first_name"), text("email"), row["is_active"] == true))
        });
        let first = seen.next().flatten();
        assert!(seen.all(|other| other == first), "{name}: they agree");
        first
    }

    async fn groups_of(&self, name: &str) -> Vec<String> {
        let list = self.openwisp.get(&format!("{}?search={}", crate::support::USERS, encoded(name))).await.json();
        let user =
            list["results"].as_array().expect("users").iter().find(|row| row["username"] == name).expect("one").clone();
        let path = format!("{}{}/", crate::support::USERS, user["id"].as_str().expect("an id"));
        let whole = self.openwisp.get(&path).await.json();
        whole["groups"].as_array().expect("groups").iter().map(ToString::to_string).collect()
    }
}

fn seen(first: &str, email: &str, is_active: bool) -> (String, String, bool) {
    (first.to_owned(), email.to_owned(), is_active)
}

fn okta_user(given: &str) -> Value {
    json!({
        "schemas": [USER_URN], "userName": "jane.o'hara@mail.example", "externalId": "00u1ab", "displayName": "Jane O'Hara",
        "name": {"givenName": given, "familyName": "O'Hara"}, "locale": "en-US", "password": "tT9!Okta-made",
        "emails": [{"primary": true, "value": "jane@mail.example", "type": "work"}], "groups": [], "active": true,
    })
}

async fn okta(is_custom: bool) {
    let app = TestApp::start().await;
    let (okta, others) = (Provider::of(&app, "admin").await, Others::of(&app).await);
    let name = "jane.o'hara@mail.example";
    // The test of the connection.
    for path in [
        "/scim/v2/Users?startIndex=1&count=2",
        "/scim/v2/Users?startIndex=1&count=1",
        "/scim/v2/Groups?count=100&startIndex=1",
    ] {
        assert!(okta.read(path).await["totalResults"].is_u64(), "{path}");
    }
    // Somebody comes.
    let exists = format!("{USERS}?filter={}&startIndex=1&count=100", encoded(&format!("userName eq \"{name}\"")));
    let none = okta.read(&exists).await;
    assert_eq!((&none["totalResults"], &none["Resources"]), (&json!(0), &json!([])));
    let made = okta.post(USERS, &okta_user("Jane")).await;
    assert_eq!(made.status.as_u16(), 201);
    let made = made.json();
    assert_eq!(made.get("password"), None);
    assert_eq!(others.see(name).await, Some(seen("Jane", "jane@mail.example", true)));
    assert_eq!(app.basic(name, "tT9!Okta-made").get("/scim/v2/Me").await.status.as_u16(), 200);
    // It changes: all of it is read and sent again.
    let mut whole = okta.read(&at(&made)).await;
    whole["name"]["givenName"] = json!("Janet");
    whole["emails"][0]["value"] = json!("janet@mail.example");
    assert_eq!(okta.put(&at(&made), &whole).await.status.as_u16(), 200);
    assert_eq!(others.see(name).await, Some(seen("Janet", "janet@mail.example", true)));
    // Groups.
    let group =
        okta.post(GROUPS, &json!({"schemas": [GROUP_URN], "displayName": "Okta Staff", "members": []})).await.json();
    let id = group["id"].as_str().expect("an id");
    let member = json!({"value": made["id"], "display": name});
    let operations = if is_custom {
        vec![json!({"op": "add", "path": "members", "value": [member]})]
    } else {
        vec![
            json!({"op": "replace", "value": {"id": id, "displayName": "Okta Staff"}}),
            json!({"op": "replace", "path": "members", "value": [member]}),
        ]
    };
    for operation in operations {
        assert_eq!(okta.patch(&at(&group), json!([operation])).await.status.as_u16(), 204);
    }
    assert_eq!(others.groups_of(name).await, [id]);
    assert_eq!(okta.read(&at(&made)).await["groups"][0]["value"], id);
    // The end: never a DELETE.
    if is_custom {
        let off = json!([{"op": "replace", "value": {"active": false}}]);
        assert_eq!(okta.patch(&at(&made), off).await.json()["active"], false);
    } else {
        let mut whole = okta.read(&at(&made)).await;
        whole["active"] = json!(false);
        assert_eq!(okta.put(&at(&made), &whole).await.json()["active"], false);
    }
    assert_eq!(others.see(name).await, Some(seen("Janet", "janet@mail.example", false)));
    assert_eq!(app.basic(name, "tT9!Okta-made").get("/scim/v2/Me").await.status.as_u16(), 401);
    let removal = json!([{"op": "remove", "path": format!("members[value eq {}]", made["id"])}]);
    assert_eq!(okta.patch(&at(&group), removal).await.status.as_u16(), 204);
    assert_eq!(others.groups_of(name).await, [""; 0]);
    // And back: 409, and findable, and switched on again.
    assert_eq!(told(&okta.post(USERS, &okta_user("Jane")).await), (409, "uniqueness".to_owned()));
    let found = okta.read(&exists).await;
    assert_eq!((&found["totalResults"], &found["Resources"][0]["active"]), (&json!(1), &json!(false)));
    let on = json!([{"op": "replace", "value": {"active": true, "password": "another-Passw0rd"}}]);
    assert_eq!(okta.patch(&at(&found["Resources"][0]), on).await.json()["active"], true);
    assert_eq!(others.see(name).await, Some(seen("Janet", "janet@mail.example", true)));
    assert_eq!(app.basic(name, "another-Passw0rd").get("/scim/v2/Me").await.status.as_u16(), 200);
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn a_custom_application_of_okta_fills_the_directory() {
    okta(true).await;
}

#[tokio::test]
async fn an_application_of_okta_s_catalog_fills_the_directory() {
    okta(false).await;
}

#[tokio::test]
async fn entra_id_fills_the_directory() {
    let app = TestApp::start().await;
    let (entra, others) = (Provider::of(&app, "admin").await, Others::of(&app).await);
    let name = "Joe_gmail.com#EXT#@Tenant.onmicrosoft.example";
    // The test of the connection asks for somebody who is not there.
    let filter = "userName eq \"2f3e6d3f-8c0e-4a2b-b7a0-1d5b0a3c9e11\"";
    assert_eq!(entra.find(USERS, filter).await.len(), 0);
    let body = json!({
        "schemas": [USER_URN, ENTERPRISE_URN], "externalId": "joe", "userName": name, "active": true,
        "emails": [{"primary": true, "type": "work", "value": "joe@mail.example"}], "meta": {"resourceType": "User"},
        "name": {"formatted": "Joe Young", "familyName": "Young", "givenName": "Joe"}, "roles": [],
        ENTERPRISE_URN: {"employeeNumber": "1", "department": "IT"},
    });
    let made = entra.post(USERS, &body).await;
    assert_eq!(made.status.as_u16(), 201);
    let made = made.json();
    assert_eq!((&made["userName"], &made[ENTERPRISE_URN]["department"]), (&json!(name), &json!("IT")));
    for filter in [
        "externalId eq joe",
        "externalId eq \"joe\"",
        "emails[type eq \"work\"].value eq \"joe@mail.example\"",
        "userName eq \"joe_gmail.com#ext#@tenant.onmicrosoft.example\" and externalId eq \"joe\"",
    ] {
        assert_eq!(ids(&entra.find(USERS, filter).await.iter().collect::<Vec<_>>()), ids(&[&made]), "{filter}");
    }
    assert_eq!(others.see(name).await, Some(seen("Joe", "joe@mail.example", true)));
    // Many attributes in one value, and others one by one.
    let many = json!([
        {"op": "Replace", "value": {
            "displayName": "Joe Y.", "name.givenName": "Joseph", "name.familyName": "Younger",
            format!("{ENTERPRISE_URN}:employeeNumber"): "701", format!("{ENTERPRISE_URN}:department"): "Sales",
        }},
        {"op": "Add", "path": "emails[type eq \"work\"].value", "value": "joseph@mail.example"},
        {"op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+1 425 555 0100"},
        {"op": "Replace", "path": "addresses[type eq \"work\"].country", "value": "US"},
        {"op": "Add", "path": format!("{ENTERPRISE_URN}:manager"), "value": "26118915"},
        {"op": "Remove", "path": "title"},
    ]);
    let changed = entra.patch(&at(&made), many).await;
    assert_eq!(changed.status.as_u16(), 200);
    let changed = changed.json();
    assert_eq!(changed["name"], json!({"familyName": "Younger", "givenName": "Joseph"}));
    assert_eq!(changed["emails"], json!([{"primary": true, "type": "work", "value": "joseph@mail.example"}]));
    assert_eq!(changed["phoneNumbers"], json!([{"type": "mobile", "value": "+1 425 555 0100"}]));
    assert_eq!(changed["addresses"], json!([{"type": "work", "country": "US"}]));
    let enterprise = &changed[ENTERPRISE_URN];
    assert_eq!((&enterprise["employeeNumber"], &enterprise["department"]), (&json!("701"), &json!("Sales")));
    assert_eq!(enterprise["manager"], json!({"value": "26118915"}));
    assert_eq!(others.see(name).await, Some(seen("Joseph", "joseph@mail.example", true)));
    // Groups.
    let group = entra
        .post(GROUPS, &json!({"schemas": [GROUP_URN], "externalId": "g-1", "displayName": "Entra Staff"}))
        .await
        .json();
    let found = entra
        .read(&format!("{GROUPS}?excludedAttributes=members&filter={}", encoded("displayName eq \"Entra Staff\"")))
        .await;
    assert_eq!(found["Resources"][0]["id"], group["id"]);
    let member = json!([{"$ref": null, "value": made["id"]}]);
    let add = json!([{"op": "Add", "path": "members", "value": member}]);
    assert_eq!(entra.patch(&at(&group), add).await.status.as_u16(), 204);
    assert_eq!(others.groups_of(name).await, [group["id"].as_str().expect("an id")]);
    let remove = json!([{"op": "Remove", "path": "members", "value": [{"value": made["id"]}]}]);
    assert_eq!(entra.patch(&at(&group), remove).await.status.as_u16(), 204);
    assert_eq!(others.groups_of(name).await, [""; 0]);
    // The end, with texts where truth values belong, and back.
    for (sent, is_active) in [("False", false), ("True", true), ("false", false)] {
        let switch = json!([{"op": "Replace", "path": "active", "value": sent}]);
        assert_eq!(entra.patch(&at(&made), switch).await.json()["active"], is_active);
        assert_eq!(others.see(name).await, Some(seen("Joseph", "joseph@mail.example", is_active)));
    }
    assert_eq!(entra.find(USERS, "externalId eq joe").await.len(), 1, "a switched-off user is still there");
    // And later, for good.
    assert_eq!(entra.delete(&at(&made)).await.status.as_u16(), 204);
    assert_eq!(others.see(name).await, None);
    assert_eq!(entra.delete(&at(&group)).await.status.as_u16(), 204);
    let again = entra.post(USERS, &body).await;
    assert_eq!(again.status.as_u16(), 201);
    assert_ne!(again.json()["id"], made["id"]);
    Table::read(&app.engine).assert_sound();
}

/// Everything of `contracts/scim.md` section 7 that no other test is about.
#[tokio::test]
async fn faults_of_others_are_none_of_ours() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let made = provider.create("Jane", json!({"active": "False"})).await;
    assert_eq!(made["active"], false, "1: a text is a truth value");
    let patched = async |operations: Value| provider.patch(&at(&made), operations).await;
    for op in ["Replace", "REPLACE", "replace"] {
        assert_eq!(patched(json!([{"op": op, "path": "title", "value": op}])).await.json()["title"], op, "2");
    }
    assert_eq!(
        patched(json!([{"op": "add", "value": {"name.givenName": "J"}}])).await.json()["name"]["givenName"],
        "J",
        "3, 4"
    );
    for op in ["Add", "Replace"] {
        let emails = patched(json!([{"op": op, "path": "emails[type eq \"work\"].value", "value": "j@mail.example"}]))
            .await
            .json()["emails"]
            .clone();
        assert_eq!(emails, json!([{"value": "j@mail.example", "type": "work", "primary": true}]), "5, 6");
        patched(json!([{"op": "remove", "path": "emails"}])).await;
    }
    let none = patched(json!([{"op": "replace", "path": "emails[type eq \"work\" and primary eq true].value", "value": "j@mail.example"}])).await;
    assert_eq!(told(&none), (400, "noTarget".to_owned()), "5: only where one `eq` says what to make");
    let by_urn = format!("{ENTERPRISE_URN}:manager");
    for value in [json!("26"), json!({"value": "26"}), json!({"$ref": "../Users/26", "value": "26"})] {
        let manager = patched(json!([{"op": "add", "path": by_urn, "value": value}])).await.json()[ENTERPRISE_URN]["manager"]["value"].clone();
        assert_eq!(manager, "26", "7, 8: {value}");
    }
    let core =
        patched(json!([{"op": "replace", "path": format!("{USER_URN}:name.familyName"), "value": "Doe"}])).await.json();
    assert_eq!(core["name"]["familyName"], "Doe", "7");
    let whole = patched(json!([{"op": "replace", "path": ENTERPRISE_URN, "value": {"department": "IT"}}])).await.json();
    let enterprise = &whole[ENTERPRISE_URN];
    assert_eq!((&enterprise["department"], &enterprise["manager"]["value"]), (&json!("IT"), &json!("26")), "7");
    assert_eq!(whole["userName"], "Jane", "15");
    assert_eq!(told(&patched(json!([])).await), (400, "invalidValue".to_owned()), "21");
    assert_eq!(told(&patched(json!(null)).await).0, 400, "21");
    let many: Vec<Value> = (0..101).map(|_| json!({"op": "add", "value": {"title": "x"}})).collect();
    assert_eq!(told(&patched(json!(many)).await).0, 400);
    let wrong = json!({"schemas": [USER_URN], "Operations": [{"op": "add", "value": {"title": "x"}}]});
    assert_eq!(told(&provider.ask(Method::PATCH, &at(&made), Some(&wrong)).await), (400, "invalidSyntax".to_owned()));
    for path in ["nothing", "nothing.at.all", "emails[", "emails[type eq]", "urn:nothing:title", "name.nothing"] {
        let answer = patched(json!([{"op": "add", "path": path, "value": "x"}])).await;
        assert_eq!(told(&answer), (400, "invalidPath".to_owned()), "{path}: {answer:?}");
    }
    for path in ["id", "meta.created", "groups", "name.formatted"] {
        let answer = patched(json!([{"op": "replace", "path": path, "value": "x"}])).await;
        assert_eq!(told(&answer), (400, "mutability".to_owned()), "{path}: {answer:?}");
    }
    assert_eq!(told(&patched(json!([{"op": "remove", "path": "userName"}])).await), (400, "invalidValue".to_owned()));
    Table::read(&app.engine).assert_sound();
}
