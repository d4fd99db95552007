//! The forms of a page, and the requests that they stand for.
//!
//! HTML knows GET and POST only. Forms for other methods name theirs in a field, and raw data comes in another one
//! together with its type. Both count only where the browser's session and token have been checked.

use axum::body::Body;
use axum::extract::{FromRequest as _, Request};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::super::OpenWisp;
use super::fields::{Content, errors_of, fields, id};
use crate::error::Result;
use crate::web::Input;
use crate::web::body::{RawBody, Unread};
use crate::web::csrf::Token;
use crate::web::failure::Failure;
use crate::web::fields::{Field, FieldKind};
use crate::web::negotiation::indented;

const METHOD: &str = "_method";
const CONTENT: &str = "_content";
const TYPE: &str = "_content_type";

/// A request whose body was read if it is a form.
pub(in super::super) struct Opened {
    /// The request as it came.
    pub request: Request,
    /// The form.
    pub form: Option<Input>,
}

/// Reads the body of a request if it is a form; what is no good form is left to the handler.
///
/// # Errors
/// When the body cannot be taken from the network.
pub(in super::super) async fn open(request: Request) -> std::result::Result<Opened, Failure<OpenWisp>> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !["application/x-www-form-urlencoded", "multipart/form-data"].contains(&&*kind) {
        return Ok(Opened { request, form: None });
    }
    let (parts, body) = request.into_parts();
    let Unread { body, .. } = Unread::<OpenWisp>::from_request(Request::from_parts(parts.clone(), body), &()).await?;
    let request = Request::from_parts(parts, Body::from(body.bytes()));
    Ok(Opened { request, form: read(body).await.ok() })
}

async fn read(body: RawBody) -> Result<Input> {
    body.read().await
}

impl Opened {
    /// The request that the form stands for.
    pub(in super::super) fn meant(self) -> Request {
        let Self { mut request, form } = self;
        if *request.method() != Method::POST {
            return request;
        }
        let field = |name: &str| form.as_ref().and_then(|form| value(form, name));
        let known = [Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
        if let Some(method) = field(METHOD).and_then(|name| known.into_iter().find(|method| method.as_str() == name)) {
            *request.method_mut() = method;
        }
        if let Some(content) = field(CONTENT) {
            let kind = field(TYPE).and_then(|kind| HeaderValue::from_str(kind).ok());
            let kind = kind.unwrap_or(HeaderValue::from_static("application/json"));
            request.headers_mut().insert(CONTENT_TYPE, kind);
            request.headers_mut().remove(CONTENT_LENGTH);
            *request.body_mut() = Body::from(content.to_owned());
        }
        request
    }
}

/// What a form has in a field.
fn value<'a>(form: &'a Input, name: &str) -> Option<&'a str> {
    let Input::Form(values) = form else { return None };
    values.iter().find(|(sent, _)| sent == name).and_then(|(_, value)| value.as_str())
}

/// Raw data that a form was sent with.
pub(super) fn raw(form: &Input) -> Option<&str> {
    value(form, CONTENT)
}

/// Where a form goes, and the browser's token for it, unless it needs none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub action: &'a str,
    pub token: Option<&'a Token>,
}

impl Target<'_> {
    /// A form of that method around some content.
    pub(super) fn form(self, method: &Method, content: &Markup) -> Markup {
        html! {
            // What is wrong is told by the answer, for all fields at once.
            form method="post" action=(self.action) autocomplete="off" novalidate {
                @if let Some(token) = self.token { (token.field()) }
                @if method != Method::POST { input type="hidden" name=(METHOD) value=(method); }
                (content)
            }
        }
    }
}

/// The form with a field for everything that can be sent.
pub(super) fn fielded(target: Target<'_>, method: &Method, table: &[&'static Field], content: Content<'_>) -> Markup {
    let button = match *method {
        Method::PUT => "Save",
        _ => "Send",
    };
    target.form(method, &html! { (fields(table, content)) p.actions { button type="submit" { (button) } } })
}

