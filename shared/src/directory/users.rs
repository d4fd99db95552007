//! Users: made, read, changed, removed.

use std::collections::BTreeSet;

use super::follow_up::Going;
use super::memberships::MembershipPlan;
use super::{Act, Caller, Directory, Rights, Sight, UserField, new_mail, too_busy};
use crate::error::{Entity, Error, Refusal, Result, Rule, Violation};
use crate::model::{
    AddressId, Date, EdgeId, GroupId, Mail, MailKind, MailboxEntry, Membership, NewUser, Permission, PermissionId,
    User, UserChanges, UserId, UserNumber, UserRow,
};
use crate::sign_in::link::confirmation_key;
use crate::store::keys::{Sequence, Work};
use crate::store::{Claim, Taken, UserWrite, Written};

/// What a client sent: the part that could be used, and what was wrong with the rest.
///
/// The directory adds what only it can see, so that a client learns everything at once.
#[derive(Debug, Clone)]
pub struct Draft<T> {
    /// The usable part.
    pub content: T,
    /// What was refused so far.
    pub violations: Vec<Violation>,
}

/// A user and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserDetail {
    /// The user.
    pub user: User,
    /// Its memberships, by the organizations' names.
    pub memberships: Vec<Membership>,
}

/// A stretch of the list of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPage {
    /// How many there are in all.
    pub total: u64,
    /// The rows asked for, newest first.
    pub rows: Vec<UserRow>,
}

impl Directory {
    /// The users whom the caller can see, newest first: `rows` tells, of the total, how many to leave out and to give.
    ///
    /// # Errors
    /// What `rows` answers, or when the store does not.
    pub async fn users(&self, caller: &Caller, rows: impl Fn(u64) -> Result<(u64, usize)>) -> Result<UserPage> {
        let mut page = match caller.sight() {
            Sight::Everyone => {
                let counts = self.store.user_counts().await?;
                let total = counts.total();
                let (offset, limit) = rows(total)?;
                UserPage { total, rows: self.store.user_rows(&counts, offset, limit).await? }
            }
            Sight::Managed => self.managed_users(caller, rows).await?,
            Sight::Oneself => return Err(Error::Forbidden),
        };
        self.hide_going_of(&mut page.rows).await?;
        Ok(page)
    }

    /// All users, in order of their numbers; read by the piece, so it costs an eighth of reading each.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for who may not see everybody.
    pub async fn users_by_number(&self, caller: &Caller) -> Result<Vec<UserRow>> {
        caller.must_see_everyone()?;
        let counts = self.store.user_counts().await?;
        let mut rows = self.store.user_rows(&counts, 0, usize::MAX).await?;
        rows.sort_by_key(|row| row.number);
        // Whoever moves to another year meanwhile may be met in both.
        rows.dedup_by_key(|row| row.number);
        self.hide_going_of(&mut rows).await?;
        Ok(rows)
    }

    /// Users with larger numbers than `after`, in order of these, at most `limit`, and whether there are more.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for who may not see everybody.
    pub async fn users_after(&self, caller: &Caller, after: UserNumber, limit: usize) -> Result<(Vec<UserRow>, bool)> {
        caller.must_see_everyone()?;
        let users = self.store.users_after(after, limit.saturating_add(1)).await?;
        let more = users.len() > limit;
        let mut rows: Vec<UserRow> = users.iter().take(limit).map(|user| user.row(&[])).collect();
        self.hide_going_of(&mut rows).await?;
        Ok((rows, more))
    }

    async fn hide_going_of(&self, rows: &mut [UserRow]) -> Result<()> {
        self.hide_going(rows.iter_mut().map(|row| (&mut row.groups, &mut row.memberships)).collect()).await.map(drop)
    }

