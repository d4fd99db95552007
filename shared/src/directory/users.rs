//! Users: read, change, remove.

use std::collections::BTreeSet;

use super::cleanup::PendingRemovals;
use super::memberships::MembershipPlan;
use super::page::count;
use super::roles::end_tokens_of_others;
use super::{
    Act, Caller, Directory, Expected, Page, PageRange, Rights, Total, UserField, UserFilter, Visibility, too_busy,
};
use crate::error::{Entity, Error, Refusal, Result, Rule, Violation};
use crate::model::CleanupTask;
use crate::model::{
    Date, EdgeId, Field, GroupId, Membership, OrganizationId, Permission, PermissionId, References, User, UserChanges,
    UserId, UserNumber, UserRow,
};
use crate::store::{Basis, Claim, Taken, UserWrite, WriteOutcome};

/// What a client sent: the valid part, and the violations in the rest.
///
/// The directory adds the violations that only it can find, so that a client gets all of them at once.
#[derive(Debug, Clone)]
pub struct Draft<T> {
    /// The valid part.
    pub content: T,
    /// The violations so far.
    pub violations: Vec<Violation>,
}

/// A user with their memberships.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserDetail {
    /// The user.
    pub user: User,
    /// Its memberships; see [`Directory::ordered`].
    pub memberships: Vec<Membership>,
    /// The records that prove that the caller sees the user.
    pub(super) visibility: Basis,
    /// Shows whether names of organizations have changed since.
    pub(super) names: String,
}

/// A user as the object of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The user.
    pub user: User,
    /// The records that prove that the caller sees the user.
    pub(super) visibility: Basis,
}

impl From<UserDetail> for Subject {
    fn from(UserDetail { user, visibility, .. }: UserDetail) -> Self {
        Self { user, visibility }
    }
}

impl Subject {
    /// The caller, who always sees their own account.
    pub(super) fn oneself(caller: &Caller) -> Self {
        Self { user: caller.user.clone(), visibility: Basis::default() }
    }
}

impl Directory {
    /// The users whom the caller can see and who match `filter`, newest first. A group or an organization that
    /// does not exist or is out of sight has no users.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for callers who see nobody else, or when the store is unavailable.
    pub async fn users(&self, caller: &Caller, filter: &UserFilter, range: PageRange) -> Result<Page<UserRow>> {
        let mut page = self.users_that(caller, filter, range).await?;
        self.add_memberships(&mut page.items).await?;
        let going = self.hide_going_of(&mut page.items).await?;
        let lists = page.items.iter_mut().map(|row| &mut row.memberships).collect();
        self.order(caller, lists, &going.names).await?;
        Ok(page)
    }

    /// Reads the memberships of users who are in more organizations than their rows contain.
    pub(super) async fn add_memberships(&self, rows: &mut [UserRow]) -> Result<()> {
        for row in rows.iter_mut().filter(|row| row.lacks.memberships) {
            if let Some((_, memberships)) = self.store.user_with_memberships(row.id).await? {
                row.memberships = memberships;
            }
        }
        Ok(())
    }

    /// All users, sorted by number; read in batches, which costs an eighth of reading each.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for callers who may not see all users.
    pub async fn users_by_number(&self, caller: &Caller) -> Result<Vec<UserRow>> {
        caller.must_see_everyone()?;
        let counts = self.store.user_counts().await?;
        let mut rows = self.store.user_rows(&counts, 0, usize::MAX).await?;
        rows.sort_by_key(|row| row.number);
        // A user who is moved to another year meanwhile may appear in both.
        rows.dedup_by_key(|row| row.number);
        self.hide_going_of(&mut rows).await?;
        Ok(rows)
    }

    /// At most `limit` users with larger numbers than `after`, sorted by number. [`Page::next`] is `after` of the next
    /// page.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for callers who may not see all users.
    pub async fn users_after(&self, caller: &Caller, after: UserNumber, limit: usize) -> Result<Page<UserRow>> {
        caller.must_see_everyone()?;
        let users = self.store.users_after(after, limit.saturating_add(1)).await?;
        let total = Total::AtLeast(count(users.len()));
        let mut items: Vec<UserRow> = users.iter().take(limit).map(|user| user.row(&[])).collect();
        self.hide_going_of(&mut items).await?;
        let last = items.last().filter(|_| users.len() > limit).map(|row| row.number.to_string());
        Ok(Page { items, skipped: 0, total, next: last })
    }

