//! Fields and answers as JSON Schema (draft 2020-12, the dialect of OpenAPI 3.1).

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use shared::model::MAX_REFERENCE;
use shared::web::fields::{Blank, Field, FieldKind};

use super::operations::{Api, Body};

/// What a field means.
pub fn note(api: &Api, name: &str) -> Option<&'static str> {
    let last = name.rsplit('.').next().unwrap_or_default();
    api.notes.iter().find(|(noted, _)| *noted == last).map(|(_, note)| *note)
}

/// What a request holds, in JSON.
pub fn body(api: &Api, body: &Body, fields: &[&Field]) -> Value {
    let taken: Vec<&Field> = fields.iter().copied().filter(|field| !field.read_only).collect();
    let mut schema = object(api, &taken, !body.partial);
    let extra: Map<String, Value> = serde_json::from_str(body.extra).expect("JSON");
    for (name, mut property) in extra {
        if property.get("description").is_none()
            && let Some(note) = note(api, &name)
        {
            property["description"] = note.into();
        }
        schema["properties"][name] = property;
    }
    schema
}

/// The same in a form: what is nested has a dot in its name.
pub fn form(schema: &Value) -> Value {
    let mut flat = json!({"type": "object", "properties": {}});
    let mut required = Vec::new();
    for (name, property) in schema["properties"].as_object().expect("properties") {
        if let Some(inner) = property["properties"].as_object() {
            for (child, property) in inner {
                flat["properties"][format!("{name}.{child}")] = property.clone();
            }
        } else {
            flat["properties"][name] = property.clone();
            if schema["required"].as_array().is_some_and(|all| all.contains(&json!(name))) {
                required.push(name.clone());
            }
        }
    }
    if !required.is_empty() {
        flat["required"] = json!(required);
    }
    flat
}

fn object(api: &Api, fields: &[&Field], needed: bool) -> Value {
    let properties: Map<String, Value> = fields.iter().map(|field| (last_name(field), one(api, field))).collect();
    let required: Vec<String> =
        fields.iter().filter(|field| needed && field.required).map(|field| last_name(field)).collect();
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn one(api: &Api, field: &Field) -> Value {
    let (mut kind, mut rest) = match field.kind {
        FieldKind::Text(_) => ("string", json!({})),
        FieldKind::Secret => ("string", json!({"format": "password"})),
        FieldKind::Email(_) => ("string", json!({"format": "email"})),
        FieldKind::Url(_) => ("string", json!({"format": "uri"})),
        FieldKind::Slug => ("string", json!({"pattern": "^[-a-zA-Z0-9_]+$"})),
        FieldKind::Boolean => ("boolean", json!({})),
        FieldKind::Date => ("string", json!({"format": "date"})),
        FieldKind::DateTime => ("string", json!({"format": "date-time"})),
        FieldKind::Integer => ("integer", json!({"maximum": MAX_REFERENCE})),
        FieldKind::Reference => ("string", json!({"format": "uuid"})),
        FieldKind::References => {
            ("array", json!({"items": {"type": "integer", "minimum": 1, "maximum": MAX_REFERENCE}}))
        }
        FieldKind::Choices(words) => ("array", json!({"items": {"type": "string", "enum": words}})),
        FieldKind::Nested(children) => ("object", object(api, &children.iter().collect::<Vec<_>>(), true)),
    };
    let refuses_blank = matches!(
        field.kind,
        FieldKind::Text(Blank::Refused)
            | FieldKind::Email(Blank::Refused)
            | FieldKind::Url(Blank::Refused)
            | FieldKind::Secret
    );
    if refuses_blank {
        rest["minLength"] = 1.into();
    }
    if let Some(most) = field.max_length {
        rest["maxLength"] = most.into();
    }
    if let Some(most) = field.max_items {
        rest["maxItems"] = most.into();
    }
    rest["type"] = if field.nullable { json!([kind, "null"]) } else { kind.into() };
    rest["title"] = field.label.into();
    kind = field.help_text;
    if let Some(text) = note(api, field.name).or(Some(kind).filter(|text| !text.is_empty())) {
        rest["description"] = text.into();
    }
    rest
}

fn last_name(field: &Field) -> String {
    field.name.rsplit('.').next().unwrap_or_default().to_owned()
}

/// What an answer holds, as its type says it; `fields` know which texts are moments.
pub fn answer(api: &Api, fields: &[&Field], of: fn(&mut SchemaGenerator) -> Schema) -> Value {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.inline_subschemas = true;
    let mut schema = of(&mut settings.into_generator()).to_value();
    told(api, fields, &mut schema);
    schema
}

/// Says what members mean, and leaves out what is said of Rust's types alone.
fn told(api: &Api, fields: &[&Field], schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("format").is_some_and(|format| format.is_string() && format != "uuid") {
                members.shift_remove("format");
            }
            if members.get("description").is_some_and(Value::is_string) {
                members.shift_remove("description");
            }
            members.values_mut().for_each(|member| told(api, fields, member));
        }
        Value::Array(list) => list.iter_mut().for_each(|member| told(api, fields, member)),
        _ => {}
    }
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (name, property) in properties {
        if property == &json!(true) {
            *property = json!({});
        }
        if let Some(note) = note(api, name) {
            property["description"] = note.into();
        }
        let field = fields.iter().find(|field| last_name(field) == *name);
        match field.map(|field| field.kind) {
            Some(FieldKind::Date) => property["format"] = "date".into(),
            Some(FieldKind::DateTime) => property["format"] = "date-time".into(),
            _ => {}
        }
    }
}
