//! Clears the consecutive failures that keep a user from signing in from new networks.

use async_recursion::async_recursion as boxed;

use super::events::count_of;
use super::page::count;
use super::{Act, Caller, Directory, SystemCaller};
use crate::error::{Entity, Error, Result};
use crate::model::{Actor, EventAction, User, UserId, Username};
use crate::store::NewEvent;

impl Directory {
    /// Lets a user sign in from every network again. Returns how many consecutive failures were cleared.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for any caller except a superuser, [`Error::NotFound`] for an unknown user.
    #[boxed]
    pub async fn unlock(&self, caller: &Caller, id: UserId) -> Result<usize> {
        caller.must(Act::Unlock)?;
        let user = self.store.user(id).await?.ok_or(Error::NotFound(Entity::User))?;
        self.unlocked(caller.actor(), &user).await
    }

    async fn unlocked(&self, actor: Actor, user: &User) -> Result<usize> {
        let forgotten = self.store.guard_unlock(user.id).await?;
        let mut event = NewEvent::new(EventAction::UserUnlocked, actor, Self::target_of(user.id, Some(user)));
        event.changes = [("failures".to_owned(), count_of(count(forgotten)))].into();
        self.store.event_insert(event).await?;
        Ok(forgotten)
    }

    /// Lets a user sign in from every network again. Returns how many consecutive failures were cleared.
    ///
    /// # Errors
    /// [`Error::NotFound`] if nobody has that name, [`Error::Forbidden`] for any caller except the operator.
    #[boxed]
    pub async fn unlock_named(&self, by: SystemCaller, username: &Username) -> Result<usize> {
        by.must_be_operator()?;
        let taken = self.store.user_by_username(username).await?.ok_or(Error::NotFound(Entity::User))?;
        let user = self.store.user(taken.user).await?.ok_or(Error::NotFound(Entity::User))?;
        self.unlocked(by.actor(), &user).await
    }
}
