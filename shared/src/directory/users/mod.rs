//! Users: read, change, remove.

mod change;
mod checks;

use std::collections::BTreeSet;

pub(super) use self::checks::{too_long, unknown_permission};
use async_recursion::async_recursion as boxed;

use super::cleanup::PendingRemovals;
use super::page::count;
use super::{Act, Caller, Directory, Page, PageRange, Total, UserFilter, Visibility};
use crate::error::{Entity, Error, Result, Violation};
use crate::model::{EdgeId, GroupId, Membership, OrganizationId, User, UserId, UserNumber, UserRow};
use crate::store::{Basis, Counts};

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
    /// Their memberships; see [`Directory::ordered`].
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
    /// Whether the caller reached it as their own account, which needs no visibility.
    pub(super) is_oneself: bool,
}

impl From<UserDetail> for Subject {
    fn from(UserDetail { user, visibility, .. }: UserDetail) -> Self {
        Self { user, visibility, is_oneself: false }
    }
}

impl Subject {
    /// The caller, who always sees their own account.
    pub(super) fn oneself(caller: &Caller) -> Self {
        Self { user: caller.user.clone(), visibility: Basis::default(), is_oneself: true }
    }
}

impl Directory {
    /// The users whom the caller can see and who match `filter`, newest first. A group or an organization that
    /// does not exist or is out of sight has no users.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for callers who see nobody else, or when the store is unavailable.
    #[boxed]
    pub async fn users(&self, caller: &Caller, filter: &UserFilter, range: PageRange) -> Result<Page<UserRow>> {
        let mut page = self.users_that(caller, filter, range).await?;
        self.finish_rows(caller, &mut page.items).await?;
        Ok(page)
    }

