//! A user's e-mail addresses: add, change, remove (`contracts/openwisp.md` section 10).

use async_recursion::async_recursion as boxed;

use super::{Act, Caller, Directory, Draft, Expected, Subject};
use crate::error::{Entity, Error, Result, Rule, Violation};
use crate::model::Sequence;
use crate::model::{Action, AddressId, EmailAddress, Field, Model, User, UserEmail};
use crate::store::{UserWrite, WriteOutcome};

/// An address of a user, and the version of the user's record, which contains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressDetail {
    /// The address.
    pub entry: UserEmail,
    /// See [`User::version`].
    pub version: u64,
}

/// Changes of an address, or an address to add. `None` keeps the value.
#[derive(Debug, Clone, Default)]
pub struct AddressChanges {
    /// The address.
    pub email: Option<EmailAddress>,
    /// See [`UserEmail::primary`].
    pub primary: Option<bool>,
    /// See [`UserEmail::verified`].
    pub verified: Option<bool>,
}

impl Directory {
    /// Adds an unverified address to a user. No mail is sent.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all violations.
    #[boxed]
    pub async fn add_address(
        &self,
        caller: &Caller,
        owner: Subject,
        draft: Draft<AddressChanges>,
    ) -> Result<AddressDetail> {
        let Draft { content, violations } = draft;
        let AddressChanges { email, primary, verified: _ } = content;
        let violations = self.with_taken(violations, email.as_ref()).await?;
        let (Some(email), true) = (email, violations.is_empty()) else { return Err(Error::Invalid(violations)) };
        let id = AddressId(self.store.sequence_next(Sequence::Addresses).await?);
        let entry = UserEmail { id, email, verified: false, primary: primary.unwrap_or_default() };
        let any = Expected::any();
        let added = self.change_addresses(caller, owner, Action::Add, &any, |_, addresses| {
            if addresses.len() >= User::MAX_ADDRESSES {
                return Err(Error::invalid(Field::Email, Rule::TooMany(User::MAX_ADDRESSES)));
            }
            addresses.push(entry.clone());
            Ok(entry.clone())
        });
        let (entry, version) = added.await?;
        Ok(AddressDetail { entry, version })
    }

    /// Changes one of a user's addresses. A changed text is unverified, even if the old one was verified.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all violations, [`Error::NotFound`] if it was deleted meanwhile, [`Error::Changed`] if
    /// the user is not at an `expected` version.
    #[boxed]
    pub async fn change_address(
        &self,
        caller: &Caller,
        owner: Subject,
        id: AddressId,
        draft: Draft<AddressChanges>,
        expected: &Expected,
    ) -> Result<AddressDetail> {
        let Draft { content, violations } = draft;
        let AddressChanges { email, primary, verified } = content;
        let AddressDetail { entry: own, version } = self.address(caller, &owner, id)?;
        expected.check(version)?;
        let moved = email.as_ref().filter(|email| email.folded() != own.email.folded());
        let violations = self.with_taken(violations, moved).await?;
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let changed = self.change_addresses(caller, owner, Action::Change, expected, |caller, addresses| {
            let entry = addresses.iter_mut().find(|entry| entry.id == id);
            let entry = entry.ok_or(Error::NotFound(Entity::EmailAddress))?;
            if let Some(email) = &email {
                entry.verified &= email.folded() == entry.email.folded();
                entry.email = email.clone();
            }
            entry.primary = primary.unwrap_or(entry.primary);
            if let Some(verified) = verified.filter(|_| caller.may(Act::VerifyAddress)) {
                entry.verified = verified;
            }
            Ok(entry.clone())
        });
        let (entry, version) = changed.await?;
        Ok(AddressDetail { entry, version })
    }

    /// Fails unless the caller may act this way on the addresses of a user.
    ///
    /// # Errors
    /// [`Error::Forbidden`], or when the store is unavailable.
    #[boxed]
    pub async fn check_may_change_addresses(&self, caller: &Caller, owner: &Subject, action: Action) -> Result<()> {
        self.must_manage(caller, owner, Some((action, Model::EmailAddress))).await.map(drop)
    }

