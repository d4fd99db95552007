//! `template.yaml` and what must agree with it: the functions' routers, the table that the program makes,
//! and the routes of `cargo lambda watch`.

mod watch;

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use serde_json::json;
use serde_yaml_ng::Value;
use shared::store::keys;
use shared::web::endpoint::Route;

use crate::access::methods_of;
use crate::events::{NO_EDGE_ID, NO_NUMBER, NOBODY};
use crate::support::gateway::{choose, functions, routes, template};
use crate::support::{Client, FUNCTIONS, Options, TestApp, USERS, router_of};

/// A documented address as the events ask for it.
#[derive(Debug)]
pub struct Address {
    /// Its path, of something that is not there where something varies.
    pub path: String,
    /// The methods that it has, in the order of the `Allow` header.
    pub methods: Vec<&'static str>,
    /// The function to which the template's routes lead.
    pub function: String,
}

impl Address {
    /// Whether a request without the final slash is sent to the path with it. The others answer either spelling.
    pub fn redirects(&self) -> bool {
        ["/api/v1/", "/api/rollcall/", "/accounts/"].iter().any(|start| self.path.starts_with(start))
    }

    /// Whether it lies below a user, without whom even OPTIONS finds nothing.
    pub fn is_below_user(&self) -> bool {
        let rest = self.path.strip_prefix(USERS).unwrap_or_default();
        rest.contains("/email/") || rest.contains("/organization/")
    }
}

/// Every documented address: those of the APIs, the pages for browsers, and the documents.
pub fn addresses() -> Vec<Address> {
    let fill = |route: Route, id: &str, number: &str| {
        (route.endpoint.path.replace("{id}", id).replace("{number}", number), route.methods())
    };
    let openwisp = rollcall::openwisp_routes().into_iter().map(|route| fill(route, NOBODY, "1"));
    let others = rollcall::openl2m_routes().into_iter().chain(rollcall::edge_routes());
    let others = others.map(|route| fill(route, NO_EDGE_ID, NO_NUMBER));
    let scim = rollcall::scim_routes().into_iter().map(|route| {
        let id = match route.endpoint.path {
            "/scim/v2/Users/{id}/" => NOBODY,
            "/scim/v2/ResourceTypes/{id}/" => "User",
            "/scim/v2/Schemas/{id}/" => "urn:ietf:params:scim:schemas:core:2.0:User",
            _ => "1",
        };
        fill(route, id, "")
    });
    let beside = auth::PAGES.into_iter().chain(docs::DOCUMENTS).chain([docs::KEYS]);
    let beside = beside.map(|path| (path.to_owned(), methods_of(path).collect()));
    let template = template();
    let routes = routes(&template);
    let address = |(path, methods): (String, Vec<&'static str>)| {
        let path = path
            .replace("{organization}", NOBODY)
            .replace("{token}", NO_EDGE_ID)
            .replace("{session}", NO_EDGE_ID)
            .replace("{webhook}", NOBODY)
            .replace("{delivery}", "1.0")
            .replace("{key}", "KEY")
            .replace("{pair}", "00000000000000000000000000000000-set-password");
        let function = choose(&routes, "GET", &path).expect("a route").function.clone();
        Address { path, methods, function }
    };
    openwisp.chain(others).chain(scim).chain(beside).map(address).collect()
}

#[test]
fn no_route_key_ends_in_a_slash_and_none_is_there_twice() {
    let template = template();
    let mut seen = BTreeSet::new();
    for route in routes(&template) {
        assert!(!route.key.ends_with('/'), "API Gateway refuses the route {}", route.key);
        assert!(seen.insert(route.key.clone()), "{} is there twice", route.key);
    }
    assert!(seen.contains("$default"));
}

