//! API tokens: 160 random bits in 40 hexadecimal digits, shown once, stored as their SHA-256.

use async_recursion::async_recursion as boxed;
use futures_util::future::join;

use super::{AuthOutcome, Guessed, Means, Names, ReadAhead, RequestOrigin, USE_NOTED};
use crate::auth::crypto::hex;
use crate::auth::{Login, is_api_token, token_hash};
use crate::directory::Directory;
use crate::directory::tokens::token_event;
use crate::error::{Error, Result, Unauthenticated};
use crate::model::ambient::random;
use crate::model::{ApiToken, CredentialKind, EventAction, Timestamp, TokenId, User};
use crate::secret::Secret;
use crate::store::{Basis, NewEvent, TokenList, TokenWriteOutcome};

/// The result of requesting another token.
#[derive(Debug)]
pub enum TokenGrant {
    /// The new token.
    Made(Box<User>, Secret),
    /// The user has the maximum number of tokens.
    TooMany,
}

/// A token, its owner, and what the request needs.
struct FoundToken {
    token: ApiToken,
    owner: User,
    ahead: ReadAhead,
}

impl Directory {
    /// The owner of the token with that text.
    pub(super) async fn owner_of(&self, text: &str, origin: &RequestOrigin) -> Result<AuthOutcome> {
        if !is_api_token(text) {
            return Ok(AuthOutcome::nobody());
        }
        let hash = token_hash(text);
        match self.token_and_owner(&hash, origin).await? {
            Some(found) => self.owner_if_good(found, &hash).await,
            None => Ok(AuthOutcome::nobody()),
        }
    }

    /// The same, if the owner has that user name. Tokens that are not that user's count as failures.
    pub(super) async fn named_owner_of(
        &self,
        text: &str,
        username: &str,
        origin: &RequestOrigin,
    ) -> Result<AuthOutcome> {
        if is_api_token(text) {
            let hash = token_hash(text);
            if let Some(found) = self.token_and_owner(&hash, origin).await?
                && found.owner.username.as_str() == username
            {
                return self.owner_if_good(found, &hash).await;
            }
        }
        let named = self.user_of_name(username).await?;
        let outcome = match self.attempt(Guessed::Token, username, origin).await {
            Ok(_) => Error::Unauthenticated(Unauthenticated::InvalidToken),
            Err(error @ Error::Throttled { .. }) => error,
            Err(error) => return Err(error),
        };
        Ok(AuthOutcome::failed(Some(self.id_of(username, named).await?), outcome))
    }

    /// The token with that hash, its owner, and what the request needs.
    ///
    /// The lookup uses the hash, so the duration of a failed lookup reveals nothing about existing tokens.
    async fn token_and_owner(&self, hash: &str, origin: &RequestOrigin) -> Result<Option<FoundToken>> {
        let known = self.known_callers.owner(hash);
        let owner_of = async |id| join(self.store.user(id), self.read_ahead(origin, id)).await;
        // A token that existed before is reason enough to read its owner together with it.
        let read = async {
            match known {
                Some(owner) => Some(owner_of(owner).await),
                None => None,
            }
        };
        let (token, read) = join(self.store.token(hash), Box::pin(read)).await;
        let token = token?;
        self.known_callers.note_owner(hash, token.as_ref().map(|token| token.user));
        let Some(token) = token else { return Ok(None) };
        let (owner, ahead) = match read.filter(|_| known == Some(token.user)) {
            Some(read) => read,
            None => Box::pin(owner_of(token.user)).await,
        };
        Ok(owner?.map(|owner| FoundToken { token, owner, ahead }))
    }

    async fn owner_if_good(&self, found: FoundToken, hash: &str) -> Result<AuthOutcome> {
        let FoundToken { token, owner, ahead } = found;
        let now = self.ambient.now();
        if token.is_ended(&owner) {
            return Ok(AuthOutcome::refused(Some(owner.id), Unauthenticated::InvalidToken));
        }
        if !token.is_good(now) {
            let why = if token.is_active { Unauthenticated::ExpiredToken } else { Unauthenticated::InvalidToken };
            return Ok(AuthOutcome::refused(Some(owner.id), why));
        }
        let means = Means::ApiToken { id: token.id, hash: hash.into(), made_by_other: token.made_by_other };
        let recognized = AuthOutcome::if_active(owner, means, now);
        let is_noted = token.last_used.is_some_and(|used| now < used.plus_seconds(USE_NOTED));
        if recognized.outcome.is_ok() && !is_noted {
            self.store.token_used(hash, now).await?;
        }
        Ok(AuthOutcome { ahead, ..recognized })
    }

    /// Creates another API token if the password of the named user is right. A user may have `most` unexpired tokens,
    /// even with concurrent requests (`contracts/openl2m.md` section 3).
    ///
    /// # Errors
    /// [`Unauthenticated::WrongPassword`] for all wrong credentials, [`Error::Throttled`] after too many failures.
    #[boxed]
    pub async fn obtain_api_token(
        &self,
        login: Login,
        origin: &RequestOrigin,
        title: &str,
        most: usize,
    ) -> Result<TokenGrant> {
        let user = self.sign_in(&login, Names::Usernames, origin, false).await?;
        // A token has the version of the user whose password was checked: a concurrent reset has ended it.
        let basis = Basis::default();
        let mut attempts = self.store.attempts();
        loop {
            attempts.next().await?;
            let list = self.store.tokens(user.id).await?;
            if list.live(&user, self.ambient.now()) >= most || list.room(&user) == 0 {
                return Ok(TokenGrant::TooMany);
            }
            let (token, text) = self.new_token(&user, title, false);
            let actor = origin.actor_signed_in(&user, CredentialKind::Password);
            let event = token_event(EventAction::TokenCreated, actor, &user, &token);
            match self.token_insert(&token, &text, &list, &basis, event).await? {
                TokenWriteOutcome::Done => return Ok(TokenGrant::Made(Box::new(user), text)),
                TokenWriteOutcome::Stale => {}
                TokenWriteOutcome::UserGone => return Err(Error::Unauthenticated(Unauthenticated::WrongPassword)),
            }
        }
    }

    /// A new token of a user, not stored yet, and its text.
    pub(crate) fn new_token(&self, user: &User, title: &str, made_by_other: bool) -> (ApiToken, Secret) {
        let now: Timestamp = self.ambient.now();
        let token = ApiToken {
            id: TokenId::generate(now, &*self.ambient),
            user: user.id,
            title: title.to_owned(),
            is_active: true,
            created: now,
            updated: now,
            last_used: None,
            good_until: now.plus_seconds(ApiToken::DAYS * 24 * 60 * 60),
            made_by_other,
            version: user.api_token_version(made_by_other),
        };
        (token, hex(&random::<20>(&*self.ambient)).into())
    }

    /// Stores a token under the hash of its text, with its event.
    pub(crate) async fn token_insert(
        &self,
        token: &ApiToken,
        text: &str,
        list: &TokenList,
        basis: &Basis,
        event: NewEvent,
    ) -> Result<TokenWriteOutcome> {
        self.store.token_insert(token, &token_hash(text), list, basis, Some(event)).await
    }
}
