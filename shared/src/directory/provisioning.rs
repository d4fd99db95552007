//! What identity providers ask about users: who has a name, an address or an id, and whole lists of users
//! (`contracts/scim.md` sections 3 and 4).

use std::collections::{BTreeMap, BTreeSet};

use async_recursion::async_recursion as boxed;

use super::page::count;
use super::{Caller, Directory, Page, Total, UserDetail, UserFilter, Visibility};
use crate::error::{Error, Result, Rule};
use crate::model::{
    EmailAddress, Field, GroupId, MembershipRequest, Named, OrganizationId, UserId, UserRow, Username, WhenSame,
};
use crate::store::Store;

/// A value that few users have in common, by which they are found at once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum UserKey {
    /// The id.
    Id(UserId),
    /// The user name, in any letter case.
    Name(String),
    /// The e-mail or a verified address, in any letter case.
    Email(String),
    /// The external id.
    ExternalId(String),
}

impl Directory {
    /// The users with a value whom the caller sees.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for callers who see nobody else, or when the store is unavailable.
    #[boxed]
    pub async fn users_by_key(&self, caller: &Caller, key: &UserKey) -> Result<Vec<UserDetail>> {
        let ids = match key {
            UserKey::Id(id) => BTreeSet::from([*id]),
            UserKey::Name(name) => match Username::of_existing(name) {
                Some(name) => self.store.users_by_caseless_name(&name).await?,
                None => BTreeSet::new(),
            },
            UserKey::Email(email) => match EmailAddress::of_store(email) {
                Some(email) => self.user_of_email(&email).await?.into_iter().collect(),
                None => BTreeSet::new(),
            },
            UserKey::ExternalId(id) => self.store.users_by_external_id(id).await?,
        };
        let mut users = Vec::new();
        for id in ids {
            match self.user(caller, id).await {
                Ok(detail) => users.push(detail),
                Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(users)
    }

    async fn user_of_email(&self, email: &EmailAddress) -> Result<Option<UserId>> {
        match self.store.user_by_email(email).await? {
            Some(taken) => Ok(Some(taken.user)),
            None => Ok(self.store.user_by_address(email).await?.map(|taken| taken.user)),
        }
    }

    /// The users whom the caller sees and who match `filter`, newest first; `None` if there may be more than `most`.
    ///
    /// # Errors
    /// As [`Directory::users`].
    #[boxed]
    pub async fn users_up_to(&self, caller: &Caller, filter: &UserFilter, most: usize) -> Result<Option<Vec<UserRow>>> {
        let Some(mut rows) = self.found_up_to(caller, filter, most).await? else { return Ok(None) };
        self.finish_rows(caller, &mut rows).await?;
        Ok(Some(rows))
    }

    /// At most `limit` users whom the caller sees, newest first, after a position; [`Page::next`] is the position of
    /// the last one if there may be more.
    ///
    /// # Errors
    /// As [`Directory::users`].
    #[boxed]
    pub async fn users_from(&self, caller: &Caller, after: Option<&str>, limit: usize) -> Result<Page<UserRow>> {
        let (mut items, total) = match caller.visibility() {
            Visibility::Everyone => {
                let counts = self.user_counts(caller).await?;
                (self.store.user_rows_after(&counts, after, limit).await?, counts.total())
            }
            Visibility::Managed => self.managed_from(caller, after, limit).await?,
            Visibility::Oneself => return Err(Error::Forbidden),
        };
        let next = items.last().filter(|_| items.len() >= limit).map(Store::position_of);
        self.finish_rows(caller, &mut items).await?;
        Ok(Page { items, skipped: 0, total: Total::Exact(total), next })
    }

    /// The same users, with what their rows lack; all that the record has for those that are `wanted`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn with_details(
        &self,
        mut rows: Vec<UserRow>,
        wanted: impl Fn(&UserRow) -> bool,
    ) -> Result<Vec<UserRow>> {
        let is_wanted = |row: &UserRow| row.change.is_none() && (row.lacks.details || wanted(row));
        let wanted: BTreeSet<UserId> = rows.iter().filter(|row| is_wanted(row)).map(|row| row.id).collect();
        let mut users = self.store.users_by_ids(&wanted).await?;
        for row in &mut rows {
            if let Some(user) = users.remove(&row.id) {
                let groups = std::mem::take(&mut row.groups);
                *row = UserRow { groups, ..user.row(&row.memberships) };
            }
        }
        Ok(rows)
    }

    /// The position of a user in lists, as [`Directory::users_from`] takes it.
    pub fn position_of(row: &UserRow) -> String {
        Store::position_of(row)
    }

    /// The names of groups.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn group_names(&self, ids: &BTreeSet<GroupId>) -> Result<BTreeMap<GroupId, String>> {
        Ok(self.store.groups(ids).await?.into_iter().map(|group| (group.id, group.name)).collect())
    }

    /// The names of organizations.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn organization_names(&self, ids: &BTreeSet<OrganizationId>) -> Result<BTreeMap<OrganizationId, String>> {
        let found = self.store.organizations(ids).await?;
        Ok(found.into_iter().map(|organization| (organization.id, organization.name)).collect())
    }

    /// The membership with which a caller creates users: in the only organization that the caller manages. `None` for
    /// callers who see all users.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for a caller who manages none, [`Error::Invalid`] for one who manages several.
    #[boxed]
    pub async fn membership_for_new_users(&self, caller: &Caller) -> Result<Option<MembershipRequest>> {
        if caller.visibility() == Visibility::Everyone {
            return Ok(None);
        }
        match self.managed_organizations(caller).await?[..] {
            [id] => {
                let organization = Named { id, sent: id.to_string() };
                Ok(Some(MembershipRequest { organization, is_admin: Some(false), same: WhenSame::Keep }))
            }
            [] => Err(Error::Forbidden),
            ref several => Err(Error::invalid(Field::MembershipOrganization, Rule::TooMany(several.len()))),
        }
    }

    async fn managed_from(&self, caller: &Caller, after: Option<&str>, limit: usize) -> Result<(Vec<UserRow>, u64)> {
        let organizations = self.managed_organizations(caller).await?;
        let hidden = self.all_superusers().await?;
        let total = self.members_page(&organizations, hidden.clone(), super::PageRange::NOTHING).await?.total;
        let members = self.members_after(&organizations, &hidden, after, limit).await?;
        Ok((self.rows_of(&members).await?, total.number().max(count(members.len()))))
    }
}
