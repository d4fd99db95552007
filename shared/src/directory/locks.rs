//! Clears the consecutive failures that keep a user from signing in from new networks.

use super::{Act, Caller, Directory, SystemCaller};
use crate::error::{Entity, Error, Result};
use crate::model::{UserId, Username};

impl Directory {
    /// Lets a user sign in from every network again. Returns how many consecutive failures were cleared.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for any caller except a superuser, [`Error::NotFound`] for an unknown user.
    pub async fn unlock(&self, caller: &Caller, id: UserId) -> Result<usize> {
        caller.must(Act::Unlock)?;
        let user = self.store.user(id).await?.ok_or(Error::NotFound(Entity::User))?;
        self.store.guard_unlock(user.id).await
    }

    /// Lets a user sign in from every network again. Returns how many consecutive failures were cleared.
    ///
    /// # Errors
    /// [`Error::NotFound`] if nobody has that name, [`Error::Forbidden`] for any caller except the operator.
    pub async fn unlock_named(&self, by: SystemCaller, username: &Username) -> Result<usize> {
        by.must_be_operator()?;
        let taken = self.store.user_by_username(username).await?.ok_or(Error::NotFound(Entity::User))?;
        self.store.guard_unlock(taken.user).await
    }
}
