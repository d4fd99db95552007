//! An answer of the API as a page: the request, the answer, and forms for what the caller may do
//! (`contracts/openwisp.md` section 14).

use http::header::CONTENT_LENGTH;
use http::response::Parts;
use http::{Method, StatusCode, Uri};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::super::endpoint::{Access, Endpoint};
pub(in super::super) use super::fields::Choices;
use super::fields::Content;
pub(in super::super) use super::forms::open;
use super::forms::{Target, example, fielded, raw, summary, unfielded, without_secrets};
use super::json::{Links, shown};
use super::{LISTS, LOGIN_PATH, Viewer, encoded, whole};
use crate::directory::Caller;
use crate::web::csrf::Token;
use crate::web::fields::Field;
use crate::web::negotiation::{indented, query_value};
use crate::web::pagination::PageRequest;
use crate::web::{Base, Input};

/// What everything of the API begins with.
const API: &str = "/api/v1/users/";
/// Boxes that are checked in a new object's form, as JSON that leaves them out means too.
const CHECKED: &str = "is_active";

/// A request as far as its page tells of it.
#[derive(Debug)]
pub(in super::super) struct Asked {
    pub method: Method,
    pub uri: Uri,
    pub base: Base,
    /// Who is asking, if that was looked at.
    pub caller: Option<Caller>,
    /// The browser's token, if the caller has a session.
    pub token: Option<Token>,
    /// The form that was sent.
    pub form: Option<Input>,
}

/// What the caller can do at an address.
struct Means<'a> {
    endpoint: &'static Endpoint,
    asked: &'a Asked,
    methods: Vec<Method>,
    table: Vec<&'static Field>,
}

/// Whether a page of that status has forms: not where the caller has come to nothing.
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

impl Endpoint {
    /// Whether it knows the method.
    pub(in super::super) fn allows(&self, method: &Method) -> bool {
        self.allow.split(", ").any(|name| name == method.as_str())
    }
}

/// The page of an answer. `may` tells which methods the caller may use;
/// where it is not known what fields of references can name, there is no form with them.
pub(in super::super) fn page(
    endpoint: &'static Endpoint,
    asked: &Asked,
    may: impl Fn(&Method) -> bool,
    choices: Option<&Choices>,
    parts: &Parts,
    body: &Value,
) -> Markup {
    let path = asked.uri.path();
    let is_superuser = asked.caller.as_ref().is_none_or(|caller| caller.user.is_superuser);
    let methods = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let usable = |method: &Method| is_workable(parts.status) && endpoint.allows(method) && may(method);
    let means = Means {
        endpoint,
        asked,
        methods: methods.into_iter().filter(usable).collect(),
        table: (endpoint.fields)(is_superuser),
    };
    let failed = asked.form.is_some() && parts.status.is_client_error() && is_workable(parts.status);
    let links = Links { base: &asked.base, list: list_of(endpoint, path) };
    let content = html! {
        (trail(endpoint, asked, body))
        h1 { (endpoint.name) }
        p.about { (endpoint.about) }
        (request(endpoint, asked))
        @if failed { (means.forms(choices, parts.status, body, true)) }
        section aria-labelledby="answer" {
            h2 id="answer" { "Answer" }
            (answer(parts, body, links))
            (paging(asked, body))
        }
        @if parts.status == StatusCode::UNAUTHORIZED { (way_in(asked)) }
        @if parts.status.is_success() { (related(endpoint, asked)) }
        @if !failed { (means.forms(choices, parts.status, body, false)) }
    };
    let next = asked.next();
    let viewer = match (&asked.caller, &asked.token) {
        (Some(caller), Some(token)) => Viewer::SignedIn(caller.user.username.as_str(), token),
        (Some(caller), None) => Viewer::Known(caller.user.username.as_str()),
        (None, _) => Viewer::Stranger(&next),
    };
    whole(endpoint.name, &asked.base, viewer, &content)
}

impl Asked {
    /// The path as the browser knows it.
    fn path(&self) -> String {
        format!("{}{}", self.base.prefix(), self.uri.path())
    }

    /// What to come back to after signing in: what was looked at; of a change, only where.
    fn next(&self) -> String {
        match self.uri.query() {
            Some(query) if [Method::GET, Method::HEAD].contains(&self.method) => format!("{}?{query}", self.path()),
            _ => self.path(),
        }
    }

    /// Where forms go: here, as a page again.
    fn action(&self) -> String {
        let format = query_value(&self.uri, "format").filter(|format| format == "api").map(|_| "?format=api");
        format!("{}{}", self.path(), format.unwrap_or_default())
    }
}

