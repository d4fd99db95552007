//! Reading, deciding and writing for a caller, again until nothing has changed in between.

use super::{Caller, Directory, Subject, UserDetail};
use crate::error::{Entity, Error, Result};
use crate::model::{Actor, EventAction, Group, Membership, Organization, User};
use crate::store::{Attempts, UserWrite};

/// What a caller acts on.
pub(super) trait Target: Sized {
    /// Its newest state, if the caller can see it.
    async fn newest(&self, directory: &Directory, caller: &Caller) -> Result<Self>;
}

/// Attempts of a caller at a change of a target. Each decides about rights anew.
pub(super) struct CallerAttempts<'a, T> {
    directory: &'a Directory,
    attempts: Attempts<'a>,
    caller: Caller,
    target: T,
}

impl<T: Target> CallerAttempts<'_, T> {
    /// The states of caller and target for the next attempt: those at hand for the first, the newest ones after a
    /// conflicting write.
    ///
    /// # Errors
    /// When the caller's credentials or the target are gone; see also [`Attempts::next`].
    pub async fn next(&mut self) -> Result<(&Caller, &T)> {
        if !self.attempts.next().await? {
            self.caller = self.directory.refreshed(&self.caller).await?;
            self.target = self.target.newest(self.directory, &self.caller).await?;
        }
        Ok((&self.caller, &self.target))
    }
}

/// For what does not exist yet.
impl Target for () {
    async fn newest(&self, _: &Directory, _: &Caller) -> Result<Self> {
        Ok(())
    }
}

impl Target for UserDetail {
    async fn newest(&self, directory: &Directory, caller: &Caller) -> Result<Self> {
        directory.user(caller, self.user.id).await
    }
}

impl Target for Subject {
    async fn newest(&self, directory: &Directory, caller: &Caller) -> Result<Self> {
        if self.is_oneself { Ok(Self::oneself(caller)) } else { directory.subject(caller, self.user.id).await }
    }
}

impl Target for Group {
    async fn newest(&self, directory: &Directory, _: &Caller) -> Result<Self> {
        directory.store.group(self.id).await?.ok_or(Error::NotFound(Entity::Group))
    }
}

impl Target for Organization {
    async fn newest(&self, directory: &Directory, caller: &Caller) -> Result<Self> {
        directory.organization(caller, self.id).await
    }
}

impl Directory {
    /// Attempts of a caller at a change of a target, whose states were just read.
    pub(super) fn attempts<T: Target>(&self, caller: &Caller, target: T) -> CallerAttempts<'_, T> {
        let attempts = self.store.attempts();
        CallerAttempts { directory: self, attempts, caller: caller.clone(), target }
    }

    /// Writes a changed record of a user, who keeps these memberships, with an event if `event` names its actor and its
    /// action. `false` if it is stale.
    ///
    /// # Errors
    /// When the store is unavailable, or the change needs more than the record.
    pub(super) async fn rewrite(
        &self,
        before: &User,
        after: &User,
        memberships: &[Membership],
        event: Option<(&Actor, EventAction)>,
    ) -> Result<bool> {
        let (before, after, memberships) = (Some(before), Some(after), Some(memberships));
        let (actor, action) = event.unzip();
        let write = UserWrite { before, after, memberships, actor, action, ..UserWrite::default() };
        self.store.user_write(&write).await?.is_done()
    }
}
