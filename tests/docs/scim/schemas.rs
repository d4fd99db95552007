//! What requests and responses of SCIM hold: users and groups as the API itself describes them, and the messages of
//! RFC 7644.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::support::TestApp;

/// Which side writes a resource.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// The schemas by name.
pub async fn schemas() -> Vec<(&'static str, Value)> {
    let app = TestApp::start().await;
    let answer = app.anonymous().get("/scim/v2/Schemas").await;
    assert_eq!(answer.status, StatusCode::OK);
    let described = answer.json();
    let described = described["Resources"].as_array().expect("schemas");
    let own = |name: &str| described.iter().find(|schema| schema["name"] == name).expect("a schema");
    let extensions: Vec<&Value> = described
        .iter()
        .filter(|schema| !["User", "Group"].contains(&schema["name"].as_str().expect("a name")))
        .collect();
    let mut new_user = resource(own("User"), &extensions, Side::Client);
    let mut new_group = resource(own("Group"), &[], Side::Client);
    for (schema, name) in [(&mut new_user, "userName"), (&mut new_group, "displayName")] {
        schema["properties"][name]["minLength"] = 1.into();
        schema["properties"][name]["maxLength"] = 150.into();
    }
    new_user["properties"]["password"]["format"] = "password".into();
    let mut all = vec![
        ("ScimError", error()),
        ("ScimUser", resource(own("User"), &extensions, Side::Server)),
        ("NewScimUser", new_user),
        ("ScimGroup", resource(own("Group"), &[], Side::Server)),
        ("NewScimGroup", new_group),
        ("ScimUserPage", page(&json!({"$ref": "#/components/schemas/ScimUser"}))),
        ("ScimGroupPage", page(&json!({"$ref": "#/components/schemas/ScimGroup"}))),
        ("ScimChanges", changes()),
        ("ScimSearch", search()),
        ("ScimBulk", bulk()),
        ("ScimBulkOutcome", bulk_outcome()),
    ];
    let both =
        json!({"anyOf": [{"$ref": "#/components/schemas/ScimUser"}, {"$ref": "#/components/schemas/ScimGroup"}]});
    all.push(("ScimPage", page(&both)));
    all.extend(discovery());
    all
}

/// A resource: what all have (RFC 7643 section 3.1), and what its schema and its extensions say.
fn resource(own: &Value, extensions: &[&Value], side: Side) -> Value {
    let mut members = Map::new();
    let urns: Vec<&Value> = [own].iter().chain(extensions).map(|schema| &schema["id"]).collect();
    let (mut schemas, mut required) = (urns_of(&urns), Vec::new());
    if side == Side::Client {
        schemas["description"] = "The schemas of the resource. May be missing.".into();
    }
    members.insert("schemas".to_owned(), schemas);
    if side == Side::Server {
        required.extend(["schemas", "id"]);
        members.insert("id".to_owned(), text("Assigned at creation; never changes."));
    }
    let mut external = text("The id at the identity provider. Nothing requires it to be unique.");
    if side == Side::Client {
        external["maxLength"] = 255.into();
    }
    members.insert("externalId".to_owned(), external);
    members.extend(attributes(&own["attributes"], side));
    for extension in extensions {
        let about = format!("The extension {}.", extension["name"].as_str().expect("a name"));
        let mut parts = object(attributes(&extension["attributes"], side));
        parts["description"] = about.into();
        members.insert(extension["id"].as_str().expect("a URN").to_owned(), parts);
    }
    if side == Side::Server {
        members.insert("meta".to_owned(), meta());
    } else {
        let is_required = |attribute: &&Value| attribute["required"] == true && attribute["type"] != "boolean";
        let attributes = own["attributes"].as_array().expect("attributes").iter();
        required.extend(attributes.filter(is_required).filter_map(|attribute| attribute["name"].as_str()));
    }
    let mut schema = object(members);
    schema["required"] = json!(required);
    schema
}

/// What one side writes of these attributes.
fn attributes(described: &Value, side: Side) -> Map<String, Value> {
    let hidden = if side == Side::Client { "readOnly" } else { "writeOnly" };
    let all = described.as_array().expect("attributes").iter();
    all.filter(|attribute| attribute["mutability"] != hidden)
        .map(|attribute| (attribute["name"].as_str().expect("a name").to_owned(), one(attribute, side)))
        .collect()
}

fn one(attribute: &Value, side: Side) -> Value {
    let mut schema = match attribute["type"].as_str().expect("a type") {
        "complex" => object(attributes(&attribute["subAttributes"], side)),
        "boolean" => json!({"type": "boolean"}),
        "dateTime" => json!({"type": "string", "format": "date-time"}),
        _ => json!({"type": "string"}),
    };
    if let Some(values) = attribute.get("canonicalValues") {
        schema["examples"] = values.clone();
    }
    if attribute["multiValued"] == true {
        schema = json!({"type": "array", "items": schema});
    }
    schema["description"] = attribute["description"].clone();
    schema
}

