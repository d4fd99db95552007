//! The conventions of SCIM 2.0 (`contracts/scim.md` sections 1, 2, 5 and 10).

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};

use super::edge::basic;
use super::error_bodies::respond;
use super::field_names::wire_name;
use super::{authorization, messages, refused};
use crate::auth::Credential;
use crate::directory::{Act, Caller, Directory, Policy, RequestOrigin, Rights};
use crate::error::{Entity, Error, Refusal, Result, Rule, Unauthenticated, Violation};
use crate::model::{Action, Field, Model};
use crate::web::Rejection;
use crate::web::dialect::{Dialect, Exchange, description};
use crate::web::endpoint::Access;
use crate::web::negotiation::Representation;
use crate::web::rejection::BodyError;

/// The media type of every response.
pub const MEDIA_TYPE: &str = "application/scim+json";
/// The end of the paths where a POST searches.
pub const SEARCH: &str = "/.search/";
/// The schema of errors.
const ERROR_URN: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// SCIM 2.0, RFC 7643 and 7644.
#[derive(Debug, Clone, Copy)]
pub enum Scim {}

/// The reasons of errors that programs understand (RFC 7644 section 3.12, RFC 9865 section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the RFCs")]
pub enum Reason {
    InvalidFilter,
    TooMany,
    Uniqueness,
    Mutability,
    InvalidSyntax,
    InvalidPath,
    NoTarget,
    InvalidValue,
    InvalidCursor,
    ExpiredCursor,
    InvalidCount,
}

/// An error as a response shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// The reason, if there is one for programs.
    pub reason: Option<Reason>,
    /// The reason for people.
    pub detail: String,
}

impl Reason {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
        }
    }

    /// A 400 for this reason.
    pub fn because(self, detail: impl Into<String>) -> Problem {
        Problem { status: StatusCode::BAD_REQUEST, reason: Some(self), detail: detail.into() }
    }
}

impl Problem {
    /// An error without a reason for programs.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, reason: None, detail: detail.into() }
    }

    /// Its body.
    pub fn body(&self) -> Value {
        let mut body = json!({"schemas": [ERROR_URN], "status": self.status.as_str()});
        if let Some(reason) = self.reason {
            body["scimType"] = json!(reason.name());
        }
        body["detail"] = json!(self.detail);
        body
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.body();
        in_media_type((self.status, axum::Json(body)).into_response())
    }
}

impl From<&Rejection> for Problem {
    fn from(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::NoRoute => Self::new(StatusCode::NOT_FOUND, "There is nothing at this address."),
            Rejection::MethodNotAllowed(method) => {
                Self::new(StatusCode::METHOD_NOT_ALLOWED, format!("The method {method} is not allowed here."))
            }
            Rejection::NotAcceptable => Self::new(StatusCode::NOT_ACCEPTABLE, format!("Accept {MEDIA_TYPE}.")),
            Rejection::InvalidPage => Self::new(StatusCode::NOT_FOUND, "There is no such page."),
            Rejection::Body(why) => of_body(why),
            Rejection::Forged(_) => Self::new(StatusCode::FORBIDDEN, "The request may come from another site."),
            Rejection::Domain(error) => of_domain(error),
        }
    }
}

fn of_body(why: &BodyError) -> Problem {
    let syntax = |detail: String| Reason::InvalidSyntax.because(detail);
    match why {
        BodyError::MediaType(_) => {
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("Send {MEDIA_TYPE} or application/json."))
        }
        BodyError::TooLarge => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "The body has more than 1 MB."),
        BodyError::Json(reason) => syntax(format!("The body is no JSON: {reason}.")),
        BodyError::NotAnObject(_) | BodyError::Null => syntax("The body is no JSON object.".to_owned()),
        BodyError::Multipart(_) | BodyError::Charset(_) | BodyError::TooManyPairs(_) => {
            syntax("The body is unreadable.".to_owned())
        }
    }
}

