//! Puts the OpenAPI document together: from the endpoints, their fields and the types of their answers what the code
//! does, from `operations.rs` and the tables beside it what people are told, from [`Recorder`] the examples.

use http::StatusCode;
use serde_json::{Map, Value, json};
use shared::web::endpoint::Access;
use shared::web::fields::Field;

use super::operations::{Api, Asked, Body, Operation, QUERIES, Refusal, Shape};
use super::places::{Place, places};
use super::record::Recorder;
use super::{edge, openl2m, openwisp, schema, scim};

/// The APIs.
pub const APIS: [Api; 4] = [openwisp::OPENWISP, openl2m::OPENL2M, edge::EDGE, scim::SCIM];

/// The heading of what says itself.
const PLAIN_TAG: &str = "HEAD and OPTIONS";
const KEYS_TAG: &str = "Keys";

/// The document.
pub async fn document() -> Value {
    let mut writer = Writer { paths: Map::new(), schemas: Map::new(), responses: Map::new() };
    writer.schemas.insert("Detail".to_owned(), json!({"type": "object", "properties": {"detail": {"type": "string", "description": "A message."}}, "required": ["detail"]}));
    writer.schemas.insert("Refusal".to_owned(), json!({
        "type": "object",
        "description": "The errors: for each field a list of messages (nested fields are nested), under `non_field_errors` or `__all__` messages about the whole object, or a single message under `detail` or `reason`.",
        "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"$ref": "#/components/schemas/Refusal"}]},
        "minProperties": 1,
    }));
    writer.schemas.insert("Endpoint".to_owned(), json!({
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "description": {"type": "string"},
            "renders": {"type": "array", "items": {"type": "string"}},
            "parses": {"type": "array", "items": {"type": "string"}},
            "actions": {"type": "object", "description": "The fields that the caller can send, by method.", "additionalProperties": {"type": "object"}},
        },
        "required": ["name", "description", "renders", "parses"],
    }));
    let scim = scim::schemas::schemas().await;
    writer.schemas.extend(scim.into_iter().map(|(name, schema)| (name.to_owned(), schema)));
    for api in &APIS {
        writer.api(api).await;
    }
    writer.keys().await;
    let mut tags: Vec<Value> =
        APIS.iter().flat_map(|api| api.tags).map(|(name, text)| json!({"name": name, "description": text})).collect();
    tags.push(json!({"name": KEYS_TAG, "description": "For services that verify tokens themselves."}));
    tags.push(json!({"name": PLAIN_TAG, "description": "HEAD responds like GET, without a body. OPTIONS describes an endpoint."}));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Rollcall",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
            "description": include_str!("introduction.md"),
        },
        "servers": [{"url": "/"}],
        "tags": tags,
        "paths": writer.paths,
        "components": {
            "securitySchemes": {
                "Bearer": {"type": "http", "scheme": "bearer", "description": "OpenWISP and SCIM: a token from `POST /api/v1/users/token/`, or an API token."},
                "OpenL2mToken": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "OpenL2M: the word `Token`, a space, and a token from `POST /api/users/token/`."},
                "Basic": {"type": "http", "scheme": "basic", "description": "Edge and SCIM: user name and password."},
                "EdgeToken": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Edge: the word `Token`, a space, and `username:token`, plain or base64-encoded."},
            },
            "responses": writer.responses,
            "schemas": writer.schemas,
        },
    })
}

struct Writer {
    paths: Map<String, Value>,
    schemas: Map<String, Value>,
    responses: Map<String, Value>,
}

impl Writer {
    async fn api(&mut self, api: &Api) {
        let mut recorder = Recorder::start().await;
        let places = places(api.name);
        for operation in api.operations {
            let place = places.iter().find(|place| place.path == operation.path);
            let place = place.unwrap_or_else(|| panic!("{} is no endpoint", operation.path));
            let answer = recorder.ask(api, operation).await;
            assert_eq!(answer.status.as_u16(), operation.answer.status, "{}: {answer:?}", operation.id);
            let example = (!answer.body.is_empty()).then(|| recorder.shown(answer.json()));
            let written = self.operation(api, place, operation, example, &recorder);
            self.insert(api, place, operation.method, written);
            if operation.path.ends_with("/token/") {
                for refusal in api.refusals {
                    self.refusal(api, refusal, &recorder).await;
                }
            }
        }
        if ["Edge", "Scim"].contains(&api.name) {
            for refusal in api.refusals {
                self.refusal(api, refusal, &recorder).await;
            }
        }
        for place in &places {
            for method in place.methods.iter().filter(|method| ["HEAD", "OPTIONS"].contains(method)) {
                self.insert(api, place, method, plain(api, place, method));
            }
        }
    }