    /// Removes one of a user's addresses, even the primary or the last one.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it was deleted meanwhile, [`Error::Changed`] if the user is not at an `expected` version.
    #[boxed]
    pub async fn delete_address(
        &self,
        caller: &Caller,
        owner: Subject,
        id: AddressId,
        expected: &Expected,
    ) -> Result<()> {
        let deleted = self.change_addresses(caller, owner, Action::Delete, expected, |_, addresses| {
            let before = addresses.len();
            addresses.retain(|entry| entry.id != id);
            if addresses.len() == before { Err(Error::NotFound(Entity::EmailAddress)) } else { Ok(()) }
        });
        deleted.await.map(drop)
    }

    /// The addresses of a user.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn addresses(&self, caller: &Caller, owner: Subject) -> Result<Vec<UserEmail>> {
        caller.must(Act::Request(Action::View, Model::EmailAddress))?;
        Ok(owner.user.addresses)
    }

    /// One of a user's addresses.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`] when the user has no such address.
    pub fn address(&self, caller: &Caller, owner: &Subject, id: AddressId) -> Result<AddressDetail> {
        caller.must(Act::Request(Action::View, Model::EmailAddress))?;
        let user = &owner.user;
        let found = user.addresses.iter().find(|entry| entry.id == id).cloned();
        let entry = found.ok_or(Error::NotFound(Entity::EmailAddress))?;
        Ok(AddressDetail { entry, version: user.version })
    }

    /// Applies `change` to the addresses for a caller, on the newest state of both, and writes them if they are valid.
    /// Returns the result of `change`, and the user's version afterwards.
    async fn change_addresses<T>(
        &self,
        caller: &Caller,
        owner: Subject,
        action: Action,
        expected: &Expected,
        change: impl Fn(&Caller, &mut Vec<UserEmail>) -> Result<T>,
    ) -> Result<(T, u64)> {
        let mut attempts = self.attempts(caller, owner);
        loop {
            let (caller, owner) = attempts.next().await?;
            let basis = self.must_manage(caller, owner, Some((action, Model::EmailAddress))).await?;
            let before = &owner.user;
            expected.check(before.version)?;
            let mut after = before.clone();
            let changed = change(caller, &mut after.addresses)?;
            check(&after.addresses)?;
            if after == *before {
                return Ok((changed, before.version));
            }
            let write = UserWrite {
                before: Some(before),
                after: Some(&after),
                mails: self.notices(before, &after),
                basis: Some(&basis),
                actor: Some(&caller.actor()),
                ..UserWrite::default()
            };
            let written = self.store.user_write(&write).await?;
            if matches!(written, WriteOutcome::Taken(_)) {
                return Err(Error::invalid(Field::Email, Rule::AddressTaken));
            }
            if written.is_done()? {
                return Ok((changed, before.version + 1));
            }
        }
    }

    /// Adds a violation if any user has verified this address.
    async fn with_taken(&self, mut violations: Vec<Violation>, email: Option<&EmailAddress>) -> Result<Vec<Violation>> {
        if let Some(email) = email
            && self.store.user_by_address(email).await?.is_some()
        {
            violations.push(Violation { field: Field::Email, rule: Rule::AddressTaken });
        }
        Ok(violations)
    }
}

/// The rules between the addresses of one user.
fn check(addresses: &[UserEmail]) -> Result<()> {
    let mut texts: Vec<String> = addresses.iter().map(|entry| entry.email.folded()).collect();
    texts.sort_unstable();
    if texts.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Error::invalid(Field::WholeObject, Rule::AddressTwice));
    }
    if addresses.iter().filter(|entry| entry.primary).count() > 1 {
        return Err(Error::invalid(Field::WholeObject, Rule::SecondPrimary));
    }
    if addresses.iter().filter(|entry| entry.verified).count() > User::MAX_VERIFIED {
        return Err(Error::invalid(Field::Verified, Rule::TooMany(User::MAX_VERIFIED)));
    }
    Ok(())
}