#[test]
fn documented_addresses_reach_one_function_with_and_without_final_slash() {
    let template = template();
    let routes = routes(&template);
    for Address { path, methods, function } in addresses() {
        for method in methods {
            for path in [&*path, path.trim_end_matches('/')] {
                let route = choose(&routes, method, path).expect("a route");
                assert_eq!(route.function, function, "{method} {path} by {}", route.key);
                assert_ne!(route.key, "$default", "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn functions_answer_at_the_documented_addresses_that_lead_to_them() {
    let app = TestApp::start().await;
    for address in addresses() {
        let (path, allow) = (&*address.path, address.methods.join(", "));
        let client = Client::new(router_of(&address.function, &app), None);
        for name in &address.methods {
            let method: Method = name.parse().expect("a method");
            let answer = client.json(method.clone(), path, None).await;
            let missing = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
            assert!(!missing.contains(&answer.status), "{method} {path}: {answer:?}");
            if path.starts_with("/api/") {
                assert_eq!(answer.header("allow"), Some(&*allow), "{method} {path}");
            }
            if !path.ends_with('/') {
                continue;
            }
            let bare = client.json(method.clone(), path.trim_end_matches('/'), None).await;
            if !address.redirects() {
                assert_eq!((bare.status, &bare.body), (answer.status, &answer.body), "{method} {path}");
                continue;
            }
            assert_eq!(bare.status, StatusCode::MOVED_PERMANENTLY, "{method} {path} without its slash: {bare:?}");
            assert_eq!(bare.header("location"), Some(path));
        }
    }
}

#[tokio::test]
async fn other_addresses_get_the_404_of_the_api() {
    let app = TestApp::start().await;
    let template = template();
    let routes = routes(&template);
    for path in ["/", "/api/v1/users", "/api/v1/users/", "/api/v1/users/nothing/", "/api/v1/users/tokens/"] {
        let route = choose(&routes, "GET", path).expect("a route");
        assert!(["$default", "ANY /api/v1/{proxy+}"].contains(&&*route.key), "{path} by {}", route.key);
        assert_eq!(route.function, "users");
        let answer = Client::new(router_of(&route.function, &app), None).get(path).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::NOT_FOUND, json!({"detail": "Not found."})), "{path}");
    }
}

#[test]
fn the_template_has_every_function_of_the_workspace() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("functions");
    let entries = std::fs::read_dir(folder).expect("the functions").map(|entry| entry.expect("an entry"));
    let written: BTreeSet<String> = entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().expect("a name"))
        .collect();
    let template = template();
    let deployed: BTreeSet<String> = functions(&template).into_iter().map(|(name, _)| name).collect();
    assert_eq!(deployed, written);
    let routed: BTreeSet<String> = routes(&template).into_iter().map(|route| route.function).collect();
    assert_eq!(routed, FUNCTIONS.iter().map(|(name, _)| (*name).to_owned()).collect());
}

#[tokio::test]
async fn the_program_makes_the_table_of_the_template() {
    let app = TestApp::bare(Options::default());
    app.directory.store().table_create().await.expect("the table");
    let client = app.engine.client();
    let described = client.describe_table().table_name(app.engine.table()).send().await.expect("a description");
    let table = described.table().expect("a table");
    let expiry = client.describe_time_to_live().table_name(app.engine.table()).send().await.expect("a description");
    let expiry = expiry.time_to_live_description().expect("time to live");

    let template = template();
    let wanted = &template["Resources"]["Table"]["Properties"];
    let pairs = |list: &Value, name: &str, kind: &str| -> BTreeSet<(String, String)> {
        let text = |item: &Value, key: &str| item[key].as_str().expect("a text").to_owned();
        let list = list.as_sequence().expect("a list");
        list.iter().map(|item| (text(item, name), text(item, kind))).collect()
    };
    let keys: BTreeSet<_> = table
        .key_schema()
        .iter()
        .map(|key| (key.attribute_name().to_owned(), key.key_type().as_str().to_owned()))
        .collect();
    assert_eq!(pairs(&wanted["KeySchema"], "AttributeName", "KeyType"), keys);
    let attributes: BTreeSet<_> = table
        .attribute_definitions()
        .iter()
        .map(|attribute| (attribute.attribute_name().to_owned(), attribute.attribute_type().as_str().to_owned()))
        .collect();
    assert_eq!(pairs(&wanted["AttributeDefinitions"], "AttributeName", "AttributeType"), attributes);
    let billing = table.billing_mode_summary().and_then(|summary| summary.billing_mode()).expect("a billing mode");
    assert_eq!(wanted["BillingMode"], billing.as_str());
    // Only functions in AWS read a stream; they need what was written.
    assert_eq!(wanted["StreamSpecification"]["StreamViewType"], "NEW_IMAGE");
    assert!(table.stream_specification().is_none());
    assert_eq!(wanted["TimeToLiveSpecification"]["AttributeName"], expiry.attribute_name().expect("a name"));
    assert_eq!(wanted["TimeToLiveSpecification"]["Enabled"], true);
    let indexes = ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"].map(|name| wanted.get(name).is_some());
    let made = [!table.global_secondary_indexes().is_empty(), !table.local_secondary_indexes().is_empty()];
    assert_eq!(indexes, made);
}