    async fn hide_going_of(&self, rows: &mut [UserRow]) -> Result<PendingRemovals> {
        self.hide_removed(rows.iter_mut().map(|row| (&mut row.groups, &mut row.memberships)).collect()).await
    }

    /// A user whom the caller can see.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the user does not exist or is out of sight; [`Error::Forbidden`] for callers who may not
    /// ask.
    pub async fn user(&self, caller: &Caller, id: UserId) -> Result<UserDetail> {
        if caller.visibility() == Visibility::Oneself && id != caller.user.id {
            return Err(Error::Forbidden);
        }
        let found = self.store.user_with_memberships(id).await?;
        let (mut user, mut memberships) = found.ok_or(Error::NotFound(Entity::User))?;
        let PendingRemovals { names, .. } = self.hide_removed(vec![(&mut user.groups, &mut memberships)]).await?;
        let organizations = memberships.iter().map(|membership| membership.organization);
        let visibility = self.must_see(caller, &user, organizations.collect()).await?;
        Ok(UserDetail { user, memberships, visibility, names })
    }

    /// Refuses a user of those organizations whom the caller does not see. Returns what the visibility depends on: for
    /// a manager, an active organization that both are in.
    async fn must_see(&self, caller: &Caller, user: &User, organizations: Vec<OrganizationId>) -> Result<Basis> {
        let mut visibility = Basis::default();
        let mut seen_by = organizations;
        if caller.visibility() == Visibility::Managed {
            seen_by.retain(|id| caller.user.manages.contains(id));
            // The caller's record may not reflect a closed organization yet; the first one is nearly always open.
            for id in std::mem::take(&mut seen_by) {
                let found = self.store.organization(id).await?.filter(|organization| organization.is_active);
                if let Some(organization) = found {
                    visibility.rest_on_organization(&organization);
                    seen_by.push(id);
                    break;
                }
            }
        }
        let see = Act::SeeUser { id: user.id, is_superuser: user.is_superuser, organizations: &seen_by };
        if caller.may(see) { Ok(visibility) } else { Err(Error::NotFound(Entity::User)) }
    }

    /// The user with that number; see [`Directory::user`].
    ///
    /// # Errors
    /// As there.
    pub async fn user_by_number(&self, caller: &Caller, number: UserNumber) -> Result<UserDetail> {
        let id = self.store.user_by_number(number).await?;
        self.user(caller, id.ok_or(Error::NotFound(Entity::User))?.user).await
    }

    /// The user with that Edge id; see [`Directory::user`].
    ///
    /// # Errors
    /// As there.
    pub async fn user_by_edge_id(&self, caller: &Caller, id: EdgeId) -> Result<UserDetail> {
        if caller.visibility() == Visibility::Oneself && id != caller.user.edge_id {
            return Err(Error::Forbidden);
        }
        let id = self.store.user_by_edge_id(id).await?;
        self.user(caller, id.ok_or(Error::NotFound(Entity::User))?.user).await
    }

    /// A user whom the caller can see, without reading the memberships.
    ///
    /// # Errors
    /// As [`Directory::user`].
    pub async fn subject(&self, caller: &Caller, id: UserId) -> Result<Subject> {
        if caller.visibility() == Visibility::Oneself && id != caller.user.id {
            return Err(Error::Forbidden);
        }
        let user = self.store.user(id).await?.ok_or(Error::NotFound(Entity::User))?;
        let mut organizations = Vec::new();
        if caller.visibility() == Visibility::Managed && !user.is_superuser {
            organizations = self.store.memberships_among(id, &caller.user.manages).await?;
        }
        let visibility = self.must_see(caller, &user, organizations).await?;
        Ok(Subject { user, visibility })
    }

    /// Fails unless the caller may change anything about a user.
    ///
    /// # Errors
    /// [`Error::Forbidden`], or when the store is unavailable.
    pub async fn check_may_change(&self, caller: &Caller, detail: &UserDetail) -> Result<()> {
        self.must_write(caller, Some(&detail.user), Some(&detail.user)).await.map(drop)
    }

