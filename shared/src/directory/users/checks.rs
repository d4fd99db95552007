//! Rules for the values of users, and the violations of them.

use std::collections::BTreeSet;

use crate::directory::{Caller, Directory, Rights};
use crate::error::{Error, Result, Rule, Violation};
use crate::model::{
    AddressId, Date, EmailAddress, Field, GroupId, Permission, PermissionId, PhoneNumber, References, Sequence, User,
    UserChanges, UserEmail, UserId, Username,
};
use crate::store::{Claim, ClaimConflict};

impl Directory {
    /// A new last day must not be in the past, and an expired account cannot be activated.
    /// Unless it `may_be_expired`.
    pub(in crate::directory) fn check_expiration(
        &self,
        before: Option<&User>,
        after: &User,
        may_be_expired: bool,
    ) -> Result<()> {
        let today: Date = self.ambient.now().date();
        if !after.is_expired_on(today) {
            return Ok(());
        }
        let is_new = before.is_none_or(|before| before.expiration_date != after.expiration_date);
        if is_new && !may_be_expired {
            return Err(Error::invalid(Field::ExpirationDate, Rule::Past));
        }
        if after.flags.is_active && before.is_some_and(|before| !before.flags.is_active) {
            return Err(Error::invalid(Field::IsActive, Rule::Expired));
        }
        Ok(())
    }

    /// Groups that would be gained and have permissions that the caller lacks.
    pub(in crate::directory) async fn groups_beyond(
        &self,
        caller: &Caller,
        before: &BTreeSet<GroupId>,
        after: &BTreeSet<GroupId>,
    ) -> Result<Option<Violation>> {
        let gained: BTreeSet<GroupId> = after.difference(before).copied().collect();
        if caller.rights == Rights::Everything || gained.is_empty() || gained.len() > User::MAX_GROUPS {
            return Ok(None);
        }
        let mut exceeds = false;
        for group in self.store.groups(&gained).await? {
            exceeds |= !self.may_change_permissions(caller, &BTreeSet::new(), &group.permissions).await?.0;
        }
        Ok(exceeds.then_some(Violation { field: Field::Groups, rule: Rule::BeyondOwnRights }))
    }

    /// Groups and permissions that do not exist.
    pub(super) async fn unknown_references(&self, before: &User, changes: &UserChanges) -> Result<Vec<Violation>> {
        let mut violations = Vec::new();
        if let Some(groups) = &changes.groups {
            violations.extend(self.unknown_groups(&before.groups, groups).await?);
        }
        violations.extend(changes.permissions.as_ref().and_then(|ids| unknown_permission(Field::Permissions, ids)));
        Ok(violations)
    }

    /// The first group that does not exist, or too many groups.
    pub(in crate::directory) async fn unknown_groups(
        &self,
        before: &BTreeSet<GroupId>,
        after: &References<GroupId>,
    ) -> Result<Option<Violation>> {
        if after.len() > User::MAX_GROUPS {
            return Ok(Some(Violation { field: Field::Groups, rule: Rule::TooMany(User::MAX_GROUPS) }));
        }
        if after.is_subset(before) {
            return Ok(None);
        }
        let known: BTreeSet<GroupId> = self.store.groups(after).await?.into_iter().map(|group| group.id).collect();
        let unknown = after.first_unknown(|id| known.contains(id));
        Ok(unknown.map(|sent| Violation { field: Field::Groups, rule: Rule::UnknownReference(sent) }))
    }

    /// Values of `after` that other users have; checked only if the change is refused anyway.
    pub(super) async fn taken_by_others(
        &self,
        before: &User,
        after: &User,
        may_share_email: bool,
    ) -> Result<Vec<Violation>> {
        let email = after.email.as_ref().filter(|_| !may_share_email && !after.email_is_shared);
        self.taken(Some(&after.username), email, after.phone_number.as_ref(), Some(before.id)).await
    }

    /// The given values that users other than `own` have.
    pub(in crate::directory) async fn taken(
        &self,
        username: Option<&Username>,
        email: Option<&EmailAddress>,
        phone: Option<&PhoneNumber>,
        own: Option<UserId>,
    ) -> Result<Vec<Violation>> {
        let mut violations = Vec::new();
        let others = |taken: Option<ClaimConflict>| taken.filter(|taken| Some(taken.user) != own);
        if let Some(username) = username
            && others(self.store.user_by_username(username).await?).is_some()
        {
            violations.push(Violation { field: Field::Username, rule: Rule::Taken });
        }
        if let Some(email) = email
            && others(self.store.user_by_email(email).await?).is_some_and(|taken| taken.text == email.as_str())
        {
            violations.push(Violation { field: Field::Email, rule: Rule::Taken });
        }
        if let Some(phone) = phone
            && others(self.store.user_by_phone(phone).await?).is_some()
        {
            violations.push(Violation { field: Field::PhoneNumber, rule: Rule::Taken });
        }
        Ok(violations)
    }
}

