//! Creating users.

use std::collections::BTreeSet;

use async_recursion::async_recursion as boxed;

use super::memberships::MembershipPlan;
use super::users::{too_long, unknown_permission};
use super::{Act, Caller, Directory, Draft, Holdings, Rights, SystemCaller, UserDetail, UserField, new_mail};
use crate::auth::link::confirmation_key;
use crate::error::{Error, Result};
use crate::model::{
    AddressId, EdgeId, Field, Mail, MailKind, NewUser, References, Sequence, User, UserEmail, UserId, UserNumber,
};
use crate::store::{Basis, UserWrite};

/// A hash that no password has.
const NO_PASSWORD: &str = "!";

impl Directory {
    /// Creates a user. Without `email_verified`, a mail with a link below `base` (if given) asks the user to confirm
    /// the address.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all violations, [`Error::Forbidden`] when the caller may not create such a user. Nothing
    /// is created then.
    #[boxed]
    pub async fn create_user(&self, caller: &Caller, draft: Draft<NewUser>, base: Option<&str>) -> Result<UserDetail> {
        let mut draft = draft;
        let may_set = |field| caller.may(Act::SetField(field, None));
        draft.content.flags.is_superuser &= may_set(UserField::IsSuperuser);
        if !may_set(UserField::Permissions) {
            draft.content.permissions = References::default();
        }
        self.insert_user(draft, Some(caller), base).await
    }

    /// Creates a user; without a caller, the operator does it and no rights are checked. Without `base` no mail is sent.
    pub(super) async fn insert_user(
        &self,
        draft: Draft<NewUser>,
        caller: Option<&Caller>,
        base: Option<&str>,
    ) -> Result<UserDetail> {
        let Draft { content, mut violations } = draft;
        let mut caller = caller.cloned();
        let mut plan = None;
        let mut groups_beyond = None;
        if let Some(caller) = &caller {
            groups_beyond = self.groups_beyond(caller, &BTreeSet::new(), &content.groups).await?;
        }
        if let Some(request) = &content.membership {
            match self.plan_membership(caller.as_ref(), &[], request).await? {
                Ok(planned) => plan = planned,
                Err(violation) => violations.push(violation),
            }
        }
        violations.extend(self.unknown_groups(&BTreeSet::new(), &content.groups).await?);
        violations.extend(unknown_permission(Field::Permissions, &content.permissions));
        violations.extend(groups_beyond);
        let has_password = content.password.is_some() || content.may_lack_password;
        let (Some(username), true) = (&content.username, has_password && violations.is_empty()) else {
            let NewUser { username, email, phone_number, .. } = &content;
            let email = email.as_ref().filter(|_| !content.may_share_email);
            violations.extend(self.taken(username.as_ref(), email, phone_number.as_ref(), None).await?);
            return Err(Error::Invalid(violations));
        };
        let (id, edge_id) = (UserId::generate(&*self.ambient), EdgeId::generate(&*self.ambient));
        let mut user = User::new(id, edge_id, username, &content, self.ambient.now());
        let long: Vec<_> = too_long(user.too_long(None)).collect();
        if !long.is_empty() {
            return Err(Error::Invalid(long));
        }
        self.check_expiration(None, &user, content.may_be_expired)?;
        if let Some(plan) = &plan {
            plan.apply_to(&mut user);
        }
        if let Some(caller) = &caller {
            self.must_create(caller, &user).await?;
        }
        if user.has_caseless_name
            && let Some(taken) = self.caseless_name_taken(username, id).await?
        {
            return Err(Error::Invalid(vec![taken]));
        }
        if user.phone_number.is_none() {
            user.phone_number = self.free_number(&content.phones, id).await?;
        }
        user.password = match &content.password {
            Some(password) => self.hasher.hash(password.clone()).await?,
            None => NO_PASSWORD.into(),
        };
        user.number = UserNumber(self.store.sequence_next(Sequence::Users).await?);
        user.date_joined = self.ambient.now();
        user.modified = user.date_joined;
        let mails = self.first_address(&mut user, content.email_verified, base).await?;
        if !content.other_emails.is_empty() {
            let emails: Vec<_> = user.email.clone().into_iter().chain(content.other_emails.clone()).collect();
            if let Some(violation) = self.set_addresses(&mut user, &emails).await? {
                return Err(Error::Invalid(vec![violation]));
            }
        }
        // Changed records are read again; the user is new.
        let mut attempts = self.store.attempts();
        loop {
            attempts.next().await?;
            let memberships = plan.as_ref().map(|plan| plan.applied_to(&[])).unwrap_or_default();
            if let Some(plan) = &plan {
                plan.apply_to(&mut user);
            }
            let basis = match &caller {
                Some(caller) => self.must_create(caller, &user).await?,
                None => Basis::default(),
            };
            let write = UserWrite {
                after: Some(&user),
                memberships: Some(&memberships),
                membership: plan.as_ref().map(MembershipPlan::write),
                mails: mails.clone(),
                basis: Some(&basis),
                actor: Some(&caller.as_ref().map_or_else(|| SystemCaller::Operator.actor(), Caller::actor)),
                ..UserWrite::default()
            };
            if let Some(user) = self.write_user(write, content.may_share_email).await? {
                return Ok(UserDetail { user, memberships, visibility: Basis::default(), names: String::new() });
            }
            if let Some(old) = &caller {
                let newer = self.refreshed(old).await?;
                if !newer.may(Act::SetField(UserField::Permissions, None)) {
                    user.permissions.clear();
                }
                caller = Some(newer);
            }
            if let Some(request) = &content.membership {
                let planned = self.plan_membership(caller.as_ref(), &[], request).await?;
                plan = planned.map_err(|violation| Error::Invalid(vec![violation]))?;
            }
        }
    }

    /// Fails if the caller may not create such a user. Returns the records that the decision depends on.
    async fn must_create(&self, caller: &Caller, user: &User) -> Result<Basis> {
        let basis = self.must_write(caller, None, Some(user)).await?;
        // A user without rights gains nothing if the creator has just been demoted. Without the condition, the most
        // frequent write costs two units less.
        let gives = !user.groups.is_empty() || Holdings::of_record(user) != Holdings::default();
        Ok(if gives || caller.rights != Rights::Everything { basis } else { Basis::default() })
    }

    /// Gives a new user its first address, and mails a confirmation link unless the address counts as verified.
    async fn first_address(&self, user: &mut User, verified: bool, base: Option<&str>) -> Result<Vec<Mail>> {
        let Some(email) = &user.email else { return Ok(Vec::new()) };
        let id = AddressId(self.store.sequence_next(Sequence::Addresses).await?);
        let email = email.lower_case();
        user.addresses.push(UserEmail { id, email: email.clone(), verified, primary: verified });
        let (Some(base), false) = (base, verified) else { return Ok(Vec::new()) };
        let key = confirmation_key(&self.keys, self.ambient.now(), user.id, id, &email).await?;
        let kind = MailKind::Confirmation { link: format!("{base}/accounts/confirm-email/{key}/").into() };
        Ok(vec![new_mail(&*self.ambient, email, user, kind)])
    }
}
