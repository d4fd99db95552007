//! Changing and removing users.

use async_recursion::async_recursion as boxed;
use tokio::sync::OnceCell;

use super::checks::{is_email_alone, too_long, unknown_group, violations_of};
use crate::directory::memberships::MembershipPlan;
use crate::directory::roles::end_tokens_of_others;
use crate::directory::{Act, Caller, Directory, Draft, Expected, Subject, UserDetail, UserField};
use crate::error::{Entity, Error, Refusal, Result, Violation};
use crate::model::{CleanupTask, DeletedUser, GroupId, Membership, User, UserChanges, UserId};
use crate::store::{Basis, UserWrite, WriteOutcome};

/// What a change makes of a user, if there are no violations.
struct UserPlan {
    after: User,
    memberships: Vec<Membership>,
    membership: Option<MembershipPlan>,
    violations: Vec<Violation>,
}

impl Directory {
    /// Changes a user whom the caller can see. Concurrent changes of other fields are kept.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all violations, [`Error::Refused`] by a rule, [`Error::Changed`] if the user is not at
    /// an `expected` version. Nothing is changed then.
    #[boxed]
    pub async fn change_user(
        &self,
        caller: &Caller,
        detail: UserDetail,
        draft: Draft<UserChanges>,
        expected: &Expected,
    ) -> Result<UserDetail> {
        Box::pin(self.change_user_by(caller, detail, |_| Ok(draft.clone()), expected)).await
    }

    /// The same for changes that depend on the state of the user: `draft` makes them from the newest one. It must always
    /// make the same password.
    ///
    /// # Errors
    /// As there, or as `draft`.
    pub async fn change_user_by<E: From<Error>>(
        &self,
        caller: &Caller,
        detail: UserDetail,
        draft: impl Fn(&UserDetail) -> Result<Draft<UserChanges>, E>,
        expected: &Expected,
    ) -> Result<UserDetail, E> {
        let hash = OnceCell::new();
        let mut attempts = self.attempts(caller, detail);
        loop {
            let (caller, current) = attempts.next().await?;
            let before = &current.user;
            let Draft { content: mut asked, violations } = draft(current)?;
            let password = asked.password.take();
            let content = settable(caller, before.id, &asked);
            let plan = self.plan_change(caller, current, &content).await?;
            let UserPlan { mut after, memberships, membership, violations: more } = plan;
            // A new password ends all tokens and sessions of the old one. The decision below must see that.
            after.token_version += u64::from(password.is_some());
            // Authorize first, so an unauthorized caller cannot probe for taken names.
            let basis = self.must_change(caller, before, Some(&after), &current.visibility, expected).await?;
            let mut violations = [&violations[..], &more].concat();
            if after.has_caseless_name && after.username != before.username {
                violations.extend(self.caseless_name_taken(&after.username, before.id).await?);
            }
            if !violations.is_empty() {
                violations.extend(self.taken_by_others(before, &after, content.may_share_email).await?);
                return Err(Error::Invalid(violations).into());
            }
            self.check_expiration(Some(before), &after, content.may_be_expired)?;
            if let Some(password) = &password {
                let hash = hash.get_or_try_init(|| self.hasher.hash(password.clone())).await?;
                after.password.clone_from(hash);
            }
            end_tokens_of_others(before, &mut after);
            if after == *before && membership.is_none() {
                return Ok(current.clone());
            }
            let guardian = self.superuser_left_by(caller, before, Some(&after)).await?;
            let is_own = caller.user.id == before.id;
            let write = UserWrite {
                before: Some(before),
                after: Some(&after),
                memberships: Some(&memberships),
                membership: membership.as_ref().map(MembershipPlan::write),
                mails: self.notices(before, &after),
                other_superuser: guardian.as_ref(),
                basis: Some(&basis),
                actor: Some(&caller.actor()),
                action: None,
                kept_session: caller.session().filter(|_| is_own && password.is_some()),
                ..UserWrite::default()
            };
            if let Some(user) = self.write_user(write, content.may_share_email).await? {
                if user.others_api_tokens_ended != before.others_api_tokens_ended {
                    self.clean_up_after(CleanupTask::EndedTokens(before.id)).await;
                }
                return Ok(UserDetail { user, memberships, ..current.clone() });
            }
        }
    }

    /// Applies changes to a user, and collects the violations of rules about one value.
    async fn plan_change(&self, caller: &Caller, current: &UserDetail, changes: &UserChanges) -> Result<UserPlan> {
        let UserDetail { user: before, memberships, .. } = current;
        let mut violations = self.unknown_references(before, changes).await?;
        let mut groups_beyond = None;
        if let Some(groups) = &changes.groups {
            groups_beyond = self.groups_beyond(caller, &before.groups, groups).await?;
        }
        let mut membership = None;
        if let Some(request) = &changes.membership {
            match self.plan_membership(Some(caller), memberships, request).await? {
                Ok(planned) => membership = planned,
                Err(violation) => violations.push(violation),
            }
        }
        let mut after = before.clone();
        after.apply(changes);
        if let Some(emails) = &changes.emails {
            violations.extend(self.set_addresses(&mut after, emails).await?);
        }
        if let Some(phones) = &changes.phones {
            after.phone_number = self.free_number(phones, before.id).await?;
        }
        violations.extend(too_long(after.too_long(Some(before))));
        if groups_beyond.is_some() {
            // The contract requires a violation here.
            after.groups.clone_from(&before.groups);
        }
        violations.extend(groups_beyond);
        let mut memberships = memberships.clone();
        if let Some(plan) = &membership {
            memberships = plan.applied_to(&memberships);
            plan.apply_to(&mut after);
        }
        Ok(UserPlan { after, memberships, membership, violations })
    }

