//! API tokens of users (`contracts/edge.md` section 7).

use super::{Act, Caller, Directory, Listed, Stretch, UserDetail};
use crate::error::{Entity, Error, Result};
use crate::model::{ApiToken, TokenId, User};
use crate::sign_in::PlainToken;
use crate::store::TokenWritten;

impl Directory {
    /// How many API tokens there are, of all users.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn token_total(&self) -> Result<u64> {
        self.store.token_total().await
    }

    /// The tokens of a user, oldest first.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller may not see them.
    pub async fn tokens(&self, caller: &Caller, user: &UserDetail, stretch: Stretch) -> Result<Listed<ApiToken>> {
        caller.must(Act::SeeTokensOf(&user.user))?;
        let list = self.store.tokens(user.user.id).await?;
        let total = u64::try_from(list.entries().len()).ok();
        let Listed { items, offset, total: _, more } = stretch.cut(list.entries().to_vec());
        Ok(Listed { items: self.store.token_records(&items).await?, offset, total, more })
    }

    /// Fails unless the caller may make, change and remove tokens of a user.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn check_may_write_tokens(&self, caller: &Caller, user: &UserDetail) -> Result<()> {
        caller.must(Act::WriteTokensOf(&user.user))
    }

    /// A token of a user.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the user has none of that id, [`Error::Forbidden`] when the caller may not see it.
    pub async fn token(&self, caller: &Caller, user: &UserDetail, id: TokenId) -> Result<ApiToken> {
        caller.must(Act::SeeTokensOf(&user.user))?;
        self.token_of(&user.user, id).await.map(|(_, token)| token)
    }

    /// Makes a token for a user; its text is shown this once.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller may not.
    pub async fn create_token(
        &self,
        caller: &Caller,
        user: &UserDetail,
        title: &str,
    ) -> Result<(ApiToken, PlainToken)> {
        caller.must(Act::WriteTokensOf(&user.user))?;
        let (token, text) = self.new_token(user.user.id, title);
        match self.token_insert(&token, &text, None).await? {
            TokenWritten::Done => Ok((token, text)),
            TokenWritten::UserGone => Err(Error::NotFound(Entity::User)),
            TokenWritten::Stale => Err(Error::internal("a new token met an old one")),
        }
    }

    /// Switches a token on or off; without a word for that it stays as it is.
    ///
    /// # Errors
    /// As [`Directory::token`].
    pub async fn switch_token(
        &self,
        caller: &Caller,
        user: &UserDetail,
        id: TokenId,
        is_active: Option<bool>,
    ) -> Result<ApiToken> {
        caller.must(Act::WriteTokensOf(&user.user))?;
        let (hash, token) = self.token_of(&user.user, id).await?;
        let Some(is_active) = is_active else { return Ok(token) };
        let switched = self.store.token_switch(&hash, is_active, self.ambient.now()).await?;
        switched.ok_or(Error::NotFound(Entity::Token))
    }

    /// Removes a token, which stops working at once.
    ///
    /// # Errors
    /// As [`Directory::token`].
    pub async fn delete_token(&self, caller: &Caller, user: &UserDetail, id: TokenId) -> Result<()> {
        caller.must(Act::WriteTokensOf(&user.user))?;
        let (hash, token) = self.token_of(&user.user, id).await?;
        self.store.token_remove(token.user, id, &hash).await
    }

    async fn token_of(&self, user: &User, id: TokenId) -> Result<(String, ApiToken)> {
        self.store.token_of_user(user.id, id).await?.ok_or(Error::NotFound(Entity::Token))
    }
}
