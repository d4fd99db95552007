//! The forms of a page, and the requests that they represent.
//!
//! HTML supports only GET and POST. Forms for other methods name the method in a field; raw data is sent in another
//! field together with its type. Both count only after the browser's session and token have been checked.

use axum::body::Body;
use axum::extract::Request;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH};
use http::{HeaderValue, Method};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::fields::{Content, errors_of, fields, id};
use crate::web::body::{form_begins, is_form, with_form};
use crate::web::csrf::Token;
use crate::web::fields::{Field, FieldKind};
use crate::web::negotiation::indented;
use crate::web::{Input, Rejection};

const METHOD: &str = "_method";
const CONTENT: &str = "_content";
const TYPE: &str = "_content_type";
/// The version of the object that filled the form: its `ETag`.
const VERSION: &str = "_if_match";

/// Reads the beginning of a request's body if it is a form, which contains the token and the method. The rest is read
/// only once the sender is known to be allowed.
///
/// # Errors
/// When the body cannot be read from the network.
pub(in super::super) async fn begin(request: Request) -> Result<(Request, Option<Input>), Rejection> {
    if !is_form(&request) {
        return Ok((request, None));
    }
    let (request, form) = form_begins(request).await?;
    Ok((request, Some(form)))
}

/// Reads the whole body of a request if it is a form; malformed forms are left to the handler.
///
/// # Errors
/// [`Rejection::Body`] when it is too large or cannot be read from the network.
pub(in super::super) async fn open(request: Request) -> Result<(Request, Option<Input>), Rejection> {
    if is_form(&request) { with_form(request).await } else { Ok((request, None)) }
}

/// Sets the method that the form names, and the version that it changes.
pub(in super::super) fn take_method(request: &mut Request, form: &Input) {
    let known = [Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    let named = value(form, METHOD).and_then(|name| known.into_iter().find(|method| method.as_str() == name));
    if let Some(method) = named {
        *request.method_mut() = method;
    }
    if let Some(version) = version(form).and_then(|version| HeaderValue::from_str(version).ok()) {
        request.headers_mut().insert(IF_MATCH, version);
    }
}

/// Sets the raw data of the form as the body, if there is any.
pub(in super::super) fn take_content(request: &mut Request, form: &Input) {
    let Some(content) = value(form, CONTENT) else { return };
    let kind = value(form, TYPE).and_then(|kind| HeaderValue::from_str(kind).ok());
    let kind = kind.unwrap_or(HeaderValue::from_static("application/json"));
    request.headers_mut().insert(CONTENT_TYPE, kind);
    request.headers_mut().remove(CONTENT_LENGTH);
    *request.body_mut() = Body::from(content.to_owned());
}

/// The value of a form field.
fn value<'a>(form: &'a Input, name: &str) -> Option<&'a str> {
    let Input::Form(values) = form else { return None };
    values.iter().find(|(sent, _)| sent == name).and_then(|(_, value)| value.as_str())
}

/// The raw data of a form.
pub(super) fn raw(form: &Input) -> Option<&str> {
    value(form, CONTENT)
}

/// The version that filled a form.
pub(super) fn version(form: &Input) -> Option<&str> {
    value(form, VERSION)
}

/// The target of a form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub action: &'a str,
    /// The browser's token, unless the form needs none.
    pub token: Option<&'a Token>,
    /// The `ETag` of the object to change, so that the form overwrites no change that its sender has not seen.
    pub version: Option<&'a str>,
}

impl Target<'_> {
    /// A form with this method around some content.
    pub(super) fn form(self, method: &Method, content: &Markup) -> Markup {
        html! {
            // The response reports all errors, for all fields at once.
            form method="post" action=(self.action) autocomplete="off" novalidate {
                @if let Some(token) = self.token { (token.field()) }
                @if let Some(version) = self.version { input type="hidden" name=(VERSION) value=(version); }
                @if method != Method::POST { input type="hidden" name=(METHOD) value=(method); }
                (content)
            }
        }
    }
}

/// The form with an input for every field.
pub(super) fn html_form(target: Target<'_>, method: &Method, table: &[&'static Field], content: Content<'_>) -> Markup {
    let button = match *method {
        Method::PUT | Method::PATCH => "Save",
        _ => "Send",
    };
    target.form(method, &html! { (fields(table, content)) p.actions { button type="submit" { (button) } } })
}

/// The form for raw data, with a choice of methods; `chosen` is preselected.
pub(super) fn raw_form(target: Target<'_>, methods: &[Method], chosen: &Method, content: &str) -> Markup {
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
                // First, because the method is needed before all of the data has arrived.
                div.field {
                    label for="raw-method" { "Method" }
                    select id="raw-method" name=(METHOD) {
                        @for method in methods { option value=(method) selected[method == chosen] { (method) } }
                    }
                }
                (data)
                p.actions { button type="submit" { "Send" } }
            },
        ),
    }
}

/// The initial raw data: the fields with their current or default values.
pub(super) fn example(table: &[&'static Field], values: &Input) -> Value {
    let Input::Json(values) = values else { return Value::Object(Map::new()) };
    let mut example = Map::new();
    for field in table.iter().filter(|field| !field.read_only) {
        let value = values.get(field.name).cloned();
        let value = match field.kind {
            // A list of memberships is written one at a time.
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

/// Submitted raw data without its secrets; nothing if it is malformed and may contain secrets.
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

/// The errors: links to the fields with errors, and all errors that belong to no field.
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
