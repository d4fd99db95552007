//! API tokens of users (`contracts/edge.md` section 7).

use async_recursion::async_recursion as boxed;

use super::{Act, Caller, Directory, Page, PageRange, Subject, SystemCaller};
use crate::error::{Entity, Error, Refusal, Result, Rule};
use crate::model::{
    Actor, ApiToken, Date, EventAction, EventTarget, Field, FieldChange, FieldValue, Timestamp, TokenId, User,
    Username, is_longer,
};
use crate::secret::Secret;
use crate::store::{Basis, NewEvent, TokenWriteOutcome};

impl Directory {
    /// The number of API tokens of all users, which every caller may know.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn token_total(&self) -> Result<u64> {
        self.store.token_total().await
    }

    /// The tokens of a user, oldest first.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller may not see them.
    #[boxed]
    pub async fn tokens(&self, caller: &Caller, user: &User, range: PageRange) -> Result<Page<ApiToken>> {
        caller.must(Act::SeeTokensOf(user))?;
        self.tokens_of(user, range).await
    }

    /// The caller's own tokens, oldest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
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
    #[boxed]
    pub async fn delete_own_token(&self, caller: &Caller, id: TokenId) -> Result<()> {
        let own = Subject::oneself(caller);
        self.delete_token(caller, own, id).await
    }

    /// Fails unless the caller may create, change and delete tokens of a user.
    ///
    /// # Errors
    /// [`Error::Forbidden`], or when the store is unavailable.
    #[boxed]
    pub async fn check_may_write_tokens(&self, caller: &Caller, owner: &Subject) -> Result<()> {
        self.must_manage(caller, owner, None).await.map(drop)
    }

    /// A token of a user.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the user has no token with that id, [`Error::Forbidden`] when the caller may not see it.
    #[boxed]
    pub async fn token(&self, caller: &Caller, user: &User, id: TokenId) -> Result<ApiToken> {
        caller.must(Act::SeeTokensOf(user))?;
        self.token_of(user, id).await.map(|(_, token)| token)
    }

    /// Creates a token for a user, who may have [`ApiToken::MAX_PER_USER`]; its text is shown only once.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller may not, [`Error::Refused`] when the user has the maximum number,
    /// [`Error::Invalid`] for a title of more than [`ApiToken::MAX_TITLE`] characters.
    #[boxed]
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
            let event = token_event(EventAction::TokenCreated, caller.actor(), &owner.user, &token);
            match self.token_insert(&token, &text, &list, &basis, event).await? {
                TokenWriteOutcome::Done => return Ok((token, text)),
                TokenWriteOutcome::UserGone => return Err(Error::NotFound(Entity::User)),
                TokenWriteOutcome::Stale => {}
            }
        }
    }

    /// Creates a token of the user with that name that works until the end of a day, or for [`ApiToken::DAYS`].
    ///
    /// # Errors
    /// [`Error::NotFound`] if nobody has that name, [`Error::Invalid`] for a day in the past or a title that is too
    /// long, [`Error::Refused`] when the user has the maximum number; [`Error::Forbidden`] for any caller except the
    /// operator.
    #[boxed]
    pub async fn create_token_of(
        &self,
        by: SystemCaller,
        username: &Username,
        title: &str,
        last_day: Option<Date>,
    ) -> Result<(ApiToken, Secret)> {
        by.must_be_operator()?;
        if is_longer(title, ApiToken::MAX_TITLE) {
            return Err(Error::invalid(Field::Title, Rule::TooLong(ApiToken::MAX_TITLE)));
        }
        if last_day.is_some_and(|day| day < self.ambient.now().date()) {
            return Err(Error::invalid(Field::ExpirationDate, Rule::Past));
        }
        let mut attempts = self.store.attempts();
        loop {
            attempts.next().await?;
            let taken = self.store.user_by_username(username).await?.ok_or(Error::NotFound(Entity::User))?;
            let user = self.store.user(taken.user).await?.ok_or(Error::NotFound(Entity::User))?;
            let list = self.store.tokens(user.id).await?;
            if list.room(&user) == 0 {
                return Err(Error::Refused(Refusal::MostTokens));
            }
            let (mut token, text) = self.new_token(&user, title, true);
            token.good_until = last_day.map_or(token.good_until, Timestamp::end_of);
            let event = token_event(EventAction::TokenCreated, by.actor(), &user, &token);
            match self.token_insert(&token, &text, &list, &Basis::default(), event).await? {
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
    #[boxed]
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
            let changed = ApiToken { is_active, updated: now, ..token };
            let event = token_event(EventAction::TokenUpdated, caller.actor(), &owner.user, &changed);
            if self.store.token_switch(&hash, is_active, now, &basis, event).await? {
                return Ok(changed);
            }
        }
    }

    /// Deletes a token. It stops working immediately.
    ///
    /// # Errors
    /// As [`Directory::token`].
    #[boxed]
    pub async fn delete_token(&self, caller: &Caller, owner: Subject, id: TokenId) -> Result<()> {
        let mut attempts = self.attempts(caller, owner);
        loop {
            let (caller, owner) = attempts.next().await?;
            let basis = self.must_manage(caller, owner, None).await?;
            let (hash, token) = self.token_of(&owner.user, id).await?;
            let event = token_event(EventAction::TokenDeleted, caller.actor(), &owner.user, &token);
            if self.store.token_remove(token.user, id, &hash, &basis, Some(event)).await? {
                return Ok(());
            }
        }
    }

    async fn token_of(&self, user: &User, id: TokenId) -> Result<(Secret, ApiToken)> {
        let found = self.store.token_of_user(user.id, id).await?;
        found.filter(|(_, token)| !token.is_ended(user)).ok_or(Error::NotFound(Entity::Token))
    }
}

/// The event of a change of a token: its id, and what the token is afterwards.
pub(super) fn token_event(action: EventAction, actor: Actor, owner: &User, token: &ApiToken) -> NewEvent {
    let is_gone = action == EventAction::TokenDeleted;
    let state = |value| {
        if is_gone { FieldChange { old: Some(value), new: None } } else { FieldChange { old: None, new: Some(value) } }
    };
    let changes = [
        ("token", FieldValue::Text(token.id.to_string())),
        ("title", FieldValue::Text(token.title.clone())),
        ("is_active", FieldValue::Flag(token.is_active)),
    ];
    let changes = changes.into_iter().map(|(name, value)| (name.to_owned(), state(value))).collect();
    let target = EventTarget::user(owner.id, Some(owner.username.as_str()));
    NewEvent { changes, ..NewEvent::new(action, actor, target) }
}
