//! A response of the API as a page: the request, the response, and forms for what the caller may do
//! (`contracts/openwisp.md` section 14).

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use http::response::Parts;
use http::{HeaderValue, Method, StatusCode};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::super::OpenWisp;
use super::choices::choices_for;
use super::fields::{Choices, Content};
use super::filters::filters;
use super::forms::{Target, example, html_form, raw, raw_form, summary, version, without_secrets};
use super::json::{Links, shown};
use super::{LISTS, LOGIN_PATH, Viewer, encoded, html_document};
use crate::error::Error;
use crate::web::Input;
use crate::web::dialect::Exchange;
use crate::web::endpoint::{Access, Route};
use crate::web::failure::render;
use crate::web::fields::Field;
use crate::web::negotiation::{indented, query_value};
use crate::web::pagination::PageRequest;

/// The prefix of all paths of the API.
const API: &str = "/api/v1/users/";
/// The path of a user.
const USER: &str = "/api/v1/users/user/{id}/";
/// The list of deleted users.
const DELETED: &str = "/api/rollcall/v1/deleted/";
/// The path of a deleted user.
const DELETED_USER: &str = "/api/rollcall/v1/deleted/{id}/";
/// The path of memberships, which are named by their organizations.
const MEMBERSHIPS: &str = "/api/v1/users/user/{id}/organization/";
/// Boxes that are checked in the form for a new object, since omitting them in JSON means true.
const CHECKED: &str = "is_active";

/// What the caller can do at a path.
struct AllowedForms<'a> {
    exchange: &'a Exchange<OpenWisp>,
    methods: Vec<Method>,
    table: Vec<&'static Field>,
}

/// Whether a page with this status has forms: not if the caller may do nothing here.
fn is_workable(status: StatusCode) -> bool {
    let dead_ends = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::NOT_FOUND,
        StatusCode::NOT_ACCEPTABLE,
        StatusCode::NO_CONTENT,
    ];
    !status.is_server_error() && !dead_ends.contains(&status)
}

/// A response as a page.
pub(in super::super) async fn page_of(exchange: &Exchange<OpenWisp>, response: Response) -> Response {
    // A browser ignores 204, so a page reports a deletion.
    let is_gone = response.status() == StatusCode::NO_CONTENT && exchange.extra.form.is_some();
    if !is_gone && response.headers().get(CONTENT_TYPE).is_none() {
        return response;
    }
    let endpoint = exchange.route.endpoint;
    // Without forms, no choices are needed.
    let mut choices = Some(Choices::new());
    let mut table = if exchange.extra.token.is_some() { (endpoint.fields)(true) } else { Vec::new() };
    if let Some(caller) = &exchange.caller {
        table.extend(endpoint.filters);
        choices = choices_for(&table, exchange, caller).await.ok();
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return render::<OpenWisp>(&Error::internal("malformed response").into());
    };
    let body = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
    let page = page(exchange, choices.as_ref(), &parts, &body).into_string();
    if is_gone {
        parts.status = StatusCode::OK;
    }
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    parts.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(token) = &exchange.extra.token {
        token.set(&mut parts.headers, &exchange.base);
    }
    Response::from_parts(parts, Body::from(page))
}

