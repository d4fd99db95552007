//! Confirming an e-mail address by the mailed link (`contracts/openwisp.md` section 13.1).

use super::{Directory, too_busy};
use crate::error::Result;
use crate::model::{EmailAddress, MailboxEntry, User, Username};
use crate::sign_in::ConfirmationKey;
use crate::store::{UserWrite, Written};

/// An address that a link can confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmable {
    /// Whose it is.
    pub username: Username,
    /// The address.
    pub email: EmailAddress,
}

impl Directory {
    /// What a key would confirm; `None` for a key that is unknown, expired or used.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn confirmable(&self, key: &str) -> Result<Option<Confirmable>> {
        let found = self.find_confirmable(key).await?;
        Ok(found.map(|(user, entry)| Confirmable { username: user.username, email: entry.email }))
    }

    /// Marks the key's address as verified, and as primary (then it is the user's e-mail too) if the user has none.
    /// `false`, and nothing changed, for a key that is unknown, expired or used.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn confirm_address(&self, key: &str) -> Result<bool> {
        let mut tries = self.store.tries();
        while tries.next().await {
            let Some((before, entry)) = self.find_confirmable(key).await? else { return Ok(false) };
            let mut after = before.clone();
            let becomes_primary = !after.addresses.iter().any(|address| address.primary);
            for address in after.addresses.iter_mut().filter(|address| address.id == entry.id) {
                address.verified = true;
                address.primary |= becomes_primary;
            }
            if becomes_primary {
                after.set_email(Some(entry.email.lower_case()));
            }
            // The user's e-mail stands in its list row.
            let mut memberships = None;
            if becomes_primary {
                match self.store.user_with_memberships(before.id).await? {
                    Some((user, found)) if user.version == before.version => memberships = Some(found),
                    _ => continue,
                }
            }
            let write = UserWrite {
                before: Some(&before),
                after: Some(&after),
                memberships: memberships.as_deref(),
                ..UserWrite::default()
            };
            match self.store.user_write(&write).await? {
                Written::Done => return Ok(true),
                // Somebody else has shown to receive mail there, or uses it to sign in.
                Written::Taken(_) => return Ok(false),
                Written::Stale | Written::OtherSuperuserLost | Written::UnknownGroup(_) => {}
            }
        }
        Err(too_busy())
    }

    async fn find_confirmable(&self, key: &str) -> Result<Option<(User, MailboxEntry)>> {
        let Some(key) = ConfirmationKey::parse(key) else { return Ok(None) };
        let Some(user) = self.store.user(key.user).await? else { return Ok(None) };
        let entry = user.addresses.iter().find(|entry| entry.id == key.address && !entry.verified).cloned();
        let Some(entry) = entry else { return Ok(None) };
        let fits = key.fits(&self.keys, self.ambient.now(), &entry.email).await?;
        Ok(fits.then_some((user, entry)))
    }
}
