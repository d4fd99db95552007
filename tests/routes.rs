//! `template.yaml` and what must agree with it: the functions' routers, the table that the program makes,
//! and the routes of `cargo lambda watch`.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use serde_json::json;
use serde_yaml_ng::Value;
use shared::store::keys;

use crate::support::gateway::{choose, functions, read, routes, template};
use crate::support::{Client, FUNCTIONS, TestApp, router_of};

/// Every documented address as the events ask for it, its methods and the function that answers there.
pub const DOCUMENTED: [(&str, &str, &str); 38] = [
    ("/api/v1/users/token/", "POST, OPTIONS", "auth"),
    ("/api/v1/users/user/password/change/", "POST, OPTIONS", "auth"),
    ("/api/v1/users/password/reset/", "POST, OPTIONS", "auth"),
    ("/api/v1/users/password/reset/confirm/", "POST, OPTIONS", "auth"),
    ("/accounts/confirm-email/KEY/", "GET, POST, HEAD", "auth"),
    ("/accounts/email-verification-success/", "GET, HEAD", "auth"),
    ("/accounts/password/reset/key/00000000000000000000000000000000-set-password/", "GET, POST, HEAD", "auth"),
    ("/accounts/password/reset/key/done/", "GET, HEAD", "auth"),
    ("/accounts/login/", "GET, POST, HEAD", "auth"),
    ("/accounts/logout/", "GET, POST, HEAD", "auth"),
    ("/accounts/style.css", "GET, HEAD", "auth"),
    ("/api/v1/users/user/", "GET, POST, HEAD, OPTIONS", "users"),
    ("/api/v1/users/user/00000000-0000-0000-0000-000000000000/", "GET, PUT, PATCH, DELETE, HEAD, OPTIONS", "users"),
    ("/api/v1/users/user/00000000-0000-0000-0000-000000000000/password/", "PUT, OPTIONS", "users"),
    ("/api/v1/users/user/00000000-0000-0000-0000-000000000000/email/", "GET, POST, HEAD, OPTIONS", "emails"),
    (
        "/api/v1/users/user/00000000-0000-0000-0000-000000000000/email/1/",
        "GET, PUT, PATCH, DELETE, HEAD, OPTIONS",
        "emails",
    ),
    ("/api/v1/users/group/", "GET, POST, HEAD, OPTIONS", "groups"),
    ("/api/v1/users/group/1/", "GET, PUT, PATCH, DELETE, HEAD, OPTIONS", "groups"),
    ("/api/v1/users/organization/", "GET, POST, HEAD, OPTIONS", "organizations"),
    (
        "/api/v1/users/organization/00000000-0000-0000-0000-000000000000/",
        "GET, PUT, PATCH, DELETE, HEAD, OPTIONS",
        "organizations",
    ),
    ("/api/v1/docs/", "GET, HEAD", "docs"),
    ("/api/v1/docs.json", "GET, HEAD", "docs"),
    ("/api/v1/docs.yaml", "GET, HEAD", "docs"),
    ("/api/v1/redoc/", "GET, HEAD", "docs"),
    ("/.well-known/jwks.json", "GET, HEAD", "docs"),
    ("/api/", "GET, HEAD, OPTIONS", "admin-users"),
    ("/api/admin/", "GET, HEAD, OPTIONS", "admin-users"),
    ("/api/switches/", "GET, HEAD, OPTIONS", "admin-users"),
    ("/api/environment/", "GET, HEAD, OPTIONS", "admin-users"),
    ("/api/stats/", "GET, HEAD, OPTIONS", "admin-users"),
    ("/api/admin/users/", "GET, POST, HEAD, OPTIONS", "admin-users"),
    ("/api/admin/users/999999999/", "GET, POST, PATCH, HEAD, OPTIONS", "admin-users"),
    ("/api/users/token/", "POST, OPTIONS", "auth"),
    ("/api/users/", "GET, POST, HEAD, OPTIONS", "edge-users"),
    ("/api/users/000000000000000000000000/", "GET, PATCH, DELETE, HEAD, OPTIONS", "edge-users"),
    ("/api/users/000000000000000000000000/history/", "GET, HEAD, OPTIONS", "edge-users"),
    ("/api/users/000000000000000000000000/tokens/", "GET, POST, HEAD, OPTIONS", "edge-tokens"),
    (
        "/api/users/000000000000000000000000/tokens/000000000000000000000000/",
        "GET, PATCH, DELETE, HEAD, OPTIONS",
        "edge-tokens",
    ),
];

