//! What expiration dates ask for: a reminder in time, and an end (`contracts/openwisp.md` sections 7.5 and 13.3).
//!
//! Every user of whom a date asks something has one entry, by the day on which it is due; [`User::expiry_due`] says which,
//! and the store keeps the entry with the user's record. So the job reads what is due and nothing else,
//! takes up what was due on days on which it did not run, and may run as often as it likes:
//! a step is one transaction of the user's record, its entry and its mail, so it is taken once or not at all.

use super::{Directory, new_mail, too_busy};
use crate::error::Result;
use crate::model::{Expiry, Mail, MailKind, User, UserId};
use crate::store::{UserWrite, Written};

impl Directory {
    /// Reminds the users whose accounts end within seven days, and switches off those whose last day is over.
    ///
    /// The last active superuser is not spared: an expired account works no more, so nothing is lost by saying so.
    /// What fails for one user does not keep the others waiting.
    ///
    /// # Errors
    /// When the store does not answer; the next call takes up what this one has left.
    pub async fn expire_accounts(&self) -> Result<()> {
        let mut result = Ok(());
        for id in self.store.users_due(self.ambient.now().date()).await? {
            if let Err(error) = self.expire(id).await {
                tracing::warn!(user.id = %id, error = %error, "an expiration date waits");
                result = Err(error);
            }
        }
        result
    }

    /// Does what the user's date asks for today.
    async fn expire(&self, id: UserId) -> Result<()> {
        let mut tries = self.store.tries();
        while tries.next().await {
            let Some((before, memberships)) = self.store.user_with_memberships(id).await? else { return Ok(()) };
            let Some(expiry) = before.expiry_on(self.ambient.now().date()) else { return Ok(()) };
            let mut after = before.clone();
            match expiry {
                Expiry::Remind => after.reminded_of = before.expiration_date,
                Expiry::Deactivate => after.is_active = false,
            }
            let write = UserWrite {
                before: Some(&before),
                after: Some(&after),
                memberships: Some(&memberships),
                mails: self.expiry_mail(&before, expiry).into_iter().collect(),
                ..UserWrite::default()
            };
            if self.store.user_write(&write).await? == Written::Done {
                tracing::info!(user.id = %id, expiry = ?expiry, "an expiration date was followed");
                return Ok(());
            }
        }
        Err(too_busy())
    }

    /// What the user is told; nothing, without a verified address.
    fn expiry_mail(&self, user: &User, expiry: Expiry) -> Option<Mail> {
        let kind = match (expiry, user.expiration_date) {
            (Expiry::Remind, last_day) => MailKind::AccountExpires { last_day: last_day? },
            (Expiry::Deactivate, _) => MailKind::AccountDeactivated,
        };
        Some(new_mail(&*self.ambient, user.mailbox()?.clone(), user, kind))
    }
}