    /// The caller, or another user; see [`Directory::subject`].
    ///
    /// # Errors
    /// As there.
    pub async fn subject_or_oneself(&self, caller: &Caller, id: UserId) -> Result<Subject> {
        // Callers who may not see users still see their own account.
        if id == caller.user.id { Ok(Subject::oneself(caller)) } else { self.subject(caller, id).await }
    }

    /// Changes a user whom the caller can see. Concurrent changes of other fields are kept.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all violations, [`Error::Refused`] by a rule, [`Error::Changed`] if the user is not at
    /// an `expected` version. Nothing is changed then.
    pub async fn change_user(
        &self,
        caller: &Caller,
        detail: UserDetail,
        draft: Draft<UserChanges>,
        expected: &Expected,
    ) -> Result<UserDetail> {
        let Draft { content: mut asked, violations } = draft;
        let mut caller = caller.clone();
        let mut current = detail;
        let mut shares_email = false;
        let mut hash = None;
        let mut retries = self.store.retries();
        loop {
            let mut violations = violations.clone();
            let before = &current.user;
            let content = settable(&caller, before.id, &asked);
            violations.extend(self.unknown_references(before, &content).await?);
            let mut groups_beyond = None;
            if let Some(groups) = &content.groups {
                groups_beyond = self.groups_beyond(&caller, &before.groups, groups).await?;
            }
            let mut plan = None;
            if let Some(request) = &content.membership {
                match self.plan_membership(Some(&caller), &current.memberships, request).await? {
                    Ok(planned) => plan = planned,
                    Err(violation) => violations.push(violation),
                }
            }
            let mut after = before.clone();
            after.apply(&content);
            after.email_is_shared |= shares_email && after.email != before.email;
            violations.extend(too_long(after.too_long(Some(before))));
            if groups_beyond.is_some() {
                // The contract requires a violation here.
                after.groups.clone_from(&before.groups);
            }
            violations.extend(groups_beyond);
            let mut memberships = current.memberships.clone();
            if let Some(plan) = &plan {
                memberships = plan.applied_to(&memberships);
                plan.apply_to(&mut after);
            }
            if hash.is_some() || content.password.is_some() {
                // It ends all tokens and sessions of the old one, so the decision comes before hashing.
                after.token_version += 1;
            }
            // Authorize first, so an unauthorized caller cannot probe for taken names.
            let mut basis = self.must_write(&caller, Some(before), Some(&after)).await?;
            expected.check(before.version)?;
            basis.extend(current.visibility.clone());
            if !violations.is_empty() {
                violations.extend(self.taken_by_others(before, &after, content.may_share_email).await?);
                return Err(Error::Invalid(violations));
            }
            self.check_expiration(Some(before), &after)?;
            if let Some(password) = asked.password.take() {
                hash = Some(self.hasher.hash(password).await?);
            }
            if let Some(hash) = &hash {
                after.password.clone_from(hash);
            }
            end_tokens_of_others(before, &mut after);
            if after == *before && plan.is_none() {
                return Ok(current);
            }
            let guardian = self.superuser_left_by(&caller, before, Some(&after)).await?;
            let is_own = caller.user.id == before.id;
            let written = self
                .store
                .user_write(&UserWrite {
                    before: Some(before),
                    after: Some(&after),
                    memberships: Some(&memberships),
                    membership: plan.as_ref().map(MembershipPlan::write),
                    mails: self.notices(before, &after),
                    other_superuser: guardian.as_ref(),
                    basis: Some(&basis),
                    kept_session: caller.session().filter(|_| is_own && hash.is_some()),
                })
                .await?;
            match written {
                WriteOutcome::Done => {
                    if after.others_api_tokens_ended != before.others_api_tokens_ended {
                        self.clean_up_after(CleanupTask::EndedTokens(before.id)).await;
                    }
                    after.version = before.version + 1;
                    return Ok(UserDetail { user: after, memberships, ..current });
                }
                WriteOutcome::Taken(taken) if content.may_share_email && is_email_alone(&taken) && !shares_email => {
                    shares_email = true;
                }
                WriteOutcome::Taken(taken) => {
                    return Err(Error::Invalid(violations_of(&after, &taken, content.may_share_email)));
                }
                WriteOutcome::UnknownGroup(id) => return Err(unknown_group(id)),
                WriteOutcome::Stale | WriteOutcome::OtherSuperuserLost if retries.again().await => {
                    caller = self.refreshed(&caller).await?;
                    current = self.user(&caller, current.user.id).await?;
                }
                WriteOutcome::Stale | WriteOutcome::OtherSuperuserLost => return Err(too_busy()),
            }
        }
    }

