//! Searching users by the contents of their fields: oldest first for Edge (`contracts/edge.md` section 4), newest first
//! for OpenWISP (`contracts/openwisp.md` section 15).

use std::collections::BTreeSet;

use async_recursion::async_recursion as boxed;

use super::page::count;
use super::{Caller, Directory, Page, PageRange, SystemCaller, Total, Visibility};
use crate::error::{Error, Result};
use crate::model::{EmailAddress, GroupId, OrganizationId, UserId, UserRow, fold};
use crate::store::{Member, Search, SearchField};

/// Up to this number, the total of a list without a counter is exact.
const COUNTED: usize = 10_000;

/// Conditions on users. `None` means no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// A part of the user name, ignoring case.
    pub username: Option<String>,
    /// A part of the first name.
    pub first_name: Option<String>,
    /// A part of the last name.
    pub last_name: Option<String>,
    /// A part of the e-mail.
    pub email: Option<String>,
    /// Whether the account is active.
    pub is_active: Option<bool>,
    /// Parts, each of the user name, the first name, the last name or the e-mail.
    pub any: Vec<String>,
    /// A group that the user is in.
    pub group: Option<GroupId>,
    /// An organization of which the user is a member.
    pub organization: Option<OrganizationId>,
}

/// The users among whom a caller searches.
struct Scope {
    /// The members of these; `None` for all users.
    organizations: Option<Vec<OrganizationId>>,
    /// But not these users.
    hidden: BTreeSet<UserId>,
}

impl UserFilter {
    /// Whether it has no conditions: every text contains the empty text.
    pub fn is_empty(&self) -> bool {
        self.search() == Search::default()
    }

    /// The search for the store.
    fn search(&self) -> Search {
        let Self { username, first_name, last_name, email, is_active, any, group, organization } = self;
        let parts = [
            (SearchField::Username, username),
            (SearchField::FirstName, first_name),
            (SearchField::LastName, last_name),
            (SearchField::Email, email),
        ];
        let parts = parts.into_iter().filter_map(|(field, part)| Some((vec![field], part.clone()?)));
        let parts = parts.chain(any.iter().map(|part| (SearchField::ALL.to_vec(), part.clone())));
        Search {
            parts: parts.filter(|(_, part)| !part.is_empty()).collect(),
            is_active: *is_active,
            group: *group,
            organizations: organization.map(|id| vec![id]),
        }
    }

    /// Whether a user meets the conditions. Rows do not contain organizations; the member lists are exact.
    pub fn fits(&self, row: &UserRow) -> bool {
        let Self { username, first_name, last_name, email, is_active, any, group, organization: _ } = self;
        let row_email = row.email.as_ref().map_or("", EmailAddress::as_str);
        let asked = [username, first_name, last_name, email];
        let values = [row.username.as_str(), &row.first_name, &row.last_name, row_email].map(fold);
        let contains = |value: &String, part: &String| value.contains(&fold(part));
        values.iter().zip(asked).all(|(value, part)| part.as_ref().is_none_or(|part| contains(value, part)))
            && any.iter().all(|part| values.iter().any(|value| contains(value, part)))
            && is_active.is_none_or(|wanted| row.flags.is_active == wanted)
            && group.is_none_or(|group| row.groups.contains(&group))
    }
}

impl Directory {
    /// The users who match `filter`, oldest first, with their descriptions and without their memberships.
    ///
    /// # Errors
    /// [`crate::Error::Forbidden`] unless the caller may see all users.
    #[boxed]
    pub async fn find_users(&self, caller: &Caller, filter: &UserFilter, range: PageRange) -> Result<Page<UserRow>> {
        caller.must_see_everyone()?;
        if filter.is_empty() {
            return self.users_in_order(caller, range).await;
        }
        if let PageRange::From { skip, .. } = range
            && skip > count(COUNTED)
            && skip >= self.store.user_counts().await?.total()
        {
            // Whatever can be found, nothing of it is at that offset.
            return Ok(Page { total: Total::AtLeast(0), ..Page::new(Vec::new(), skip, 0) });
        }
        let found = self.store.search(&filter.search(), needed(range)).await?;
        let mut page = self.fitting(filter, found, true, range).await?;
        if page.total.number() > count(COUNTED) {
            page.total = Total::AtLeast(page.total.number());
        }
        Ok(page)
    }

    /// [`Directory::users`], according to the user records.
    pub(super) async fn users_that(
        &self,
        caller: &Caller,
        filter: &UserFilter,
        range: PageRange,
    ) -> Result<Page<UserRow>> {
        let Some(Scope { organizations, hidden }) = self.scope(caller, filter).await? else {
            return Ok(range.cut(Vec::new()));
        };
        let search = Search { organizations, ..filter.search() };
        if let Some(on) = search.is_active
            && search == (Search { is_active: Some(on), ..Search::default() })
            && let Some(page) = self.switched_page(on, range).await?
        {
            return Ok(page);
        }
        match (&search, &search.organizations) {
            // Lists with counters are read by rank.
            (Search { parts, is_active: None, group: None, .. }, None) if parts.is_empty() => {
                let counts = self.user_counts(caller).await?;
                let total = counts.total();
                let (skip, limit) = range.of(total);
                Ok(Page::new(self.store.user_rows(&counts, skip, limit).await?, skip, total))
            }
            (Search { parts, is_active: None, group: None, .. }, Some(organizations)) if parts.is_empty() => {
                self.members_page(organizations, hidden, range).await
            }
            // Everything else is counted by reading its entries.
            _ => {
                let mut found = self.store.search(&search, usize::MAX).await?;
                found.retain(|member| !hidden.contains(&member.user));
                found.reverse();
                self.fitting(filter, found, false, range).await
            }
        }
    }