/// The page of a response. If the choices of reference fields are unknown, there is no form with them.
fn page(exchange: &Exchange<OpenWisp>, choices: Option<&Choices>, parts: &Parts, body: &Value) -> Markup {
    let endpoint = exchange.route.endpoint;
    let path = exchange.uri.path();
    let is_superuser = exchange.caller.as_ref().is_none_or(|caller| caller.user.flags.is_superuser);
    let methods = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let usable =
        |method: &Method| is_workable(parts.status) && exchange.route.allows(method) && exchange.permits(method);
    let means = AllowedForms {
        exchange,
        methods: methods.into_iter().filter(usable).collect(),
        table: (endpoint.fields)(is_superuser),
    };
    let failed = exchange.extra.form.is_some() && parts.status.is_client_error() && is_workable(parts.status);
    let key = if endpoint.path.starts_with(MEMBERSHIPS) { "organization" } else { "id" };
    let links = Links { base: &exchange.base, list: list_of(&exchange.route, path), key };
    let content = html! {
        (breadcrumb(exchange, body))
        h1 { (endpoint.name) }
        p.about { (endpoint.about) }
        (request(exchange))
        @if is_workable(parts.status) {
            (filters(endpoint.filters, &exchange.path(), &exchange.uri, choices, if failed { &Value::Null } else { body }))
        }
        @if failed { (means.forms(choices, parts, body, true)) }
        section aria-labelledby="answer" {
            h2 id="answer" { "Response" }
            (respond(parts, body, links))
            (paging(exchange, body))
        }
        @if parts.status == StatusCode::UNAUTHORIZED { (sign_in_notice(exchange)) }
        @if parts.status.is_success() { (related(exchange)) }
        @if !failed { (means.forms(choices, parts, body, false)) }
    };
    let next = exchange.next();
    let viewer = match (&exchange.caller, &exchange.extra.token) {
        (Some(caller), Some(token)) => Viewer::SignedIn(caller.user.username.as_str(), token),
        (Some(caller), None) => Viewer::Known(caller.user.username.as_str()),
        (None, _) => Viewer::Stranger(&next),
    };
    html_document(endpoint.name, &exchange.base, viewer, &content)
}

impl Exchange<OpenWisp> {
    /// The path as the browser sees it.
    fn path(&self) -> String {
        format!("{}{}", self.base.prefix(), self.uri.path())
    }

    /// Where to return after signing in: the viewed page; after a change, only its path.
    fn next(&self) -> String {
        match self.uri.query() {
            Some(query) if [Method::GET, Method::HEAD].contains(&self.method) => format!("{}?{query}", self.path()),
            _ => self.path(),
        }
    }

    /// The target of forms: this path, again as a page.
    fn action(&self) -> String {
        let format = query_value(&self.uri, "format").filter(|format| format == "api").map(|_| "?format=api");
        format!("{}{}", self.path(), format.unwrap_or_default())
    }
}

