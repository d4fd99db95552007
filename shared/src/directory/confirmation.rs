//! Confirming an e-mail address by the mailed link (`contracts/openwisp.md` section 13.1).

use async_recursion::async_recursion as boxed;

use super::{Directory, Holdings};
use crate::auth::link::ConfirmationKey;
use crate::directory::RequestOrigin;
use crate::directory::sign_in::Guessed;
use crate::error::Result;
use crate::model::{CredentialKind, EmailAddress, User, UserEmail, Username};
use crate::store::{Basis, UserWrite, WriteOutcome};

/// An address that a link can confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmable {
    /// The user whose address it is.
    pub username: Username,
    /// The address.
    pub email: EmailAddress,
}

impl Directory {
    /// What a key would confirm; `None` for a key that is unknown, expired or used. That counts as a failure.
    ///
    /// # Errors
    /// [`Error::Throttled`](crate::Error::Throttled) after too many failures.
    #[boxed]
    pub async fn confirmable(&self, key: &str, origin: &RequestOrigin) -> Result<Option<Confirmable>> {
        let found = self.guess_confirmable(key, origin).await?;
        Ok(found.map(|(user, entry)| Confirmable { username: user.username, email: entry.email }))
    }

    /// Marks the key's address as verified, and as primary (and so as the user's e-mail) if the user has none. A user
    /// who holds any right keeps an e-mail that has changed meanwhile. Otherwise somebody without the right to change
    /// that e-mail could confirm an older address and then reset the password.
    ///
    /// `false`, and no change, for a key that is unknown, expired or used. That counts as a failure.
    ///
    /// # Errors
    /// [`Error::Throttled`](crate::Error::Throttled) after too many failures.
    #[boxed]
    pub async fn confirm_address(&self, key: &str, origin: &RequestOrigin) -> Result<bool> {
        let mut first = self.guess_confirmable(key, origin).await?;
        if first.is_none() {
            return Ok(false);
        }
        let mut attempts = self.store.attempts();
        loop {
            attempts.next().await?;
            let found = match first.take() {
                Some(found) => Some(found),
                None => self.find_confirmable(key).await?,
            };
            let Some((before, entry)) = found else { return Ok(false) };
            let mut after = before.clone();
            let mut becomes_primary = !after.addresses.iter().any(|address| address.primary);
            // The user's list row contains the e-mail.
            let mut memberships = None;
            let mut basis = Basis::default();
            if becomes_primary {
                let found = match self.store.user_with_memberships(before.id).await? {
                    Some((user, found)) if user.version == before.version => found,
                    _ => continue,
                };
                let is_its_email = before.email.as_ref().is_some_and(|email| email.folded() == entry.email.folded());
                if !is_its_email {
                    let (held, rests_on) = self.held_by(&before).await?;
                    becomes_primary = held == Holdings::default();
                    basis = rests_on;
                }
                memberships = Some(found);
            }
            for address in after.addresses.iter_mut().filter(|address| address.id == entry.id) {
                address.verified = true;
                address.primary |= becomes_primary;
            }
            if becomes_primary {
                after.set_email(Some(entry.email.lower_case()));
            }
            let write = UserWrite {
                before: Some(&before),
                after: Some(&after),
                memberships: memberships.as_deref(),
                mails: self.notices(&before, &after),
                basis: Some(&basis),
                actor: Some(&origin.actor_signed_in(&before, CredentialKind::MailedLink)),
                ..UserWrite::default()
            };
            let written = self.store.user_write(&write).await?;
            // Another user may have verified this address, or use it to sign in.
            if matches!(written, WriteOutcome::Taken(_)) {
                return Ok(false);
            }
            if written.is_done()? {
                return Ok(true);
            }
        }
    }

    /// Same as [`Directory::find_confirmable`], but finding nothing counts as a failure.
    async fn guess_confirmable(&self, key: &str, origin: &RequestOrigin) -> Result<Option<(User, UserEmail)>> {
        let whose = ConfirmationKey::parse(key).map_or_else(String::new, |key| key.user.to_string());
        let attempt = self.attempt(Guessed::Secret, &whose, origin).await?;
        let found = self.find_confirmable(key).await?;
        if found.is_some() {
            self.attempt_forgiven(attempt).await?;
        }
        Ok(found)
    }

    async fn find_confirmable(&self, key: &str) -> Result<Option<(User, UserEmail)>> {
        let Some(key) = ConfirmationKey::parse(key) else { return Ok(None) };
        let Some(user) = self.store.user(key.user).await? else { return Ok(None) };
        let entry = user.addresses.iter().find(|entry| entry.id == key.address && !entry.verified).cloned();
        let Some(entry) = entry else { return Ok(None) };
        let verify = key.verify(&self.keys, self.ambient.now(), &entry.email).await?;
        Ok(verify.then_some((user, entry)))
    }
}