fn meta() -> Value {
    let mut meta = object(Map::from_iter([
        ("resourceType".to_owned(), text("The kind of resource.")),
        ("created".to_owned(), moment("Time of creation.")),
        ("lastModified".to_owned(), moment("Time of the last change; in lists of users only on request.")),
        ("version".to_owned(), text("The `ETag`; in lists of users only on request.")),
        ("location".to_owned(), json!({"type": "string", "format": "uri", "description": "Its URL."})),
    ]));
    meta["description"] = "About the resource.".into();
    meta
}

fn error() -> Value {
    let reasons = [
        "invalidFilter",
        "tooMany",
        "uniqueness",
        "mutability",
        "invalidSyntax",
        "invalidPath",
        "noTarget",
        "invalidValue",
        "invalidCursor",
        "expiredCursor",
        "invalidCount",
    ];
    json!({
        "type": "object",
        "properties": {
            "schemas": message("Error"),
            "status": {"type": "string", "pattern": "^[0-9]{3}$", "description": "The status of the response, as a text."},
            "scimType": {"type": "string", "enum": reasons, "description": "The reason, for programs; missing where RFC 7644 and RFC 9865 have none."},
            "detail": text("The reason, for people."),
        },
        "required": ["schemas", "status", "detail"],
    })
}

fn page(of: &Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            "schemas": message("ListResponse"),
            "totalResults": number("The number of resources in the whole list."),
            "itemsPerPage": number("The number of resources on this page."),
            "startIndex": number("The number of the page's first resource, from 1; missing with `cursor`."),
            "nextCursor": text("The cursor of the next page; missing on the last one, and without `cursor`."),
            "Resources": {"type": "array", "items": of, "description": "The page."},
        },
        "required": ["schemas", "totalResults", "itemsPerPage", "Resources"],
    })
}

fn changes() -> Value {
    let operation = json!({
        "type": "object",
        "properties": {
            "op": {"type": "string", "enum": ["add", "replace", "remove"], "description": "In any letter case."},
            "path": {"type": "string", "examples": ["name.givenName"], "description": "What to change: `name.givenName`, `emails[type eq \"work\"].value`, or an attribute after its extension's URN and a colon. If it is missing, `value` is an object of attributes."},
            "value": {"description": "The new value. Removals of members may list those to remove."},
        },
        "required": ["op"],
    });
    json!({
        "type": "object",
        "properties": {
            "schemas": sent("PatchOp"),
            "Operations": {"type": "array", "items": operation, "minItems": 1, "maxItems": 100, "description": "The changes, in order. Either all are made or none."},
        },
        "required": ["Operations"],
    })
}

fn search() -> Value {
    let names = |says: &str| json!({"type": "array", "items": {"type": "string"}, "description": says});
    json!({
        "type": "object",
        "properties": {
            "schemas": sent("SearchRequest"),
            "filter": {"type": "string", "examples": ["userName sw \"ja\""], "description": "Only resources that meet this condition."},
            "attributes": names("Only these attributes, beside `schemas` and `id`."),
            "excludedAttributes": names("All attributes but these."),
            "startIndex": {"type": "integer", "minimum": 1, "default": 1, "description": "The number of the first resource, from 1."},
            "count": {"type": "integer", "minimum": 0, "maximum": 1000, "default": 100, "description": "Resources per page; more than 1,000 are 1,000."},
            "cursor": text("The `nextCursor` of the page before; empty for the first page."),
            "sortBy": {"type": "string", "examples": ["userName"], "description": "The attribute to sort by."},
            "sortOrder": {"type": "string", "enum": ["ascending", "descending"], "default": "ascending", "description": "The order of `sortBy`."},
        },
    })
}

fn bulk() -> Value {
    let operation = json!({
        "type": "object",
        "properties": {
            "method": {"type": "string", "enum": ["POST", "PUT", "PATCH", "DELETE"], "description": "The method."},
            "path": {"type": "string", "examples": ["/Users", "/Groups/bulkId:staff"], "description": "Below `/scim/v2`."},
            "bulkId": {"type": "string", "description": "A name for what a POST makes. Elsewhere `bulkId:` and the name stand for its id."},
            "version": {"type": "string", "description": "As `If-Match`."},
            "data": {"type": "object", "description": "The body."},
        },
        "required": ["method", "path"],
    });
    json!({
        "type": "object",
        "properties": {
            "schemas": sent("BulkRequest"),
            "failOnErrors": {"type": "integer", "minimum": 1, "description": "Stop after so many errors."},
            "Operations": {"type": "array", "items": operation, "maxItems": 100, "description": "The requests, at most 100."},
        },
        "required": ["Operations"],
    })
}

fn bulk_outcome() -> Value {
    let operation = json!({
        "type": "object",
        "properties": {
            "method": text("The method of the operation."),
            "bulkId": text("Its name."),
            "location": text("The URL of its resource."),
            "version": text("The version of the resource."),
            "status": text("The status, as a text."),
            "response": {"$ref": "#/components/schemas/ScimError"},
        },
        "required": ["method", "status"],
    });
    json!({
        "type": "object",
        "properties": {
            "schemas": message("BulkResponse"),
            "Operations": {"type": "array", "items": operation, "description": "The outcome of each operation that was tried, in the order of the request."},
        },
        "required": ["schemas", "Operations"],
    })
}