    /// A user whom the caller can see.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, or out of sight; [`Error::Forbidden`] where asking is.
    pub async fn user(&self, caller: &Caller, id: UserId) -> Result<UserDetail> {
        if caller.sight() == Sight::Oneself && id != caller.user.id {
            return Err(Error::Forbidden);
        }
        let found = self.store.user_with_memberships(id).await?;
        let (mut user, mut memberships) = found.ok_or(Error::NotFound(Entity::User))?;
        let going = self.hide_going(vec![(&mut user.groups, &mut memberships)]).await?;
        let organizations = memberships.iter().map(|membership| membership.organization);
        let organizations: Vec<_> = organizations.filter(|id| !going.hides(*id)).collect();
        let see = Act::SeeUser { id, is_superuser: user.is_superuser, organizations: &organizations };
        if caller.may(see) { Ok(UserDetail { user, memberships }) } else { Err(Error::NotFound(Entity::User)) }
    }

    /// The user with that number, as [`Directory::user`] gives it.
    ///
    /// # Errors
    /// As there.
    pub async fn user_by_number(&self, caller: &Caller, number: UserNumber) -> Result<UserDetail> {
        let id = self.store.user_claiming_number(number).await?;
        self.user(caller, id.ok_or(Error::NotFound(Entity::User))?.user).await
    }

    /// The user with that Edge id, as [`Directory::user`] gives it.
    ///
    /// # Errors
    /// As there.
    pub async fn user_by_edge_id(&self, caller: &Caller, id: EdgeId) -> Result<UserDetail> {
        if caller.sight() == Sight::Oneself && id != caller.user.edge_id {
            return Err(Error::Forbidden);
        }
        let id = self.store.user_claiming_edge_id(id).await?;
        self.user(caller, id.ok_or(Error::NotFound(Entity::User))?.user).await
    }

    /// A user whom the caller can see, where the memberships do not matter, however many they are.
    ///
    /// # Errors
    /// As [`Directory::user`].
    pub async fn user_alone(&self, caller: &Caller, id: UserId) -> Result<User> {
        if caller.sight() == Sight::Oneself && id != caller.user.id {
            return Err(Error::Forbidden);
        }
        let user = self.store.user(id).await?.ok_or(Error::NotFound(Entity::User))?;
        let mut organizations = Vec::new();
        if caller.sight() == Sight::Managed && !user.is_superuser {
            organizations = self.store.memberships_among(id, &caller.user.manages).await?;
            if !organizations.is_empty() {
                let going = self.going().await?;
                organizations.retain(|id| !going.hides(*id));
            }
        }
        let see = Act::SeeUser { id, is_superuser: user.is_superuser, organizations: &organizations };
        if caller.may(see) { Ok(user) } else { Err(Error::NotFound(Entity::User)) }
    }