#[test]
fn the_table_outlives_the_stack() {
    let template = template();
    let table = &template["Resources"]["Table"];
    assert_eq!(table["DeletionPolicy"], "Retain");
    assert_eq!(table["UpdateReplacePolicy"], "Retain");
    assert_eq!(table["Properties"]["DeletionProtectionEnabled"], true);
    assert_eq!(table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
}

/// The reader of the table's stream of that name, and what it is told of.
fn reader<'a>(template: &'a Value, name: &str) -> (&'a Value, Vec<serde_json::Value>) {
    let source = &template["Resources"][name]["Properties"];
    let filters = source["FilterCriteria"]["Filters"].as_sequence().expect("filters");
    let pattern = |filter: &Value| serde_json::from_str(filter["Pattern"].as_str().expect("a pattern")).expect("JSON");
    (source, filters.iter().map(pattern).collect())
}

#[test]
fn the_outbox_is_called_for_new_mails_and_every_minute() {
    let template = template();
    let (source, patterns) = reader(&template, "NewMails");
    let wanted = json!({"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [keys::OUTBOX]}}}});
    assert_eq!(patterns, [wanted]);
    // It answers with nothing, which would be read as the success of all.
    assert!(source.get("FunctionResponseTypes").is_none());
    let (_, properties) = functions(&template).into_iter().find(|(name, _)| name == "outbox").expect("it");
    assert_eq!(properties["Events"]["Minutely"]["Properties"]["Schedule"], "rate(1 minute)");
}

#[test]
fn housekeeping_is_called_for_new_work_every_hour_and_at_the_beginning_of_a_day() {
    let template = template();
    let (source, patterns) = reader(&template, "NewWork");
    let wanted =
        json!({"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": {"pk": {"S": [keys::RESETS, keys::WORK]}}}});
    assert_eq!(patterns, [wanted]);
    // It answers with nothing, which would be read as the success of all.
    assert!(source.get("FunctionResponseTypes").is_none());
    let (_, properties) = functions(&template).into_iter().find(|(name, _)| name == "housekeeping").expect("it");
    assert_eq!(properties["Events"]["Hourly"]["Properties"]["Schedule"], "rate(1 hour)");
    assert_eq!(properties["Events"]["Daily"]["Properties"]["Schedule"], "cron(1 0 * * ? *)");
}

#[test]
fn no_more_than_two_functions_read_the_stream() {
    let template = template();
    let resources = template["Resources"].as_mapping().expect("resources");
    let readers = resources.values().filter(|resource| resource["Type"] == "AWS::Lambda::EventSourceMapping");
    assert_eq!(readers.count(), 2);
}

#[test]
fn policies_allow_named_actions_and_no_scan() {
    let template = template();
    let mut allowed = BTreeSet::new();
    collect_actions(&template["Resources"], &mut allowed);
    assert!(allowed.contains("dynamodb:GetItem") && allowed.contains("ssm:GetParameter"), "{allowed:?}");
    for action in &allowed {
        assert!(!action.contains('*') && !action.ends_with("Scan"), "{action}");
    }
    for (function, properties) in functions(&template) {
        for policy in properties["Policies"].as_sequence().expect("policies") {
            let reads_keys = ["ReadSigningKeys", "ReadVerifyingKeys"];
            let named = matches!(policy, Value::Tagged(name) if name.value.as_str().is_some_and(|name| reads_keys.contains(&name)));
            assert!(named || policy.get("Statement").is_some(), "{function} has a policy that is not written out");
        }
    }
}

/// Everything that stands under a key `Action`.
fn collect_actions(value: &Value, actions: &mut BTreeSet<String>) {
    match value {
        Value::Mapping(mapping) => {
            for (name, value) in mapping {
                if name == "Action" {
                    let list = value.as_sequence().cloned().unwrap_or_else(|| vec![value.clone()]);
                    actions.extend(list.iter().map(|action| action.as_str().expect("an action").to_owned()));
                }
                collect_actions(value, actions);
            }
        }
        Value::Sequence(list) => list.iter().for_each(|value| collect_actions(value, actions)),
        _ => {}
    }
}
