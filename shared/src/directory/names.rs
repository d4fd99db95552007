//! Names of organizations, by which memberships are sorted.
//!
//! A name is stored once, so renaming costs the same for any number of members. A process caches the names that it has
//! read, together with a mark that changes in the transaction of every rename and removal. Every list reads the mark,
//! so cached names are never older than what was acknowledged before the request began.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_recursion::async_recursion as boxed;

use super::{Act, Caller, Directory, UserDetail};
use crate::error::Result;
use crate::model::{Membership, OrganizationId};

/// How many names a process caches.
const MOST_NAMES: usize = 10_000;
/// From this number on, reading the rows of all organizations may be cheaper than one record for each.
const MANY: usize = 50;
/// How many rows cost about as much as a record.
const ROWS_PER_RECORD: u64 = 5;

/// The cache of this process.
pub(crate) type KnownNames = Arc<Mutex<Names>>;

/// Names read since the mark had this value.
#[derive(Debug, Default)]
pub(crate) struct Names {
    mark: String,
    names: HashMap<OrganizationId, String>,
}

impl Directory {
    /// The user with the memberships in list order, as far as the caller sees them.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn ordered(&self, caller: &Caller, mut detail: UserDetail) -> Result<UserDetail> {
        let UserDetail { memberships, names, .. } = &mut detail;
        self.order(caller, vec![memberships], names).await?;
        Ok(detail)
    }

    /// Sorts memberships by the organizations' names, as lists do. Those that the caller does not see come last.
    pub(super) async fn order(&self, caller: &Caller, lists: Vec<&mut Vec<Membership>>, mark: &str) -> Result<()> {
        let is_seen = |membership: &Membership| caller.may(Act::NameOrganization(membership.organization));
        let seen = |list: &[Membership]| -> Vec<OrganizationId> {
            list.iter().filter(|membership| is_seen(membership)).map(|membership| membership.organization).collect()
        };
        let lists = lists.into_iter().map(|list| (seen(list), list)).filter(|(seen, _)| seen.len() > 1);
        let lists: Vec<_> = lists.collect();
        let wanted = lists.iter().flat_map(|(seen, _)| seen).copied().collect();
        let names = self.names_of(wanted, mark).await?;
        for (_, list) in lists {
            list.sort_by_cached_key(|m| (!is_seen(m), names.get(&m.organization).cloned(), m.organization));
        }
        Ok(())
    }

    /// The names of those of the organizations that exist. `mark` was read before.
    async fn names_of(&self, ids: BTreeSet<OrganizationId>, mark: &str) -> Result<HashMap<OrganizationId, String>> {
        let mut names = HashMap::new();
        {
            let known = self.lock_names();
            if known.mark == mark {
                names.extend(ids.iter().filter_map(|id| Some((*id, known.names.get(id)?.clone()))));
            }
        }
        let unknown: BTreeSet<_> = ids.into_iter().filter(|id| !names.contains_key(id)).collect();
        if unknown.is_empty() {
            return Ok(names);
        }
        let mut read = Vec::new();
        if unknown.len() > MANY {
            let counts = self.store.organization_counts().await?;
            if counts.total() / ROWS_PER_RECORD <= u64::try_from(unknown.len()).unwrap_or(u64::MAX) {
                (read, _) = self.store.organization_rows(&counts, 0, usize::MAX).await?;
            }
        }
        if read.is_empty() {
            read = self.store.organizations(&unknown).await?;
        }
        let read: HashMap<_, _> = read.into_iter().map(|organization| (organization.id, organization.name)).collect();
        let mut known = self.lock_names();
        if known.mark != mark || known.names.len() > MOST_NAMES {
            *known = Names { mark: mark.to_owned(), names: HashMap::new() };
        }
        known.names.extend(read.iter().map(|(id, name)| (*id, name.clone())));
        drop(known);
        names.extend(read);
        Ok(names)
    }

    fn lock_names(&self) -> MutexGuard<'_, Names> {
        self.known_names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
