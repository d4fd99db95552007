//! The access history of an API (`contracts/edge.md` section 8).

use super::{Act, Caller, Directory, Listed, Stretch, too_busy};
use crate::directory::RequestOrigin;
use crate::error::{Error, Result, Unauthenticated};
use crate::model::{AttemptPlace, HistoryMark, SignInAttempt, Timestamp, User, UserId};
use crate::store::{History, UserWrite, WriteOutcome};

/// The largest offset of a page of a history.
const MOST_OFFSET: u64 = 10_000;

impl Directory {
    /// Records an attempt of a user that was accepted or refused.
    pub(crate) async fn note_attempt(&self, user: UserId, success: bool, origin: &RequestOrigin) -> Result<()> {
        let user_agent = origin.short_agent(SignInAttempt::MOST_AGENT);
        let attempt = SignInAttempt { success, at: self.ambient.now(), user_agent, address: origin.address.clone() };
        self.store.attempt_insert(user, &attempt).await
    }

    /// Records that a user was admitted; from then on the user's record says that such an entry exists.
    pub(crate) async fn note_success(&self, user: User, origin: &RequestOrigin) -> Result<User> {
        let user = if user.has_signed_in { user } else { self.mark_signed_in(user.id).await? };
        self.note_attempt(user.id, true, origin).await?;
        Ok(user)
    }

    async fn mark_signed_in(&self, id: UserId) -> Result<User> {
        let mut retries = self.store.retries();
        while retries.next().await {
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
            if self.store.user_write(&write).await? == WriteOutcome::Done {
                after.version += 1;
                return Ok(after);
            }
        }
        Err(too_busy())
    }

    /// Attempts of a user, newest first, up to an offset of 10,000. Pages further back are empty.
    ///
    /// `after` is [`Listed::next`] of the previous page: with it, nothing before the page is read. An invalid mark, or
    /// one of another page, is ignored.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller may not see them, or when the store does not answer.
    pub async fn history(
        &self,
        caller: &Caller,
        user: &User,
        stretch: Stretch,
        after: Option<&str>,
    ) -> Result<Listed<SignInAttempt>> {
        caller.must(Act::SeeTokensOf(user))?;
        match stretch {
            Stretch::From { offset, .. } if offset > MOST_OFFSET => {
                Ok(Listed { items: Vec::new(), offset, total: None, more: false, next: None })
            }
            Stretch::From { offset, limit } => {
                let mark = after.and_then(HistoryMark::parse).filter(|mark| mark.offset == offset);
                self.page_of_history(user.id, offset, limit, mark).await
            }
            Stretch::Last(limit) => self.last_page_of_history(user.id, limit).await,
        }
    }

    async fn page_of_history(
        &self,
        user: UserId,
        offset: u64,
        limit: usize,
        mark: Option<HistoryMark>,
    ) -> Result<Listed<SignInAttempt>> {
        let skipped = if mark.is_some() { 0 } else { usize::try_from(offset).unwrap_or(usize::MAX) };
        let wanted = skipped.saturating_add(limit).saturating_add(1);
        let mut history = self.store.history(user, mark.map(|mark| mark.last), wanted).await?;
        for _ in 0..skipped {
            history.next().await?;
        }
        let page = some(&mut history, limit).await?;
        let end = offset.saturating_add(count(page.len()));
        let is_last = history.next().await?.is_none();
        let more = !is_last && end <= MOST_OFFSET;
        let last = page.last().filter(|_| more).map(|(last, _)| HistoryMark { offset: end, last: *last });
        let items = page.into_iter().map(|(_, attempt)| attempt).collect();
        Ok(Listed { items, offset, total: is_last.then_some(end), more, next: last.map(|last| last.to_string()) })
    }

    /// The start of the last page is unknown, so everything before it is read.
    async fn last_page_of_history(&self, user: UserId, limit: usize) -> Result<Listed<SignInAttempt>> {
        let limit = limit.max(1);
        let mut history = self.store.history(user, None, usize::MAX).await?;
        let mut page = some(&mut history, limit).await?;
        let mut offset = 0;
        while page.len() == limit && offset + count(limit) <= MOST_OFFSET {
            let next = some(&mut history, limit).await?;
            if next.is_empty() {
                break;
            }
            page = next;
            offset += count(limit);
        }
        let items = page.into_iter().map(|(_, attempt)| attempt).collect();
        Ok(Listed { items, offset, total: None, more: false, next: None })
    }

    /// When each of the users signed in for the last time but one (`contracts/edge.md` section 8, rule 4), in their
    /// order; `has_signed_in` comes from their records.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn previous_sign_ins(&self, users: &[(UserId, bool)]) -> Result<Vec<Option<Timestamp>>> {
        // Concurrently, in batches: nearly nobody has signed in to this API.
        const AT_ONCE: usize = 16;
        let mut found = vec![None; users.len()];
        let asked: Vec<(usize, UserId)> =
            users.iter().enumerate().filter(|(_, (_, has))| *has).map(|(index, (id, _))| (index, *id)).collect();
        for some in asked.chunks(AT_ONCE) {
            let latest = some.iter().map(|&(_, id)| self.store.successes(id, 2));
            for ((index, _), attempts) in some.iter().zip(futures_util::future::try_join_all(latest).await?) {
                found[*index] = attempts.get(1).map(|attempt| attempt.at);
            }
        }
        Ok(found)
    }
}

/// The next attempts of a history, at most `limit`.
async fn some(history: &mut History<'_>, limit: usize) -> Result<Vec<(AttemptPlace, SignInAttempt)>> {
    let mut found = Vec::new();
    while found.len() < limit {
        let Some(next) = history.next().await? else { break };
        found.push(next);
    }
    Ok(found)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
