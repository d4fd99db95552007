//! Signing in: from a credential to the user who has it, with every failure counted.

mod api_token;
mod basic;
mod session;
mod throttle;

use futures_util::future::{join, try_join, try_join3};
use uuid::Uuid;

pub use self::api_token::TokenGrant;
pub(crate) use self::basic::BasicAuthCache;
pub(crate) use self::throttle::{Attempt, Commons, Guessed};
use super::Directory;
use crate::auth::password::{Effort, Verdict};
use crate::auth::{Credential, Login, is_api_token, jwt};
use crate::error::{Error, Result, Unauthenticated};
use crate::model::{EmailAddress, PhoneNumber, Session, Timestamp, User, UserId, Username};
use crate::secret::Secret;

/// The origin of a request, for the history.
#[derive(Debug, Clone, Default)]
pub struct RequestOrigin {
    /// The client IP, as the gateway saw it.
    pub address: Option<String>,
    /// The user agent.
    pub user_agent: Option<String>,
}

impl RequestOrigin {
    /// The user agent, cut to `most` bytes.
    pub(crate) fn short_agent(&self, most: usize) -> Option<String> {
        self.user_agent.as_ref().map(|agent| agent[..agent.floor_char_boundary(most)].to_owned())
    }
}

/// How a user was authenticated.
#[derive(Debug, Clone)]
pub enum Means {
    /// A JWT.
    SignedToken,
    /// An API token.
    ApiToken {
        /// The hash of its text.
        hash: Secret,
        /// See [`ApiToken::made_by_other`](crate::model::ApiToken::made_by_other).
        made_by_other: bool,
    },
    /// A password in the request itself.
    Password,
    /// This browser session.
    Session(Box<Session>),
}

/// An authenticated user.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The current state of the user.
    pub user: User,
    /// How the user was authenticated.
    pub means: Means,
}

/// The result of checking a credential.
struct AuthOutcome {
    /// The user whom it names, valid or not; for an unknown name, an id that no user has.
    named: Option<UserId>,
    /// The authenticated user, or why the credential is invalid.
    outcome: Result<Identity>,
}

/// The age in seconds after which the recorded last use is updated.
const USE_NOTED: i64 = 60;

impl AuthOutcome {
    fn refused(named: Option<UserId>, why: Unauthenticated) -> Self {
        Self { named, outcome: Err(Error::Unauthenticated(why)) }
    }

    fn nobody() -> Self {
        Self::refused(None, Unauthenticated::InvalidToken)
    }

    fn good(user: User, means: Means) -> Self {
        Self { named: Some(user.id), outcome: Ok(Identity { user, means }) }
    }

    /// The authenticated user, if active.
    fn if_active(user: User, means: Means, now: Timestamp) -> Self {
        if user.is_active_on(now.date()) {
            Self::good(user, means)
        } else {
            Self::refused(Some(user.id), Unauthenticated::Inactive)
        }
    }
}

/// How a text may identify a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// By user name.
    Usernames,
    /// By user name, e-mail address or telephone number.
    All,
}

impl Directory {
    /// The user whom a credential authenticates, in the current state.
    ///
    /// Wrong passwords, and wrong API tokens of a named user, count against the network of the visit and against the
    /// user.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if it is unknown or no longer valid, or if its user may not use the directory;
    /// [`Error::Throttled`] after too many wrong passwords.
    pub async fn authenticate(&self, credential: &Credential, origin: &RequestOrigin) -> Result<Identity> {
        self.recognize(credential, origin).await?.outcome
    }

    /// The same, and the attempt is recorded in the history of the user whom the credential names, accepted or not
    /// (`contracts/edge.md` section 8).
    ///
    /// # Errors
    /// As [`Directory::authenticate`].
    pub async fn authenticate_and_record(&self, credential: &Credential, origin: &RequestOrigin) -> Result<Identity> {
        let AuthOutcome { named, outcome } = self.recognize(credential, origin).await?;
        match outcome {
            Ok(Identity { user, means }) => {
                let user = self.note_success(user, origin).await?;
                Ok(Identity { user, means })
            }
            Err(error) => {
                // Throttled attempts write nothing more.
                if let (Some(user), false) = (named, matches!(error, Error::Throttled { .. })) {
                    self.note_attempt(user, false, origin).await?;
                }
                Err(error)
            }
        }
    }

    /// The user whom a credential names, and whether it is valid. The outer error is the store's.
    async fn recognize(&self, credential: &Credential, origin: &RequestOrigin) -> Result<AuthOutcome> {
        match credential {
            Credential::Bearer(text) if is_api_token(text) => self.owner_of(text).await,
            Credential::Bearer(text) => self.bearer_of(text).await,
            Credential::ApiToken(text) => self.owner_of(text).await,
            Credential::NamedToken { username, token } => self.named_owner_of(token, username, origin).await,
            Credential::Basic { username, password } => self.user_with_password(username, password, origin).await,
            Credential::Session(text) => self.user_of_session(text).await,
        }
    }

    /// The user of a JWT.
    async fn bearer_of(&self, text: &str) -> Result<AuthOutcome> {
        let now = self.ambient.now();
        let Some(claims) = jwt::read(&self.keys, now, text).await? else { return Ok(AuthOutcome::nobody()) };
        let user = self.store.user(claims.sub).await?.filter(|user| user.token_version == claims.ver);
        Ok(user.map_or_else(AuthOutcome::nobody, |user| AuthOutcome::if_active(user, Means::SignedToken, now)))
    }

