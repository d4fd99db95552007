//! `/Bulk`: several operations in one request (RFC 7644 section 3.7, `contracts/scim.md` sections 2 and 10).

use std::collections::BTreeMap;

use axum::response::IntoResponse as _;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use shared::dialect::scim::{MEDIA_TYPE, Problem, Reason, Scim};
use shared::model::{Action, Model};
use shared::web::body::UnparsedBody;

use crate::answer::{Answer, Failed, Result, versions};
use crate::body::{check_schemas, member};
use crate::context::{Context, nothing_here};
use crate::query::Shape;
use crate::schema::{GROUP, USER};
use crate::{groups, users};

/// The schema of requests.
const REQUEST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// The schema of responses.
const RESPONSE_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
/// How many operations a request may have.
pub const MOST_OPERATIONS: usize = 100;
/// What comes before the name of another operation, in place of the id that it makes.
const REFERENCE: &str = "bulkId:";

/// An operation.
struct Operation {
    method: Method,
    path: String,
    bulk_id: Option<String>,
    version: Option<String>,
    data: Map<String, Value>,
}

/// `POST /Bulk`.
pub async fn bulk(context: Context, UnparsedBody { body, .. }: UnparsedBody<Scim>) -> Result<Answer> {
    let body = body.read_json(MEDIA_TYPE).await?;
    check_schemas(member(&body, "schemas").unwrap_or(&Value::Null), REQUEST_URN)?;
    let most_errors = match member(&body, "failOnErrors") {
        None | Some(Value::Null) => usize::MAX,
        Some(value) => {
            let number = value.as_u64().filter(|&number| number > 0);
            let number = number.ok_or_else(|| Reason::InvalidValue.because("`failOnErrors` is at least 1."))?;
            usize::try_from(number).unwrap_or(usize::MAX)
        }
    };
    let mut waiting: Vec<(usize, Operation)> = operations(&body)?.into_iter().enumerate().collect();
    let names: Vec<String> = waiting.iter().filter_map(|(_, operation)| operation.bulk_id.clone()).collect();
    let mut made = BTreeMap::new();
    let mut told: BTreeMap<usize, Value> = BTreeMap::new();
    let mut errors = 0;
    while !waiting.is_empty() && errors < most_errors {
        // The first that waits for no other; if all wait for each other, none of them can be done.
        let is_ready = |operation: &Operation| {
            let mut references = Vec::new();
            operation.references(&mut references);
            references.iter().all(|name| made.contains_key(name) || !names.contains(name))
        };
        let next = waiting.iter().position(|(_, operation)| is_ready(operation)).unwrap_or_default();
        let (index, mut operation) = waiting.remove(next);
        let done = match operation.resolve(&made) {
            Ok(()) => perform(&context, &operation).await,
            Err(problem) => Err(problem.into()),
        };
        let (entry, is_error) = entry(&operation, done);
        if let (Some(name), Some(id)) =
            (&operation.bulk_id, entry["location"].as_str().and_then(|at| at.rsplit('/').next()))
        {
            made.insert(name.clone(), id.to_owned());
        }
        errors += usize::from(is_error);
        told.insert(index, entry);
    }
    let told: Vec<Value> = told.into_values().collect();
    Ok(Answer::ok(json!({"schemas": [RESPONSE_URN], "Operations": told})))
}

