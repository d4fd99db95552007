//! Signing in: from a credential to the user who has it, with every failure counted.

mod api_token;
mod basic;
mod late_attempt;
mod read_ahead;
mod session;
mod throttle;

use std::time::Duration;

use async_recursion::async_recursion as boxed;
use futures_util::future::{join, try_join, try_join3};
use tokio::time::Instant;
use uuid::Uuid;

pub use self::api_token::TokenGrant;
pub(crate) use self::basic::BasicAuthCache;
pub use self::late_attempt::LateAttempt;
pub use self::read_ahead::Needs;
pub(crate) use self::read_ahead::{KnownCallers, ReadAhead};
pub(crate) use self::throttle::{Attempt, Commons, Guessed};
use super::Directory;
use crate::auth::password::{Effort, Verdict};
use crate::auth::{Credential, Login, is_api_token, jwt};
use crate::error::{Error, Result, Unauthenticated};
use crate::model::{
    CredentialKind, EmailAddress, EventAction, PhoneNumber, Session, Timestamp, TokenId, User, UserId, Username,
};
use crate::secret::Secret;
use crate::store::NewEvent;

/// What the directory knows of a request: where it comes from, for the history, and what it needs.
#[derive(Debug, Clone, Default)]
pub struct RequestOrigin {
    /// The client IP, as the gateway saw it.
    pub address: Option<String>,
    /// The user agent.
    pub user_agent: Option<String>,
    /// The method and the route.
    pub via: String,
    /// The id of the request.
    pub request: Option<String>,
    /// What the handler will read. It is read together with the caller, if a good credential says who that is.
    pub needs: Needs,
    /// Where a successful attempt is left for [`Directory::record_late`], if the handler may run before it is recorded.
    pub late_attempt: Option<LateAttempt>,
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
        /// Its id.
        id: TokenId,
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
    /// The request that did it.
    pub origin: RequestOrigin,
    /// What was read for the request.
    pub(in crate::directory) ahead: ReadAhead,
}

/// The result of checking a credential.
struct AuthOutcome {
    /// The user whom it names, valid or not; for an unknown name, an id that no user has.
    named: Option<UserId>,
    /// The authenticated user, or why the credential is invalid.
    outcome: Result<(User, Means)>,
    /// What was read for the request.
    ahead: ReadAhead,
}

/// The minimum response time for a wrong token of a named user. No password is hashed there, so a faster response would
/// show whether the user exists.
const REFUSAL: Duration = Duration::from_millis(10);
/// The age in seconds after which the recorded last use is updated.
const USE_NOTED: i64 = 60;

impl AuthOutcome {
    fn failed(named: Option<UserId>, error: Error) -> Self {
        Self { named, outcome: Err(error), ahead: ReadAhead::default() }
    }

    fn refused(named: Option<UserId>, why: Unauthenticated) -> Self {
        Self::failed(named, Error::Unauthenticated(why))
    }

    fn nobody() -> Self {
        Self::refused(None, Unauthenticated::InvalidToken)
    }