fn methods(allow: &str) -> impl Iterator<Item = Method> {
    allow.split(", ").map(|name| name.parse().expect("a method"))
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
fn documented_addresses_reach_their_function_with_and_without_final_slash() {
    let template = template();
    let routes = routes(&template);
    for (path, allow, function) in DOCUMENTED {
        for method in methods(allow) {
            for path in [path, path.trim_end_matches('/')] {
                let route = choose(&routes, method.as_str(), path).expect("a route");
                assert_eq!(route.function, function, "{method} {path} by {}", route.key);
                assert_ne!(route.key, "$default", "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn functions_answer_at_their_documented_addresses() {
    let app = TestApp::start().await;
    for (path, allow, function) in DOCUMENTED {
        let client = Client::new(router_of(function, app.directory.clone()), None);
        for method in methods(allow) {
            let answer = client.json(method.clone(), path, None).await;
            let missing = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
            assert!(!missing.contains(&answer.status), "{method} {path}: {answer:?}");
            if path.starts_with("/api/") {
                assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
            }
            if !path.ends_with('/') {
                continue;
            }
            let bare = client.json(method.clone(), path.trim_end_matches('/'), None).await;
            // OpenWISP redirects, the others answer either spelling.
            if path.starts_with("/api/") && !path.starts_with("/api/v1/") {
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
        let answer = Client::new(router_of(&route.function, app.directory.clone()), None).get(path).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::NOT_FOUND, json!({"detail": "Not found."})), "{path}");
    }
}

#[test]
fn the_template_has_every_function_of_the_workspace() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("functions");
    let entries = std::fs::read_dir(folder).expect("the functions");
    let written: BTreeSet<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    let template = template();
    let deployed: BTreeSet<String> = functions(&template).into_iter().map(|(name, _)| name).collect();
    assert_eq!(deployed, written);
    let routed: BTreeSet<String> = routes(&template).into_iter().map(|route| route.function).collect();
    assert_eq!(routed, FUNCTIONS.iter().map(|(name, _)| (*name).to_owned()).collect());
}

#[test]
fn watch_sends_documented_addresses_to_the_same_functions() {
    let manifest: toml::Value = toml::from_str(&read("Cargo.toml")).expect("TOML");
    let lines = manifest["workspace"]["metadata"]["lambda"]["watch"]["router"].as_table().expect("routes");
    let mut watch = matchit::Router::new();
    for (path, function) in lines {
        watch.insert(path, function.as_str().expect("a function")).expect("a route");
    }
    let template = template();
    let routes = routes(&template);
    let documented = DOCUMENTED.iter().flat_map(|(path, ..)| [*path, path.trim_end_matches('/')]);
    for path in documented.chain(["/", "/api/v1/users/", "/api/v1/users/nothing/", "/x"]) {
        let route = choose(&routes, "GET", path).expect("a route");
        let watched = watch.at(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(*watched.value, route.function, "{path}");
    }
}

#[tokio::test]
async fn the_program_makes_the_table_of_the_template() {
    let app = TestApp::start().await;
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
fn the_mailer_gets_new_mails_and_nothing_else() {
    let template = template();
    let (source, patterns) = reader(&template, "NewMails");
    let wanted = json!({"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [keys::OUTBOX]}}}});
    assert_eq!(patterns, [wanted]);
    // The function says how far it came in a batch; without this Lambda would take any answer for success.
    assert_eq!(source["FunctionResponseTypes"][0], "ReportBatchItemFailures");
}

#[test]
fn housekeeping_is_called_for_new_work_every_hour_and_at_the_beginning_of_a_day() {
    let template = template();
    let (source, patterns) = reader(&template, "NewWork");
    let wanted = json!({"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": {"pk": {"S": [keys::WORK]}}}});
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
            let named = matches!(policy, Value::Tagged(reference) if reference.value == "ReadSigningKeys");
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
