//! Credential in, caller out: passwords, tokens, throttling.
//!
//! Knows no dialect: a dialect turns a header into a [`Credential`] and an error into a body.

pub mod keys;
pub(crate) mod link;
pub mod password;
pub(crate) mod strength;
mod throttle;
mod token;

use std::fmt;

pub use self::link::ConfirmationKey;
use self::password::Verdict;
use self::throttle::Attempt;
use crate::directory::Directory;
use crate::error::{Error, Result, Unauthenticated};
use crate::model::{EmailAddress, PhoneNumber, User, UserId, Username};

/// What a request shows to say who is asking.
pub enum Credential {
    /// A token in an `Authorization: Bearer` header (RFC 6750).
    Bearer(String),
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
    /// # Errors
    /// [`Error::Unauthenticated`] when it is nobody's, not good any more, or its user may not use the directory.
    pub async fn authenticate(&self, credential: &Credential) -> Result<User> {
        let Credential::Bearer(text) = credential;
        let invalid = || Error::Unauthenticated(Unauthenticated::InvalidToken);
        let now = self.ambient.now();
        let claims = token::read(&self.keys, now, text).await?.ok_or_else(invalid)?;
        let user = self.store.user(claims.sub).await?.ok_or_else(invalid)?;
        if user.token_version != claims.ver {
            return Err(invalid());
        }
        if !user.is_active_on(now.date()) {
            return Err(Error::Unauthenticated(Unauthenticated::Inactive));
        }
        Ok(user)
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
        let attempt = self.attempt(address, &ids).await?;
        let user = self.whose_password(&ids, &password).await?;
        let today = self.ambient.now().date();
        let user = user
            .filter(|user| user.is_active_on(today))
            .ok_or(Error::Unauthenticated(Unauthenticated::WrongPassword))?;
        attempt.forgive(&self.store).await?;
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

    /// The users whom a text names, by user name, e-mail, telephone number; the same user once.
    pub(crate) async fn named(&self, identifier: &str) -> Result<Vec<UserId>> {
        let mut ids = Vec::new();
        if let Some(name) = Username::parse(identifier) {
            ids.extend(self.store.user_claiming_username(&name).await?.map(|taken| taken.user));
        }
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
    async fn whose_password(&self, ids: &[UserId], password: &str) -> Result<Option<User>> {
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
