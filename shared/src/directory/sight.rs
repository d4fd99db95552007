//! The list of the users whom a manager can see: the members of the active organizations that the manager manages,
//! superusers excluded (`contracts/openwisp.md` section 3.2).
//!
//! How many they are comes from the counters of the organizations, less those who are in several of them; these are
//! known by an index of their own. A page is found by going through bare places, of all the organizations at once,
//! from the nearest end, or from a page that this process has given before and nothing has changed since.
//! So a walk along `next` costs the same on every page, however large the organizations are.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Caller, Directory, UserPage};
use crate::error::Result;
use crate::model::{OrganizationId, UserId};
use crate::store::{Member, MemberCount, Way};

/// How many members are read at once while they are passed by.
const MANY: u64 = 1000;
/// How many lists a process remembers.
const MOST_LISTS: usize = 256;
/// How many places it remembers of each.
const MOST_MARKS: usize = 1024;

/// Lists that this process has gone through.
pub(crate) type KnownLists = Arc<Mutex<BTreeMap<Vec<OrganizationId>, KnownList>>>;

/// What is known of the list of some organizations, as long as their members stay the same.
#[derive(Debug, Clone)]
pub(crate) struct KnownList {
    state: State,
    total: u64,
    /// So many stand before the place, or in it.
    marks: BTreeMap<u64, String>,
}

/// What a list follows from; another one after every change.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    epochs: Vec<i64>,
    superusers: BTreeSet<UserId>,
}

/// Where to begin, in which direction, and how many to pass by before the first that is wanted.
#[derive(Debug, PartialEq, Eq)]
struct Start {
    after: Option<String>,
    way: Way,
    passed: u64,
}

/// The members of some organizations, each once, in one direction.
struct Merged<'a> {
    directory: &'a Directory,
    superusers: &'a BTreeSet<UserId>,
    way: Way,
    at_once: usize,
    parts: Vec<Part>,
}

/// The members of one organization, read piece by piece.
struct Part {
    organization: OrganizationId,
    read: VecDeque<Member>,
    last: Option<String>,
    ended: bool,
}

impl Directory {
    /// The users whom a manager can see, newest first; `rows` as in [`Directory::users`].
    pub(super) async fn managed_users(
        &self,
        caller: &Caller,
        rows: impl Fn(u64) -> Result<(u64, usize)>,
    ) -> Result<UserPage> {
        let mut managed: Vec<_> = caller.user.manages.iter().copied().collect();
        if !managed.is_empty() {
            let going = self.going().await?;
            managed.retain(|id| !going.hides(*id));
        }
        if managed.is_empty() {
            rows(0)?;
            return Ok(UserPage { total: 0, rows: Vec::new() });
        }
        let mut counts = Vec::new();
        for &organization in &managed {
            counts.push(self.store.member_count(organization).await?);
        }
        let epochs = counts.iter().map(|count| count.epoch).collect();
        let state = State { epochs, superusers: self.all_superusers().await? };
        let list = if let Some(list) = self.known_list(&managed, &state) {
            list
        } else {
            let total = self.members_of_all(&managed, &counts, &state.superusers).await?;
            KnownList { state, total, marks: BTreeMap::new() }
        };
        let total = list.total;
        let (offset, limit) = rows(total)?;
        let page = self.managed_page(&managed, list, offset, limit).await?;
        let places: Vec<String> = page.into_iter().map(|member| member.place).collect();
        let rows = self.store.rows_in_places(&places).await?;
        Ok(UserPage { total, rows: rows.into_iter().map(|(_, row)| row).collect() })
    }

    /// How many users are in some of the organizations and are no superusers.
    async fn members_of_all(
        &self,
        managed: &[OrganizationId],
        counts: &[MemberCount],
        superusers: &BTreeSet<UserId>,
    ) -> Result<u64> {
        let mut total: u64 = counts.iter().map(|count| count.members).sum();
        if managed.len() > 1 {
            let mut met = BTreeSet::new();
            for &organization in managed {
                for user in self.store.shared_members(organization).await? {
                    // The organization's counter has counted it again.
                    total = total.saturating_sub(u64::from(!met.insert(user)));
                }
            }
        }
        let mut hidden = BTreeSet::new();
        for &organization in managed {
            hidden.extend(self.store.members_among(organization, superusers).await?);
        }
        Ok(total.saturating_sub(u64::try_from(hidden.len()).unwrap_or(u64::MAX)))
    }

