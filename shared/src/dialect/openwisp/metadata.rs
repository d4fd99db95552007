//! The response to OPTIONS (`contracts/openwisp.md` section 4).

use serde_json::{Map, Value, json};

use super::endpoint::Endpoint;
use crate::web::fields::{Field, FieldKind};

/// The description; `action` is the method that the caller could perform, with its fields.
pub(super) fn describe(endpoint: &Endpoint, action: Option<(&http::Method, Vec<&Field>)>) -> Value {
    let mut body = json!({
        "name": endpoint.name,
        "description": "",
        "renders": ["application/json", "text/html"],
        "parses": ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
    });
    if let Some((method, fields)) = action {
        body["actions"] = json!({ method.as_str(): all(fields.into_iter()) });
    }
    body
}

fn all<'a>(fields: impl Iterator<Item = &'a Field>) -> Value {
    Value::Object(fields.map(|field| (last_name(field), one(field))).collect())
}

fn one(field: &Field) -> Value {
    let kind = match field.kind {
        FieldKind::Text(_) | FieldKind::Secret => "string",
        FieldKind::Email(_) => "email",
        FieldKind::Url(_) => "url",
        FieldKind::Slug => "slug",
        FieldKind::Boolean => "boolean",
        FieldKind::Date => "date",
        FieldKind::DateTime => "datetime",
        FieldKind::Integer => "integer",
        FieldKind::Reference | FieldKind::References => "field",
        FieldKind::Choices(_) => "multiple choice",
        FieldKind::Nested(_) => "nested object",
    };
    let mut described = Map::new();
    described.insert("type".to_owned(), kind.into());
    described.insert("required".to_owned(), field.required.into());
    described.insert("read_only".to_owned(), field.read_only.into());
    described.insert("label".to_owned(), field.label.into());
    if !field.help_text.is_empty() {
        described.insert("help_text".to_owned(), field.help_text.into());
    }
    // For a list: its entries.
    if let Some(most) = field.max_length.or(field.max_items) {
        described.insert("max_length".to_owned(), most.into());
    }
    if let FieldKind::Nested(children) = field.kind {
        described.insert("children".to_owned(), all(children.iter()));
    }
    Value::Object(described)
}

fn last_name(field: &Field) -> String {
    field.name.rsplit('.').next().unwrap_or_default().to_owned()
}