fn of_domain(error: &Error) -> Problem {
    match error {
        Error::NotFound(entity) => {
            let what = match entity {
                Entity::User => "user",
                Entity::Group => "group",
                Entity::Organization => "organization",
                Entity::EmailAddress => "e-mail address",
                Entity::Membership => "membership",
                Entity::Token => "token",
                Entity::Session => "session",
                Entity::Webhook => "webhook",
                Entity::Delivery => "delivery",
            };
            Problem::new(StatusCode::NOT_FOUND, format!("There is no such {what}."))
        }
        Error::Invalid(violations) | Error::Taken(violations) => {
            let detail: Vec<String> = violations.iter().map(sentence).collect();
            let is_taken = |violation: &Violation| {
                matches!(violation.rule, Rule::Taken | Rule::TakenInAnotherCase | Rule::AddressTaken)
            };
            if violations.iter().all(is_taken) {
                let reason = Some(Reason::Uniqueness);
                return Problem { status: StatusCode::CONFLICT, reason, detail: detail.join(" ") };
            }
            Reason::InvalidValue.because(detail.join(" "))
        }
        Error::Refused(Refusal::LastSuperuser) => {
            Problem::new(StatusCode::FORBIDDEN, messages::refusal(Refusal::LastSuperuser))
        }
        Error::Refused(Refusal::PageTooLarge | Refusal::TooLargeToAnswer) => {
            Reason::TooMany.because("This does not fit into one response. Ask for fewer with `count` or `attributes`.")
        }
        Error::Refused(refusal) => Reason::InvalidValue.because(messages::refusal(*refusal)),
        Error::Unauthenticated(why) => {
            let detail = match why {
                Unauthenticated::NoCredentials => "Send credentials: Authorization: Bearer, or Basic.",
                Unauthenticated::Inactive => "The user is inactive or deleted.",
                Unauthenticated::WrongPassword => "The user name or the password is wrong.",
                Unauthenticated::ExpiredToken => "The token has expired.",
                _ => "The token is invalid.",
            };
            Problem::new(StatusCode::UNAUTHORIZED, detail)
        }
        Error::Forbidden => Problem::new(StatusCode::FORBIDDEN, "You may not do this."),
        Error::Changed => Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "The resource has changed since this version. Nothing was changed; read it again, then repeat the change.",
        ),
        Error::Throttled { retry_after } => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!("Too many attempts. Try again in {retry_after} seconds."),
        ),
        Error::Unavailable(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Try again later."),
        Error::Internal(_) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "An error of the server occurred."),
    }
}

/// A violation after the name of its attribute.
fn sentence(violation: &Violation) -> String {
    let text = match &violation.rule {
        Rule::NotUsername => {
            "A user name has 1 to 150 visible characters, no colon, and no blank at an end.".to_owned()
        }
        Rule::Taken if violation.field == Field::PhoneNumber => "Another user has it.".to_owned(),
        Rule::Taken | Rule::TakenInAnotherCase | Rule::AddressTaken => match violation.field {
            Field::GroupName => "Another group has it.".to_owned(),
            _ => "Another user has it.".to_owned(),
        },
        Rule::UnknownReference(id) => format!("There is no {id}."),
        Rule::TooLong(most) if violation.field == Field::Extras => format!("They have more than {most} bytes."),
        Rule::TooMany(several) if violation.field == Field::MembershipOrganization => {
            format!("You manage {several} organizations, so it is not clear which of them the user joins.")
        }
        _ => messages::sentence(violation),
    };
    format!("{}: {text}", attribute(violation.field))
}

/// The name of a field on the wire.
fn attribute(field: Field) -> &'static str {
    match field {
        Field::Username => "userName",
        Field::FirstName => "name.givenName",
        Field::LastName => "name.familyName",
        Field::Email => "emails",
        Field::PhoneNumber => "phoneNumbers",
        Field::Url => "profileUrl",
        Field::IsActive => "active",
        Field::ExpirationDate => "expirationDate",
        Field::ExternalId => "externalId",
        Field::Extras => "the other attributes",
        Field::GroupName => "displayName",
        Field::MembershipOrganization => "organizations",
        other => wire_name(other),
    }
}