impl Means<'_> {
    fn can(&self, method: &Method) -> bool {
        self.methods.contains(method)
    }

    /// The forms; open if what was sent by one of them has failed.
    fn forms(&self, choices: Option<&Choices>, status: StatusCode, body: &Value, failed: bool) -> Markup {
        let action = self.asked.action();
        let target = Target { action: &action, token: self.asked.token.as_ref() };
        // A form for a method of its own counts only with a session.
        let has_session = target.token.is_some();
        let sent_raw = self.asked.form.as_ref().and_then(raw).filter(|_| failed);
        let form = match (&self.asked.form, failed) {
            (Some(form), true) => sent_raw.is_none().then(|| form.clone()),
            _ => self.unsent(status, body),
        };
        let errors = if failed { body } else { &Value::Null };
        let fields = html! {
            @if let (Some(values), Some(choices)) = (&form, choices) {
                @let content = Content { values, errors, choices };
                @if self.can(&Method::POST) && (has_session || self.endpoint.access == Access::Anyone) {
                    (fielded(target, &Method::POST, &self.table, content))
                } @else if self.can(&Method::PUT) && has_session {
                    (fielded(target, &Method::PUT, &self.table, content))
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
        let is_only = !self.endpoint.allows(&Method::GET);
        html! {
            @if failed { (summary(&self.table, body)) }
            @if !fields.0.is_empty() {
                details.form open[failed || is_only] { summary { h2 { (self.heading()) } } (fields) }
            }
            @if !taking.is_empty() {
                details.form open[sent_raw.is_some()] {
                    summary { h2 { "Raw data" } }
                    (unfielded(target, &taking, &self.asked.method, &beginning))
                }
            }
            @if self.can(&Method::DELETE) && has_session {
                details.form {
                    summary { h2 { "Delete" } }
                    p { "What is deleted cannot be brought back." }
                    (target.form(&Method::DELETE, &html! {
                        p.actions { button.danger type="submit" { "Delete this" } }
                    }))
                }
            }
        }
    }

    fn heading(&self) -> &'static str {
        match (self.endpoint.allows(&Method::GET), self.can(&Method::POST)) {
            (true, true) => "Create",
            (true, false) => "Change",
            (false, _) => self.endpoint.name,
        }
    }

    /// What a form holds that was not sent yet, unless that is not known.
    fn unsent(&self, status: StatusCode, body: &Value) -> Option<Input> {
        let is_kept = self.endpoint.allows(&Method::GET) && self.endpoint.allows(&Method::PUT);
        if !is_kept {
            return Some(Input::Json(Map::from_iter([(CHECKED.to_owned(), Value::Bool(true))])));
        }
        match body {
            Value::Object(values) if status.is_success() && self.asked.method != Method::OPTIONS => {
                Some(Input::Json(values.clone()))
            }
            _ => None,
        }
    }
}

/// The way from the lists to here.
fn trail(endpoint: &Endpoint, asked: &Asked, body: &Value) -> Markup {
    let prefix = asked.base.prefix();
    let mut steps: Vec<(String, String)> = Vec::new();
    let mut path = API.to_owned();
    for part in asked.uri.path().strip_prefix(API).unwrap_or_default().split_terminator('/') {
        path.push_str(part);
        path.push('/');
        let is_id = part.bytes().any(|b| b.is_ascii_digit());
        match LISTS.iter().find(|(list, _)| *list == path) {
            Some((_, name)) => steps.push(((*name).to_owned(), path.clone())),
            None if part == "email" => steps.push(("E-mail addresses".to_owned(), path.clone())),
            None if is_id => steps.push((part.to_owned(), path.clone())),
            None => {}
        }
    }
    let here = asked.uri.path();
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

/// The request line, and what else can be asked here without changing anything.
fn request(endpoint: &Endpoint, asked: &Asked) -> Markup {
    let query = asked.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = Target { action: &asked.action(), token: asked.token.as_ref() };
    html! {
        div.request {
            code { b { (asked.method) } " " (asked.path()) (query) }
            div.actions {
                @if endpoint.allows(&Method::GET) {
                    a.button.quiet href=(asked.path()) { "GET" }
                    a.button.quiet href={ (asked.path()) "?format=json" } { "JSON" }
                }
                @if target.token.is_some() {
                    (target.form(&Method::OPTIONS, &html! { button.quiet type="submit" { "OPTIONS" } }))
                }
            }
        }
    }
}

fn answer(parts: &Parts, body: &Value, links: Links<'_>) -> Markup {
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

/// The way through the pages of a list.
fn paging(asked: &Asked, body: &Value) -> Markup {
    let count = body.get("count").and_then(Value::as_u64);
    let Some((number, last)) = count.and_then(|count| PageRequest::new(&asked.uri).place(count)) else {
        return html! {};
    };
    let link = |name: &str, label: &str| {
        html! {
            @match body.get(name).and_then(Value::as_str) {
                Some(href) => a.button.quiet href=(href) rel=(if name == "next" { "next" } else { "prev" }) { (label) },
                None => span.button.quiet.off { (label) },
            }
        }
    };
    html! {
        nav.pages aria-label="Pages" {
            (link("previous", "Previous"))
            span { "Page " (number) " of " (last) span.count { " · " (count.unwrap_or_default()) " in all" } }
            (link("next", "Next"))
        }
    }
}

/// What belongs to a user and has addresses of its own.
fn related(endpoint: &Endpoint, asked: &Asked) -> Markup {
    html! {
        @if endpoint.path == "/api/v1/users/user/{id}/" {
            nav.related aria-label="Of this user" {
                a.button.quiet href={ (asked.path()) "email/" } { "E-mail addresses" }
                a.button.quiet href={ (asked.path()) "password/" } { "Set password" }
            }
        }
    }
}

fn way_in(asked: &Asked) -> Markup {
    html! {
        p.notice {
            a.button href={ (asked.base.prefix()) (LOGIN_PATH) "?next=" (encoded(&asked.next())) } { "Sign in" }
            " to go on."
        }
    }
}

/// The path of the list that an address or its object belongs to.
fn list_of<'a>(endpoint: &Endpoint, path: &'a str) -> Option<&'a str> {
    if !endpoint.allows(&Method::GET) {
        None
    } else if endpoint.path.ends_with("}/") {
        let parent = path.trim_end_matches('/').rfind('/')?;
        path.get(..=parent)
    } else {
        Some(path)
    }
}
