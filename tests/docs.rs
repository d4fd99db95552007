//! The live documentation: the document that is written from the code, and who may read it.
//!
//! `functions/docs/openapi.json` is written by `ROLLCALL_WRITE_DOCS=1 cargo test --test api -- the_document`.

mod document;
mod edge;
mod openl2m;
mod openwisp;
mod operations;
mod places;
mod record;
mod schema;
mod scim;

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared::config::DocsAccess;

use self::document::APIS;
use self::places::places;
use crate::support::parameters::SIGNING;
use crate::support::{Options, TestApp, request};

fn written() -> Value {
    serde_json::from_str(docs::DOCUMENT).expect("JSON")
}

#[tokio::test]
async fn the_document_says_what_the_code_does() {
    let document = document::document().await;
    let text = format!("{}\n", serde_json::to_string_pretty(&document).expect("JSON"));
    #[expect(clippy::disallowed_methods, reason = "asked of whoever runs the test")]
    if std::env::var("ROLLCALL_WRITE_DOCS").is_ok() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("functions/docs/openapi.json");
        std::fs::write(path, text).expect("the file");
        return;
    }
    let differs = docs::DOCUMENT.lines().zip(text.lines()).find(|(written, now)| written != now);
    assert!(
        docs::DOCUMENT == text,
        "functions/docs/openapi.json is not what the code says: {differs:?}; \
         ROLLCALL_WRITE_DOCS=1 cargo test --test api -- the_document writes it anew"
    );
}

/// The document, fit to check values against: its objects have no members but those that they name.
fn strict() -> Value {
    fn close(value: &mut Value) {
        match value {
            Value::Object(members) => {
                if members.get("properties").is_some_and(Value::is_object)
                    && members.get("type").is_some_and(Value::is_string)
                {
                    members.entry("additionalProperties").or_insert(json!(false));
                }
                members.values_mut().for_each(close);
            }
            Value::Array(list) => list.iter_mut().for_each(close),
            _ => {}
        }
    }
    let mut document = written();
    close(&mut document["components"]["schemas"]);
    close(&mut document["paths"]);
    document
}

/// What is wrong with a value, by a schema of that document.
fn complaints(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut whole =
        json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"]});
    whole["allOf"] = json!([schema]);
    let validator = jsonschema::options().should_validate_formats(true).build(&whole).expect("a schema");
    validator.iter_errors(value).map(|error| format!("{error} at {}", error.instance_path())).collect()
}

/// Every operation: its path, method and description.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item").iter().filter(|(name, _)| *name != "parameters") {
            all.push((path.clone(), method.to_uppercase(), operation.clone()));
        }
    }
    all
}

#[test]
fn every_method_of_every_endpoint_is_described_and_nothing_else() {
    let described: BTreeSet<(String, String)> =
        operations(&written()).into_iter().map(|(path, method, _)| (path, method)).collect();
    let endpoints = APIS.iter().flat_map(|api| places(api.name));
    let mut served: BTreeSet<(String, String)> = endpoints
        .flat_map(|place| {
            place.methods.iter().map(|method| (place.shown_path(), (*method).to_owned())).collect::<Vec<_>>()
        })
        .collect();
    served.extend(["GET", "HEAD"].map(|method| (docs::KEYS.to_owned(), method.to_owned())));
    assert_eq!(described, served);
}

#[test]
fn operations_have_names_of_their_own_and_say_what_they_do() {
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations(&written()) {
        let name = operation["operationId"].as_str().expect("a name").to_owned();
        assert!(names.insert(name.clone()), "{name} is there twice");
        for member in ["summary", "description"] {
            assert!(operation[member].as_str().is_some_and(|text| !text.is_empty()), "{method} {path} has no {member}");
        }
    }
}

#[test]
fn every_field_is_explained() {
    let document = written();
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        let Some(properties) = schema["properties"].as_object() else { continue };
        if ["Endpoint", "Keys"].contains(&&**name) || name.starts_with("OpenL2mS") {
            continue;
        }
        for (field, property) in properties {
            assert!(property["description"].is_string(), "{name}.{field} is not explained: {property}");
        }
    }
}

