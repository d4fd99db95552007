//! "Your account": the user's own password, sessions and API tokens, for browsers.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use maud::{Markup, html};
use shared::dialect::field_names::wire_name;
use shared::dialect::messages::sentence;
use shared::dialect::{openwisp::OpenWisp, openwisp::session};
use shared::dialect::{
    openwisp::page::ACCOUNT_PATH, openwisp::page::LOGIN_PATH, openwisp::page::Viewer, openwisp::page::html_document,
    openwisp::page::respond,
};
use shared::directory::{Caller, PageRange, Policy, RequestOrigin};
use shared::error::Violation;
use shared::model::{ApiToken, Session, SessionId, Timestamp, TokenId};
use shared::web::BaseUrl;
use shared::web::body::UnparsedBody;
use shared::web::csrf::{self, Token};
use shared::web::negotiation::query_value;
use shared::{Directory, Error};

use crate::pages::{Result, value};
use crate::password::read_change;
use crate::session_pages::see_other;

const TITLE: &str = "Your account";
const LEAST: &str =
    "At least 8 characters, not only digits, not a common password, and not similar to your name or e-mail address.";

/// The actions of the page's forms: the values of their buttons.
const CHANGE_PASSWORD: &str = "change-password";
const END_SESSION: &str = "end-session";
const END_ALL: &str = "sign-out-everywhere";
const REMOVE_TOKEN: &str = "remove-token";

/// Messages about completed actions, by their query parameter.
const DONE: [(&str, &str); 3] = [
    (
        CHANGE_PASSWORD,
        "Your password has been changed. You are signed out of all other browsers, and your signed tokens no longer work.",
    ),
    (END_SESSION, "The session has ended."),
    (REMOVE_TOKEN, "The API token has been deleted."),
];