impl AllowedForms<'_> {
    fn can(&self, method: &Method) -> bool {
        self.methods.contains(method)
    }

    /// The forms; a form whose submission failed is open.
    fn forms(&self, choices: Option<&Choices>, parts: &Parts, body: &Value, failed: bool) -> Markup {
        let action = self.exchange.action();
        // After a failed submission, the form still applies to the version that it was filled from.
        let version = match &self.exchange.extra.form {
            Some(form) if failed => version(form),
            _ => parts.headers.get(ETAG).and_then(|tag| tag.to_str().ok()),
        };
        let target = Target { action: &action, token: self.exchange.extra.token.as_ref(), version };
        // A form for another method works only with a session.
        let has_session = target.token.is_some();
        let sent_raw = self.exchange.extra.form.as_ref().and_then(raw).filter(|_| failed);
        let form = match (&self.exchange.extra.form, failed) {
            (Some(form), true) => sent_raw.is_none().then(|| form.clone()),
            _ => self.unsent(parts.status, body),
        };
        let errors = if failed { body } else { &Value::Null };
        let fields = html! {
            @if let (Some(values), Some(choices)) = (&form, choices) {
                @let content = Content { values, errors, choices };
                @if self.can(&Method::POST) && (has_session || self.exchange.route.endpoint.access == Access::Anyone) {
                    (html_form(target, &Method::POST, &self.table, content))
                } @else if self.can(&Method::PUT) && has_session {
                    (html_form(target, &Method::PUT, &self.table, content))
                } @else if self.can(&Method::PATCH) && has_session {
                    (html_form(target, &Method::PATCH, &self.table, content))
                }
            }
        };
        let taking: Vec<Method> =
            self.methods.iter().filter(|method| **method != Method::DELETE && has_session).cloned().collect();
        let beginning = match (sent_raw.and_then(|sent| without_secrets(sent, &self.table)), &form) {
            (Some(sent), _) => sent,
            (None, Some(values @ Input::Json(_))) => indented(&example(&self.table, values), 4),
            (None, _) => "{}".to_owned(),
        };
        let is_only = !self.exchange.route.allows(&Method::GET);
        html! {
            @if failed { (summary(&self.table, body)) }
            @if !fields.0.is_empty() {
                details.form open[failed || is_only] { summary { h2 { (self.heading()) } } (fields) }
            }
            @if !taking.is_empty() {
                details.form open[sent_raw.is_some()] {
                    summary { h2 { "Raw data" } }
                    (raw_form(target, &taking, &self.exchange.method, &beginning))
                }
            }
            @if self.can(&Method::DELETE) && has_session {
                details.form {
                    summary { h2 { "Delete" } }
                    p { (self.consequence()) }
                    (target.form(&Method::DELETE, &html! {
                        p.actions { button.danger type="submit" { "Delete this" } }
                    }))
                }
            }
        }
    }

    /// What a deletion means.
    fn consequence(&self) -> &'static str {
        if self.exchange.route.endpoint.path == USER {
            "Administrators can restore a deleted user for some time."
        } else {
            "Deletion cannot be undone."
        }
    }

    fn heading(&self) -> &'static str {
        match (self.exchange.route.allows(&Method::GET), self.can(&Method::POST)) {
            (true, true) => "Create",
            (true, false) => "Change",
            (false, _) => self.exchange.route.endpoint.name,
        }
    }

    /// The initial values of a form, unless they are unknown.
    fn unsent(&self, status: StatusCode, body: &Value) -> Option<Input> {
        let changes = [Method::PUT, Method::PATCH].iter().any(|method| self.exchange.route.allows(method));
        let is_kept = self.exchange.route.allows(&Method::GET) && changes;
        if !is_kept {
            return Some(Input::Json(Map::from_iter([(CHECKED.to_owned(), Value::Bool(true))])));
        }
        match body {
            Value::Object(values) if status.is_success() && self.exchange.method != Method::OPTIONS => {
                Some(Input::Json(values.clone()))
            }
            _ => None,
        }
    }
}

/// The breadcrumbs from the lists to this page.
fn breadcrumb(exchange: &Exchange<OpenWisp>, body: &Value) -> Markup {
    let endpoint = exchange.route.endpoint;
    let prefix = exchange.base.prefix();
    let mut steps: Vec<(String, String)> = Vec::new();
    let mut path = API.to_owned();
    for part in exchange.uri.path().strip_prefix(API).unwrap_or_default().split_terminator('/') {
        path.push_str(part);
        path.push('/');
        let is_id = part.bytes().any(|b| b.is_ascii_digit());
        match LISTS.iter().find(|(list, _)| *list == path) {
            Some((_, name)) => steps.push(((*name).to_owned(), path.clone())),
            None if part == "organization" => steps.push(("Organizations".to_owned(), path.clone())),
            None if part == "email" => steps.push(("E-mail addresses".to_owned(), path.clone())),
            None if is_id => steps.push((part.to_owned(), path.clone())),
            None => {}
        }
    }
    let here = exchange.uri.path();
    match steps.pop() {
        Some((name, path)) if path == here => {
            let known = ["username", "name", "email"].iter().find_map(|name| body.get(name)?.as_str());
            let is_detail = endpoint.path.ends_with("}/");
            steps.push((known.filter(|_| is_detail).map_or(name, str::to_owned), path));
        }
        step => {
            steps.extend(step);
            steps.push((endpoint.name.to_owned(), here.to_owned()));
        }
    }
    html! {
        nav.trail aria-label="Breadcrumb" {
            ol {
                @for (name, path) in &steps {
                    li {
                        @if path == here { span aria-current="page" { (name) } }
                        @else { a href={ (prefix) (path) } { (name) } }
                    }
                }
            }
        }
    }
}

