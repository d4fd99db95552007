//! The pages of a mailed password reset link (`contracts/openwisp.md` section 13.2).
//!
//! The link's secret moves from the URL to a cookie immediately, so that it does not appear in histories and `Referer`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use maud::html;
use shared::dialect::messages::sentence;
use shared::dialect::openwisp::OpenWisp;
use shared::directory::RequestOrigin;
use shared::directory::ResetPassword;
use shared::error::Violation;
use shared::model::Field;
use shared::web::BaseUrl;
use shared::web::body::UnparsedBody;
use shared::web::cookies::{Cookie, cookie};
use shared::web::csrf::{self, Token};
use shared::web::fields::Reader;
use shared::{Directory, Error};

use crate::pages::{Key, Result, found, page};
use crate::password::new_password;

const TITLE: &str = "Choose a new password";
const COOKIE_NAME: &str = "resettoken";
/// Replaces the secret in the URL.
const HIDDEN: &str = "set-password";

/// `GET /accounts/password/reset/key/<uid>-<token>/`: hides the token, then shows the form.
pub async fn open(
    State(directory): State<Arc<Directory>>,
    Key(pair): Key,
    origin: RequestOrigin,
    base: BaseUrl,
    headers: HeaderMap,
) -> Result<Response> {
    let Some((uid, token)) = pair.split_once('-') else { return Ok(expired(&base)) };
    if token == HIDDEN {
        let token = cookie(&headers, COOKIE_NAME).unwrap_or_default();
        let good = directory.is_reset_pair(uid, token, &origin).await?;
        return Ok(if good { form(&directory, &base, &headers, &[]) } else { expired(&base) });
    }
    if !directory.is_reset_pair(uid, token, &origin).await? {
        return Ok(expired(&base));
    }
    let mut response = found(&format!("{}/accounts/password/reset/key/{uid}-{HIDDEN}/", base.prefix()));
    let cookie = Cookie { name: COOKIE_NAME, value: token, life: None, readable: false };
    cookie.set(response.headers_mut(), &base);
    Ok(response)
}

/// `POST /accounts/password/reset/key/<uid>-set-password/`: sets the password.
pub async fn submit(
    State(directory): State<Arc<Directory>>,
    Key(pair): Key,
    origin: RequestOrigin,
    base: BaseUrl,
    headers: HeaderMap,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Response> {
    let input = body.read().await?;
    if csrf::check(&headers, &base, Some(&input)).is_err() {
        return Err(Error::Forbidden.into());
    }
    let refused = |violations: &[Violation]| {
        let told: Vec<String> = violations.iter().map(sentence).collect();
        let mut response = form(&directory, &base, &headers, &told);
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response
    };
    let mut reader = Reader::new(&input, false);
    let Some((new, again)) = new_password(&mut reader) else { return Ok(refused(&reader.finish())) };
    let uid = pair.split_once('-').map_or("", |(uid, _)| uid).to_owned();
    let token = cookie(&headers, COOKIE_NAME).unwrap_or_default().into();
    match directory.reset_password(ResetPassword { uid, token, new, again }, &origin).await {
        Ok(()) => Ok(found(&format!("{}/accounts/password/reset/key/done/", base.prefix()))),
        Err(Error::Invalid(violations)) if violations.iter().all(|v| v.field == Field::NewPasswordAgain) => {
            Ok(refused(&violations))
        }
        Err(Error::Invalid(_)) => Ok(expired(&base)),
        Err(error) => Err(error.into()),
    }
}

/// `GET /accounts/password/reset/key/done/`: the success message.
pub async fn done(base: BaseUrl) -> Response {
    page(TITLE, &base, &html! { h1 { "Your password has been changed." } p { "You can close this page." } })
}

fn form(directory: &Directory, base: &BaseUrl, headers: &HeaderMap, errors: &[String]) -> Response {
    let token = Token::of(headers, directory);
    let invalid = (!errors.is_empty()).then_some("true");
    let content = html! {
        h1 { (TITLE) }
        form method="post" {
            (token.field())
            div.field {
                label for="new1" { "New password" }
                input id="new1" type="password" name="new_password1" autocomplete="new-password" required
                    aria-invalid=[invalid] aria-describedby=[invalid.map(|_| "errors")];
                @if !errors.is_empty() {
                    ul.errors id="errors" role="alert" { @for error in errors { li { (error) } } }
                }
            }
            div.field {
                label for="new2" { "New password again" }
                input id="new2" type="password" name="new_password2" autocomplete="new-password" required;
            }
            p.actions { button type="submit" { "Change Password" } }
        }
    };
    let mut response = page(TITLE, base, &content);
    token.set(response.headers_mut(), base);
    response
}

fn expired(base: &BaseUrl) -> Response {
    page(TITLE, base, &html! { h1 { (TITLE) } p { "This password reset link has expired or was already used." } })
}
