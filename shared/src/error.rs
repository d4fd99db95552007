//! The error type of the core.
//!
//! It says what happened and contains no text for clients: those belong to the dialects. What can go wrong about a
//! request itself is in [`crate::web::rejection`].

use std::borrow::Cow;
use std::fmt;

use crate::model::Field;

/// Why the directory refused or failed.
#[derive(Debug)]
pub enum Error {
    /// The object does not exist, or the caller may not see it.
    NotFound(Entity),
    /// Invalid values: all of them at once.
    Invalid(Vec<Violation>),
    /// Others have values that a restored user needs: all of them at once.
    Taken(Vec<Violation>),
    /// A rule of the directory forbids it.
    Refused(Refusal),
    /// The caller could not be authenticated.
    Unauthenticated(Unauthenticated),
    /// The caller may not do this.
    Forbidden,
    /// The record is not at the version to which the change applies.
    Changed,
    /// Too many attempts; seconds until the next one counts.
    Throttled {
        /// Whole seconds, at least 1.
        retry_after: u64,
    },
    /// The store is unavailable. Nothing was changed, or the same call may be repeated.
    Unavailable(Cause),
    /// A bug or a damaged record. The cause is only for the log.
    Internal(Cause),
}

/// The cause of an error; for the log, never for a client.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Short for results with [`Error`], unless there is another one.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Kinds of objects that can be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    /// A user.
    User,
    /// A group.
    Group,
    /// An organization.
    Organization,
    /// An e-mail address of a user.
    EmailAddress,
    /// A membership of a user in an organization.
    Membership,
    /// An API token of a user.
    Token,
    /// A session of a user.
    Session,
    /// A webhook.
    Webhook,
    /// A delivery of a webhook.
    Delivery,
}

/// Why a caller could not be authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unauthenticated {
    /// No credentials, or of a scheme that this API does not support.
    NoCredentials,
    /// The scheme without credentials.
    EmptyToken,
    /// More than one word after the scheme.
    TokenWithSpaces,
    /// The word `Basic` without credentials.
    EmptyBasic,
    /// More than one word after `Basic`.
    BasicWithSpaces,
    /// The credentials after `Basic` are not base64.
    BasicNotBase64,
    /// Characters that are not allowed in tokens.
    TokenCharacters,
    /// The token does not exist or is no longer valid.
    InvalidToken,
    /// The token has expired.
    ExpiredToken,
    /// The user is inactive or expired.
    Inactive,
    /// Name or password is wrong, or the account is inactive.
    WrongPassword,
}

/// Rules of the directory that forbid a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No active superuser would be left.
    LastSuperuser,
    /// The record would exceed the item size limit of the store.
    TooLargeToStore,
    /// One change would affect more items than the store can change together.
    TooMuchAtOnce,
    /// The user has as many tokens as an API allows.
    TooManyTokens,
    /// The user has the maximum number of tokens.
    MostTokens,
    /// All users do not fit into one response.
    TooLargeToAnswer,
    /// The result does not fit into one response.
    PageTooLarge,
    /// The membership owns its organization.
    OwnersMembership,
    /// The user is in too many organizations to change when the user joined.
    TooManyToMove,
    /// There is the maximum number of webhooks.
    MostWebhooks,
}

/// One invalid value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The value.
    pub field: Field,
    /// The rule that it breaks.
    pub rule: Rule,
}

/// The rules for values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// It is missing.
    Required,
    /// It is null.
    Null,
    /// It is empty text.
    Blank,
    /// It is empty, but the object as a whole needs it.
    Empty,
    /// It has more characters than this.
    TooLong(usize),
    /// It is not a string.
    NotText,
    /// It contains U+0000.
    NullCharacter,
    /// It is not a boolean.
    NotBoolean,
    /// It is not a date.
    NotDate,
    /// It is not a timestamp.
    NotDateTime,
    /// It contains this lone surrogate.
    Surrogate(u16),
    /// It is not one of the allowed words.
    NotChoice(String),
    /// It is not an e-mail address.
    NotEmail,
    /// It is not a web URL.
    NotUrl,
    /// It is a URL to which webhooks do not send.
    UnsafeUrl,
    /// It has characters that are not allowed in user names.
    NotUsername,
    /// It is not an international telephone number.
    NotPhone,
    /// It is of this kind instead of a list.
    NotList(JsonKind),
    /// It is of this kind instead of an object.
    NotObject(JsonKind),
    /// It names an object that does not exist, or that the caller may not see.
    UnknownReference(String),
    /// It should be a reference but is of this kind.
    WrongReference(JsonKind),
    /// It is not a UUID.
    NotUuid(String),
    /// Another object has it.
    Taken,
    /// Another object has it with different case.
    TakenInAnotherCase,
    /// Another user has verified this e-mail address.
    AddressTaken,
    /// The user already has this e-mail address.
    AddressTwice,
    /// The user is already in the organization.
    MembershipTwice,
    /// Another of the user's addresses is the primary one.
    SecondPrimary,
    /// More than this many.
    TooMany(usize),
    /// It is not a slug.
    NotSlug,
    /// The organization that has the slug.
    SlugOwner(String),
    /// The membership belongs to another organization.
    NotMember,
    /// The membership owns its organization.
    OwnersMembership,
    /// The two new passwords differ.
    Mismatch,
    /// It is not the current password.
    WrongPassword,
    /// The new password equals the one given as the current password.
    SameAsOld,
    /// The new password is the current one.
    Reused,
    /// The password is similar to data about its user.
    Similar(Similar),
    /// The password has fewer characters than this.
    TooShort(usize),
    /// The password is very common.
    Common,
    /// The password consists of digits only.
    Numeric,
    /// It is not the mailed value, or no longer valid.
    InvalidValue,
    /// The day is in the past.
    Past,
    /// An expired account cannot be activated.
    Expired,
    /// The caller may not grant this.
    BeyondOwnRights,
}

/// What a password can be similar to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum Similar {
    Username,
    FirstName,
    LastName,
    Email,
}

/// The kinds of JSON values, as error messages name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum JsonKind {
    Null,
    Boolean,
    Integer,
    Float,
    Text,
    List,
    Object,
}

impl Error {
    /// An error with one invalid value.
    pub fn invalid(field: Field, rule: Rule) -> Self {
        Self::Invalid(vec![Violation { field, rule }])
    }

    /// A short code, for logs and metrics.
    pub fn code(&self) -> String {
        match self {
            Self::Unavailable(_) => "Unavailable".to_owned(),
            Self::Internal(_) => "Internal".to_owned(),
            Self::Refused(refusal) => format!("{refusal:?}"),
            _ => "Rejected".to_owned(),
        }
    }

    /// A bug, described for the log.
    pub fn internal(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Internal(text.into().into())
    }
}

impl fmt::Display for Error {
    /// For logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(cause) => write!(f, "the store is unavailable: {}", Chain(&**cause)),
            Self::Internal(cause) => write!(f, "{}", Chain(&**cause)),
            other => write!(f, "{other:?}"),
        }
    }
}

impl std::error::Error for Error {}

/// An error with all its causes on one line.
pub struct Chain<'a>(pub &'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            write!(f, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}