    /// Removes a user whom the caller can see, with everything that belongs to the user.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the user was deleted meanwhile, [`Error::Refused`] for the last active superuser,
    /// [`Error::Changed`] if the user is not at an `expected` version.
    pub async fn delete_user(&self, caller: &Caller, subject: Subject, expected: &Expected) -> Result<()> {
        let (mut caller, mut current) = (caller.clone(), subject);
        let mut retries = self.store.retries();
        loop {
            let mut basis = self.must_write(&caller, Some(&current.user), None).await?;
            expected.check(current.user.version)?;
            basis.extend(current.visibility.clone());
            let guardian = self.superuser_left_by(&caller, &current.user, None).await?;
            let written = self
                .store
                .user_write(&UserWrite {
                    before: Some(&current.user),
                    other_superuser: guardian.as_ref(),
                    basis: Some(&basis),
                    ..UserWrite::default()
                })
                .await?;
            match written {
                WriteOutcome::Done => {
                    self.clean_up_after(CleanupTask::User(current.user.id)).await;
                    return Ok(());
                }
                WriteOutcome::Taken(_) | WriteOutcome::UnknownGroup(_) => {
                    return Err(Error::internal("unexpected conflict while deleting a user"));
                }
                WriteOutcome::Stale | WriteOutcome::OtherSuperuserLost if retries.again().await => {
                    caller = self.refreshed(&caller).await?;
                    current = self.subject(&caller, current.user.id).await?;
                }
                WriteOutcome::Stale | WriteOutcome::OtherSuperuserLost => return Err(too_busy()),
            }
        }
    }

    /// Removes a user from a deleted group.
    pub(super) async fn leave_group(&self, id: UserId, group: GroupId) -> Result<()> {
        let mut retries = self.store.retries();
        while retries.next().await {
            let Some((before, memberships)) = self.store.user_with_memberships(id).await? else {
                return self.store.group_user_remove(group, id).await;
            };
            let mut after = before.clone();
            if !after.groups.remove(&group) {
                return self.store.group_user_remove(group, id).await;
            }
            let write = UserWrite {
                before: Some(&before),
                after: Some(&after),
                memberships: Some(&memberships),
                ..UserWrite::default()
            };
            if self.store.user_write(&write).await? == WriteOutcome::Done {
                return Ok(());
            }
        }
        Err(too_busy())
    }

    /// Hides deleted groups and organizations that are still noted in the records of users.
    async fn hide_removed(
        &self,
        parts: Vec<(&mut BTreeSet<GroupId>, &mut Vec<Membership>)>,
    ) -> Result<PendingRemovals> {
        if parts.iter().all(|(groups, memberships)| groups.is_empty() && memberships.is_empty()) {
            return Ok(PendingRemovals::default());
        }
        let going = self.going().await?;
        for (groups, memberships) in parts {
            groups.retain(|id| !going.groups.contains(id));
            memberships.retain(|membership| !going.organizations.contains(&membership.organization));
        }
        Ok(going)
    }

    /// A new last day must not be in the past, and an expired account cannot be activated.
    pub(super) fn check_expiration(&self, before: Option<&User>, after: &User) -> Result<()> {
        let today: Date = self.ambient.now().date();
        if !after.is_expired_on(today) {
            return Ok(());
        }
        if before.is_none_or(|before| before.expiration_date != after.expiration_date) {
            return Err(Error::invalid(Field::ExpirationDate, Rule::Past));
        }
        if after.is_active && before.is_some_and(|before| !before.is_active) {
            return Err(Error::invalid(Field::IsActive, Rule::Expired));
        }
        Ok(())
    }