/// What a body or a response holds as JSON: the first of its media types.
fn json_of(message: &Value) -> &Value {
    message["content"].as_object().and_then(|content| content.values().next()).unwrap_or(&Value::Null)
}

#[test]
fn examples_are_what_their_schemas_say() {
    let document = strict();
    let mut seen = 0;
    let mut check = |of: &str, content: &Value| {
        if let Some(example) = content.get("example") {
            let wrong = complaints(&document, &content["schema"], example);
            assert_eq!(wrong, Vec::<String>::new(), "{of}: {example}");
            seen += 1;
        }
    };
    for (path, method, operation) in operations(&document) {
        check(&format!("body of {method} {path}"), json_of(&operation["requestBody"]));
        for response in operation["responses"].as_object().expect("responses").values() {
            check(&format!("answer to {method} {path}"), json_of(response));
        }
    }
    for (name, response) in document["components"]["responses"].as_object().expect("responses") {
        check(name, json_of(response));
    }
    assert!(seen > 140, "{seen} examples");
}

/// Every answer of a user without rights, too, whose objects lack members.
#[tokio::test]
async fn answers_to_managers_are_what_the_document_says() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let organization = admin.post("/api/v1/users/organization/", &json!({"name": "A", "slug": "a"})).await.json();
    let member = json!({"organization_users": {"organization": organization["id"], "is_admin": true}});
    let user = admin.create_user("manager", &member).await;
    let path = format!("/api/v1/users/user/{}/", user["id"].as_str().expect("an id"));
    assert_eq!(admin.patch(&path, &json!({"user_permissions": [28]})).await.status, StatusCode::OK);
    let manager = app.signed_in("manager").await;
    let document = strict();
    for (template, path) in [("/api/v1/users/user/", "/api/v1/users/user/"), ("/api/v1/users/user/{id}/", &path)] {
        let answer = manager.get(path).await;
        assert_eq!(answer.status, StatusCode::OK);
        let schema = &document["paths"][template]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        assert_eq!(complaints(&document, schema, &answer.json()), Vec::<String>::new(), "{template}");
    }
}

#[tokio::test]
async fn users_read_with_a_token_or_a_password_and_strangers_do_not() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.create_user("jane", &json!({})).await;
    let token = app.token("jane").await;
    let key = app.api_token("jane").await;
    let with = async |credentials: &str| {
        let begun = request(Method::GET, "/api/v1/docs.json").header("authorization", credentials);
        app.anonymous().ask(begun, "").await
    };
    // jane:Orchid-lantern-42
    let basic = "Basic amFuZTpPcmNoaWQtbGFudGVybi00Mg==";
    for credentials in [&format!("Bearer {token}"), &format!("Bearer {key}"), &format!("Token jane:{key}"), basic] {
        let answer = with(credentials).await;
        assert_eq!((answer.status, &answer.json()["openapi"]), (StatusCode::OK, &json!("3.1.0")), "{credentials}");
    }
    for (credentials, told) in [
        ("", "Authentication credentials were not provided."),
        ("Bearer x", "Invalid token."),
        ("Basic amFuZTp3cm9uZw==", "Invalid username/password."),
        ("Basic !", "Invalid basic header. Credentials not correctly base64 encoded."),
    ] {
        let answer = with(credentials).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::FORBIDDEN, json!({ "detail": told })), "{credentials}");
        assert_eq!(answer.header("www-authenticate"), None);
    }
    let page = app.anonymous().accepting("text/html", "/api/v1/docs/").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
}

#[tokio::test]
async fn wrong_passwords_count_here_as_everywhere() {
    let app = TestApp::with(Options { throttle: true, ..Options::default() }).await;
    let mut statuses = BTreeSet::new();
    for _ in 0..12 {
        let begun = request(Method::GET, "/api/v1/docs.json").header("authorization", "Basic YWRtaW46d3Jvbmc=");
        statuses.insert(app.anonymous().ask(begun, "").await.status.as_u16());
    }
    assert_eq!(statuses, [403, 429].into());
}

