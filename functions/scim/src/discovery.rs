//! What this API can do (RFC 7644 section 4).

use axum::extract::Path;
use http::Uri;
use serde_json::{Value, json};
use shared::Error;
use shared::web::BaseUrl;
use shared::web::body::MOST_BYTES;

use crate::answer::{Answer, Result};
use crate::bulk::MOST_OPERATIONS;
use crate::context::{nothing_here, root};
use crate::list::Listed;
use crate::query::{CURSOR_LIFE, MOST, PAGE};
use crate::schema::{Attribute, GROUP, Schema, USER};

/// `GET /ServiceProviderConfig`.
pub async fn configuration(base: BaseUrl, uri: Uri) -> Result<Answer> {
    check_no_filter(&uri)?;
    Ok(Answer::ok(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true},
        "bulk": {"supported": true, "maxOperations": MOST_OPERATIONS, "maxPayloadSize": MOST_BYTES},
        "filter": {"supported": true, "maxResults": MOST},
        "changePassword": {"supported": true},
        // It is honoured among a thousand users or fewer, and ignored beyond.
        "sort": {"supported": false},
        "etag": {"supported": true},
        "pagination": {
            "cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": PAGE,
            "maxPageSize": MOST, "cursorTimeout": CURSOR_LIFE,
        },
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken", "name": "Bearer", "primary": true,
                "description": "An API token or a signed token in the Authorization header.",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
            },
            {
                "type": "httpbasic", "name": "Basic", "primary": false,
                "description": "User name and password in the Authorization header.",
                "specUri": "https://www.rfc-editor.org/info/rfc7617",
            },
        ],
        "meta": {
            "resourceType": "ServiceProviderConfig", "location": format!("{}/ServiceProviderConfig", root(&base)),
        },
    })))
}

/// `GET /ResourceTypes`.
pub async fn resource_types(base: BaseUrl, uri: Uri) -> Result<Answer> {
    check_no_filter(&uri)?;
    Ok(listed([&USER, &GROUP].map(|schema| resource_type_of(schema, &base)).to_vec()))
}

/// `GET /ResourceTypes/{id}`.
pub async fn resource_type(base: BaseUrl, uri: Uri, Path(id): Path<String>) -> Result<Answer> {
    check_no_filter(&uri)?;
    let found = [&USER, &GROUP].into_iter().find(|schema| schema.name == id);
    Ok(Answer::ok(found.map(|schema| resource_type_of(schema, &base)).ok_or_else(nothing_here)?))
}

/// `GET /Schemas`.
pub async fn schemas(base: BaseUrl, uri: Uri) -> Result<Answer> {
    check_no_filter(&uri)?;
    Ok(listed(all(&base)))
}

/// `GET /Schemas/{id}`.
pub async fn schema(base: BaseUrl, uri: Uri, Path(id): Path<String>) -> Result<Answer> {
    check_no_filter(&uri)?;
    let found = all(&base).into_iter().find(|schema| schema["id"].as_str().is_some_and(|urn| urn == id));
    Ok(Answer::ok(found.ok_or_else(nothing_here)?))
}

/// RFC 7644 section 4: 403 for a filter.
fn check_no_filter(uri: &Uri) -> Result<(), Error> {
    let mut pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    if pairs.any(|(name, _)| name.eq_ignore_ascii_case("filter")) { Err(Error::Forbidden) } else { Ok(()) }
}

fn listed(list: Vec<Value>) -> Answer {
    let resources = list.into_iter().filter_map(|value| if let Value::Object(map) = value { Some(map) } else { None });
    let resources: Vec<_> = resources.collect();
    let total = u64::try_from(resources.len()).unwrap_or(u64::MAX);
    Answer::ok(Listed { resources, total, ..Listed::default() }.body())
}

fn resource_type_of(schema: &Schema, base: &BaseUrl) -> Value {
    let extension = |(urn, ..): &(&str, &str, &[Attribute])| json!({"schema": urn, "required": false});
    let mut described = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": schema.name,
        "name": schema.name,
        "description": schema.about,
        "endpoint": schema.path,
        "schema": schema.urn,
    });
    if !schema.extensions.is_empty() {
        described["schemaExtensions"] = schema.extensions.iter().map(extension).collect();
    }
    let location = format!("{}/ResourceTypes/{}", root(base), schema.name);
    described["meta"] = json!({"resourceType": "ResourceType", "location": location});
    described
}

fn all(base: &BaseUrl) -> Vec<Value> {
    let described = |urn: &str, name: &str, about: &str, attributes: &[Attribute]| {
        let attributes: Vec<Value> = attributes.iter().map(Attribute::described).collect();
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": urn,
            "name": name,
            "description": about,
            "attributes": attributes,
            "meta": {"resourceType": "Schema", "location": format!("{}/Schemas/{urn}", root(base))},
        })
    };
    let mut schemas = Vec::new();
    for schema in [&USER, &GROUP] {
        schemas.push(described(schema.urn, schema.name, schema.about, schema.attributes));
        schemas.extend(schema.extensions.iter().map(|(urn, name, attributes)| described(urn, name, name, attributes)));
    }
    schemas
}