    /// Adds and sorts the memberships of users, and hides what was removed.
    pub(super) async fn finish_rows(&self, caller: &Caller, rows: &mut [UserRow]) -> Result<()> {
        self.add_memberships(rows).await?;
        let pending_removals = self.hide_removed_in_rows(rows).await?;
        let lists = rows.iter_mut().map(|row| &mut row.memberships).collect();
        self.order(caller, lists, &pending_removals.names).await
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
    /// [`Error::Forbidden`] unless the caller may see all users.
    #[boxed]
    pub async fn users_by_number(&self, caller: &Caller) -> Result<Vec<UserRow>> {
        caller.must_see_everyone()?;
        let counts = self.user_counts(caller).await?;
        let mut rows = self.store.user_rows(&counts, 0, usize::MAX).await?;
        rows.sort_by_key(|row| row.number);
        // A user who is moved to another year meanwhile may appear in both.
        rows.dedup_by_key(|row| row.number);
        self.hide_removed_in_rows(&mut rows).await?;
        Ok(rows)
    }

    /// At most `limit` users with larger numbers than `after`, sorted by number. [`Page::next`] is `after` of the next
    /// page.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless the caller may see all users.
    #[boxed]
    pub async fn users_after(&self, caller: &Caller, after: UserNumber, limit: usize) -> Result<Page<UserRow>> {
        caller.must_see_everyone()?;
        let users = self.store.users_after(after, limit.saturating_add(1)).await?;
        let total = Total::AtLeast(count(users.len()));
        let mut items: Vec<UserRow> = users.iter().take(limit).map(|user| user.row(&[])).collect();
        self.hide_removed_in_rows(&mut items).await?;
        let last = items.last().filter(|_| users.len() > limit).map(|row| row.number.to_string());
        Ok(Page { items, skipped: 0, total, next: last })
    }

    /// The number of all users, as it was when the request came or later.
    pub(super) async fn user_counts(&self, caller: &Caller) -> Result<Counts> {
        match caller.ahead.take_count() {
            Some(counts) => Ok(counts),
            None => self.store.user_counts().await,
        }
    }

    async fn hide_removed_in_rows(&self, rows: &mut [UserRow]) -> Result<PendingRemovals> {
        self.hide_removed(rows.iter_mut().map(|row| (&mut row.groups, &mut row.memberships)).collect()).await
    }

    /// A user whom the caller can see.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the user does not exist or is out of sight; [`Error::Forbidden`] for callers who may not
    /// ask.
    #[boxed]
    pub async fn user(&self, caller: &Caller, id: UserId) -> Result<UserDetail> {
        if caller.visibility() == Visibility::Oneself && id != caller.user.id {
            return Err(Error::Forbidden);
        }
        let found = match caller.ahead.take_user(id) {
            Some(found) => found,
            None => self.store.user_with_memberships(id).await?,
        };
        let (mut user, mut memberships) = found.ok_or(Error::NotFound(Entity::User))?;
        let PendingRemovals { names, .. } = self.hide_removed(vec![(&mut user.groups, &mut memberships)]).await?;
        let organizations = memberships.iter().map(|membership| membership.organization);
        let visibility = self.must_see(caller, &user, organizations.collect()).await?;
        Ok(UserDetail { user, memberships, visibility, names })
    }

    /// Refuses a user of those organizations whom the caller does not see. Returns what the visibility depends on: for
    /// a manager, an active organization that both are in.
    pub(super) async fn must_see(
        &self,
        caller: &Caller,
        user: &User,
        organizations: Vec<OrganizationId>,
    ) -> Result<Basis> {
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
        let see = Act::SeeUser { id: user.id, is_superuser: user.flags.is_superuser, organizations: &seen_by };
        if caller.may(see) { Ok(visibility) } else { Err(Error::NotFound(Entity::User)) }
    }

    /// The user with that number; see [`Directory::user`].
    ///
    /// # Errors
    /// As there.
    #[boxed]
    pub async fn user_by_number(&self, caller: &Caller, number: UserNumber) -> Result<UserDetail> {
        let id = self.store.user_by_number(number).await?;
        self.user(caller, id.ok_or(Error::NotFound(Entity::User))?.user).await
    }

    /// The user with that Edge id; see [`Directory::user`].
    ///
    /// # Errors
    /// As there.
    #[boxed]
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
    #[boxed]
    pub async fn subject(&self, caller: &Caller, id: UserId) -> Result<Subject> {
        if caller.visibility() == Visibility::Oneself && id != caller.user.id {
            return Err(Error::Forbidden);
        }
        let (user, organizations) = if let Some(found) = caller.ahead.take_user(id) {
            let (user, memberships) = found.ok_or(Error::NotFound(Entity::User))?;
            (user, memberships.iter().map(|membership| membership.organization).collect())
        } else {
            let user = self.store.user(id).await?.ok_or(Error::NotFound(Entity::User))?;
            let mut organizations = Vec::new();
            if caller.visibility() == Visibility::Managed && !user.flags.is_superuser {
                organizations = self.store.memberships_among(id, &caller.user.manages).await?;
            }
            (user, organizations)
        };
        let visibility = self.must_see(caller, &user, organizations).await?;
        Ok(Subject { user, visibility, is_oneself: false })
    }

    /// Fails unless the caller may change anything about a user.
    ///
    /// # Errors
    /// [`Error::Forbidden`], or when the store is unavailable.
    #[boxed]
    pub async fn check_may_change(&self, caller: &Caller, detail: &UserDetail) -> Result<()> {
        self.must_write(caller, Some(&detail.user), Some(&detail.user)).await.map(drop)
    }

    /// The caller, or another user; see [`Directory::subject`].
    ///
    /// # Errors
    /// As there.
    #[boxed]
    pub async fn subject_or_oneself(&self, caller: &Caller, id: UserId) -> Result<Subject> {
        // Callers who may not see users still see their own account.
        if id == caller.user.id { Ok(Subject::oneself(caller)) } else { self.subject(caller, id).await }
    }

    /// Hides deleted groups and organizations that are still noted in the records of users.
    async fn hide_removed(
        &self,
        parts: Vec<(&mut BTreeSet<GroupId>, &mut Vec<Membership>)>,
    ) -> Result<PendingRemovals> {
        if parts.iter().all(|(groups, memberships)| groups.is_empty() && memberships.is_empty()) {
            return Ok(PendingRemovals::default());
        }
        let pending_removals = self.pending_removals().await?;
        for (groups, memberships) in parts {
            groups.retain(|id| !pending_removals.groups.contains(id));
            memberships.retain(|membership| !pending_removals.organizations.contains(&membership.organization));
        }
        Ok(pending_removals)
    }
}
