//! Users found by what their fields contain, oldest first (`contracts/edge.md` section 4).

use super::{Caller, Directory, Sight};
use crate::error::{Error, Result};
use crate::model::{EmailAddress, UserRow, fold};

/// Up to how many things a list that is not counted says exactly how many there are.
pub const COUNTED: u64 = 1000;

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
    /// How many there are in all; `None` for more than [`COUNTED`].
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
}

impl Stretch {
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
    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
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
    /// [`Error::Forbidden`] for who may not see everybody.
    pub async fn find_users(&self, caller: &Caller, filter: &UserFilter, stretch: Stretch) -> Result<Listed<UserRow>> {
        if caller.sight() != Sight::Everyone {
            return Err(Error::Forbidden);
        }
        if filter.is_empty() {
            return self.users_in_order(stretch).await;
        }
        let mut found = Vec::new();
        let mut offset = 0;
        loop {
            let piece = self.users_in_order(Stretch::From { offset, limit: 1000 }).await?;
            offset += 1000;
            found.extend(piece.items.into_iter().filter(|row| filter.fits(row)));
            if !piece.more {
                return Ok(stretch.cut(found));
            }
        }
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