    fn insert(&mut self, api: &Api, place: &Place, method: &str, operation: Value) {
        let path = self.paths.entry(place.shown_path()).or_insert_with(|| {
            let parameters = parts(api, place);
            if parameters.is_empty() { json!({}) } else { json!({ "parameters": parameters }) }
        });
        path[method.to_lowercase()] = operation;
    }

    fn operation(
        &mut self,
        api: &Api,
        place: &Place,
        operation: &Operation,
        example: Option<Value>,
        recorder: &Recorder,
    ) -> Value {
        let mut written = json!({
            "operationId": operation.id,
            "tags": [operation.tag],
            "summary": operation.summary,
            "description": format!("{}\n\n{}", operation.description, place.who(operation.method)).trim_start(),
            "security": security(api, place),
        });
        let queries: Vec<Value> = operation.queries.iter().map(|name| query(name)).collect();
        if !queries.is_empty() {
            written["parameters"] = queries.into();
        }
        let fields = known_fields(place, operation.body.as_ref());
        if let Some(body) = &operation.body {
            written["requestBody"] = self.body(api, body, &fields, recorder);
        }
        let mut success = json!({ "description": operation.answer.says });
        let headers = headers(operation);
        if !headers.is_empty() && operation.answer.status != 204 {
            success["headers"] = headers.clone().into();
        }
        if let Some(schema) = self.shape(api, place, operation) {
            success["content"] = json!({api.media_type: {"schema": schema, "example": example.expect("a body")}});
        }
        let mut responses = Map::new();
        if let Shape::NothingUnlessAsked(name) = operation.answer.shape {
            let schema = json!({"$ref": format!("#/components/schemas/{name}")});
            let asked = json!({
                "description": "With `attributes`: what is left.",
                "headers": headers,
                "content": {api.media_type: {"schema": schema}},
            });
            responses.insert("200".to_owned(), asked);
        }
        responses.insert(operation.answer.status.to_string(), success);
        responses.extend(refused(
            api,
            place,
            operation.method,
            operation.body.is_some(),
            !operation.queries.is_empty(),
            operation.refuses,
        ));
        written["responses"] = responses.into();
        written
    }