    /// At most `limit` members after the newest `offset`, newest first.
    async fn managed_page(
        &self,
        managed: &[OrganizationId],
        mut list: KnownList,
        offset: u64,
        limit: usize,
    ) -> Result<Vec<Member>> {
        let end = offset.saturating_add(u64::try_from(limit).unwrap_or(u64::MAX)).min(list.total);
        if offset >= end {
            return Ok(Vec::new());
        }
        let Start { after, way, passed } = list.start(offset, end);
        let at_once = (passed + end - offset).min(MANY);
        let parts = managed.iter().map(|&organization| Part::new(organization, after.clone())).collect();
        let at_once = usize::try_from(at_once).unwrap_or(1);
        let superusers = list.state.superusers.clone();
        let mut merged = Merged { directory: self, superusers: &superusers, way, at_once, parts };
        let mut page = Vec::new();
        for step in 0..passed + (end - offset) {
            let Some(member) = merged.next().await? else { break };
            // So many stand before this one, or in its place.
            let rank = match way {
                Way::ToOlder => (offset + step + 1).saturating_sub(passed),
                Way::ToNewer => (end + passed).saturating_sub(step),
            };
            if rank == end || rank % MANY == 0 {
                list.marks.insert(rank, member.place.clone());
            }
            if step >= passed {
                page.push(member);
            }
        }
        if way == Way::ToNewer {
            page.reverse();
        }
        self.remember_list(managed, list);
        Ok(page)
    }

    /// What is known of a list, if it is as it was.
    fn known_list(&self, managed: &[OrganizationId], state: &State) -> Option<KnownList> {
        self.lock_lists().get(managed).filter(|known| known.state == *state).cloned()
    }

    fn remember_list(&self, managed: &[OrganizationId], mut list: KnownList) {
        if list.marks.len() > MOST_MARKS {
            list.marks.clear();
        }
        let mut lists = self.lock_lists();
        if lists.len() >= MOST_LISTS {
            lists.clear();
        }
        lists.insert(managed.to_vec(), list);
    }

    fn lock_lists(&self) -> MutexGuard<'_, BTreeMap<Vec<OrganizationId>, KnownList>> {
        self.known_lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn all_superusers(&self) -> Result<BTreeSet<UserId>> {
        let mut all = BTreeSet::new();
        let mut start = None;
        loop {
            let piece = self.store.superusers(start.as_deref()).await?;
            all.extend(piece.ids);
            match piece.after {
                Some(after) => start = Some(after),
                None => return Ok(all),
            }
        }
    }
}

impl KnownList {
    /// The nearest known place to those from `offset` to `end`.
    fn start(&self, offset: u64, end: u64) -> Start {
        let newer = self.marks.range(..=offset).next_back();
        let newer = newer.map_or((None, offset), |(rank, place)| (Some(place.clone()), offset - rank));
        let older = self.marks.range(end + 1..).next();
        let older = older.map_or((None, self.total - end), |(rank, place)| (Some(place.clone()), rank - 1 - end));
        if older.1 < newer.1 {
            Start { after: older.0, way: Way::ToNewer, passed: older.1 }
        } else {
            Start { after: newer.0, way: Way::ToOlder, passed: newer.1 }
        }
    }
}

impl Merged<'_> {
    /// The next member that was not met yet.
    async fn next(&mut self) -> Result<Option<Member>> {
        loop {
            for part in &mut self.parts {
                part.fill(self.directory, self.way, self.at_once).await?;
            }
            let fronts = self.parts.iter().filter_map(|part| part.read.front());
            let next = match self.way {
                Way::ToOlder => fronts.max(),
                Way::ToNewer => fronts.min(),
            };
            let Some(next) = next.cloned() else { return Ok(None) };
            for part in &mut self.parts {
                part.read.pop_front_if(|member| member.user == next.user);
            }
            if !self.superusers.contains(&next.user) {
                return Ok(Some(next));
            }
        }
    }
}

impl Part {
    fn new(organization: OrganizationId, after: Option<String>) -> Self {
        Self { organization, read: VecDeque::new(), last: after, ended: false }
    }

    async fn fill(&mut self, directory: &Directory, way: Way, at_once: usize) -> Result<()> {
        if self.ended || !self.read.is_empty() {
            return Ok(());
        }
        let more = directory.store.members(self.organization, self.last.as_deref(), way, at_once).await?;
        self.ended = more.len() < at_once;
        self.last = more.last().map(|member| member.place.clone()).or(self.last.take());
        self.read.extend(more);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_known_place_is_taken() {
        let state = State { epochs: Vec::new(), superusers: BTreeSet::new() };
        let mut list = KnownList { state, total: 100, marks: BTreeMap::new() };
        let start = |after: Option<&str>, way, passed| Start { after: after.map(str::to_owned), way, passed };
        assert_eq!(list.start(0, 10), start(None, Way::ToOlder, 0));
        assert_eq!(list.start(40, 50), start(None, Way::ToOlder, 40));
        assert_eq!(list.start(60, 70), start(None, Way::ToNewer, 30));
        assert_eq!(list.start(90, 100), start(None, Way::ToNewer, 0));
        list.marks.insert(50, "p50".to_owned());
        // The one in the place is number 49, counted from 0.
        assert_eq!(list.start(50, 60), start(Some("p50"), Way::ToOlder, 0));
        assert_eq!(list.start(60, 70), start(Some("p50"), Way::ToOlder, 10));
        assert_eq!(list.start(39, 49), start(Some("p50"), Way::ToNewer, 0));
        assert_eq!(list.start(30, 40), start(Some("p50"), Way::ToNewer, 9));
        assert_eq!(list.start(40, 50), start(None, Way::ToOlder, 40));
    }
}