/// `GET /accounts/me/`
pub async fn show(
    State(directory): State<Arc<Directory>>,
    origin: RequestOrigin,
    base: BaseUrl,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response> {
    let Some(caller) = caller(&directory, &headers, &origin).await? else { return Ok(to_sign_in(&base)) };
    let done = query_value(&uri, "done");
    let done = DONE.iter().find(|(name, _)| Some(*name) == done.as_deref()).map(|(_, sentence)| *sentence);
    page(&directory, &caller, &base, &headers, done, &[]).await
}

/// `POST /accounts/me/`
pub async fn act(
    State(directory): State<Arc<Directory>>,
    origin: RequestOrigin,
    base: BaseUrl,
    headers: HeaderMap,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Response> {
    let Some(caller) = caller(&directory, &headers, &origin).await? else { return Ok(to_sign_in(&base)) };
    let input = body.read().await?;
    if csrf::check(&headers, &base, Some(&input)).is_err() {
        return Err(Error::Forbidden.into());
    }
    let action = value(&input, "action");
    let id = value(&input, "id");
    let acted = match action.as_str() {
        CHANGE_PASSWORD => match read_change(&input) {
            Ok(change) => directory.change_own_password(&caller, change, &origin).await,
            Err(error) => Err(error),
        },
        END_SESSION => match SessionId::parse(&id) {
            Some(id) => directory.end_own_session(&caller, id).await,
            None => Ok(()),
        },
        REMOVE_TOKEN => match TokenId::parse(&id) {
            Some(id) => directory.delete_own_token(&caller, id).await,
            None => Ok(()),
        },
        END_ALL => {
            directory.sign_out_everywhere(&caller).await?;
            return Ok(to_sign_in(&base));
        }
        _ => Ok(()),
    };
    match acted {
        // It has already ended: the result is the same.
        Ok(()) | Err(Error::NotFound(_)) => {
            Ok(see_other(&format!("{}{ACCOUNT_PATH}?done={}", base.prefix(), known(&action))))
        }
        Err(Error::Invalid(violations)) => {
            let mut response = page(&directory, &caller, &base, &headers, None, &violations).await?;
            *response.status_mut() = StatusCode::BAD_REQUEST;
            Ok(response)
        }
        Err(error) => Err(error.into()),
    }
}

/// The user who is signed in with this browser.
async fn caller(directory: &Directory, headers: &HeaderMap, origin: &RequestOrigin) -> shared::Result<Option<Caller>> {
    let Some(session) = session(headers) else { return Ok(None) };
    match directory.authenticate(&session, origin).await {
        Ok(found) => directory.caller(found, Policy::Permissions).await.map(Some),
        Err(Error::Unauthenticated(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn to_sign_in(base: &BaseUrl) -> Response {
    see_other(&format!("{0}{LOGIN_PATH}?next={0}{ACCOUNT_PATH}", base.prefix()))
}

/// A form's action, if the page has a message for it.
fn known(action: &str) -> &'static str {
    DONE.iter().find(|(name, _)| *name == action).map_or("", |(name, _)| name)
}

async fn page(
    directory: &Directory,
    caller: &Caller,
    base: &BaseUrl,
    headers: &HeaderMap,
    done: Option<&str>,
    violations: &[Violation],
) -> Result<Response> {
    let token = Token::of(headers, directory);
    let sessions = directory.own_sessions(caller, PageRange::ALL).await?.items;
    let tokens = directory.own_tokens(caller, PageRange::ALL).await?.items;
    let current = caller.session().map(|session| session.id);
    let content = html! {
        h1 { (TITLE) }
        @if let Some(done) = done { p.notice role="status" { (done) } }
        section aria-labelledby="password" {
            h2 id="password" { "Password" }
            form.short method="post" {
                (token.field())
                (secret("old_password", "Current password", "current-password", violations))
                (secret("new_password1", "New password", "new-password", violations))
                (secret("new_password2", "New password again", "new-password", violations))
                p.help { (LEAST) }
                p.actions { button type="submit" name="action" value=(CHANGE_PASSWORD) { "Change password" } }
            }
        }
        section aria-labelledby="sessions" {
            h2 id="sessions" { "Where you are signed in" }
            (session_table(&sessions, current, &token))
            form method="post" {
                (token.field())
                p.actions {
                    button.quiet type="submit" name="action" value=(END_ALL) { "Sign out everywhere" }
                }
                p.help { "This also ends your signed tokens, but not your API tokens." }
            }
        }
        section aria-labelledby="tokens" {
            h2 id="tokens" { "API tokens" }
            @if tokens.is_empty() { p { "You have no API tokens." } } @else { (token_table(&tokens, &token)) }
        }
    };
    let viewer = Viewer::SignedIn(caller.user.username.as_str(), &token);
    let mut response = respond(&html_document(TITLE, base, viewer, &content));
    token.set(response.headers_mut(), base);
    Ok(response)
}

/// A password field with its errors.
fn secret(name: &str, label: &str, autocomplete: &str, violations: &[Violation]) -> Markup {
    let wrong: Vec<String> = violations.iter().filter(|v| wire_name(v.field) == name).map(sentence).collect();
    let invalid = (!wrong.is_empty()).then_some("true");
    let described = invalid.map(|_| format!("{name}-errors"));
    html! {
        div.field {
            label for=(name) { (label) }
            input id=(name) type="password" name=(name) autocomplete=(autocomplete) required
                aria-invalid=[invalid] aria-describedby=[described.as_ref()];
            @if let Some(id) = &described {
                div id=(id) role="alert" { ul.errors { @for sentence in &wrong { li { (sentence) } } } }
            }
        }
    }
}

fn session_table(sessions: &[Session], current: Option<SessionId>, token: &Token) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-labelledby="sessions" {
            table {
                thead { tr { th scope="col" { "Browser" } th scope="col" { "IP address" } th scope="col" { "Signed in" }
                    th scope="col" { "Last used" } th scope="col" { span.unseen { "Action" } } } }
                tbody {
                    @for session in sessions {
                        tr {
                            td { (session.user_agent.as_deref().unwrap_or("unknown")) }
                            td { (session.address.as_deref().unwrap_or("unknown")) }
                            td { (moment(session.created)) }
                            td { (moment(session.last_used)) }
                            td {
                                @if current == Some(session.id) { strong { "This browser" } } @else {
                                    (button(token, END_SESSION, &session.id.to_string(), "End session"))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn token_table(tokens: &[ApiToken], token: &Token) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-labelledby="tokens" {
            table {
                thead { tr { th scope="col" { "Title" } th scope="col" { "Created" } th scope="col" { "Last used" }
                    th scope="col" { "Expires" } th scope="col" { span.unseen { "Action" } } } }
                tbody {
                    @for api_token in tokens {
                        tr {
                            td {
                                (api_token.title)
                                @if api_token.made_by_other { " (created by somebody else)" }
                                @if !api_token.is_active { " (inactive)" }
                            }
                            td { (moment(api_token.created)) }
                            td { @match api_token.last_used { Some(at) => (moment(at)), None => "never" } }
                            td { (moment(api_token.good_until)) }
                            td { (button(token, REMOVE_TOKEN, &api_token.id.to_string(), "Remove")) }
                        }
                    }
                }
            }
        }
    }
}

/// A form with one button, for the session or token with that id.
fn button(token: &Token, action: &str, id: &str, label: &str) -> Markup {
    html! {
        form method="post" {
            (token.field())
            input type="hidden" name="id" value=(id);
            button.quiet type="submit" name="action" value=(action) { (label) }
        }
    }
}

/// A timestamp to the minute, in UTC.
fn moment(at: Timestamp) -> Markup {
    let text = at.rfc3339();
    let (day, time) = text.split_once('T').unwrap_or((&text, ""));
    html! { time datetime=(text) { (day) " " (time.get(..5).unwrap_or(time)) " UTC" } }
}
