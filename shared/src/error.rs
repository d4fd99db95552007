//! The one error type.
//!
//! It says what happened and holds no sentence that a client reads: those belong to the dialects.

use std::borrow::Cow;
use std::fmt;

/// Why a request was not carried out.
#[derive(Debug)]
pub enum Error {
    /// No endpoint has this address, or the format asked for does not exist.
    NoRoute,
    /// The endpoint does not know this method.
    MethodNotAllowed(http::Method),
    /// None of the representations that the client accepts can be made.
    NotAcceptable,
    /// The object does not exist, or the caller may not see it.
    NotFound(Entity),
    /// The page does not exist.
    InvalidPage,
    /// The body could not be read.
    Unreadable(Unreadable),
    /// Values were refused: all that were, at once.
    Invalid(Vec<Violation>),
    /// A rule of the directory forbids it.
    Refused(Refusal),
    /// Who is asking could not be established.
    Unauthenticated(Unauthenticated),
    /// The caller may not do this.
    Forbidden,
    /// Too many attempts; seconds until the next one counts.
    Throttled {
        /// Whole seconds, at least 1.
        retry_after: u64,
    },
    /// The store cannot answer now; nothing was changed, or the same call may be repeated.
    Unavailable(Cause),
    /// A defect or a damaged record. The cause is for the log alone.
    Internal(Cause),
}

/// What lies behind an error; for the log, never for a client.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Short for results with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

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
    /// An API token of a user.
    Token,
}

/// Why a body could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// Its type is none that is read; the type as sent.
    MediaType(String),
    /// It is no JSON; the reason.
    Json(String),
    /// It is no multipart form; the reason.
    Multipart(String),
    /// It is larger than is accepted.
    TooLarge,
    /// It is JSON of another kind than an object; the kind.
    NotAnObject(Kind),
    /// It is JSON `null`.
    Null,
}

/// Why nobody could be recognized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unauthenticated {
    /// No credentials, or of a scheme that this API does not know.
    NoCredentials,
    /// The scheme's name stands alone.
    EmptyToken,
    /// More than one word after the scheme.
    TokenWithSpaces,
    /// The word `Basic` stands alone.
    EmptyBasic,
    /// More than one word after `Basic`.
    BasicWithSpaces,
    /// What follows `Basic` is no base64.
    BasicNotBase64,
    /// Characters that no token has.
    TokenCharacters,
    /// No such token, or not good any more.
    InvalidToken,
    /// The token's time has passed.
    ExpiredToken,
    /// The user is switched off or expired.
    Inactive,
    /// Name or password is wrong, or the account does not work.
    WrongPassword,
}

/// Rules that forbid what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody would be left who can repair the directory.
    LastSuperuser,
    /// The record would grow beyond what the store holds.
    TooLargeToStore,
    /// The user has as many tokens as allowed.
    TooManyTokens,
    /// All users do not fit into one answer.
    TooLargeToAnswer,
    /// The user is in too many organizations for its moment of joining to be changed.
    TooManyToMove,
}

/// One value that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its name on the wire; a dot leads into a nested object.
    pub field: &'static str,
    /// What it breaks.
    pub rule: Rule,
}

/// What a value can break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// It is not there.
    Required,
    /// It is null.
    Null,
    /// It is empty text.
    Blank,
    /// It is empty, where the object as a whole needs it.
    Empty,
    /// It has more characters than this.
    TooLong(usize),
    /// It is no text.
    NotText,
    /// It contains U+0000.
    NullCharacter,
    /// It is no boolean.
    NotBoolean,
    /// It is no date.
    NotDate,
    /// It is no moment.
    NotDateTime,
    /// It contains half of a character, this one.
    Surrogate(u16),
    /// It is none of the words that may stand there.
    NotChoice(String),
    /// It is no e-mail address.
    NotEmail,
    /// It is no web address.
    NotUrl,
    /// It has characters that user names must not have.
    NotUsername,
    /// It is no international telephone number.
    NotPhone,
    /// It is no list but of this kind.
    NotList(Kind),
    /// It is no object but of this kind.
    NotObject(Kind),
    /// It names an object that does not exist, or that the caller may not see.
    UnknownReference(String),
    /// It should name an object and is of this kind.
    WrongReference(Kind),
    /// It is no UUID.
    NotUuid(String),
    /// Another object has it.
    Taken,
    /// Another object has it in another letter case.
    TakenInAnotherCase,
    /// A verified e-mail address of this text exists.
    AddressTaken,
    /// The user has the e-mail address already.
    AddressTwice,
    /// Another of the user's addresses is the primary one.
    SecondPrimary,
    /// There would be more than this many.
    TooMany(usize),
    /// It is no slug.
    NotSlug,
    /// The organization that has the slug.
    SlugOwner(String),
    /// The membership is another organization's.
    NotMember,
    /// The membership owns its organization.
    OwnersMembership,
    /// The two new passwords differ.
    Mismatch,
    /// It is not the present password.
    WrongPassword,
    /// The new password is the one that was given as the present one.
    SameAsOld,
    /// The new password is the present one.
    Reused,
    /// The password is like something known of its user.
    Similar(Similar),
    /// The password has fewer characters than this.
    TooShort(usize),
    /// The password is one of those that are used most.
    Common,
    /// The password has digits only.
    Numeric,
    /// It is not what was mailed, or not any more.
    InvalidValue,
    /// The day has passed.
    Past,
    /// An expired account cannot be switched on.
    Expired,
    /// More than the caller may give.
    BeyondOwnRights,
}

/// What a password can be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Similar {
    Username,
    FirstName,
    LastName,
    Email,
}

/// The kinds of JSON values, as error messages name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Null,
    Boolean,
    Integer,
    Float,
    Text,
    List,
    Object,
}

impl Error {
    /// One refused value.
    pub fn invalid(field: &'static str, rule: Rule) -> Self {
        Self::Invalid(vec![Violation { field, rule }])
    }

    /// A defect, described for the log.
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

/// An error with all its sources on one line.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

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

impl Kind {
    /// The kind of a JSON value.
    pub fn of(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(_) => Self::Boolean,
            serde_json::Value::Number(number) if number.is_f64() => Self::Float,
            serde_json::Value::Number(_) => Self::Integer,
            serde_json::Value::String(_) => Self::Text,
            serde_json::Value::Array(_) => Self::List,
            serde_json::Value::Object(_) => Self::Object,
        }
    }
}