    fn body(&mut self, api: &Api, body: &Body, fields: &[&'static Field], recorder: &Recorder) -> Value {
        let example: Value = serde_json::from_str(&recorder.shown_text(body.example)).expect("JSON");
        let named = |name: String| json!({"schema": {"$ref": format!("#/components/schemas/{name}")}});
        let mut json = named(body.name.to_owned());
        json["example"] = example;
        if api.media_type != "application/json" {
            assert!(self.schemas.contains_key(body.name), "nobody says what {} is", body.name);
            let also = named(body.name.to_owned());
            return json!({"required": true, "content": {api.media_type: json, "application/json": also}});
        }
        let schema = schema::body(api, body, fields);
        let form = schema::form(&schema);
        let known = self.schemas.insert(body.name.to_owned(), schema.clone());
        assert!(known.is_none_or(|known| known == schema), "two bodies are called {}", body.name);
        self.schemas.insert(format!("{}Form", body.name), form);
        let required = schema.get("required").is_some();
        json!({
            "required": required,
            "content": {
                "application/json": json,
                "application/x-www-form-urlencoded": named(format!("{}Form", body.name)),
                "multipart/form-data": named(format!("{}Form", body.name)),
            },
        })
    }

    fn shape(&mut self, api: &Api, place: &Place, operation: &Operation) -> Option<Value> {
        let mut fields = (place.fields)(true);
        if place.path.starts_with("/api/admin/users/") {
            fields = admin_users::fields();
        }
        let (name, schema) = match &operation.answer.shape {
            Shape::Nothing | Shape::NothingUnlessAsked(_) => return None,
            Shape::Known(name) => return Some(json!({ "$ref": format!("#/components/schemas/{name}") })),
            Shape::One(name, of) | Shape::Many(name, of) | Shape::Page(name, of) | Shape::Continued(name, of) => {
                (*name, schema::answer(api, &fields, *of))
            }
            Shape::WriteOutcome(name, text) => (*name, serde_json::from_str(text).expect("JSON")),
        };
        let known = self.schemas.insert(name.to_owned(), schema.clone());
        assert!(known.is_none_or(|known| known == schema), "two answers are called {name}");
        let named = json!({ "$ref": format!("#/components/schemas/{name}") });
        Some(match &operation.answer.shape {
            Shape::Many(..) => json!({"type": "array", "items": named}),
            Shape::Page(..) => {
                let mut page =
                    schema::answer(api, &[], super::operations::of::<shared::web::pagination::NumberedPage<()>>);
                page["properties"]["results"]["items"] = named;
                page
            }
            Shape::Continued(..) => {
                let mut page =
                    schema::answer(api, &[], super::operations::of::<shared::web::pagination::ContinuedPage<()>>);
                page["properties"]["results"]["items"] = named;
                page
            }
            _ => named,
        })
    }

    async fn refusal(&mut self, api: &Api, refusal: &Refusal, recorder: &Recorder) {
        let example = match (&refusal.asked, recorder.provoke(api, &refusal.asked).await) {
            (_, Some(answer)) => {
                assert_eq!(answer.status.as_u16(), refusal.status, "{} {}: {answer:?}", api.name, refusal.name);
                if answer.body.is_empty() { Value::Null } else { answer.json() }
            }
            (Asked::WriteOutcome(text), None) => serde_json::from_str(text).expect("JSON"),
            (Asked::With(..), None) => unreachable!("it was asked"),
        };
        let schema = match refusal.status {
            _ if api.name == "Scim" => "ScimError",
            400 | 409 => "Refusal",
            _ => "Detail",
        };
        let mut written = json!({ "description": refusal.says });
        if !example.is_null() {
            let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
            written["content"] = json!({api.media_type: {"schema": schema, "example": example}});
        }
        let header = match refusal.status {
            401 => Some(("WWW-Authenticate", "The required authentication scheme.", "string")),
            429 | 503 => Some(("Retry-After", "Seconds to wait before the next attempt.", "integer")),
            _ => None,
        };
        if let Some((name, says, kind)) = header {
            written["headers"] = json!({ name: {"description": says, "schema": {"type": kind}} });
        }
        self.responses.insert(format!("{}{}", api.name, refusal.name), written);
    }

    /// `/.well-known/jwks.json`
    async fn keys(&mut self) {
        let recorder = crate::support::TestApp::start().await;
        let answer = recorder.anonymous().get(docs::KEYS).await;
        assert_eq!(answer.status, StatusCode::OK);
        let schema = schema::answer(&APIS[0], &[], super::operations::of::<docs::KeySet>);
        self.schemas.insert("Keys".to_owned(), schema);
        let operation = |method: &str| {
            let content = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Keys"}, "example": answer.json()}});
            let mut success = json!({"description": "A JSON Web Key Set (RFC 7517) of Ed25519 keys (RFC 8037)."});
            if method == "get" {
                success["content"] = content;
            }
            json!({
                "operationId": format!("{method}Keys"),
                "tags": [if method == "get" { KEYS_TAG } else { PLAIN_TAG }],
                "summary": if method == "get" { "The keys that tokens are signed with".to_owned() } else { format!("{} {}", method.to_uppercase(), docs::KEYS) },
                "description": "Tokens name their key by `kid`. After a key rotation the previous key stays valid, so verifiers should fetch this set again when they meet an unknown `kid`. The response may be cached for five minutes.\n\nFor anyone.",
                "security": [],
                "responses": {"200": success, "503": {"$ref": "#/components/responses/OpenWispUnavailable"}},
            })
        };
        let both = json!({"get": operation("get"), "head": operation("head")});
        self.paths.insert(docs::KEYS.to_owned(), both);
    }
}

/// HEAD and OPTIONS of an endpoint.
fn plain(api: &Api, place: &Place, method: &str) -> Value {
    let name: String = place.name.split_whitespace().collect();
    let mut success = json!({"description": "Like GET, without a body."});
    if method == "OPTIONS" {
        let content = json!({api.media_type: {"schema": {"$ref": "#/components/schemas/Endpoint"}}});
        success = json!({"description": "Description of the endpoint.", "content": content});
    }
    let get = api.operations.iter().find(|operation| operation.path == place.path && operation.method == "GET");
    let queries: Vec<Value> =
        get.filter(|_| method == "HEAD").into_iter().flat_map(|get| get.queries).map(|name| query(name)).collect();
    let refuses = get.filter(|_| method == "HEAD").map_or(&[][..], |get| get.refuses);
    let mut responses = Map::new();
    responses.insert("200".to_owned(), success);
    responses.extend(refused(api, place, method, false, !queries.is_empty(), refuses));
    let mut written = json!({
        "operationId": format!("{}{}{name}", method.to_lowercase(), api.name),
        "tags": [PLAIN_TAG],
        "summary": format!("{method} {}", place.shown_path()),
        "description": place.who(method),
        "security": security(api, place),
        "responses": responses,
    });
    if !queries.is_empty() {
        written["parameters"] = queries.into();
    }
    written
}

fn known_fields(place: &Place, body: Option<&Body>) -> Vec<&'static Field> {
    match body.and_then(|body| body.fields) {
        Some(fields) => fields(),
        None => (place.fields)(true),
    }
}