    /// Fails unless the caller may change something about a user at all, whatever it is.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn check_may_change(&self, caller: &Caller, detail: &UserDetail) -> Result<()> {
        let unchanged = Act::Write(Some(&detail.user), Some(&detail.user));
        caller.must(unchanged)
    }

    /// The caller, or another user whom the caller can see; as [`Directory::user_alone`].
    ///
    /// # Errors
    /// As there.
    pub async fn user_alone_or_oneself(&self, caller: &Caller, id: UserId) -> Result<User> {
        if id == caller.user.id { Ok(caller.user.clone()) } else { self.user_alone(caller, id).await }
    }

    /// Makes a user. Without `email_verified` a mail with a link below `base`, if given, asks to confirm the address.
    ///
    /// # Errors
    /// [`Error::Invalid`] with everything that is wrong, [`Error::Forbidden`] when the caller may not make such a user;
    /// nothing is made then.
    pub async fn create_user(&self, caller: &Caller, draft: Draft<NewUser>, base: Option<&str>) -> Result<UserDetail> {
        let mut draft = draft;
        let may_set = |field| caller.may(Act::SetField(field, None));
        draft.content.is_superuser &= may_set(UserField::IsSuperuser);
        if !may_set(UserField::Permissions) {
            draft.content.permissions.clear();
        }
        draft.violations.extend(self.groups_beyond(caller, &BTreeSet::new(), &draft.content.groups).await?);
        self.insert_user(draft, Some(caller), base).await
    }

    /// Changes a user whom the caller can see. Changes of other fields that happen meanwhile survive.
    ///
    /// # Errors
    /// [`Error::Invalid`] with everything that is wrong, [`Error::Refused`] by a rule; nothing is changed then.
    pub async fn change_user(
        &self,
        caller: &Caller,
        detail: UserDetail,
        draft: Draft<UserChanges>,
    ) -> Result<UserDetail> {
        let Draft { mut content, violations } = draft;
        let may_set = |field| caller.may(Act::SetField(field, Some(detail.user.id)));
        content.is_staff = content.is_staff.filter(|_| may_set(UserField::IsStaff));
        content.is_superuser = content.is_superuser.filter(|_| may_set(UserField::IsSuperuser));
        content.permissions = content.permissions.filter(|_| may_set(UserField::Permissions));
        content.membership = content.membership.filter(|_| may_set(UserField::Membership));
        let mut current = detail;
        let mut shares_email = false;
        let mut hash = None;
        let mut tries = self.store.tries();
        loop {
            let mut violations = violations.clone();
            let before = &current.user;
            if let Some(groups) = &content.groups {
                violations.extend(self.groups_beyond(caller, &before.groups, groups).await?);
            }
            violations.extend(self.unknown_references(before, &content).await?);
            let mut plan = None;
            if let Some(request) = content.membership {
                match self.plan_membership(Some(caller), &current.memberships, request).await? {
                    Ok(planned) => plan = planned,
                    Err(violation) => violations.push(violation),
                }
            }
            let mut after = before.clone();
            after.apply(&content);
            after.email_is_shared |= shares_email && after.email != before.email;
            // First, so that who may not learns nothing of what others have.
            caller.must(Act::Write(Some(before), Some(&after)))?;
            if !violations.is_empty() {
                violations.extend(self.taken_by_others(before, &after, content.may_share_email).await?);
                return Err(Error::Invalid(violations));
            }
            self.check_expiration(Some(before), &after)?;
            if let Some(password) = content.password.take() {
                hash = Some(self.hasher.hash(password).await?);
            }
            if let Some(hash) = &hash {
                after.password.clone_from(hash);
                // Set by somebody else, it ends what was signed in with the old one.
                after.token_version += u64::from(caller.user.id != before.id);
            }
            let mut memberships = current.memberships.clone();
            if let Some(plan) = &plan {
                memberships = plan.applied_to(&memberships);
                plan.apply_to(&mut after);
            }
            if after == *before && plan.is_none() {
                return Ok(current);
            }
            let guardian = self.superuser_left_by(before, Some(&after)).await?;
            let written = self
                .store
                .user_write(&UserWrite {
                    before: Some(before),
                    after: Some(&after),
                    memberships: Some(&memberships),
                    membership: plan.as_ref().map(MembershipPlan::write),
                    mails: Vec::new(),
                    other_superuser: guardian.as_ref(),
                })
                .await?;
            match written {
                Written::Done => {
                    after.version = before.version + 1;
                    return Ok(UserDetail { user: after, memberships });
                }
                Written::Taken(taken) if content.may_share_email && is_email_alone(&taken) && !shares_email => {
                    shares_email = true;
                }
                Written::Taken(taken) => {
                    return Err(Error::Invalid(violations_of(&after, &taken, content.may_share_email)));
                }
                Written::UnknownGroup(id) => return Err(unknown_group(id)),
                Written::Stale if tries.again().await => current = self.user(caller, current.user.id).await?,
                Written::OtherSuperuserLost if tries.again().await => {}
                Written::Stale | Written::OtherSuperuserLost => return Err(too_busy()),
            }
        }
    }

    /// Removes a user whom the caller can see, with everything that belongs to it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is gone meanwhile, [`Error::Refused`] for the last active superuser.
    pub async fn delete_user(&self, caller: &Caller, user: User) -> Result<()> {
        let mut current = user;
        let mut tries = self.store.tries();
        loop {
            caller.must(Act::Write(Some(&current), None))?;
            let guardian = self.superuser_left_by(&current, None).await?;
            let written = self
                .store
                .user_write(&UserWrite {
                    before: Some(&current),
                    other_superuser: guardian.as_ref(),
                    ..UserWrite::default()
                })
                .await?;
            match written {
                Written::Done => {
                    self.follow_up_some(Work::User(current.id)).await;
                    return Ok(());
                }
                Written::Taken(_) | Written::UnknownGroup(_) => {
                    return Err(Error::internal("a removal met a claim"));
                }
                Written::Stale if tries.again().await => current = self.user_alone(caller, current.id).await?,
                Written::OtherSuperuserLost if tries.again().await => {}
                Written::Stale | Written::OtherSuperuserLost => return Err(too_busy()),
            }
        }
    }

    /// Takes a user out of a removed group.
    pub(super) async fn leave_group(&self, id: UserId, group: GroupId) -> Result<()> {
        let mut tries = self.store.tries();
        while tries.next().await {
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
            if self.store.user_write(&write).await? == Written::Done {
                return Ok(());
            }
        }
        Err(too_busy())
    }

    /// Leaves out groups and organizations that were removed and are still noted in the records of users.
    async fn hide_going(&self, parts: Vec<(&mut BTreeSet<GroupId>, &mut Vec<Membership>)>) -> Result<Going> {
        if parts.iter().all(|(groups, memberships)| groups.is_empty() && memberships.is_empty()) {
            return Ok(Going::default());
        }
        let going = self.going().await?;
        for (groups, memberships) in parts {
            groups.retain(|id| !going.groups.contains(id));
            memberships.retain(|membership| !going.organizations.contains(&membership.organization));
        }
        Ok(going)
    }

    /// Makes a user whatever the caller may do. Without `base` no mail is sent.
    pub(super) async fn insert_user(
        &self,
        draft: Draft<NewUser>,
        caller: Option<&Caller>,
        base: Option<&str>,
    ) -> Result<UserDetail> {
        let Draft { content, mut violations } = draft;
        let mut plan = None;
        if let Some(request) = content.membership {
            match self.plan_membership(caller, &[], request).await? {
                Ok(planned) => plan = planned,
                Err(violation) => violations.push(violation),
            }
        }
        violations.extend(self.unknown_groups(&BTreeSet::new(), &content.groups).await?);
        violations.extend(unknown_permission(&content.permissions));
        let (Some(username), Some(password), true) = (&content.username, &content.password, violations.is_empty())
        else {
            let NewUser { username, email, phone_number, .. } = &content;
            let email = email.as_ref().filter(|_| !content.may_share_email);
            violations.extend(self.taken(username.as_ref(), email, phone_number.as_ref(), None).await?);
            return Err(Error::Invalid(violations));
        };
        let (id, edge_id) = (UserId::generate(&*self.ambient), EdgeId::generate(&*self.ambient));
        let mut user = User::new(id, edge_id, username, &content, self.ambient.now());
        self.check_expiration(None, &user)?;
        if caller.is_some_and(|caller| !caller.may(Act::Write(None, Some(&user)))) {
            return Err(Error::Forbidden);
        }
        user.password = self.hasher.hash(password.clone()).await?;
        user.number = UserNumber(self.store.sequence_next(Sequence::Users).await?);
        user.date_joined = self.ambient.now();
        let mails = self.first_address(&mut user, content.email_verified, base).await?;
        // An organization that changes meanwhile is read again; the user is new.
        let mut tries = self.store.tries();
        while tries.next().await {
            let memberships = plan.as_ref().map(|plan| plan.applied_to(&[])).unwrap_or_default();
            if let Some(plan) = &plan {
                plan.apply_to(&mut user);
            }
            let write = UserWrite {
                after: Some(&user),
                memberships: Some(&memberships),
                membership: plan.as_ref().map(MembershipPlan::write),
                mails: mails.clone(),
                ..UserWrite::default()
            };
            match (self.store.user_write(&write).await?, content.membership) {
                (Written::Done, _) => return Ok(UserDetail { user, memberships }),
                (Written::Taken(taken), _) if content.may_share_email && is_email_alone(&taken) => {
                    user.email_is_shared = true;
                }
                (Written::Taken(taken), _) => {
                    return Err(Error::Invalid(violations_of(&user, &taken, content.may_share_email)));
                }
                (Written::UnknownGroup(id), _) => return Err(unknown_group(id)),
                (Written::Stale, Some(request)) => {
                    let planned = self.plan_membership(caller, &[], request).await?;
                    plan = planned.map_err(|violation| Error::Invalid(vec![violation]))?;
                }
                (Written::Stale, None) | (Written::OtherSuperuserLost, _) => {
                    return Err(Error::internal("a new user met an old one"));
                }
            }
        }
        Err(too_busy())
    }

    /// Gives a new user its one address, and asks by mail to confirm it unless it counts as verified.
    async fn first_address(&self, user: &mut User, verified: bool, base: Option<&str>) -> Result<Vec<Mail>> {
        let Some(email) = &user.email else { return Ok(Vec::new()) };
        let id = AddressId(self.store.sequence_next(Sequence::Addresses).await?);
        let email = email.lower_case();
        user.addresses.push(MailboxEntry { id, email: email.clone(), verified, primary: verified });
        let (Some(base), false) = (base, verified) else { return Ok(Vec::new()) };
        let key = confirmation_key(&self.keys, self.ambient.now(), user.id, id, &email).await?;
        let kind = MailKind::Confirmation { link: format!("{base}/accounts/confirm-email/{key}/") };
        Ok(vec![new_mail(&*self.ambient, email, user, kind)])
    }

    /// A new last day must not have passed, and an expired account is not switched on.
    fn check_expiration(&self, before: Option<&User>, after: &User) -> Result<()> {
        let today: Date = self.ambient.now().date();
        if !after.is_expired_on(today) {
            return Ok(());
        }
        if before.is_none_or(|before| before.expiration_date != after.expiration_date) {
            return Err(Error::invalid("expiration_date", Rule::Past));
        }
        if after.is_active && before.is_some_and(|before| !before.is_active) {
            return Err(Error::invalid("is_active", Rule::Expired));
        }
        Ok(())
    }

    /// When a change would take an active superuser away: another one, who must stay for it to be made.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is no other.
    async fn superuser_left_by(&self, before: &User, after: Option<&User>) -> Result<Option<User>> {
        let today = self.ambient.now().date();
        let rules = |user: &User| user.is_superuser && user.is_active_on(today);
        if !rules(before) || after.is_some_and(rules) {
            return Ok(None);
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

    /// Groups that would be gained and hold more than the caller does.
    async fn groups_beyond(
        &self,
        caller: &Caller,
        before: &BTreeSet<GroupId>,
        after: &BTreeSet<GroupId>,
    ) -> Result<Option<Violation>> {
        let gained: BTreeSet<GroupId> = after.difference(before).copied().collect();
        if caller.rights == Rights::Everything || gained.is_empty() {
            return Ok(None);
        }
        let exceeds = self.store.groups(&gained).await?.iter().any(|group| !caller.may(Act::Give(&group.permissions)));
        Ok(exceeds.then_some(Violation { field: "groups", rule: Rule::BeyondOwnRights }))
    }

    async fn unknown_references(&self, before: &User, changes: &UserChanges) -> Result<Vec<Violation>> {
        let mut violations = Vec::new();
        if let Some(groups) = &changes.groups {
            violations.extend(self.unknown_groups(&before.groups, groups).await?);
        }
        violations.extend(changes.permissions.as_ref().and_then(unknown_permission));
        Ok(violations)
    }

    /// The first group that does not exist, or too many of them.
    async fn unknown_groups(&self, before: &BTreeSet<GroupId>, after: &BTreeSet<GroupId>) -> Result<Option<Violation>> {
        if after.len() > User::MAX_GROUPS {
            return Ok(Some(Violation { field: "groups", rule: Rule::TooMany(User::MAX_GROUPS) }));
        }
        if after.is_subset(before) {
            return Ok(None);
        }
        let known: BTreeSet<GroupId> = self.store.groups(after).await?.into_iter().map(|group| group.id).collect();
        let unknown = after.difference(&known).next();
        Ok(unknown.map(|id| Violation { field: "groups", rule: Rule::UnknownReference(id.to_string()) }))
    }

    /// What others have of what `after` would get; asked only when the change is refused anyway.
    async fn taken_by_others(&self, before: &User, after: &User, may_share_email: bool) -> Result<Vec<Violation>> {
        let email = after.email.as_ref().filter(|_| !may_share_email && !after.email_is_shared);
        self.taken(Some(&after.username), email, after.phone_number.as_ref(), Some(before.id)).await
    }

    async fn taken(
        &self,
        username: Option<&crate::model::Username>,
        email: Option<&crate::model::EmailAddress>,
        phone: Option<&crate::model::PhoneNumber>,
        own: Option<UserId>,
    ) -> Result<Vec<Violation>> {
        let mut violations = Vec::new();
        let others = |taken: Option<Taken>| taken.filter(|taken| Some(taken.user) != own);
        if let Some(username) = username
            && others(self.store.user_claiming_username(username).await?).is_some()
        {
            violations.push(Violation { field: "username", rule: Rule::Taken });
        }
        if let Some(email) = email
            && others(self.store.user_claiming_email(email).await?).is_some_and(|taken| taken.text == email.as_str())
        {
            violations.push(Violation { field: "email", rule: Rule::Taken });
        }
        if let Some(phone) = phone
            && others(self.store.user_claiming_phone(phone).await?).is_some()
        {
            violations.push(Violation { field: "phone_number", rule: Rule::Taken });
        }
        Ok(violations)
    }
}

/// The first permission that does not exist.
fn unknown_permission(permissions: &BTreeSet<PermissionId>) -> Option<Violation> {
    let unknown = permissions.iter().find(|id| Permission::by_id(**id).is_none());
    unknown.map(|id| Violation { field: "user_permissions", rule: Rule::UnknownReference(id.to_string()) })
}

fn unknown_group(id: GroupId) -> Error {
    Error::invalid("groups", Rule::UnknownReference(id.to_string()))
}

/// Whether others have the e-mail, and nothing else of what was asked for.
fn is_email_alone(taken: &[Taken]) -> bool {
    !taken.is_empty() && taken.iter().all(|taken| taken.claim == Claim::Email)
}

/// What claims of others mean for the sender's fields.
///
/// An address that differs only in letter case is a matter of the whole object, told when all else is well;
/// one that may be shared is none.
fn violations_of(wanted: &User, taken: &[Taken], may_share_email: bool) -> Vec<Violation> {
    let same_email = |text: &str| wanted.email.as_ref().is_some_and(|email| email.as_str() == text);
    let mut violations = Vec::new();
    let mut whole = Vec::new();
    for Taken { claim, text, .. } in taken {
        match claim {
            Claim::Email if may_share_email => {}
            Claim::Username => violations.push(Violation { field: "username", rule: Rule::Taken }),
            Claim::Email if same_email(text) => violations.push(Violation { field: "email", rule: Rule::Taken }),
            Claim::Email => whole.push(Violation { field: "email", rule: Rule::TakenInAnotherCase }),
            Claim::Phone => violations.push(Violation { field: "phone_number", rule: Rule::Taken }),
            Claim::VerifiedAddress => whole.push(Violation { field: "email", rule: Rule::AddressTaken }),
            Claim::Number | Claim::EdgeId => violations.push(Violation { field: "id", rule: Rule::Taken }),
        }
    }
    if violations.is_empty() {
        // One address can be in the way twice: as a user's e-mail, which is told, and as a verified address.
        whole.sort_by_key(|violation| violation.rule == Rule::AddressTaken);
        whole.truncate(1);
        whole
    } else {
        violations
    }
}