    /// Fails unless the caller may change the user this way, at that version. Returns the records that the decision
    /// depends on.
    async fn must_change(
        &self,
        caller: &Caller,
        before: &User,
        after: Option<&User>,
        visibility: &Basis,
        expected: &Expected,
    ) -> Result<Basis> {
        let mut basis = self.must_write(caller, Some(before), after).await?;
        expected.check(before.version)?;
        basis.extend(visibility.clone());
        Ok(basis)
    }

    /// Creates or changes a user. An e-mail that another user has is kept without a claim, if it may be shared. Returns
    /// the user as written; `None` if the write is stale.
    ///
    /// # Errors
    /// [`Error::Invalid`] for values that other users have, and for a group that does not exist.
    pub(in crate::directory) async fn write_user(
        &self,
        write: UserWrite<'_>,
        may_share_email: bool,
    ) -> Result<Option<User>> {
        let Some(mut user) = write.after.cloned() else { return Err(Error::internal("nobody to write")) };
        user.version = write.before.map_or(1, |before| before.version + 1);
        if write.before.is_some() {
            user.modified = self.ambient.now();
        }
        let stamped = user.clone();
        let write = UserWrite { after: Some(&stamped), ..write };
        let mut written = self.store.user_write(&write).await?;
        if let WriteOutcome::Taken(taken) = &written
            && may_share_email
            && is_email_alone(taken)
        {
            user.email_is_shared = true;
            written = self.store.user_write(&UserWrite { after: Some(&user), ..write }).await?;
        }
        match written {
            WriteOutcome::Done => Ok(Some(user)),
            WriteOutcome::Stale | WriteOutcome::OtherSuperuserLost => Ok(None),
            WriteOutcome::Taken(taken) => Err(Error::Invalid(violations_of(&user, &taken, may_share_email))),
            WriteOutcome::UnknownGroup(id) => Err(unknown_group(id)),
        }
    }

    /// Deletes a user whom the caller can see. The record waits to be restored or purged.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the user was deleted meanwhile, [`Error::Refused`] for the last active superuser,
    /// [`Error::Changed`] if the user is not at an `expected` version.
    #[boxed]
    pub async fn delete_user(&self, caller: &Caller, subject: Subject, expected: &Expected) -> Result<()> {
        let mut attempts = self.attempts(caller, subject);
        loop {
            let (caller, Subject { user, visibility, .. }) = attempts.next().await?;
            let basis = self.must_change(caller, user, None, visibility, expected).await?;
            let guardian = self.superuser_left_by(caller, user, None).await?;
            let found = self.store.user_with_memberships(user.id).await?;
            let (_, memberships) = found.ok_or(Error::NotFound(Entity::User))?;
            let deleted = DeletedUser::new(user, &memberships, self.ambient.now(), Some(caller.user.id));
            let write = UserWrite {
                before: Some(user),
                deleted: Some(&deleted),
                other_superuser: guardian.as_ref(),
                basis: Some(&basis),
                actor: Some(&caller.actor()),
                ..UserWrite::default()
            };
            if self.store.user_write(&write).await?.is_done()? {
                self.clean_up_after(CleanupTask::User(user.id)).await;
                return Ok(());
            }
        }
    }

    /// Removes a user from a deleted group.
    pub(in crate::directory) async fn leave_group(&self, id: UserId, group: GroupId) -> Result<()> {
        let mut attempts = self.store.attempts();
        loop {
            attempts.next().await?;
            let Some((before, memberships)) = self.store.user_with_memberships(id).await? else {
                return self.store.group_user_remove(group, id).await;
            };
            let mut after = before.clone();
            if !after.groups.remove(&group) {
                return self.store.group_user_remove(group, id).await;
            }
            if self.rewrite(&before, &after, &memberships, None).await? {
                return Ok(());
            }
        }
    }

    /// If a change would remove an active superuser: another one, who must remain for the change to be made.
    ///
    /// # Errors
    /// [`Error::Refused`] if there is no other.
    async fn superuser_left_by(&self, caller: &Caller, before: &User, after: Option<&User>) -> Result<Option<User>> {
        let today = self.ambient.now().date();
        let rules = |user: &User| user.flags.is_superuser && user.is_active_on(today);
        if !rules(before) || after.is_some_and(rules) {
            return Ok(None);
        }
        if caller.user.id != before.id && rules(&caller.user) {
            return Ok(Some(caller.user.clone()));
        }
        let mut start = None;
        loop {
            let piece = self.store.superusers(start.as_deref()).await?;
            for id in piece.ids.into_iter().filter(|&id| id != before.id) {
                if let Some(other) = self.store.user(id).await?.filter(rules) {
                    return Ok(Some(other));
                }
            }
            match piece.after {
                Some(after) => start = Some(after),
                None => return Err(Error::Refused(Refusal::LastSuperuser)),
            }
        }
    }
}

/// The changes without the fields that the caller may not set.
fn settable(caller: &Caller, id: UserId, changes: &UserChanges) -> UserChanges {
    let may_set = |field| caller.may(Act::SetField(field, Some(id)));
    let mut changes = changes.clone();
    let flags = &mut changes.flags;
    flags.is_staff = flags.is_staff.filter(|_| may_set(UserField::IsStaff));
    flags.is_superuser = flags.is_superuser.filter(|_| may_set(UserField::IsSuperuser));
    changes.permissions = changes.permissions.filter(|_| may_set(UserField::Permissions));
    changes.membership = changes.membership.filter(|_| may_set(UserField::Membership));
    changes
}