#[tokio::test]
async fn everybody_reads_what_is_public() {
    let app = TestApp::with(Options { docs_access: DocsAccess::Everybody, ..Options::default() }).await;
    for path in docs::DOCUMENTS {
        assert_eq!(app.anonymous().get(path).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn pages_load_nothing_but_what_is_served_beside_them() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for path in ["/api/v1/docs/", "/api/v1/redoc/"] {
        let page = admin.accepting("text/html", path).await;
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
        let text = page.text();
        assert!(!text.contains("<style") && !text.contains(" style=") && !text.contains(" onload"), "{path}");
        for quoted in text.split('"').skip(1).step_by(2) {
            let Some(name) = [".js", ".css"].iter().any(|end| quoted.ends_with(end)).then_some(quoted) else {
                continue;
            };
            let asset = app.anonymous().get(&format!("/api/v1/docs/{}", name.trim_start_matches("../docs/"))).await;
            assert_eq!(asset.status, StatusCode::OK, "{name}");
            assert_eq!(asset.header("cache-control"), Some("public, max-age=3600"));
        }
    }
}

#[tokio::test]
async fn packed_assets_unpack() {
    use std::io::Read as _;
    let app = TestApp::start().await;
    for (name, begins) in [("swagger-ui-bundle.js", "/*! For license information"), ("swagger-ui.css", ".swagger-ui{")]
    {
        let asset = app.anonymous().get(&format!("/api/v1/docs/{name}")).await;
        assert_eq!(asset.header("content-encoding"), Some("gzip"));
        let mut text = String::new();
        flate2::read::GzDecoder::new(&asset.body[..]).read_to_string(&mut text).expect("text");
        assert!(text.starts_with(begins), "{name}: {}", &text[..60]);
    }
}

#[tokio::test]
async fn all_forms_of_the_document_are_the_same_and_name_the_server_that_was_asked() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let answer = admin.get("/api/v1/docs.json").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let json = answer.json();
    assert_eq!(json["servers"], json!([{"url": "http://rollcall.example"}]));
    assert_eq!(admin.get("/api/v1/docs/?format=openapi").await.json(), json);
    let yaml = admin.get("/api/v1/docs.yaml").await;
    assert_eq!(yaml.header("content-type"), Some("application/yaml"));
    assert_eq!(serde_yaml_ng::from_str::<Value>(&yaml.text()).expect("YAML"), json);
    assert_eq!(docs::DOCUMENT.matches(r#""url": "/""#).count(), 1);
}

#[tokio::test]
async fn the_reference_has_every_operation() {
    let app = TestApp::start().await;
    let page = app.admin().await.get("/api/v1/redoc/").await.text();
    for (path, method, operation) in operations(&written()) {
        let id = operation["operationId"].as_str().expect("a name");
        assert_eq!(page.matches(&format!("<section id=\"{id}\">")).count(), 1, "{method} {path}");
    }
}

#[tokio::test]
async fn everybody_gets_the_public_keys_and_nothing_of_the_private_ones() {
    let app = TestApp::start().await;
    let answer = app.anonymous().get(docs::KEYS).await;
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let stored: Value = serde_json::from_str(&app.parameters.value(SIGNING)).expect("JSON");
    let public: Vec<Value> = stored["keys"]
        .as_array()
        .expect("keys")
        .iter()
        .map(|key| json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key["kid"], "x": key["x"]}))
        .collect();
    assert_eq!(answer.json(), json!({ "keys": public }));
    // A token names one of them.
    let token = app.token("admin").await;
    let header = base64::Engine::decode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        token.split('.').next().expect("a part"),
    );
    let header: Value = serde_json::from_slice(&header.expect("base64")).expect("JSON");
    assert_eq!(header["kid"], answer.json()["keys"][0]["kid"]);
}
