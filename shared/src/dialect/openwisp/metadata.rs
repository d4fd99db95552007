//! The response to OPTIONS (`contracts/openwisp.md` section 4).

use axum::Json;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use serde_json::{Map, Value, json};

use super::OpenWisp;
use crate::web::dialect::{Exchange, description};
use crate::web::fields::{Field, FieldKind};

/// The description, with the fields of POST on a list, and of PUT or else PATCH on an object, if the caller could
/// perform that.
pub(super) async fn describe(exchange: &Exchange<OpenWisp>, mut request: Request, next: Next) -> Response {
    let endpoint = exchange.route.endpoint;
    let mut body = description(endpoint, &["application/json", "text/html"]);
    let taking = [Method::POST, Method::PUT, Method::PATCH];
    let taking = taking.into_iter().find(|method| exchange.route.allows(method));
    let Some(method) = taking.filter(|method| exchange.permits(method)) else { return Json(body).into_response() };
    if method != Method::POST
        && exchange.route.allows(&Method::GET)
        && let Some(caller) = exchange.caller.clone()
    {
        // An object that the caller cannot read is not described.
        request.extensions_mut().insert(caller);
        *request.method_mut() = Method::GET;
        if !next.run(request).await.status().is_success() {
            return Json(body).into_response();
        }
    }
    let is_superuser = exchange.caller.as_ref().is_none_or(|caller| caller.user.flags.is_superuser);
    body["actions"] = json!({ method.as_str(): all((endpoint.fields)(is_superuser).into_iter()) });
    Json(body).into_response()
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
