//! Expiration dates: a reminder in time, then deactivation (`contracts/openwisp.md` sections 7.5 and 13.3).
//!
//! A user whose date requires a step has one entry, under the day on which it is due; [`User::expiry_due`] computes it,
//! and the store keeps the entry with the user's record. So the job reads only what is due, catches up on days when it
//! did not run, and may run any number of times: a step is one transaction of the user's record, its entry and its
//! mail, so it happens once or not at all.

use async_recursion::async_recursion as boxed;
use tokio::time::Instant;

use super::cleanup::{Failed, PASS};
use super::{Directory, SystemCaller, new_mail};
use crate::error::Result;
use crate::model::{Expiry, Mail, MailKind, User, UserId};
use crate::store::{DueUser, UserWrite};

/// How many entries are read at once.
const PIECE: usize = 500;

impl Directory {
    /// Reminds users whose accounts end within seven days, and deactivates those whose last day is over.
    ///
    /// This includes the last active superuser: an expired account does not work anyway. A failed user is noted, moves
    /// to the end of the queue, and is retried with growing pauses as cleanup is.
    ///
    /// # Errors
    /// When the store cannot list the entries or save a note; the next call continues where this one stopped.
    #[boxed]
    pub async fn expire_accounts(&self, by: SystemCaller) -> Result<()> {
        let deadline = Instant::now() + PASS;
        let now = self.ambient.now();
        let mut result = Ok(());
        let (mut after, mut failed_before) = (None, Vec::new());
        loop {
            let mut due = self.store.users_due(now.date(), after.as_ref(), PIECE).await?;
            let is_last = due.len() < PIECE;
            after = due.last().cloned();
            due.retain(|due| due.backoff.is_over(now));
            let (again, fresh): (Vec<_>, Vec<_>) = due.into_iter().partition(|due| due.backoff.failures > 0);
            failed_before.extend(again);
            let now_due =
                if is_last { fresh.into_iter().chain(std::mem::take(&mut failed_before)).collect() } else { fresh };
            for due in now_due {
                if Instant::now() >= deadline {
                    return result;
                }
                result = result.and(self.expire_or_note(by, due).await);
            }
            if is_last {
                return result;
            }
        }
    }

    async fn expire_or_note(&self, by: SystemCaller, mut due: DueUser) -> Result<()> {
        let Err(error) = self.expire(due.user).await else { return Ok(()) };
        tracing::warn!(by = ?by, user.id = %due.user, error = %error, "expiry step failed; will retry");
        due.backoff = due.backoff.failed(self.ambient.now());
        let (target, reason) = (due.user.to_string(), &error.code());
        Failed { kind: "expiration", target, reason, backoff: due.backoff }.log();
        self.store.user_due_rests(&due).await
    }

    /// Takes the step that the user's date requires today.
    async fn expire(&self, id: UserId) -> Result<()> {
        let mut attempts = self.store.attempts();
        loop {
            attempts.next().await?;
            let Some((before, memberships)) = self.store.user_with_memberships(id).await? else { return Ok(()) };
            let Some(expiry) = before.expiry_on(self.ambient.now().date()) else { return Ok(()) };
            let mut after = before.clone();
            match expiry {
                Expiry::Remind => after.reminded_of = before.expiration_date,
                Expiry::Deactivate => after.flags.is_active = false,
            }
            let write = UserWrite {
                before: Some(&before),
                after: Some(&after),
                memberships: Some(&memberships),
                mails: self.expiry_mail(&before, expiry).into_iter().collect(),
                // A reminder changes nothing that an event tells.
                actor: Some(&SystemCaller::Housekeeping.actor()),
                ..UserWrite::default()
            };
            if self.store.user_write(&write).await?.is_done()? {
                match expiry {
                    Expiry::Remind => tracing::info!(user.id = %id, "account expires soon"),
                    Expiry::Deactivate => tracing::info!(user.id = %id, "account expired"),
                }
                return Ok(());
            }
        }
    }

    /// The mail to the user; `None` without a verified address.
    fn expiry_mail(&self, user: &User, expiry: Expiry) -> Option<Mail> {
        let kind = match (expiry, user.expiration_date) {
            (Expiry::Remind, last_day) => MailKind::AccountExpires { last_day: last_day? },
            (Expiry::Deactivate, _) => MailKind::AccountDeactivated,
        };
        Some(new_mail(&*self.ambient, user.mailbox()?.clone(), user, kind))
    }
}