impl Directory {
    /// A violation if another user has the name, in any letter case.
    pub(in crate::directory) async fn caseless_name_taken(
        &self,
        name: &Username,
        own: UserId,
    ) -> Result<Option<Violation>> {
        for id in self.store.users_by_caseless_name(name).await?.into_iter().filter(|id| *id != own) {
            // Entries that a rebuild of the index has left behind are no names.
            let other = self.store.user(id).await?;
            if other.is_some_and(|other| other.username.folded() == name.folded()) {
                return Ok(Some(Violation { field: Field::Username, rule: Rule::Taken }));
            }
        }
        Ok(None)
    }

    /// Makes these the user's addresses, all of them verified; the first is the e-mail and the primary one.
    pub(in crate::directory) async fn set_addresses(
        &self,
        user: &mut User,
        emails: &[EmailAddress],
    ) -> Result<Option<Violation>> {
        let mut old = std::mem::take(&mut user.addresses);
        for email in emails {
            let is_same = |entry: &UserEmail| entry.email.folded() == email.folded();
            if user.addresses.iter().any(is_same) {
                continue;
            }
            if user.addresses.len() == User::MAX_VERIFIED {
                return Ok(Some(Violation { field: Field::Email, rule: Rule::TooMany(User::MAX_VERIFIED) }));
            }
            let primary = user.addresses.is_empty();
            let id = match old.iter().position(is_same) {
                Some(index) => old.swap_remove(index).id,
                None => AddressId(self.store.sequence_next(Sequence::Addresses).await?),
            };
            user.addresses.push(UserEmail { id, email: email.lower_case(), verified: true, primary });
        }
        user.addresses.sort_by_key(|entry| entry.id);
        user.set_email(emails.first().cloned());
        Ok(None)
    }

    /// The first of some numbers that no other user has.
    pub(in crate::directory) async fn free_number(
        &self,
        numbers: &[PhoneNumber],
        own: UserId,
    ) -> Result<Option<PhoneNumber>> {
        // Whoever sends more wants them kept, not looked up.
        const MOST: usize = 5;
        for number in numbers.iter().take(MOST) {
            if self.store.user_by_phone(number).await?.is_none_or(|taken| taken.user == own) {
                return Ok(Some(number.clone()));
            }
        }
        Ok(None)
    }
}

/// The first permission that does not exist.
pub(in crate::directory) fn unknown_permission(
    field: Field,
    permissions: &References<PermissionId>,
) -> Option<Violation> {
    let unknown = permissions.first_unknown(|id| Permission::by_id(*id).is_some());
    unknown.map(|sent| Violation { field, rule: Rule::UnknownReference(sent) })
}

pub(super) fn unknown_group(id: GroupId) -> Error {
    Error::invalid(Field::Groups, Rule::UnknownReference(id.to_string()))
}

/// Violations for texts that are too long.
pub(in crate::directory) fn too_long(texts: Vec<(Field, usize)>) -> impl Iterator<Item = Violation> {
    texts.into_iter().map(|(field, most)| Violation { field, rule: Rule::TooLong(most) })
}

/// Whether the e-mail is the only conflict with other users.
pub(super) fn is_email_alone(taken: &[ClaimConflict]) -> bool {
    !taken.is_empty() && taken.iter().all(|taken| taken.claim == Claim::Email)
}

/// The violations that conflicts with other users cause.
///
/// An e-mail that differs only in case violates the whole object and is reported when all else is valid; an e-mail that
/// may be shared violates nothing.
pub(super) fn violations_of(wanted: &User, taken: &[ClaimConflict], may_share_email: bool) -> Vec<Violation> {
    let same_email = |text: &str| wanted.email.as_ref().is_some_and(|email| email.as_str() == text);
    let mut violations = Vec::new();
    let mut whole = Vec::new();
    for ClaimConflict { claim, text, .. } in taken {
        match claim {
            Claim::Email if may_share_email => {}
            Claim::Username | Claim::CaselessName => {
                violations.push(Violation { field: Field::Username, rule: Rule::Taken });
            }
            Claim::Email if same_email(text) => violations.push(Violation { field: Field::Email, rule: Rule::Taken }),
            Claim::Email => whole.push(Violation { field: Field::Email, rule: Rule::TakenInAnotherCase }),
            Claim::Phone => violations.push(Violation { field: Field::PhoneNumber, rule: Rule::Taken }),
            Claim::VerifiedAddress => whole.push(Violation { field: Field::Email, rule: Rule::AddressTaken }),
            Claim::Number | Claim::EdgeId => violations.push(Violation { field: Field::Id, rule: Rule::Taken }),
        }
    }
    if violations.is_empty() {
        // One e-mail can conflict twice: with a user's e-mail, which is reported, and with a verified address.
        whole.sort_by_key(|violation| violation.rule == Rule::AddressTaken);
        whole.truncate(1);
        whole
    } else {
        violations
    }
}
