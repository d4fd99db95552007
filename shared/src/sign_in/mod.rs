//! Credential in, caller out: passwords, tokens, throttling.
//!
//! Knows no dialect: a dialect turns a header into a [`Credential`] and an error into a body.

mod api_token;
mod basic;
mod eddsa;
pub mod keys;
pub(crate) mod link;
pub mod password;
pub(crate) mod session;
pub(crate) mod strength;
mod throttle;
mod token;

use std::fmt;

pub use self::api_token::{OneMoreToken, has_form as is_api_token, token_hash};
pub(crate) use self::basic::KnownPairs;
pub use self::link::ConfirmationKey;
use self::password::Verdict;
pub use self::session::SESSION_LIFE;
pub use self::strength::plain_weaknesses;
use self::throttle::Attempt;
use crate::directory::Directory;
use crate::error::{Error, Result, Unauthenticated};
use crate::model::{EmailAddress, PhoneNumber, Timestamp, User, UserId, Username};

/// What a request shows to say who is asking.
pub enum Credential {
    /// A token in an `Authorization: Bearer` header (RFC 6750): a JWT or the text of an API token.
    Bearer(String),
    /// The text of an API token alone.
    ApiToken(String),
    /// The text of an API token, and the user name of its owner, who it must be.
    NamedToken {
        /// The user name.
        username: String,
        /// The token's text.
        token: String,
    },
    /// A user name and its password, as RFC 7617 sends them with every request.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: String,
    },
    /// What a browser got when its user signed in.
    Session(String),
}

/// Where a request comes from, for the history.
#[derive(Debug, Clone, Default)]
pub struct Visit {
    /// The client's address, as the gateway saw it.
    pub address: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
}

/// What a credential came to.
struct Recognized {
    /// The user whom it names, whether it is good or not.
    named: Option<UserId>,
    /// The user whose it is, or why it is not good.
    outcome: Result<User>,
}

impl Recognized {
    fn refused(named: Option<UserId>, why: Unauthenticated) -> Self {
        Self { named, outcome: Err(Error::Unauthenticated(why)) }
    }

    fn nobody() -> Self {
        Self::refused(None, Unauthenticated::InvalidToken)
    }

    /// A good credential of that user.
    fn if_active(user: User, now: Timestamp) -> Self {
        if user.is_active_on(now.date()) {
            Self { named: Some(user.id), outcome: Ok(user) }
        } else {
            Self::refused(Some(user.id), Unauthenticated::Inactive)
        }
    }
}

/// A token as its user gets it, once.
pub struct PlainToken(pub String);

/// A name and a password to sign in with.
pub struct Login {
    /// A user name, an e-mail address or a telephone number.
    pub identifier: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential")
    }
}

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainToken")
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

impl Directory {
    /// The user whom a credential belongs to, as the user is now.
    ///
    /// `address` is the client's, as the gateway saw it; wrong passwords count against it and against the user.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when it is nobody's, not good any more, or its user may not use the directory;
    /// [`Error::Throttled`] after too many wrong passwords.
    pub async fn authenticate(&self, credential: &Credential, address: Option<&str>) -> Result<User> {
        self.recognize(credential, address).await?.outcome
    }

    /// The same; the attempt is noted in the history of the user whom the credential names, accepted or not
    /// (`contracts/edge.md` section 8).
    ///
    /// # Errors
    /// As [`Directory::authenticate`].
    pub async fn authenticate_noted(&self, credential: &Credential, visit: &Visit) -> Result<User> {
        let Recognized { named, outcome } = self.recognize(credential, visit.address.as_deref()).await?;
        match outcome {
            Ok(user) => self.note_success(user, visit).await,
            Err(error) => {
                if let Some(user) = named {
                    self.note_attempt(user, false, visit).await?;
                }
                Err(error)
            }
        }
    }