fn security(api: &Api, place: &Place) -> Value {
    if place.access == Access::Anyone {
        json!([])
    } else {
        api.schemes.iter().map(|scheme| json!({ *scheme: [] })).collect()
    }
}

/// The parts of an endpoint's path.
fn parts(api: &Api, place: &Place) -> Vec<Value> {
    let shown = place.shown_path();
    let names = shown.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let known = api.parts.iter().filter(|(path, ..)| *path == place.path);
    let parts: Vec<Value> = names
        .clone()
        .zip(known)
        .map(|(name, (_, schema, text))| {
            let schema: Value = serde_json::from_str(schema).expect("JSON");
            json!({"name": name, "in": "path", "required": true, "description": text, "schema": schema})
        })
        .collect();
    assert_eq!(parts.len(), names.count(), "{} has parts that nobody explains", place.path);
    parts
}

fn query(name: &str) -> Value {
    let (_, schema, text) =
        QUERIES.iter().find(|(known, ..)| *known == name).unwrap_or_else(|| panic!("no query {name}"));
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    let variants = ["_100", "_of_events", "_of_deliveries", "_mark"];
    let name = variants.iter().fold(name, |name, variant| name.trim_end_matches(variant));
    let place = if name.starts_with("If-") { "header" } else { "query" };
    json!({"name": name, "in": place, "description": text, "schema": schema})
}

fn headers(operation: &Operation) -> Map<String, Value> {
    let mut headers = Map::new();
    if matches!(operation.answer.shape, Shape::Many(..)) {
        headers.insert("Link".to_owned(), json!({"description": "Other pages: `first`, `prev`, `next`, `last` (RFC 8288).", "schema": {"type": "string"}}));
    }
    let is_resource = matches!(
        operation.answer.shape,
        Shape::Known("ScimUser" | "ScimGroup") | Shape::NothingUnlessAsked("ScimGroup")
    );
    if is_resource {
        headers.insert(
            "ETag".to_owned(),
            json!({"description": "The version of the resource.", "schema": {"type": "string"}}),
        );
    }
    if operation.answer.status == 201 && (operation.path.starts_with("/api/users/") || is_resource) {
        headers.insert(
            "Location".to_owned(),
            json!({"description": "URL of the new object.", "schema": {"type": "string", "format": "uri"}}),
        );
    }
    headers
}

/// The ways in which a request can be refused, by reference.
fn refused(
    api: &Api,
    place: &Place,
    method: &str,
    has_body: bool,
    has_pages: bool,
    more: &[u16],
) -> Map<String, Value> {
    let writes = ["POST", "PUT", "PATCH", "DELETE"].contains(&method);
    let has_parts = place.path.contains('{');
    let applies = |status| match status {
        400 => writes,
        // Each user may use those of OpenWISP that are for users.
        403 if api.name == "OpenWisp" => ![Access::Anyone, Access::User].contains(&place.access),
        401 | 403 => place.access != Access::Anyone,
        404 => {
            has_parts && (method != "OPTIONS" || place.below_user || api.name != "Edge")
                || has_pages && api.name != "Scim"
                || api.name == "OpenWisp"
        }
        304 | 409 | 412 => false,
        413 | 415 => has_body,
        // A password comes with every request.
        429 => api.schemes.contains(&"Basic") && place.access != Access::Anyone,
        _ => true,
    };
    let listed = api.refusals.iter().filter(|refusal| applies(refusal.status) || more.contains(&refusal.status));
    listed
        .map(|refusal| {
            (
                refusal.status.to_string(),
                json!({"$ref": format!("#/components/responses/{}{}", api.name, refusal.name)}),
            )
        })
        .collect()
}