/// What the API says about itself (RFC 7643 sections 5 to 7).
fn discovery() -> Vec<(&'static str, Value)> {
    let about = json!({
        "type": "object",
        "properties": {"resourceType": {"type": "string"}, "location": {"type": "string", "format": "uri"}},
        "required": ["resourceType", "location"],
        "description": "About this object.",
    });
    let feature = |says: &str, more: Value| {
        let mut properties = Map::from_iter([(
            "supported".to_owned(),
            json!({"type": "boolean", "description": "Whether it is there."}),
        )]);
        properties.extend(more.as_object().expect("members").clone());
        let mut feature = object(properties);
        feature["description"] = says.into();
        feature
    };
    let limit = json!({"type": "integer"});
    let scheme = ["type", "name", "description", "specUri"].map(|name| (name.to_owned(), json!({"type": "string"})));
    let mut scheme = object(Map::from_iter(scheme));
    scheme["properties"]["primary"] = json!({"type": "boolean"});
    let configuration = json!({
        "type": "object",
        "properties": {
            "schemas": urns("urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"),
            "patch": feature("Changes by PATCH.", json!({})),
            "bulk": feature("Several requests in one.", json!({"maxOperations": limit, "maxPayloadSize": limit})),
            "filter": feature("Filters of lists.", json!({"maxResults": limit})),
            "changePassword": feature("Changes of passwords.", json!({})),
            "sort": feature("Sorting; `false`, since it is ignored among more than 1,000 users.", json!({})),
            "etag": feature("Versions of resources.", json!({})),
            "pagination": {
                "type": "object",
                "properties": {
                    "cursor": {"type": "boolean"}, "index": {"type": "boolean"}, "defaultPaginationMethod": {"type": "string"},
                    "defaultPageSize": limit, "maxPageSize": limit, "cursorTimeout": limit,
                },
                "description": "Pages of lists (RFC 9865).",
            },
            "authenticationSchemes": {"type": "array", "items": scheme, "description": "How to authenticate."},
            "meta": about,
        },
        "required": ["schemas", "patch", "bulk", "filter", "changePassword", "sort", "etag", "authenticationSchemes", "meta"],
    });
    let extension =
        json!({"type": "object", "properties": {"schema": {"type": "string"}, "required": {"type": "boolean"}}});
    let kind = json!({
        "type": "object",
        "properties": {
            "schemas": urns("urn:ietf:params:scim:schemas:core:2.0:ResourceType"),
            "id": text("Its id."),
            "name": text("Its name."),
            "description": text("What it is."),
            "endpoint": text("Its path, below `/scim/v2`."),
            "schema": text("The URN of its schema."),
            "schemaExtensions": {"type": "array", "items": extension, "description": "Extensions of the schema."},
            "meta": about,
        },
        "required": ["schemas", "id", "name", "endpoint", "schema", "meta"],
    });
    let schema = json!({
        "type": "object",
        "properties": {
            "schemas": urns("urn:ietf:params:scim:schemas:core:2.0:Schema"),
            "id": text("The URN."),
            "name": text("Its name."),
            "description": text("What it describes."),
            "attributes": {"type": "array", "items": {"type": "object", "additionalProperties": true}, "description": "The attributes, as in RFC 7643 section 7."},
            "meta": about,
        },
        "required": ["schemas", "id", "name", "attributes", "meta"],
    });
    vec![
        ("ScimConfiguration", configuration),
        ("ScimResourceType", kind),
        ("ScimResourceTypePage", page(&json!({"$ref": "#/components/schemas/ScimResourceType"}))),
        ("ScimSchema", schema),
        ("ScimSchemaPage", page(&json!({"$ref": "#/components/schemas/ScimSchema"}))),
    ]
}

fn object(properties: impl Into<Value>) -> Value {
    json!({"type": "object", "properties": properties.into()})
}

fn text(says: &str) -> Value {
    json!({"type": "string", "description": says})
}

fn moment(says: &str) -> Value {
    json!({"type": "string", "format": "date-time", "description": says})
}

fn number(says: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": says})
}

fn urns_of(urns: &[&Value]) -> Value {
    json!({"type": "array", "items": {"type": "string", "enum": urns}, "description": "The schemas of the resource."})
}

/// A list of one URN.
fn urns(urn: &str) -> Value {
    json!({"type": "array", "items": {"type": "string", "const": urn}, "minItems": 1, "maxItems": 1, "description": "The schema of this object."})
}

/// The schema of a message.
fn message(name: &str) -> Value {
    urns(&format!("urn:ietf:params:scim:api:messages:2.0:{name}"))
}

/// The same in a request, where it may be missing.
fn sent(name: &str) -> Value {
    let mut schemas = message(name);
    schemas["description"] = "The schema of this object. May be missing.".into();
    schemas
}
