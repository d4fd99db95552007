//! The Edge staff role, granted and revoked by the operator, and what a promotion ends.

use async_recursion::async_recursion as boxed;

use super::{Directory, SystemCaller};
use crate::error::{Entity, Error, Result};
use crate::model::CleanupTask;
use crate::model::{EventAction, User, Username};

impl Directory {
    /// Makes a user Edge staff, or revokes the role. `false` if nothing had to change.
    ///
    /// # Errors
    /// [`Error::NotFound`] if nobody has that name, [`Error::Forbidden`] for any caller except the operator.
    #[boxed]
    pub async fn set_edge_staff(&self, by: SystemCaller, username: &Username, is_staff: bool) -> Result<bool> {
        by.must_be_operator()?;
        let mut attempts = self.store.attempts();
        loop {
            attempts.next().await?;
            let taken = self.store.user_by_username(username).await?.ok_or(Error::NotFound(Entity::User))?;
            let found = self.store.user_with_memberships(taken.user).await?;
            let (before, memberships) = found.ok_or(Error::NotFound(Entity::User))?;
            if before.flags.is_edge_staff == is_staff {
                return Ok(false);
            }
            let mut after = before.clone();
            after.flags.is_edge_staff = is_staff;
            end_tokens_of_others(&before, &mut after);
            if self.rewrite(&before, &after, &memberships, Some((&by.actor(), EventAction::UserUpdated))).await? {
                if after.others_api_tokens_ended != before.others_api_tokens_ended {
                    self.clean_up_after(CleanupTask::EndedTokens(before.id)).await;
                }
                return Ok(true);
            }
        }
    }
}

/// A promotion to superuser or Edge staff ends the API tokens that others created for the user.
pub(super) fn end_tokens_of_others(before: &User, after: &mut User) {
    // Superusers have all rights of Edge staff.
    let (was, is) = (before.flags, after.flags);
    let becomes_staff = is.is_edge_staff && !was.is_edge_staff && !was.is_superuser;
    let is_promoted = becomes_staff || (is.is_superuser && !was.is_superuser);
    after.others_api_tokens_ended = before.others_api_tokens_ended + u64::from(is_promoted);
}