/// The request line, and other safe requests for this path.
fn request(exchange: &Exchange<OpenWisp>) -> Markup {
    let query = exchange.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = Target { action: &exchange.action(), token: exchange.extra.token.as_ref(), version: None };
    html! {
        div.request {
            code { b { (exchange.method) } " " (exchange.path()) (query) }
            div.actions {
                @if exchange.route.allows(&Method::GET) {
                    a.button.quiet href=(exchange.path()) { "GET" }
                    a.button.quiet href={ (exchange.path()) "?format=json" } { "JSON" }
                }
                @if target.token.is_some() {
                    (target.form(&Method::OPTIONS, &html! { button.quiet type="submit" { "OPTIONS" } }))
                }
            }
        }
    }
}

fn respond(parts: &Parts, body: &Value, links: Links<'_>) -> Markup {
    let headers = parts.headers.iter().filter(|(name, _)| *name != CONTENT_LENGTH);
    let status = format!("{} {}", parts.status.as_u16(), parts.status.canonical_reason().unwrap_or_default());
    let kind = if parts.status.is_success() { "good" } else { "bad" };
    html! {
        pre.answer {
            b class=(kind) { "HTTP " (status) } "\n"
            @for (name, value) in headers {
                span.header { (name) ":" } " " (String::from_utf8_lossy(value.as_bytes())) "\n"
            }
            @if parts.status != StatusCode::NO_CONTENT { "\n" (shown(body, links)) }
        }
    }
}

/// The links between the pages of a list; one that continues from marks has no page numbers.
fn paging(exchange: &Exchange<OpenWisp>, body: &Value) -> Markup {
    let count = body.get("count").and_then(Value::as_u64);
    let place = count.and_then(|count| PageRequest::numbered(&exchange.uri).place(count));
    let continues = place.is_none() && body.get("results").is_some_and(Value::is_array);
    let link = |name: &str, label: &str| {
        html! {
            @match body.get(name).and_then(Value::as_str) {
                Some(href) => a.button.quiet href=(href) rel=(if name == "next" { "next" } else { "prev" }) { (label) },
                None => span.button.quiet.off { (label) },
            }
        }
    };
    html! {
        @if let Some((number, last)) = place {
            nav.pages aria-label="Pages" {
                (link("previous", "Previous"))
                span { "Page " (number) " of " (last) span.count { " · " (count.unwrap_or_default()) " in total" } }
                (link("next", "Next"))
            }
        }
        @if continues {
            nav.pages aria-label="Pages" { (link("next", "Next")) }
        }
    }
}

/// Links to a user's related objects.
fn related(exchange: &Exchange<OpenWisp>) -> Markup {
    html! {
        @if exchange.route.endpoint.path == DELETED_USER {
            nav.related aria-label="Of this user" {
                a.button.quiet href={ (exchange.path()) "restore/" } { "Restore" }
            }
        }
        @if exchange.route.endpoint.path == LISTS[0].0 {
            nav.related aria-label="More" {
                a.button.quiet href={ (exchange.base.prefix()) (DELETED) } { "Deleted users" }
            }
        }
        @if exchange.route.endpoint.path == USER {
            nav.related aria-label="Of this user" {
                a.button.quiet href={ (exchange.path()) "email/" } { "E-mail addresses" }
                a.button.quiet href={ (exchange.path()) "organization/" } { "Organizations" }
                a.button.quiet href={ (exchange.path()) "password/" } { "Set password" }
            }
        }
    }
}

fn sign_in_notice(exchange: &Exchange<OpenWisp>) -> Markup {
    html! {
        p.notice {
            a.button href={ (exchange.base.prefix()) (LOGIN_PATH) "?next=" (encoded(&exchange.next())) } { "Sign in" }
            " to continue."
        }
    }
}

/// The path of the list that a path or its object belongs to.
fn list_of<'a>(route: &Route, path: &'a str) -> Option<&'a str> {
    if !route.allows(&Method::GET) {
        None
    } else if route.endpoint.path.ends_with("}/") {
        let parent = path.trim_end_matches('/').rfind('/')?;
        path.get(..=parent)
    } else {
        Some(path)
    }
}
