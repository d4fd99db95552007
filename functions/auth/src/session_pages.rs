//! Signing in and out with a browser, and the stylesheet of all pages (`contracts/openwisp.md` section 16).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use maud::html;
use shared::auth::Login;
use shared::dialect::{openwisp::OpenWisp, openwisp::session, openwisp::session_cookie};
use shared::dialect::{
    openwisp::page::LOGIN_PATH, openwisp::page::STYLE, openwisp::page::Viewer, openwisp::page::html_document,
    openwisp::page::respond,
};
use shared::directory::RequestOrigin;
use shared::model::Session;
use shared::web::BaseUrl;
use shared::web::body::UnparsedBody;
use shared::web::csrf::{self, Token};
use shared::web::negotiation::query_value;
use shared::{Directory, Error};

use crate::pages::{Result, page, value};

const TITLE: &str = "Sign in";
const LEAVE: &str = "Sign out";
/// The default target after signing in.
const START: &str = "/api/v1/users/user/";
const FORGOT: &str = "/api/v1/users/password/reset/";

/// The content of the login page besides its fields.
#[derive(Default)]
struct Shown<'a> {
    next: &'a str,
    identifier: &'a str,
    error: Option<String>,
}

/// `GET /accounts/login/?next=…`: asks for name and password.
pub async fn ask(State(directory): State<Arc<Directory>>, base: BaseUrl, uri: Uri, headers: HeaderMap) -> Response {
    let next = query_value(&uri, "next").unwrap_or_default();
    form(&base, &Token::of(&headers, &directory), &Shown { next: &next, ..Shown::default() })
}

/// `POST /accounts/login/`: starts a session and redirects to `next`.
pub async fn sign_in(
    State(directory): State<Arc<Directory>>,
    origin: RequestOrigin,
    base: BaseUrl,
    headers: HeaderMap,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Response> {
    let input = body.read().await?;
    // OpenWISP's own page calls it `login`.
    let names = ["username", "login"].map(|name| value(&input, name));
    let identifier = names.into_iter().find(|name| !name.is_empty()).unwrap_or_default();
    let next = value(&input, "next");
    let again = |status: StatusCode, error: &str| {
        let error = Some(error.to_owned());
        let shown = Shown { next: &next, identifier: &identifier, error };
        let mut response = form(&base, &Token::of(&headers, &directory), &shown);
        *response.status_mut() = status;
        response
    };
    if csrf::check(&headers, &base, Some(&input)).is_err() {
        return Ok(again(StatusCode::FORBIDDEN, "This form could not be accepted. Please send it again."));
    }
    let login = Login { identifier: identifier.clone(), password: value(&input, "password").into() };
    let session = match directory.start_session(login, &origin).await {
        Ok(session) => session,
        Err(Error::Unauthenticated(_)) => {
            return Ok(again(StatusCode::BAD_REQUEST, "Wrong name or password, or the account is inactive."));
        }
        Err(Error::Throttled { retry_after }) => {
            let told = format!("Too many attempts. Please try again in {retry_after} seconds.");
            let mut response = again(StatusCode::TOO_MANY_REQUESTS, &told);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after));
            return Ok(response);
        }
        Err(error) => return Err(error.into()),
    };
    let target = own_path(&next, &base).map_or_else(|| format!("{}{START}", base.prefix()), str::to_owned);
    let mut response = see_other(&target);
    session_cookie(&session, Session::LIFE).set(response.headers_mut(), &base);
    // A new token, because somebody else may have seen the one of the previous page.
    Token::new(&directory).set(response.headers_mut(), &base);
    Ok(response)
}

/// `GET /accounts/logout/`: asks for confirmation.
pub async fn ask_to_leave(State(directory): State<Arc<Directory>>, base: BaseUrl, headers: HeaderMap) -> Response {
    let token = Token::of(&headers, &directory);
    let content = html! {
        h1 { (LEAVE) }
        p { "This ends your session in this browser." }
        form method="post" { (token.field()) p.actions { button type="submit" { (LEAVE) } } }
    };
    let mut response = page(LEAVE, &base, &content);
    token.set(response.headers_mut(), &base);
    response
}

/// `POST /accounts/logout/`: ends the session of this browser.
pub async fn sign_out(
    State(directory): State<Arc<Directory>>,
    origin: RequestOrigin,
    base: BaseUrl,
    headers: HeaderMap,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Response> {
    let input = body.read().await?;
    if csrf::check(&headers, &base, Some(&input)).is_err() {
        return Err(Error::Forbidden.into());
    }
    if let Some(session) = session(&headers) {
        directory.sign_out(&session, &origin).await?;
    }
    let mut response = see_other(&format!("{}{LOGIN_PATH}", base.prefix()));
    session_cookie("", 0).set(response.headers_mut(), &base);
    Ok(response)
}

/// `GET /accounts/style.css`
pub async fn style() -> Response {
    // Its URL changes with it.
    let headers = [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, STYLE).into_response()
}

fn form(base: &BaseUrl, token: &Token, shown: &Shown<'_>) -> Response {
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
    let mut response = respond(&html_document(TITLE, base, Viewer::Anybody, &content));
    token.set(response.headers_mut(), base);
    response
}

/// The path of one of our own pages in `next`, if it is one.
fn own_path<'a>(next: &'a str, base: &BaseUrl) -> Option<&'a str> {
    let rest = next.strip_prefix(base.prefix())?;
    // Browsers treat `\` as `/`, and `//` as the start of another host.
    let is_path = rest.starts_with('/') && !rest.starts_with("//") && !next.starts_with("//") && !next.contains('\\');
    (is_path && next.bytes().all(|b| b.is_ascii_graphic())).then_some(next)
}

pub fn see_other(target: &str) -> Response {
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
        let base = BaseUrl("https://h/prod".to_owned());
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
        let bare = BaseUrl("http://h".to_owned());
        for (next, expected) in
            [("/", true), ("/api/", true), ("//hostile/", false), ("/\\hostile/", false), ("/\t/hostile", false)]
        {
            assert_eq!(own_path(next, &bare).is_some(), expected, "{next}");
        }
    }
}