fn operations(body: &Map<String, Value>) -> Result<Vec<Operation>, Problem> {
    let Some(Value::Array(list)) = member(body, "Operations") else {
        return Err(Reason::InvalidSyntax.because("`Operations` is missing."));
    };
    if list.len() > MOST_OPERATIONS {
        let detail = format!("There are more than {MOST_OPERATIONS} operations.");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    list.iter().map(Operation::of).collect()
}

impl Operation {
    fn of(value: &Value) -> Result<Self, Problem> {
        let syntax = |detail: &str| Reason::InvalidSyntax.because(detail);
        let Value::Object(operation) = value else { return Err(syntax("An operation is an object.")) };
        let text = |name: &str| member(operation, name).and_then(Value::as_str).map(ToOwned::to_owned);
        let method = text("method").map(|method| method.to_ascii_uppercase());
        let method = match method.as_deref() {
            Some("POST") => Method::POST,
            Some("PUT") => Method::PUT,
            Some("PATCH") => Method::PATCH,
            Some("DELETE") => Method::DELETE,
            _ => return Err(syntax("`method` is POST, PUT, PATCH or DELETE.")),
        };
        let bulk_id = text("bulkId");
        if method == Method::POST && bulk_id.is_none() {
            return Err(syntax("A POST needs a `bulkId`."));
        }
        let data = member(operation, "data").and_then(Value::as_object).cloned().unwrap_or_default();
        let path = text("path").ok_or_else(|| syntax("`path` is missing."))?;
        Ok(Self { method, path, bulk_id, version: text("version"), data })
    }

    /// The names of other operations that this one needs.
    fn references(&self, names: &mut Vec<String>) {
        names.extend(self.path.split('/').filter_map(|part| part.strip_prefix(REFERENCE)).map(ToOwned::to_owned));
        self.data.values().for_each(|value| references_in(value, names));
    }

    /// Puts ids in place of these names.
    fn resolve(&mut self, made: &BTreeMap<String, String>) -> Result<(), Problem> {
        let mut names = Vec::new();
        self.references(&mut names);
        if let Some(name) = names.iter().find(|name| !made.contains_key(*name)) {
            let reason = Some(Reason::InvalidValue);
            let detail = format!("No operation has made {name:?}.");
            return Err(Problem { status: StatusCode::CONFLICT, reason, detail });
        }
        let parts = self.path.split('/').map(|part| replaced(part, made).unwrap_or_else(|| part.to_owned()));
        self.path = parts.collect::<Vec<_>>().join("/");
        self.data.values_mut().for_each(|value| resolve_in(value, made));
        Ok(())
    }
}

fn replaced(text: &str, made: &BTreeMap<String, String>) -> Option<String> {
    made.get(text.strip_prefix(REFERENCE)?).cloned()
}

fn references_in(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::String(text) => names.extend(text.strip_prefix(REFERENCE).map(ToOwned::to_owned)),
        Value::Array(list) => list.iter().for_each(|value| references_in(value, names)),
        Value::Object(parts) => parts.values().for_each(|value| references_in(value, names)),
        _ => {}
    }
}

fn resolve_in(value: &mut Value, made: &BTreeMap<String, String>) {
    match value {
        Value::String(text) => *text = replaced(text, made).unwrap_or_else(|| std::mem::take(text)),
        Value::Array(list) => list.iter_mut().for_each(|value| resolve_in(value, made)),
        Value::Object(parts) => parts.values_mut().for_each(|value| resolve_in(value, made)),
        _ => {}
    }
}

async fn perform(context: &Context, operation: &Operation) -> Result<Answer> {
    let Context { directory, caller, .. } = context;
    let shape = Shape { attributes: vec!["id".to_owned(), "meta".to_owned()], excluded: Vec::new() };
    let expected = operation.version.as_deref().map(versions).unwrap_or_default();
    let data = operation.data.clone();
    let parts: Vec<&str> = operation.path.trim_matches('/').split('/').collect();
    match (operation.method.as_str(), &parts[..]) {
        ("POST", ["Users"]) => users::create_from(context, data, &shape).await,
        ("POST", ["Groups"]) => groups::create_from(context, data, &shape).await,
        ("PUT" | "PATCH", ["Users", id]) => {
            context.must(Action::Change, Model::User)?;
            let detail = directory.user(caller, users::user_id(id)?).await?;
            let detail = match operation.method {
                Method::PUT => users::replace_by(context, detail, data, &expected).await?,
                _ => users::change_by(context, detail, &data, &expected).await?,
            };
            users::answer(context, StatusCode::OK, detail, &shape).await
        }
        ("PUT" | "PATCH", ["Groups", id]) => {
            let group = directory.group_to_fill(caller, groups::group_id(id)?).await?;
            let group = match operation.method {
                Method::PUT => groups::replace_by(context, group, data, &expected).await?,
                _ => groups::change_by(context, group, &data, &expected).await?,
            };
            let location = Some(format!("{}{}/{}", context.root, GROUP.path, group.id));
            Ok(Answer { location, ..Answer::nothing() })
        }
        ("DELETE", ["Users", id]) => {
            let location = Some(format!("{}{}/{id}", context.root, USER.path));
            Ok(Answer { location, ..users::delete_at(context, id, &expected).await? })
        }
        ("DELETE", ["Groups", id]) => {
            let location = Some(format!("{}{}/{id}", context.root, GROUP.path));
            Ok(Answer { location, ..groups::delete_at(context, id, &expected).await? })
        }
        _ => Err(nothing_here().into()),
    }
}

/// What a response says about an operation, and whether it failed.
fn entry(operation: &Operation, done: Result<Answer, Failed>) -> (Value, bool) {
    let mut entry = json!({ "method": operation.method.as_str() });
    if let Some(name) = &operation.bulk_id {
        entry["bulkId"] = json!(name);
    }
    match done {
        Ok(Answer { status, version, location, .. }) => {
            if let Some(location) = location {
                entry["location"] = json!(location);
            }
            if let Some(version) = version {
                entry["version"] = json!(version);
            }
            entry["status"] = json!(status.as_str());
            (entry, false)
        }
        Err(failed) => {
            let problem = failed.problem();
            // So that it is logged, as for any other request.
            drop(failed.into_response());
            entry["status"] = json!(problem.status.as_str());
            entry["response"] = problem.body();
            (entry, true)
        }
    }
}