    /// [`Directory::users_up_to`], according to the user records.
    pub(super) async fn found_up_to(
        &self,
        caller: &Caller,
        filter: &UserFilter,
        most: usize,
    ) -> Result<Option<Vec<UserRow>>> {
        let Some(Scope { organizations, hidden }) = self.scope(caller, filter).await? else {
            return Ok(Some(Vec::new()));
        };
        let search = Search { organizations, ..filter.search() };
        if search == Search::default() {
            let counts = self.user_counts(caller).await?;
            if counts.total() > count(most) {
                return Ok(None);
            }
            return self.store.user_rows_after(&counts, None, most).await.map(Some);
        }
        let mut found = self.store.search(&search, most.saturating_add(hidden.len()).saturating_add(1)).await?;
        found.retain(|member| !hidden.contains(&member.user));
        if found.len() > most {
            return Ok(None);
        }
        found.reverse();
        Ok(Some(self.fitting(filter, found, false, PageRange::ALL).await?.items))
    }

    /// The users among whom the caller searches; `None` if the filter names something that does not exist or is out of
    /// sight.
    async fn scope(&self, caller: &Caller, filter: &UserFilter) -> Result<Option<Scope>> {
        let mut scope = match caller.visibility() {
            Visibility::Everyone => Scope { organizations: None, hidden: BTreeSet::new() },
            Visibility::Managed => {
                let managed = self.managed_organizations(caller).await?;
                Scope { organizations: Some(managed), hidden: BTreeSet::new() }
            }
            Visibility::Oneself => return Err(Error::Forbidden),
        };
        if let Some(id) = filter.organization {
            let is_there = match &scope.organizations {
                Some(managed) => managed.contains(&id),
                None => self.store.organization(id).await?.is_some(),
            };
            scope.organizations = Some(if is_there { vec![id] } else { Vec::new() });
        }
        if scope.organizations.as_ref().is_some_and(Vec::is_empty) {
            return Ok(None);
        }
        if let Some(id) = filter.group
            && self.store.group(id).await?.is_none()
        {
            return Ok(None);
        }
        if caller.visibility() == Visibility::Managed {
            scope.hidden = self.all_superusers().await?;
        }
        Ok(Some(scope))
    }

    /// A page of the found users without those who turn out not to match. Full records contain more than their rows.
    async fn fitting(
        &self,
        filter: &UserFilter,
        mut found: Vec<Member>,
        by_records: bool,
        range: PageRange,
    ) -> Result<Page<UserRow>> {
        loop {
            let page = range.cut(found.iter().collect::<Vec<_>>());
            let part: Vec<Member> = page.items.iter().map(|&member| member.clone()).collect();
            let mut good = if by_records { self.records_of(&part).await? } else { self.rows_of(&part).await? };
            good.retain(|row| filter.fits(row));
            if good.len() == part.len() {
                return Ok(page.with_items(good));
            }
            let stale: BTreeSet<UserId> = part.into_iter().map(|member| member.user).collect();
            found.retain(|member| !stale.contains(&member.user) || good.iter().any(|row| row.id == member.user));
        }
    }

    /// Moves changes of users to the lists of the search index when there are some thousands, or `all` that are older than half a
    /// minute. Searches find them either way.
    ///
    /// # Errors
    /// When the store is unavailable. The next call continues where this one stopped.
    #[boxed]
    pub async fn pack_search(&self, by: SystemCaller, all: bool) -> Result<()> {
        tracing::debug!(by = ?by, all, "search index: packing changes");
        self.store.search_pack(all).await
    }

    /// Adds what is missing in the search index, and removes what earlier releases wrote. `done` receives the number of users
    /// processed in each step. An interrupted run resumes where it stopped.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn reindex(&self, by: SystemCaller, mut done: impl FnMut(usize)) -> Result<()> {
        by.must_be_operator()?;
        while let Some(users) = self.store.reindex_some().await? {
            done(users);
        }
        Ok(())
    }

    /// A part of all users, oldest first.
    async fn users_in_order(&self, caller: &Caller, range: PageRange) -> Result<Page<UserRow>> {
        let counts = self.user_counts(caller).await?;
        let total = counts.total();
        let (skip, limit) = range.of(total);
        let end = skip.saturating_add(count(limit)).min(total);
        let length = usize::try_from(end.saturating_sub(skip)).unwrap_or(usize::MAX);
        let mut items = if length == 0 {
            Vec::new()
        } else {
            // The list begins with the newest.
            self.store.user_rows(&counts, total - end, length).await?
        };
        items.reverse();
        let described = items.iter().filter(|row| row.lacks.description).map(|row| row.id).collect();
        let mut described = self.store.users_by_ids(&described).await?;
        for row in &mut items {
            if let Some(user) = described.remove(&row.id) {
                row.sharing.description = user.sharing.description;
            }
        }
        Ok(Page::new(items, skip, total))
    }
}

/// How many of the found users a page needs, and the count of all.
fn needed(range: PageRange) -> usize {
    match range {
        PageRange::From { skip, limit } => {
            let end = usize::try_from(skip).unwrap_or(usize::MAX).saturating_add(limit);
            end.max(COUNTED).saturating_add(1)
        }
        PageRange::Last(_) => usize::MAX,
    }
}
