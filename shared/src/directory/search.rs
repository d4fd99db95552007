//! Users found by what their fields contain, oldest first (`contracts/edge.md` section 4).

use std::collections::BTreeSet;

use super::{Caller, Directory};
use crate::error::Result;
use crate::model::{EmailAddress, UserRow, fold};
use crate::store::{Search, SearchField};

/// Up to how many things a list that is not counted says exactly how many there are.
const COUNTED: u64 = 1000;

/// What users must have. `None` asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// A part of the user name, in any letter case.
    pub username: Option<String>,
    /// A part of the first name.
    pub first_name: Option<String>,
    /// A part of the last name.
    pub last_name: Option<String>,
    /// A part of the e-mail.
    pub email: Option<String>,
    /// Whether the account is switched on.
    pub is_active: Option<bool>,
}

/// Which stretch of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stretch {
    /// At most `limit` after the first `offset`.
    From {
        /// How many to leave out.
        offset: u64,
        /// How many to give at most.
        limit: usize,
    },
    /// The last page, where pages have that size.
    Last(usize),
}

/// A stretch of a list whose total may be too large to be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// What was asked for.
    pub items: Vec<T>,
    /// How many come before.
    pub offset: u64,
    /// How many there are in all; `None` for more than 1,000.
    pub total: Option<u64>,
    /// Whether there are more after these.
    pub more: bool,
}

impl Stretch {
    /// What to leave out and how many to give at most, of `total`.
    pub(super) fn of(self, total: u64) -> (u64, usize) {
        match self {
            Self::From { offset, limit } => (offset, limit),
            Self::Last(size) => {
                let size = size.max(1);
                let pages = total.div_ceil(u64::try_from(size).unwrap_or(u64::MAX)).max(1);
                ((pages - 1).saturating_mul(u64::try_from(size).unwrap_or(u64::MAX)), size)
            }
        }
    }

    /// How many of a list, from its beginning, [`Stretch::cut`] must get.
    pub(super) fn needed(self) -> usize {
        match self {
            Self::From { offset, limit } => {
                let counted = usize::try_from(COUNTED).unwrap_or(usize::MAX);
                let end = usize::try_from(offset).unwrap_or(usize::MAX).saturating_add(limit);
                end.max(counted).saturating_add(1)
            }
            Self::Last(_) => usize::MAX,
        }
    }

    /// This stretch of a list of which all is at hand, or all that the stretch and the counting need.
    pub(super) fn cut<T>(self, all: Vec<T>) -> Listed<T> {
        let known = u64::try_from(all.len()).unwrap_or(u64::MAX);
        let (offset, limit) = self.of(known);
        let more = known > offset.saturating_add(u64::try_from(limit).unwrap_or(u64::MAX));
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        let items = all.into_iter().skip(skip).take(limit).collect();
        Listed { items, offset, total: (known <= COUNTED).then_some(known), more }
    }
}

impl UserFilter {
    /// Whether it asks for nothing: every text contains the empty one.
    pub fn is_empty(&self) -> bool {
        let Search { parts, is_active } = self.search();
        parts.is_empty() && is_active.is_none()
    }

    /// As the store searches for it.
    fn search(&self) -> Search {
        let Self { username, first_name, last_name, email, is_active } = self;
        let parts = [
            (SearchField::Username, username),
            (SearchField::FirstName, first_name),
            (SearchField::LastName, last_name),
            (SearchField::Email, email),
        ];
        let parts = parts.into_iter().filter_map(|(field, part)| Some((field, part.clone()?)));
        Search { parts: parts.filter(|(_, part)| !part.is_empty()).collect(), is_active: *is_active }
    }

    /// Whether a user has what it asks for.
    pub fn fits(&self, row: &UserRow) -> bool {
        let Self { username, first_name, last_name, email, is_active } = self;
        let contains =
            |value: &str, part: &Option<String>| part.as_ref().is_none_or(|part| fold(value).contains(&fold(part)));
        contains(row.username.as_str(), username)
            && contains(&row.first_name, first_name)
            && contains(&row.last_name, last_name)
            && contains(row.email.as_ref().map_or("", EmailAddress::as_str), email)
            && is_active.is_none_or(|wanted| row.is_active == wanted)
    }
}

impl Directory {
    /// The users with what `filter` asks for, oldest first.
    ///
    /// # Errors
    /// [`crate::Error::Forbidden`] for who may not see everybody.
    pub async fn find_users(&self, caller: &Caller, filter: &UserFilter, stretch: Stretch) -> Result<Listed<UserRow>> {
        caller.must_see_everyone()?;
        if filter.is_empty() {
            return self.users_in_order(stretch).await;
        }
        let mut places = self.store.search(&filter.search(), stretch.needed()).await?;
        loop {
            let page = stretch.cut(places.clone());
            let rows = self.store.rows_in_places(&page.items).await?;
            let mut good = Vec::new();
            let mut stale: BTreeSet<String> = page.items.into_iter().collect();
            for (place, row) in rows.into_iter().filter(|(_, row)| filter.fits(row)) {
                stale.remove(&place);
                good.push(row);
            }
            if stale.is_empty() {
                return Ok(Listed { items: good, offset: page.offset, total: page.total, more: page.more });
            }
            places.retain(|place| !stale.contains(place));
        }
    }

    /// Writes the whole search index again, from the users; `done` is told how many users each step has dealt with.
    /// What was stopped is taken up where it stopped.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn reindex(&self, mut done: impl FnMut(usize)) -> Result<()> {
        while let Some(users) = self.store.reindex_some().await? {
            done(users);
        }
        Ok(())
    }

    /// A stretch of all users, oldest first.
    async fn users_in_order(&self, stretch: Stretch) -> Result<Listed<UserRow>> {
        let counts = self.store.user_counts().await?;
        let total = counts.total();
        let (offset, limit) = stretch.of(total);
        let end = offset.saturating_add(u64::try_from(limit).unwrap_or(u64::MAX)).min(total);
        let length = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut items = if length == 0 {
            Vec::new()
        } else {
            // The list begins with the newest.
            self.store.user_rows(&counts, total - end, length).await?
        };
        items.reverse();
        Ok(Listed { items, offset, total: Some(total), more: end < total })
    }
}
