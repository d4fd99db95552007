//! A user's e-mail addresses: added, changed, removed (`contracts/openwisp.md` section 10).

use super::{Act, Caller, Directory, Draft, too_busy};
use crate::error::{Entity, Error, Result, Rule, Violation};
use crate::model::{AddressId, EmailAddress, MailboxEntry, User};
use crate::store::keys::Sequence;
use crate::store::{UserWrite, Written};

/// The name under which violations of the address as a whole are told.
const WHOLE: &str = "__all__";

/// Changes of an address, or an address to be added. What is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct AddressChanges {
    /// The address.
    pub email: Option<EmailAddress>,
    /// See [`MailboxEntry::primary`].
    pub primary: Option<bool>,
    /// See [`MailboxEntry::verified`].
    pub verified: Option<bool>,
}

impl Directory {
    /// Adds an address to a user, not verified. No mail is sent.
    ///
    /// # Errors
    /// [`Error::Invalid`] with everything that is wrong.
    pub async fn add_address(&self, caller: &Caller, user: User, draft: Draft<AddressChanges>) -> Result<MailboxEntry> {
        let Draft { content, violations } = draft;
        let AddressChanges { email, primary, verified: _ } = content;
        let violations = self.with_taken(violations, email.as_ref()).await?;
        let (Some(email), true) = (email, violations.is_empty()) else { return Err(Error::Invalid(violations)) };
        let id = AddressId(self.store.sequence_next(Sequence::Addresses).await?);
        let entry = MailboxEntry { id, email, verified: false, primary: primary.unwrap_or_default() };
        self.change_addresses(caller, user, |addresses| {
            if addresses.len() >= User::MAX_ADDRESSES {
                return Err(Error::invalid("email", Rule::TooMany(User::MAX_ADDRESSES)));
            }
            addresses.push(entry.clone());
            Ok(entry.clone())
        })
        .await
    }

    /// Changes one of a user's addresses. Another text is not verified, whatever the old one was.
    ///
    /// # Errors
    /// [`Error::Invalid`] with everything that is wrong, [`Error::NotFound`] when it is gone meanwhile.
    pub async fn change_address(
        &self,
        caller: &Caller,
        user: User,
        id: AddressId,
        draft: Draft<AddressChanges>,
    ) -> Result<MailboxEntry> {
        let Draft { content, violations } = draft;
        let AddressChanges { email, primary, verified } = content;
        let verified = verified.filter(|_| caller.may(Act::VerifyAddress));
        let own = self.address(&user, id)?;
        let moved = email.as_ref().filter(|email| email.folded() != own.email.folded());
        let violations = self.with_taken(violations, moved).await?;
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        self.change_addresses(caller, user, |addresses| {
            let entry = addresses.iter_mut().find(|entry| entry.id == id);
            let entry = entry.ok_or(Error::NotFound(Entity::EmailAddress))?;
            if let Some(email) = &email {
                entry.verified &= email.folded() == entry.email.folded();
                entry.email = email.clone();
            }
            entry.primary = primary.unwrap_or(entry.primary);
            entry.verified = verified.unwrap_or(entry.verified);
            Ok(entry.clone())
        })
        .await
    }

    /// Removes one of a user's addresses, also the primary or the last one.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is gone meanwhile.
    pub async fn delete_address(&self, caller: &Caller, user: User, id: AddressId) -> Result<()> {
        self.change_addresses(caller, user, |addresses| {
            let before = addresses.len();
            addresses.retain(|entry| entry.id != id);
            if addresses.len() == before { Err(Error::NotFound(Entity::EmailAddress)) } else { Ok(()) }
        })
        .await
    }

    /// One of a user's addresses.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the user has no such address.
    pub fn address<'a>(&self, user: &'a User, id: AddressId) -> Result<&'a MailboxEntry> {
        let found = user.addresses.iter().find(|entry| entry.id == id);
        found.ok_or(Error::NotFound(Entity::EmailAddress))
    }

    /// Writes what `change` makes of the addresses, on the user's newest state, if it keeps the rules.
    async fn change_addresses<T>(
        &self,
        caller: &Caller,
        user: User,
        change: impl Fn(&mut Vec<MailboxEntry>) -> Result<T>,
    ) -> Result<T> {
        let mut current = user;
        let mut tries = self.store.tries();
        loop {
            let before = &current;
            let mut after = before.clone();
            let changed = change(&mut after.addresses)?;
            check(&after.addresses)?;
            if after == *before {
                return Ok(changed);
            }
            let write = UserWrite { before: Some(before), after: Some(&after), ..UserWrite::default() };
            match self.store.user_write(&write).await? {
                Written::Done => return Ok(changed),
                Written::Taken(_) => return Err(Error::invalid("email", Rule::AddressTaken)),
                Written::Stale if tries.again().await => current = self.user_alone(caller, before.id).await?,
                Written::Stale => return Err(too_busy()),
                Written::OtherSuperuserLost | Written::UnknownGroup(_) => {
                    return Err(Error::internal("a change of addresses met another rule"));
                }
            }
        }
    }

    /// Adds a violation when the address is verified, for whomever.
    async fn with_taken(&self, mut violations: Vec<Violation>, email: Option<&EmailAddress>) -> Result<Vec<Violation>> {
        if let Some(email) = email
            && self.store.user_claiming_address(email).await?.is_some()
        {
            violations.push(Violation { field: "email", rule: Rule::AddressTaken });
        }
        Ok(violations)
    }
}

/// What must hold between the addresses of one user.
fn check(addresses: &[MailboxEntry]) -> Result<()> {
    let mut texts: Vec<String> = addresses.iter().map(|entry| entry.email.folded()).collect();
    texts.sort_unstable();
    if texts.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Error::invalid(WHOLE, Rule::AddressTwice));
    }
    if addresses.iter().filter(|entry| entry.primary).count() > 1 {
        return Err(Error::invalid(WHOLE, Rule::SecondPrimary));
    }
    if addresses.iter().filter(|entry| entry.verified).count() > User::MAX_VERIFIED {
        return Err(Error::invalid("verified", Rule::TooMany(User::MAX_VERIFIED)));
    }
    Ok(())
}