    /// Whom a credential names, and whether that is who is asking. The outer error is the store's.
    async fn recognize(&self, credential: &Credential, address: Option<&str>) -> Result<Recognized> {
        match credential {
            Credential::Bearer(text) if api_token::has_form(text) => self.owner_of(text, None).await,
            Credential::Bearer(text) => self.bearer_of(text).await,
            Credential::ApiToken(text) => self.owner_of(text, None).await,
            Credential::NamedToken { username, token } => self.owner_of(token, Some(username)).await,
            Credential::Basic { username, password } => self.user_with_password(username, password, address).await,
            Credential::Session(text) => self.user_of_session(text).await,
        }
    }

    /// The user whom a JWT is about.
    async fn bearer_of(&self, text: &str) -> Result<Recognized> {
        let now = self.ambient.now();
        let Some(claims) = token::read(&self.keys, now, text).await? else { return Ok(Recognized::nobody()) };
        let user = self.store.user(claims.sub).await?.filter(|user| user.token_version == claims.ver);
        Ok(user.map_or_else(Recognized::nobody, |user| Recognized::if_active(user, now)))
    }

    /// A token for who knows the password of the user whom `login` names by user name, e-mail or telephone number.
    /// If it names several, the one whose password it is.
    ///
    /// `address` is the client's, as the gateway saw it; failures count against it and against the user.
    ///
    /// # Errors
    /// [`Unauthenticated::WrongPassword`] whatever was wrong, [`Error::Throttled`] after too many failures.
    pub async fn obtain_token(&self, login: Login, address: Option<&str>) -> Result<PlainToken> {
        let Login { identifier, password } = login;
        let ids = self.named(identifier.trim()).await?;
        let user = self.sign_in(&ids, &password, address).await?;
        token::issue(&self.keys, &*self.ambient, self.settings.token_life, &user).await.map(PlainToken)
    }

    /// Counts an attempt to guess a secret, if attempts are limited.
    ///
    /// # Errors
    /// [`Error::Throttled`] when a limit was reached.
    pub(crate) async fn attempt(&self, address: Option<&str>, users: &[UserId]) -> Result<Attempt> {
        if self.settings.throttle {
            Attempt::begin(&self.store, self.ambient.now(), address, users).await
        } else {
            Ok(Attempt::default())
        }
    }

    /// The user of that user name.
    async fn user_of_name(&self, name: &str) -> Result<Option<UserId>> {
        let Some(name) = Username::parse(name) else { return Ok(None) };
        Ok(self.store.user_claiming_username(&name).await?.map(|taken| taken.user))
    }

    /// The users whom a text names, by user name, e-mail, telephone number; the same user once.
    pub(crate) async fn named(&self, identifier: &str) -> Result<Vec<UserId>> {
        let mut ids = Vec::from_iter(self.user_of_name(identifier).await?);
        if let Some(email) = EmailAddress::parse(identifier) {
            ids.extend(self.store.user_claiming_email(&email).await?.map(|taken| taken.user));
        }
        if let Some(phone) = PhoneNumber::parse(identifier) {
            ids.extend(self.store.user_claiming_phone(&phone).await?.map(|taken| taken.user));
        }
        ids.dedup();
        Ok(ids)
    }

    /// The first of the users whose password this is. Nobody costs as much time as somebody.
    pub(super) async fn whose_password(&self, ids: &[UserId], password: &str) -> Result<Option<User>> {
        if ids.is_empty() {
            self.hasher.verify(password.to_owned(), None).await?;
        }
        for &id in ids {
            let user = self.store.user(id).await?;
            let stored = user.as_ref().map(|user| user.password.clone());
            let verdict = self.hasher.verify(password.to_owned(), stored).await?;
            match (user, verdict) {
                (Some(user), Verdict::Right) => return Ok(Some(user)),
                (Some(user), Verdict::RightButOutdated) => {
                    return self.replace_outdated_hash(user, password).await.map(Some);
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Stores today's kind of hash of a password that was just verified. A change that came between wins.
    async fn replace_outdated_hash(&self, user: User, password: &str) -> Result<User> {
        let hash = self.hasher.hash(password.to_owned()).await?;
        let renewed = User { password: hash, ..user.clone() };
        self.store.user_password_replace(&user, &renewed.password).await?;
        Ok(renewed)
    }
}