    /// If a change would remove an active superuser: another one, who must remain for the change to be made.
    ///
    /// # Errors
    /// [`Error::Refused`] if there is no other.
    async fn superuser_left_by(&self, caller: &Caller, before: &User, after: Option<&User>) -> Result<Option<User>> {
        let today = self.ambient.now().date();
        let rules = |user: &User| user.is_superuser && user.is_active_on(today);
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

    /// Groups that would be gained and have permissions that the caller lacks.
    pub(super) async fn groups_beyond(
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

    async fn unknown_references(&self, before: &User, changes: &UserChanges) -> Result<Vec<Violation>> {
        let mut violations = Vec::new();
        if let Some(groups) = &changes.groups {
            violations.extend(self.unknown_groups(&before.groups, groups).await?);
        }
        violations.extend(changes.permissions.as_ref().and_then(|ids| unknown_permission(Field::Permissions, ids)));
        Ok(violations)
    }

    /// The first group that does not exist, or too many groups.
    pub(super) async fn unknown_groups(
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
    async fn taken_by_others(&self, before: &User, after: &User, may_share_email: bool) -> Result<Vec<Violation>> {
        let email = after.email.as_ref().filter(|_| !may_share_email && !after.email_is_shared);
        self.taken(Some(&after.username), email, after.phone_number.as_ref(), Some(before.id)).await
    }

    pub(super) async fn taken(
        &self,
        username: Option<&crate::model::Username>,
        email: Option<&crate::model::EmailAddress>,
        phone: Option<&crate::model::PhoneNumber>,
        own: Option<UserId>,
    ) -> Result<Vec<Violation>> {
        let mut violations = Vec::new();
        let others = |taken: Option<Taken>| taken.filter(|taken| Some(taken.user) != own);
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

/// The changes without the fields that the caller may not set.
fn settable(caller: &Caller, id: UserId, changes: &UserChanges) -> UserChanges {
    let may_set = |field| caller.may(Act::SetField(field, Some(id)));
    let mut changes = changes.clone();
    changes.is_staff = changes.is_staff.filter(|_| may_set(UserField::IsStaff));
    changes.is_superuser = changes.is_superuser.filter(|_| may_set(UserField::IsSuperuser));
    changes.permissions = changes.permissions.filter(|_| may_set(UserField::Permissions));
    changes.membership = changes.membership.filter(|_| may_set(UserField::Membership));
    changes
}

/// The first permission that does not exist.
pub(super) fn unknown_permission(field: Field, permissions: &References<PermissionId>) -> Option<Violation> {
    let unknown = permissions.first_unknown(|id| Permission::by_id(*id).is_some());
    unknown.map(|sent| Violation { field, rule: Rule::UnknownReference(sent) })
}

pub(super) fn unknown_group(id: GroupId) -> Error {
    Error::invalid(Field::Groups, Rule::UnknownReference(id.to_string()))
}

/// Violations for texts that are too long.
pub(super) fn too_long(texts: Vec<(Field, usize)>) -> impl Iterator<Item = Violation> {
    texts.into_iter().map(|(field, most)| Violation { field, rule: Rule::TooLong(most) })
}

/// Whether the e-mail is the only conflict with other users.
pub(super) fn is_email_alone(taken: &[Taken]) -> bool {
    !taken.is_empty() && taken.iter().all(|taken| taken.claim == Claim::Email)
}

/// The violations that conflicts with other users cause.
///
/// An e-mail that differs only in case violates the whole object and is reported when all else is valid; an e-mail that
/// may be shared violates nothing.
pub(super) fn violations_of(wanted: &User, taken: &[Taken], may_share_email: bool) -> Vec<Violation> {
    let same_email = |text: &str| wanted.email.as_ref().is_some_and(|email| email.as_str() == text);
    let mut violations = Vec::new();
    let mut whole = Vec::new();
    for Taken { claim, text, .. } in taken {
        match claim {
            Claim::Email if may_share_email => {}
            Claim::Username => violations.push(Violation { field: Field::Username, rule: Rule::Taken }),
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
