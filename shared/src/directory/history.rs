//! Attempts to sign in, as far as an API keeps account of them (`contracts/edge.md` section 8).

use super::{Act, Caller, Directory, Listed, Stretch, UserDetail, too_busy};
use crate::error::{Error, Result, Unauthenticated};
use crate::model::{SignInAttempt, Timestamp, User, UserId};
use crate::sign_in::Visit;
use crate::store::{UserWrite, Written};

/// The most characters of a client's name that are kept.
const MOST_AGENT: usize = 500;

impl Directory {
    /// Notes an attempt of a user that was accepted, or refused.
    pub(crate) async fn note_attempt(&self, user: UserId, success: bool, visit: &Visit) -> Result<()> {
        let user_agent = visit.user_agent.as_ref().map(|agent| agent.chars().take(MOST_AGENT).collect());
        let attempt = SignInAttempt { success, at: self.ambient.now(), user_agent, address: visit.address.clone() };
        self.store.attempt_insert(user, &attempt).await
    }

    /// Notes that a user was let in; the user's record tells ever after that there is such a note.
    pub(crate) async fn note_success(&self, user: User, visit: &Visit) -> Result<User> {
        let user = if user.has_signed_in { user } else { self.mark_signed_in(user.id).await? };
        self.note_attempt(user.id, true, visit).await?;
        Ok(user)
    }

    async fn mark_signed_in(&self, id: UserId) -> Result<User> {
        let mut tries = self.store.tries();
        while tries.next().await {
            let today = self.ambient.now().date();
            let found = self.store.user_with_memberships(id).await?.filter(|(user, _)| user.is_active_on(today));
            let (before, memberships) = found.ok_or(Error::Unauthenticated(Unauthenticated::Inactive))?;
            if before.has_signed_in {
                return Ok(before);
            }
            let mut after = User { has_signed_in: true, ..before.clone() };
            let write = UserWrite {
                before: Some(&before),
                after: Some(&after),
                memberships: Some(&memberships),
                ..UserWrite::default()
            };
            if self.store.user_write(&write).await? == Written::Done {
                after.version += 1;
                return Ok(after);
            }
        }
        Err(too_busy())
    }

    /// Attempts of a user, newest first.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller may not see them, or when the store does not answer.
    pub async fn history(&self, caller: &Caller, user: &UserDetail, stretch: Stretch) -> Result<Listed<SignInAttempt>> {
        caller.must(Act::SeeTokensOf(&user.user))?;
        let wanted = stretch.needed();
        let mut all = self.store.attempts(user.user.id, true, wanted).await?;
        all.extend(self.store.attempts(user.user.id, false, wanted).await?);
        all.sort_by_key(|attempt| std::cmp::Reverse(attempt.at));
        Ok(stretch.cut(all))
    }

    /// When each of the users signed in last but one (`contracts/edge.md` section 8, rule 4), in their order;
    /// `has_signed_in` as their records say it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn previous_sign_ins(&self, users: &[(UserId, bool)]) -> Result<Vec<Option<Timestamp>>> {
        // At once, a piece at a time: nearly nobody has signed in to this API.
        const AT_ONCE: usize = 16;
        let mut found = vec![None; users.len()];
        let asked: Vec<(usize, UserId)> =
            users.iter().enumerate().filter(|(_, (_, has))| *has).map(|(index, (id, _))| (index, *id)).collect();
        for some in asked.chunks(AT_ONCE) {
            let latest = some.iter().map(|&(_, id)| self.store.attempts(id, true, 2));
            for ((index, _), attempts) in some.iter().zip(futures_util::future::try_join_all(latest).await?) {
                found[*index] = attempts.get(1).map(|attempt| attempt.at);
            }
        }
        Ok(found)
    }
}
