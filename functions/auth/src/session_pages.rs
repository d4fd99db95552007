//! Signing in and out with a browser, and the stylesheet of all pages (`contracts/openwisp.md` section 16).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use maud::html;
use shared::dialect::openwisp::page::{LOGIN_PATH, STYLE, Viewer, respond, whole};
use shared::dialect::openwisp::{OpenWisp, session_cookie};
use shared::sign_in::{Login, SESSION_LIFE};
use shared::web::body::Unread;
use shared::web::csrf::{self, Token};
use shared::web::negotiation::query_value;
use shared::web::{Base, ClientAddress};
use shared::{Directory, Error};

use crate::pages::{Result, page, value};

const TITLE: &str = "Sign in";
const LEAVE: &str = "Sign out";
/// Where one comes to who came from nowhere.
const START: &str = "/api/v1/users/user/";
const FORGOT: &str = "/api/v1/users/password/reset/";

/// What the page to sign in shows besides its fields.
#[derive(Default)]
struct Shown<'a> {
    next: &'a str,
    identifier: &'a str,
    error: Option<String>,
}

/// `GET /accounts/login/?next=…`: asks for name and password.
pub async fn ask(State(directory): State<Arc<Directory>>, base: Base, uri: Uri, headers: HeaderMap) -> Response {
    let next = query_value(&uri, "next").unwrap_or_default();
    form(&base, &Token::of(&headers, &directory), &Shown { next: &next, ..Shown::default() })
}

/// `POST /accounts/login/`: begins a session and leads on to `next`.
pub async fn sign_in(
    State(directory): State<Arc<Directory>>,
    ClientAddress(address): ClientAddress,
    base: Base,
    headers: HeaderMap,
    Unread { body, .. }: Unread<OpenWisp>,
) -> Result<Response> {
    let input = body.read().await?;
    let (next, identifier) = (value(&input, "next"), value(&input, "username"));
    let again = |status: StatusCode, error: &str| {
        let error = Some(error.to_owned());
        let shown = Shown { next: &next, identifier: &identifier, error };
        let mut response = form(&base, &Token::of(&headers, &directory), &shown);
        *response.status_mut() = status;
        response
    };
    if csrf::check(&headers, &base, Some(&input)).is_err() {
        return Ok(again(StatusCode::FORBIDDEN, "This form was not accepted. Please send it once more."));
    }
    let login = Login { identifier: identifier.clone(), password: value(&input, "password") };
    let session = match directory.start_session(login, address.as_deref()).await {
        Ok(session) => session.0,
        Err(Error::Unauthenticated(_)) => {
            return Ok(again(
                StatusCode::BAD_REQUEST,
                "Name and password do not belong together, or the account is off.",
            ));
        }
        Err(Error::Throttled { retry_after }) => {
            let told = format!("There were too many attempts. Please try again in {retry_after} seconds.");
            let mut response = again(StatusCode::TOO_MANY_REQUESTS, &told);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after));
            return Ok(response);
        }
        Err(error) => return Err(error.into()),
    };
    let target = own_path(&next, &base).map_or_else(|| format!("{}{START}", base.prefix()), str::to_owned);
    let mut response = see_other(&target);
    session_cookie(&session, SESSION_LIFE).set(response.headers_mut(), &base);
    // Another token than that of the page before, which somebody else may have seen.
    Token::new(&directory).set(response.headers_mut(), &base);
    Ok(response)
}

/// `GET /accounts/logout/`: asks.
pub async fn ask_to_leave(State(directory): State<Arc<Directory>>, base: Base, headers: HeaderMap) -> Response {
    let token = Token::of(&headers, &directory);
    let content = html! {
        h1 { (LEAVE) }
        p { "Your session in this browser ends." }
        form method="post" { (token.field()) p.actions { button type="submit" { (LEAVE) } } }
    };
    let mut response = page(LEAVE, &base, &content);
    token.set(response.headers_mut(), &base);
    response
}

/// `POST /accounts/logout/`: ends the session of this browser.
pub async fn sign_out(base: Base, headers: HeaderMap, Unread { body, .. }: Unread<OpenWisp>) -> Result<Response> {
    let input = body.read().await?;
    if csrf::check(&headers, &base, Some(&input)).is_err() {
        return Err(Error::Forbidden.into());
    }
    let mut response = see_other(&format!("{}{LOGIN_PATH}", base.prefix()));
    session_cookie("", 0).set(response.headers_mut(), &base);
    Ok(response)
}

/// `GET /accounts/style.css`
pub async fn style() -> Response {
    // Its address changes with it.
    let headers = [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, STYLE).into_response()
}

fn form(base: &Base, token: &Token, shown: &Shown<'_>) -> Response {
    let invalid = shown.error.as_ref().map(|_| "true");
    let described = invalid.map(|_| "error");
    let content = html! {
        div.narrow {
            h1 { (TITLE) }
            @if let Some(error) = &shown.error { p.alert id="error" role="alert" { (error) } }
            form method="post" action={ (base.prefix()) (LOGIN_PATH) } {
                (token.field())
                input type="hidden" name="next" value=(shown.next);
                div.field {
                    label for="username" { "User name, e-mail address or telephone number" }
                    input id="username" type="text" name="username" value=(shown.identifier) autocomplete="username"
                        autocapitalize="none" spellcheck="false" required aria-invalid=[invalid]
                        aria-describedby=[described];
                }
                div.field {
                    label for="password" { "Password" }
                    input id="password" type="password" name="password" autocomplete="current-password" required
                        aria-invalid=[invalid] aria-describedby=[described];
                }
                p.actions {
                    button type="submit" { (TITLE) }
                    a href={ (base.prefix()) (FORGOT) } { "Forgot your password?" }
                }
            }
        }
    };
    let mut response = respond(&whole(TITLE, base, Viewer::Anybody, &content));
    token.set(response.headers_mut(), base);
    response
}

/// The path of an own page that `next` names, if that is what it names.
fn own_path<'a>(next: &'a str, base: &Base) -> Option<&'a str> {
    let rest = next.strip_prefix(base.prefix())?;
    // Browsers take `\` for `/`, and `//` for the beginning of another host.
    let is_path = rest.starts_with('/') && !rest.starts_with("//") && !next.starts_with("//") && !next.contains('\\');
    (is_path && next.bytes().all(|b| b.is_ascii_graphic())).then_some(next)
}

fn see_other(target: &str) -> Response {
    let mut response = (StatusCode::SEE_OTHER, [(CACHE_CONTROL, "no-store")]).into_response();
    if let Ok(target) = HeaderValue::from_str(target) {
        response.headers_mut().insert(LOCATION, target);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_paths_are_followed() {
        let base = Base("https://h/prod".to_owned());
        for (next, expected) in [
            ("/prod/api/v1/users/user/?page=2", true),
            ("/prod/", true),
            ("/prod", false),
            ("/production/", false),
            ("/api/", false),
            ("//hostile/prod/", false),
            ("/prod//hostile/", false),
            ("/prod/\\hostile", false),
            ("/prod/\r\nx: y", false),
            ("https://h/prod/", false),
            ("javascript:alert(1)", false),
            ("", false),
        ] {
            assert_eq!(own_path(next, &base).is_some(), expected, "{next}");
        }
        let bare = Base("http://h".to_owned());
        for (next, expected) in
            [("/", true), ("/api/", true), ("//hostile/", false), ("/\\hostile/", false), ("/\t/hostile", false)]
        {
            assert_eq!(own_path(next, &bare).is_some(), expected, "{next}");
        }
    }
}