    /// Creates a token if the password is that of the user whom `login` names by user name, e-mail or telephone number.
    /// If it names several, the password decides.
    ///
    /// Failures count against the network of the visit and against the user.
    ///
    /// # Errors
    /// [`Unauthenticated::WrongPassword`] for all wrong credentials, [`Error::Throttled`] after too many failures.
    pub async fn obtain_token(&self, login: Login, origin: &RequestOrigin) -> Result<Secret> {
        let user = self.sign_in(&login, Names::All, origin).await?;
        jwt::issue(&self.keys, &*self.ambient, self.settings.token_ttl, &user).await.map(Secret::from)
    }

    /// The user whom the login names, if the password matches and the user may use the directory. An unknown name
    /// causes the same store calls, in number and kind.
    pub(crate) async fn sign_in(&self, login: &Login, names: Names, origin: &RequestOrigin) -> Result<User> {
        let Login { identifier, password } = login;
        let identifier = identifier.trim();
        self.common().await?;
        // Wait for both, so that the response takes as long whichever fails.
        let counted = Box::pin(self.attempt(Guessed::Secret, identifier, origin));
        let (attempt, ids) = join(counted, Box::pin(self.named(identifier, names))).await;
        let (mut attempt, ids) = (attempt?, ids?);
        let user = self.whose_password(attempt.as_mut(), &ids, password).await?;
        let today = self.ambient.now().date();
        let user = user.filter(|user| user.is_active_on(today));
        let user = user.ok_or(Error::Unauthenticated(Unauthenticated::WrongPassword))?;
        self.attempt_succeeded(attempt, user.id).await?;
        Ok(user)
    }

    /// The user with that user name.
    async fn user_of_name(&self, name: &str) -> Result<Option<UserId>> {
        let Some(name) = Username::of_existing(name) else { return Ok(None) };
        Ok(self.store.user_by_username(&name).await?.map(|taken| taken.user))
    }

    /// The users whom a text names by user name, e-mail or telephone number, without duplicates. The number of lookups
    /// depends only on the text.
    pub(crate) async fn named(&self, identifier: &str, names: Names) -> Result<Vec<UserId>> {
        if names == Names::Usernames {
            return Ok(Vec::from_iter(self.user_of_name(identifier).await?));
        }
        let by_email = async {
            match EmailAddress::of_store(identifier) {
                Some(email) => self.store.user_by_email(&email).await,
                None => Ok(None),
            }
        };
        let by_phone = async {
            match PhoneNumber::parse(identifier) {
                Some(phone) => self.store.user_by_phone(&phone).await,
                None => Ok(None),
            }
        };
        let by_name = Box::pin(self.user_of_name(identifier));
        let (by_name, by_email, by_phone) = try_join3(by_name, Box::pin(by_email), Box::pin(by_phone)).await?;
        let mut ids = Vec::from_iter(by_name);
        for id in [by_email, by_phone].into_iter().flatten().map(|taken| taken.user) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// The first of the users whose password this is. An unknown user costs as much as a known one.
    async fn whose_password(
        &self,
        mut attempt: Option<&mut Attempt>,
        ids: &[UserId],
        password: &str,
    ) -> Result<Option<User>> {
        let accounts = if ids.is_empty() { vec![None] } else { ids.iter().copied().map(Some).collect() };
        for account in accounts {
            let counted = Box::pin(self.attempt_on(attempt.as_deref_mut(), account));
            let (counts, user) = try_join(counted, Box::pin(self.user_or_nobody(account))).await?;
            let found = self.user_if_password(user, password, counts).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The user with that id; without an id, a lookup is made too.
    async fn user_or_nobody(&self, id: Option<UserId>) -> Result<Option<User>> {
        self.store.user(id.unwrap_or(UserId(Uuid::nil()))).await
    }

    /// The user, if the password is right and the attempt counts. An unknown user, a user who cannot sign in with a
    /// password, and a wrong password all cost the same.
    async fn user_if_password(&self, user: Option<User>, password: &str, counts: bool) -> Result<Option<User>> {
        let stored = user.as_ref().map(|user| user.password.clone());
        if let Some(stored) = &stored {
            // For hashes that were stored before this was recorded.
            self.note_effort(Effort::of(stored)).await?;
        }
        let most = self.most_effort().await?;
        let verdict = self.hasher.verify_evenly(password.into(), stored, most, counts).await?;
        match (user, verdict) {
            (Some(user), Verdict::Right) => Ok(Some(user)),
            (Some(user), Verdict::NeedsRehash) => self.replace_outdated_hash(user, password).await.map(Some),
            _ => Ok(None),
        }
    }

    /// Stores a current hash of a password that was just verified. A concurrent change wins.
    async fn replace_outdated_hash(&self, user: User, password: &str) -> Result<User> {
        let hash = self.hasher.hash(password.into()).await?;
        self.store.user_password_replace(&user, &hash).await?;
        // The current state: its version has changed, and there may have been another change.
        match self.store.user(user.id).await? {
            Some(found) if found.password == hash || self.is_password(&found, password).await? => Ok(found),
            _ => Ok(user),
        }
    }
}