    fn good(user: User, means: Means) -> Self {
        Self { named: Some(user.id), outcome: Ok((user, means)), ahead: ReadAhead::default() }
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
    #[boxed]
    pub async fn authenticate(&self, credential: &Credential, origin: &RequestOrigin) -> Result<Identity> {
        let AuthOutcome { named, outcome, ahead } = self.recognize(credential, origin).await?;
        if let (Some(user), Err(Error::Unauthenticated(Unauthenticated::WrongPassword))) = (named, &outcome) {
            let target = Self::target_of(user, None);
            self.store.event_insert(NewEvent::new(EventAction::SignInRefused, origin.actor(), target)).await?;
        }
        let (user, means) = outcome?;
        self.known_callers.note(&user);
        Ok(Identity { user, means, origin: origin.clone(), ahead })
    }

    /// The same, and the attempt is recorded in the history of the user whom the credential names, accepted or not
    /// (`contracts/edge.md` section 8).
    ///
    /// # Errors
    /// As [`Directory::authenticate`].
    #[boxed]
    pub async fn authenticate_and_record(&self, credential: &Credential, origin: &RequestOrigin) -> Result<Identity> {
        let began = Instant::now();
        let AuthOutcome { named, outcome, ahead } = self.recognize(credential, origin).await?;
        match outcome {
            Ok((user, means)) => {
                self.known_callers.note(&user);
                let user = self.note_success(user, origin).await?;
                Ok(Identity { user, means, origin: origin.clone(), ahead })
            }
            Err(error) => {
                // Throttled attempts write nothing more.
                if let (Some(user), false) = (named, matches!(error, Error::Throttled { .. })) {
                    self.note_refusal(user, origin).await?;
                }
                if let Credential::NamedToken { .. } = credential {
                    tokio::time::sleep_until(began + REFUSAL).await;
                }
                Err(error)
            }
        }
    }

    /// The user whom a credential names, and whether it is valid. The outer error is the store's.
    async fn recognize(&self, credential: &Credential, origin: &RequestOrigin) -> Result<AuthOutcome> {
        match credential {
            Credential::Bearer(text) if is_api_token(text) => self.owner_of(text, origin).await,
            Credential::Bearer(text) => self.bearer_of(text, origin).await,
            Credential::ApiToken(text) => self.owner_of(text, origin).await,
            Credential::NamedToken { username, token } => self.named_owner_of(token, username, origin).await,
            Credential::Basic { username, password } => self.user_with_password(username, password, origin).await,
            Credential::Session(text) => self.user_of_session(text).await,
        }
    }

    /// The user of a JWT.
    async fn bearer_of(&self, text: &str, origin: &RequestOrigin) -> Result<AuthOutcome> {
        let now = self.ambient.now();
        let Some(claims) = jwt::read(&self.keys, &self.verified_tokens, now, text).await? else {
            return Ok(AuthOutcome::nobody());
        };
        // The signature is good, so nobody can make us read for nothing.
        let (user, ahead) = join(self.store.user(claims.sub), self.read_ahead(origin, claims.sub)).await;
        let user = user?.filter(|user| user.token_version == claims.ver);
        let outcome =
            user.map_or_else(AuthOutcome::nobody, |user| AuthOutcome::if_active(user, Means::SignedToken, now));
        Ok(AuthOutcome { ahead, ..outcome })
    }

    /// Reads what the request needs, for the owner of a good credential.
    async fn read_ahead(&self, origin: &RequestOrigin, caller: UserId) -> ReadAhead {
        ReadAhead::of(&self.store, origin.needs, caller, &self.known_callers).await
    }

    /// Creates a token if the password is that of the user whom `login` names by user name, e-mail or telephone number.
    /// If it names several, the password decides.
    ///
    /// Failures count against the network of the visit and against the user.
    ///
    /// # Errors
    /// [`Unauthenticated::WrongPassword`] for all wrong credentials, [`Error::Throttled`] after too many failures.
    #[boxed]
    pub async fn obtain_token(&self, login: Login, origin: &RequestOrigin) -> Result<Secret> {
        let user = self.sign_in(&login, Names::All, origin, true).await?;
        jwt::issue(&self.keys, &*self.ambient, self.settings.token_ttl, &user).await.map(Secret::from)
    }

    /// The user whom the login names, if the password matches and the user may use the directory. An unknown name
    /// causes the same store calls, in number and kind. A failure is an event; a success is one if `is_event`, that is
    /// if nothing that follows is one.
    pub(crate) async fn sign_in(
        &self,
        login: &Login,
        names: Names,
        origin: &RequestOrigin,
        is_event: bool,
    ) -> Result<User> {
        let Login { identifier, password } = login;
        let identifier = identifier.trim();
        self.common().await?;
        // Wait for both, so that the response takes as long whichever fails.
        let counted = Box::pin(self.attempt(Guessed::Secret, identifier, origin));
        let (attempt, ids) = join(counted, Box::pin(self.named(identifier, names))).await;
        let (mut attempt, ids) = (attempt?, ids?);
        let user = self.whose_password(attempt.as_mut(), &ids, password).await?;
        let today = self.ambient.now().date();
        let Some(user) = user.filter(|user| user.is_active_on(today)) else {
            let target = Self::target_of(self.id_of(identifier, ids.first().copied()).await?, None);
            self.store.event_insert(NewEvent::new(EventAction::SignInRefused, origin.actor(), target)).await?;
            return Err(Error::Unauthenticated(Unauthenticated::WrongPassword));
        };
        let event = is_event.then(|| {
            let actor = origin.actor_signed_in(&user, CredentialKind::Password);
            NewEvent::new(EventAction::SignedIn, actor, Self::target_of(user.id, Some(&user)))
        });
        let noted = async {
            match event {
                Some(event) => self.store.event_insert(event).await,
                None => Ok(()),
            }
        };
        try_join(Box::pin(self.attempt_succeeded(attempt, user.id)), noted).await?;
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
