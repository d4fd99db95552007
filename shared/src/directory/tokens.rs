//! API tokens of users (`contracts/edge.md` section 7).

use super::{Act, Caller, Directory, Page, PageRange, Subject};
use crate::error::{Entity, Error, Refusal, Result, Rule};
use crate::model::{ApiToken, Field, TokenId, User, is_longer};
use crate::secret::Secret;
use crate::store::TokenWriteOutcome;

impl Directory {
    /// The number of API tokens of all users, which every caller may know.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn token_total(&self) -> Result<u64> {
        self.store.token_total().await
    }

    /// The tokens of a user, oldest first.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller may not see them.
    pub async fn tokens(&self, caller: &Caller, user: &User, range: PageRange) -> Result<Page<ApiToken>> {
        caller.must(Act::SeeTokensOf(user))?;
        self.tokens_of(user, range).await
    }

    /// The caller's own tokens, oldest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn own_tokens(&self, caller: &Caller, range: PageRange) -> Result<Page<ApiToken>> {
        self.tokens_of(&caller.user, range).await
    }

    async fn tokens_of(&self, user: &User, range: PageRange) -> Result<Page<ApiToken>> {
        let list = self.store.tokens(user.id).await?.without_ended(user);
        let page = range.cut(list.entries().to_vec());
        let tokens = self.store.token_records(&page.items).await?;
        Ok(page.with_items(tokens))
    }

    /// Deletes one of the caller's own tokens. It stops working immediately.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the caller has no token with that id.
    pub async fn delete_own_token(&self, caller: &Caller, id: TokenId) -> Result<()> {
        let own = Subject::oneself(caller);
        self.delete_token(caller, own, id).await
    }

    /// Fails unless the caller may create, change and delete tokens of a user.
    ///
    /// # Errors
    /// [`Error::Forbidden`], or when the store is unavailable.
    pub async fn check_may_write_tokens(&self, caller: &Caller, owner: &Subject) -> Result<()> {
        self.must_manage(caller, owner, None).await.map(drop)
    }

    /// A token of a user.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the user has no token with that id, [`Error::Forbidden`] when the caller may not see it.
    pub async fn token(&self, caller: &Caller, user: &User, id: TokenId) -> Result<ApiToken> {
        caller.must(Act::SeeTokensOf(user))?;
        self.token_of(user, id).await.map(|(_, token)| token)
    }

    /// Creates a token for a user, who may have [`ApiToken::MAX_PER_USER`]; its text is shown only once.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller may not, [`Error::Refused`] when the user has the maximum number,
    /// [`Error::Invalid`] for a title of more than [`ApiToken::MAX_TITLE`] characters.
    pub async fn create_token(&self, caller: &Caller, owner: Subject, title: &str) -> Result<(ApiToken, Secret)> {
        if is_longer(title, ApiToken::MAX_TITLE) {
            return Err(Error::invalid(Field::Title, Rule::TooLong(ApiToken::MAX_TITLE)));
        }
        let mut attempts = self.attempts(caller, owner);
        loop {
            let (caller, owner) = attempts.next().await?;
            let basis = self.must_manage(caller, owner, None).await?;
            let list = self.store.tokens(owner.user.id).await?;
            if list.room(&owner.user) == 0 {
                return Err(Error::Refused(Refusal::MostTokens));
            }
            // Whoever created the token of this request could know the new one too.
            let made_by_other = caller.user.id != owner.user.id || caller.uses_token_of_another();
            let (token, text) = self.new_token(&owner.user, title, made_by_other);
            match self.token_insert(&token, &text, &list, &basis).await? {
                TokenWriteOutcome::Done => return Ok((token, text)),
                TokenWriteOutcome::UserGone => return Err(Error::NotFound(Entity::User)),
                TokenWriteOutcome::Stale => {}
            }
        }
    }

    /// Activates or deactivates a token; `None` keeps its state.
    ///
    /// # Errors
    /// As [`Directory::token`].
    pub async fn switch_token(
        &self,
        caller: &Caller,
        owner: Subject,
        id: TokenId,
        is_active: Option<bool>,
    ) -> Result<ApiToken> {
        let mut attempts = self.attempts(caller, owner);
        loop {
            let (caller, owner) = attempts.next().await?;
            let basis = self.must_manage(caller, owner, None).await?;
            let (hash, token) = self.token_of(&owner.user, id).await?;
            let Some(is_active) = is_active else { return Ok(token) };
            let now = self.ambient.now();
            if self.store.token_switch(&hash, is_active, now, &basis).await? {
                return Ok(ApiToken { is_active, updated: now, ..token });
            }
        }
    }

    /// Deletes a token. It stops working immediately.
    ///
    /// # Errors
    /// As [`Directory::token`].
    pub async fn delete_token(&self, caller: &Caller, owner: Subject, id: TokenId) -> Result<()> {
        let mut attempts = self.attempts(caller, owner);
        loop {
            let (caller, owner) = attempts.next().await?;
            let basis = self.must_manage(caller, owner, None).await?;
            let (hash, token) = self.token_of(&owner.user, id).await?;
            if self.store.token_remove(token.user, id, &hash, &basis).await? {
                return Ok(());
            }
        }
    }

    async fn token_of(&self, user: &User, id: TokenId) -> Result<(Secret, ApiToken)> {
        let found = self.store.token_of_user(user.id, id).await?;
        found.filter(|(_, token)| !token.is_ended(user)).ok_or(Error::NotFound(Entity::Token))
    }
}