/// The form for raw data, by one of the methods, of which one may be chosen already.
pub(super) fn unfielded(target: Target<'_>, methods: &[Method], chosen: &Method, content: &str) -> Markup {
    let data = html! {
        div.field {
            label for="raw-content" { "JSON" }
            textarea.raw id="raw-content" name=(CONTENT) rows="12" spellcheck="false" { "\n" (content) }
        }
        input type="hidden" name=(TYPE) value="application/json";
    };
    match methods {
        [method] => target.form(method, &html! { (data) p.actions { button type="submit" { "Send as " (method) } } }),
        _ => target.form(
            &Method::POST,
            &html! {
                (data)
                p.actions {
                    label for="raw-method" { "Method" }
                    select id="raw-method" name=(METHOD) {
                        @for method in methods { option value=(method) selected[method == chosen] { (method) } }
                    }
                    button type="submit" { "Send" }
                }
            },
        ),
    }
}

/// What raw data begins with: what can be sent, as it is now or as it would be by default.
pub(super) fn example(table: &[&'static Field], values: &Input) -> Value {
    let Input::Json(values) = values else { return Value::Object(Map::new()) };
    let mut example = Map::new();
    for field in table.iter().filter(|field| !field.read_only) {
        let value = values.get(field.name).cloned();
        let value = match field.kind {
            // What reads as a list of memberships is written one at a time.
            FieldKind::Nested(_) => match value.filter(Value::is_object) {
                Some(value) => value,
                None => continue,
            },
            FieldKind::Boolean => value.unwrap_or(Value::Bool(false)),
            FieldKind::References => value.unwrap_or(Value::Array(Vec::new())),
            FieldKind::Date => value.unwrap_or_default(),
            _ => value.unwrap_or(Value::from("")),
        };
        example.insert(field.name.to_owned(), value);
    }
    Value::Object(example)
}

/// Raw data that was sent, without what is secret in it; nothing of what cannot be read and may hold secrets.
pub(super) fn without_secrets(sent: &str, table: &[&'static Field]) -> Option<String> {
    let mut secrets = table.iter().filter(|field| matches!(field.kind, FieldKind::Secret)).peekable();
    if secrets.peek().is_none() {
        return Some(sent.to_owned());
    }
    let mut values: Map<String, Value> = serde_json::from_str(sent).ok()?;
    for field in secrets {
        if let Some(value) = values.get_mut(field.name) {
            *value = Value::from("");
        }
    }
    Some(indented(&Value::Object(values), 4))
}

/// What was wrong: the fields that have something to be corrected, and everything that belongs to none of them.
pub(super) fn summary(table: &[&'static Field], errors: &Value) -> Markup {
    let flat = table.iter().filter(|field| !field.read_only).flat_map(|field| match field.kind {
        FieldKind::Nested(children) => std::iter::once(*field).chain(children).collect::<Vec<_>>(),
        _ => vec![*field],
    });
    let wrong: Vec<&Field> = flat.filter(|field| !errors_of(errors, field.name).is_empty()).collect();
    let others = errors.as_object().into_iter().flatten();
    let others = others.filter(|(name, _)| !table.iter().any(|field| !field.read_only && field.name == *name));
    let others = others.flat_map(|(name, told)| {
        let told = told.as_array().map_or_else(|| std::slice::from_ref(told), Vec::as_slice);
        told.iter().filter_map(Value::as_str).map(move |text| (name.as_str(), text))
    });
    html! {
        div.alert role="alert" {
            p { strong { "Nothing was changed." } }
            ul {
                @for (name, text) in others {
                    li { @if !["detail", "non_field_errors", "__all__"].contains(&name) { (name) ": " } (text) }
                }
                @for field in wrong { li { a href={ "#" (id(field)) } { (field.label) } } }
            }
        }
    }
}
