//! The access history of an API (`contracts/edge.md` section 8).

use async_recursion::async_recursion as boxed;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::page::count;
use super::{Act, Caller, Directory, Page, PageRange, Total};
use crate::directory::RequestOrigin;
use crate::error::{Error, Result, Unauthenticated};
use crate::model::{AttemptPlace, EventAction, HistoryMark, SignInAttempt, Timestamp, User, UserId, UserRow};
use crate::store::{History, NewEvent};

/// The largest offset of a page of a history.
const MOST_OFFSET: u64 = 10_000;

impl Directory {
    /// Records a refused attempt of a user. It is also an event, if the history has room for it.
    pub(crate) async fn note_refusal(&self, user: UserId, origin: &RequestOrigin) -> Result<()> {
        if self.store.attempt_insert(user, &self.attempt_of(false, origin)).await? {
            let event = NewEvent::new(EventAction::SignInRefused, origin.actor(), Self::target_of(user, None));
            self.store.event_insert(event).await?;
        }
        Ok(())
    }

    fn attempt_of(&self, success: bool, origin: &RequestOrigin) -> SignInAttempt {
        let user_agent = origin.short_agent(SignInAttempt::MOST_AGENT);
        SignInAttempt { success, at: self.ambient.now(), user_agent, address: origin.address.clone() }
    }

    /// Records that a user was admitted; from then on the user's record says that such an entry exists.
    pub(crate) async fn note_success(&self, user: User, origin: &RequestOrigin) -> Result<User> {
        let user = if user.has_signed_in { user } else { self.mark_signed_in(user.id).await? };
        let attempt = self.attempt_of(true, origin);
        match &origin.late_attempt {
            Some(late) => late.leave(user.id, attempt),
            None => {
                self.store.attempt_insert(user.id, &attempt).await?;
            }
        }
        Ok(user)
    }

    async fn mark_signed_in(&self, id: UserId) -> Result<User> {
        let mut attempts = self.store.attempts();
        loop {
            attempts.next().await?;
            let today = self.ambient.now().date();
            let found = self.store.user_with_memberships(id).await?.filter(|(user, _)| user.is_active_on(today));
            let (before, memberships) = found.ok_or(Error::Unauthenticated(Unauthenticated::Inactive))?;
            if before.has_signed_in {
                return Ok(before);
            }
            let after = User { has_signed_in: true, ..before.clone() };
            if self.rewrite(&before, &after, &memberships, None).await? {
                return Ok(User { version: before.version + 1, ..after });
            }
        }
    }

    /// Attempts of a user, newest first, up to an offset of 10,000. Pages further back are empty.
    ///
    /// `after` is [`Page::next`] of the previous page: with it, nothing before the page is read. An invalid mark, or
    /// one of another page, is ignored.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller may not see them, or when the store is unavailable.
    #[boxed]
    pub async fn history(
        &self,
        caller: &Caller,
        user: &User,
        range: PageRange,
        after: Option<&str>,
    ) -> Result<Page<SignInAttempt>> {
        caller.must(Act::SeeTokensOf(user))?;
        match range {
            PageRange::From { skip, .. } if skip > MOST_OFFSET => Ok(page(Vec::new(), skip, Total::AtLeast(0))),
            PageRange::From { skip, limit } => {
                let mark = after.and_then(HistoryMark::parse).filter(|mark| mark.offset == skip);
                self.page_of_history(user.id, skip, limit, mark).await
            }
            PageRange::Last(limit) => self.last_page_of_history(user.id, limit).await,
        }
    }

    async fn page_of_history(
        &self,
        user: UserId,
        offset: u64,
        limit: usize,
        mark: Option<HistoryMark>,
    ) -> Result<Page<SignInAttempt>> {
        let skipped = if mark.is_some() { 0 } else { usize::try_from(offset).unwrap_or(usize::MAX) };
        let wanted = skipped.saturating_add(limit).saturating_add(1);
        let mut history = self.store.history(user, mark.map(|mark| mark.last), wanted).await?;
        for _ in 0..skipped {
            history.next().await?;
        }
        let found = some(&mut history, limit).await?;
        let end = offset.saturating_add(count(found.len()));
        let is_last = history.next().await?.is_none();
        let more = !is_last && end <= MOST_OFFSET;
        let last = found.last().filter(|_| more).map(|(last, _)| HistoryMark { offset: end, last: *last });
        let total = if is_last { Total::Exact(end) } else { Total::AtLeast(end + u64::from(more)) };
        Ok(Page { next: last.map(|last| last.to_string()), ..page(found, offset, total) })
    }

    /// The start of the last page is unknown, so everything before it is read.
    async fn last_page_of_history(&self, user: UserId, limit: usize) -> Result<Page<SignInAttempt>> {
        let limit = limit.max(1);
        let mut history = self.store.history(user, None, usize::MAX).await?;
        let mut found = some(&mut history, limit).await?;
        let mut offset = 0;
        while found.len() == limit && offset + count(limit) <= MOST_OFFSET {
            let next = some(&mut history, limit).await?;
            if next.is_empty() {
                break;
            }
            found = next;
            offset += count(limit);
        }
        let total = Total::AtLeast(offset + count(found.len()));
        Ok(page(found, offset, total))
    }

    /// When a user signed in for the last time but one (`contracts/edge.md` section 8, rule 4).
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller may not see it, or when the store is unavailable.
    #[boxed]
    pub async fn previous_sign_in(&self, caller: &Caller, user: &User) -> Result<Option<Timestamp>> {
        caller.must(Act::SeeTokensOf(user))?;
        self.last_sign_in_but_one(caller, user.id, user.has_signed_in).await
    }

    async fn last_sign_in_but_one(
        &self,
        caller: &Caller,
        user: UserId,
        has_signed_in: bool,
    ) -> Result<Option<Timestamp>> {
        let latest = if has_signed_in { self.store.successes(user, 2).await? } else { Vec::new() };
        let mut times: Vec<Timestamp> = latest.iter().map(|attempt| attempt.at).collect();
        // The caller's own attempt may be recorded later than this is read.
        let late = caller.origin.late_attempt.as_ref().and_then(|late| late.time_of(user));
        times.extend(late.filter(|late| !times.contains(late)));
        times.sort_unstable();
        Ok(times.iter().rev().nth(1).copied())
    }

    /// The users of a page, each with [`Directory::previous_sign_in`].
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller does not see all users, or when the store is unavailable.
    #[boxed]
    pub async fn with_previous_sign_in(
        &self,
        caller: &Caller,
        mut page: Page<UserRow>,
    ) -> Result<Page<(UserRow, Option<Timestamp>)>> {
        // How many are read at once.
        const AT_ONCE: usize = 16;
        caller.must_see_everyone()?;
        let rows = std::mem::take(&mut page.items);
        let users: Vec<(UserId, bool)> = rows.iter().map(|row| (row.id, row.has_signed_in)).collect();
        let read = users.into_iter().map(|(id, has_signed_in)| self.last_sign_in_but_one(caller, id, has_signed_in));
        let previous: Vec<_> = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
        Ok(page.with_items(rows.into_iter().zip(previous).collect()))
    }
}

/// A page of attempts.
fn page(found: Vec<(AttemptPlace, SignInAttempt)>, skipped: u64, total: Total) -> Page<SignInAttempt> {
    let items = found.into_iter().map(|(_, attempt)| attempt).collect();
    Page { items, skipped, total, next: None }
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