/// The same response with the media type of this API.
fn in_media_type(mut response: Response) -> Response {
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

impl Dialect for Scim {
    const HAS_SIGNED_TOKENS: bool = true;

    type Extra = ();

    fn credential(headers: &HeaderMap) -> Result<Option<Credential>> {
        let Some((scheme, words)) = authorization(headers) else { return Ok(None) };
        match (&scheme[..], &words[..]) {
            (b"bearer", [token]) => match std::str::from_utf8(token) {
                Ok(token) => Ok(Some(Credential::Bearer(token.to_owned()))),
                Err(_) => refused(Unauthenticated::TokenCharacters),
            },
            (b"bearer", []) => refused(Unauthenticated::EmptyToken),
            (b"bearer", _) => refused(Unauthenticated::TokenWithSpaces),
            (b"basic", [pair]) => basic(pair).map(Some),
            (b"basic", []) => refused(Unauthenticated::EmptyBasic),
            (b"basic", _) => refused(Unauthenticated::BasicWithSpaces),
            _ => Ok(None),
        }
    }

    async fn caller(directory: &Directory, credential: &Credential, origin: &RequestOrigin) -> Result<Caller> {
        let found = directory.authenticate(credential, origin).await?;
        directory.caller(found, Policy::Permissions).await
    }

    fn permits(exchange: &Exchange<Self>, caller: &Caller, method: &Method) -> bool {
        let endpoint = exchange.route.endpoint;
        let model = match endpoint.access {
            // The handlers of these decide by what is asked for.
            Access::Anyone | Access::User => return true,
            Access::Staff | Access::Superuser | Access::Oneself => return caller.rights == Rights::Everything,
            Access::Model(model) => model,
        };
        let may = |action, model| caller.may(Act::Request(action, model));
        match *method {
            Method::GET | Method::HEAD => may(Action::View, model),
            Method::POST if endpoint.path.ends_with(SEARCH) => may(Action::View, model),
            Method::POST => may(Action::Add, model),
            // Whoever may change users may change who is in a group (section 10.11).
            Method::PUT | Method::PATCH => may(Action::Change, model) || may(Action::Change, Model::User),
            Method::DELETE => may(Action::Delete, model),
            _ => true,
        }
    }

    fn render(rejection: &Rejection) -> Response {
        let problem = Problem::from(rejection);
        in_media_type(respond(problem.status, problem.body(), rejection, "Bearer"))
    }

    fn representation(_: &Uri, _: &HeaderMap) -> Result<Representation, Rejection> {
        Ok(Representation::Json(None))
    }

    fn describe(exchange: &Exchange<Self>, _: Request, _: Next) -> impl Future<Output = Response> + Send {
        let mut body = description(exchange.route.endpoint, &[MEDIA_TYPE]);
        body["parses"] = json!([MEDIA_TYPE, "application/json"]);
        std::future::ready(in_media_type(axum::Json(body).into_response()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_is_a_conflict_and_all_else_invalid() {
        let problem = |rules: &[Rule]| {
            let violation = |rule: &Rule| Violation { field: Field::Username, rule: rule.clone() };
            Problem::from(&Rejection::Domain(Error::Invalid(rules.iter().map(violation).collect())))
        };
        assert_eq!(problem(&[Rule::Taken]).reason, Some(Reason::Uniqueness));
        assert_eq!(problem(&[Rule::Taken]).status, StatusCode::CONFLICT);
        assert_eq!(problem(&[Rule::Taken, Rule::NotUsername]).reason, Some(Reason::InvalidValue));
        assert_eq!(
            problem(&[Rule::Taken]).body(),
            json!({
                "schemas": [ERROR_URN], "status": "409", "scimType": "uniqueness",
                "detail": "userName: Another user has it.",
            })
        );
    }
}
