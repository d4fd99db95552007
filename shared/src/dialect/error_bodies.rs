//! Error responses: what the APIs, all built with the same library, have in common.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::messages;
use crate::error::{Entity, Error, Unauthenticated};
use crate::web::csrf::Forgery;
use crate::web::rejection::{BodyError, Rejection};

/// A body with one message.
pub(super) fn detail(sentence: &str) -> Value {
    json!({ "detail": sentence })
}

/// The response with the headers that belong to the rejection; `challenge` is the authentication scheme of a 401.
pub(super) fn respond(status: StatusCode, body: Value, rejection: &Rejection, challenge: &'static str) -> Response {
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    match rejection {
        Rejection::Domain(Error::Unauthenticated(_)) if status == StatusCode::UNAUTHORIZED => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        Rejection::Domain(Error::Throttled { retry_after }) => {
            headers.insert(RETRY_AFTER, HeaderValue::from(*retry_after));
        }
        Rejection::Domain(Error::Unavailable(_)) => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
    response
}

/// Status and body of a rejection, as far as the APIs have them in common; otherwise as in OpenWISP.
pub(super) fn status_and_body(rejection: &Rejection) -> (StatusCode, Value) {
    match rejection {
        Rejection::NoRoute => (StatusCode::NOT_FOUND, detail("Not found.")),
        Rejection::MethodNotAllowed(method) => {
            (StatusCode::METHOD_NOT_ALLOWED, detail(&format!("Method \"{method}\" not allowed.")))
        }
        Rejection::NotAcceptable => {
            (StatusCode::NOT_ACCEPTABLE, detail("Could not satisfy the request Accept header."))
        }
        Rejection::InvalidPage => (StatusCode::NOT_FOUND, detail("Invalid page.")),
        Rejection::Body(why) => unreadable(why),
        Rejection::Forged(why) => (StatusCode::FORBIDDEN, detail(&format!("CSRF Failed: {}", forged(*why)))),
        Rejection::Domain(error) => of_domain(error),
    }
}

fn of_domain(error: &Error) -> (StatusCode, Value) {
    match error {
        Error::NotFound(entity) => {
            let model = match entity {
                Entity::User => "User",
                Entity::Group => "Group",
                Entity::Organization => "Organization",
                Entity::EmailAddress => "EmailAddress",
                Entity::Membership => "OrganizationUser",
                Entity::Session => "Session",
                Entity::Token => "Token",
                Entity::Webhook => "Webhook",
                Entity::Delivery => "Delivery",
            };
            (StatusCode::NOT_FOUND, detail(&format!("No {model} matches the given query.")))
        }
        Error::Invalid(violations) => (StatusCode::BAD_REQUEST, messages::by_field(violations)),
        Error::Taken(violations) => (StatusCode::CONFLICT, messages::by_field(violations)),
        Error::Refused(refusal) => {
            let sentence = messages::refusal(*refusal);
            (StatusCode::BAD_REQUEST, detail(sentence))
        }
        Error::Unauthenticated(why) => unauthenticated(*why),
        Error::Forbidden => (StatusCode::FORBIDDEN, detail("You do not have permission to perform this action.")),
        Error::Changed => (
            StatusCode::PRECONDITION_FAILED,
            detail(
                "The object has changed since this version. Nothing was changed; read it again, then repeat the change.",
            ),
        ),
        Error::Throttled { retry_after } => (
            StatusCode::TOO_MANY_REQUESTS,
            detail(&format!("Request was throttled. Expected available in {retry_after} seconds.")),
        ),
        Error::Unavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, detail("Service temporarily unavailable, try again later."))
        }
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, detail("A server error occurred.")),
    }
}

fn forged(why: Forgery) -> &'static str {
    match why {
        Forgery::OtherSite => "Origin checking failed.",
        Forgery::NoToken => "CSRF token missing.",
        Forgery::NoCookie => "CSRF cookie not set.",
        Forgery::WrongToken => "CSRF token incorrect.",
    }
}

fn unreadable(why: &BodyError) -> (StatusCode, Value) {
    let bad = |body| (StatusCode::BAD_REQUEST, body);
    match why {
        BodyError::MediaType(sent) => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            json!({ "detail": format!("Unsupported media type \"{sent}\" in request.") }),
        ),
        BodyError::Json(reason) => bad(json!({ "detail": format!("JSON parse error - {reason}") })),
        BodyError::Multipart(reason) => bad(json!({ "detail": format!("Multipart form parse error - {reason}") })),
        BodyError::Charset(name) => bad(json!({ "detail": format!("The request body is no text in {name}.") })),
        BodyError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, json!({ "detail": "The request body is too large." })),
        BodyError::TooManyPairs(most) => bad(json!({ "detail": format!("The form has more than {most} fields.") })),
        BodyError::NotAnObject(kind) => {
            let name = messages::python_name(*kind);
            bad(json!({ "non_field_errors": [format!("Invalid data. Expected a dictionary, but got {name}.")] }))
        }
        BodyError::Null => bad(json!({ "non_field_errors": ["No data provided"] })),
    }
}

fn unauthenticated(why: Unauthenticated) -> (StatusCode, Value) {
    let sentence = match why {
        Unauthenticated::NoCredentials => "Authentication credentials were not provided.",
        Unauthenticated::EmptyToken => "Invalid token header. No credentials provided.",
        Unauthenticated::TokenWithSpaces => "Invalid token header. Token string should not contain spaces.",
        Unauthenticated::EmptyBasic => "Invalid basic header. No credentials provided.",
        Unauthenticated::BasicWithSpaces => "Invalid basic header. Credentials string should not contain spaces.",
        Unauthenticated::BasicNotBase64 => "Invalid basic header. Credentials not correctly base64 encoded.",
        Unauthenticated::TokenCharacters => "Invalid token header. Token string should not contain invalid characters.",
        Unauthenticated::InvalidToken | Unauthenticated::ExpiredToken => "Invalid token.",
        Unauthenticated::Inactive => "User inactive or deleted.",
        Unauthenticated::WrongPassword => {
            let body = json!({ "non_field_errors": ["Unable to log in with provided credentials."] });
            return (StatusCode::BAD_REQUEST, body);
        }
    };
    (StatusCode::UNAUTHORIZED, json!({ "detail": sentence }))
}
