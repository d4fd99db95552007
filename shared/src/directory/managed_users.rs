//! Lists of members: the users whom a manager can see, that is the members of the active organizations that the manager
//! manages, except superusers (`contracts/openwisp.md` section 3.2); and the members of one organization.
//!
//! Their number comes from the counters of the organizations, minus users in several of them; a separate index knows
//! these. A page is found by walking only the positions, in all the organizations at once, from the nearest end, or
//! from a page that this process has returned before if nothing has changed since. So following `next` costs the same
//! on every page, however large the organizations are.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::page::count;
use super::{Caller, Directory, Page, PageRange};
use crate::error::Result;
use crate::model::{OrganizationId, UserId, UserRow};
use crate::store::{Direction, Member, MemberCount, Positions};

/// How many members are read at once while skipping.
const MANY: u64 = 1000;
/// How many lists a process remembers.
const MOST_LISTS: usize = 256;
/// How many positions it remembers for each list.
const MOST_MARKS: usize = 1024;

/// Lists that this process has read.
pub(crate) type KnownLists = Arc<Mutex<BTreeMap<Vec<OrganizationId>, KnownList>>>;

/// What is known of the list of some organizations, as long as their members stay the same.
#[derive(Debug, Clone)]
pub(crate) struct KnownList {
    state: State,
    total: u64,
    /// How many members come before the position, or at it.
    marks: BTreeMap<u64, String>,
}

/// What a list depends on; different after every change.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    epochs: Vec<i64>,
    hidden: BTreeSet<UserId>,
}

/// Where to begin, in which direction, and how many to skip before the first requested one.
#[derive(Debug, PartialEq, Eq)]
struct Start {
    after: Option<String>,
    way: Direction,
    passed: u64,
}

/// The users of several lists, each once, in one direction.
struct Merged<'a> {
    directory: &'a Directory,
    hidden: &'a BTreeSet<UserId>,
    way: Direction,
    at_once: usize,
    parts: Vec<Part<'a>>,
}

/// The users of one list, read in batches.
struct Part<'a> {
    positions: Positions<'a>,
    read: VecDeque<Member>,
    last: Option<String>,
    ended: bool,
}

impl Directory {
    /// The active organizations that a caller manages.
    pub(super) async fn managed_organizations(&self, caller: &Caller) -> Result<Vec<OrganizationId>> {
        let mut managed: Vec<_> = caller.user.manages.iter().copied().collect();
        if !managed.is_empty() {
            let pending_removals = self.pending_removals().await?;
            managed.retain(|id| !pending_removals.hides(*id));
        }
        Ok(managed)
    }

    /// The members of some organizations except hidden ones, newest first.
    pub(super) async fn members_page(
        &self,
        organizations: &[OrganizationId],
        hidden: BTreeSet<UserId>,
        range: PageRange,
    ) -> Result<Page<UserRow>> {
        let mut counts = Vec::new();
        for &organization in organizations {
            counts.push(self.store.member_count(organization).await?);
        }
        let epochs = counts.iter().map(|count| count.epoch).collect();
        let state = State { epochs, hidden };
        let mut list = if let Some(list) = self.known_list(organizations, &state) {
            list
        } else {
            let total = self.members_of_all(organizations, &counts, &state.hidden).await?;
            KnownList { state, total, marks: BTreeMap::new() }
        };
        let total = list.total;
        let (skip, limit) = range.of(total);
        let lists: Vec<_> = organizations.iter().map(|&id| Positions::Members(id)).collect();
        let page = self.listed_page(&lists, &mut list, skip, limit).await?;
        self.remember_list(organizations, list);
        Ok(Page::new(self.rows_of(&page).await?, skip, total))
    }

    /// At most `limit` members of some organizations except hidden ones, newest first, after a position.
    pub(super) async fn members_after(
        &self,
        organizations: &[OrganizationId],
        hidden: &BTreeSet<UserId>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Member>> {
        let part = |&id| Part::new(Positions::Members(id), after.map(ToOwned::to_owned));
        let parts = organizations.iter().map(part).collect();
        let mut merged = Merged { directory: self, hidden, way: Direction::ToOlder, at_once: limit.max(1), parts };
        let mut members = Vec::new();
        while members.len() < limit {
            let Some(member) = merged.next().await? else { break };
            members.push(member);
        }
        Ok(members)
    }

    /// All active or all inactive users, newest first. `None` if a row of the page is not as it was listed, or if the table
    /// is too old to count them.
    pub(super) async fn switched_page(&self, on: bool, range: PageRange) -> Result<Option<Page<UserRow>>> {
        if !self.store.counts_switched().await? {
            return Ok(None);
        }
        let counts = self.store.user_counts().await?;
        let total = counts.switched(on);
        let (skip, limit) = range.of(total);
        // Ranks are not cached: no counter changes with every change of these lists.
        let state = State { epochs: Vec::new(), hidden: BTreeSet::new() };
        let mut list = KnownList { state, total, marks: BTreeMap::new() };
        let positions = if on { Positions::Active(&counts) } else { Positions::Inactive };
        let page = self.listed_page(&[positions], &mut list, skip, limit).await?;
        let rows = self.rows_of(&page).await?;
        let wanted = usize::try_from(total.saturating_sub(skip)).unwrap_or(usize::MAX).min(limit);
        let is_whole = rows.len() == wanted && rows.iter().all(|row| row.flags.is_active == on);
        Ok(is_whole.then(|| Page::new(rows, skip, total)))
    }

    /// The list rows of users.
    pub(super) async fn rows_of(&self, users: &[Member]) -> Result<Vec<UserRow>> {
        let positions: Vec<String> = users.iter().map(|user| user.position.clone()).collect();
        Ok(self.store.rows_in_places(&positions).await?.into_iter().map(|(_, row)| row).collect())
    }

    /// How many users are in some of the organizations and not hidden.
    async fn members_of_all(
        &self,
        organizations: &[OrganizationId],
        counts: &[MemberCount],
        hidden: &BTreeSet<UserId>,
    ) -> Result<u64> {
        let mut total: u64 = counts.iter().map(|count| count.members).sum();
        if organizations.len() > 1 {
            let mut met = BTreeSet::new();
            for &organization in organizations {
                for user in self.store.shared_members(organization).await? {
                    // The organization's counter has counted this user again.
                    total = total.saturating_sub(u64::from(!met.insert(user)));
                }
            }
        }
        let mut among = BTreeSet::new();
        for &organization in organizations {
            among.extend(self.store.members_among(organization, hidden).await?);
        }
        Ok(total.saturating_sub(count(among.len())))
    }

    /// At most `limit` users after the newest `offset`, newest first.
    async fn listed_page(
        &self,
        lists: &[Positions<'_>],
        list: &mut KnownList,
        offset: u64,
        limit: usize,
    ) -> Result<Vec<Member>> {
        let end = offset.saturating_add(count(limit)).min(list.total);
        if offset >= end {
            return Ok(Vec::new());
        }
        let Start { after, way, passed } = list.start(offset, end);
        let at_once = (passed + end - offset).min(MANY);
        let parts = lists.iter().map(|&positions| Part::new(positions, after.clone())).collect();
        let at_once = usize::try_from(at_once).unwrap_or(1);
        let hidden = list.state.hidden.clone();
        let mut merged = Merged { directory: self, hidden: &hidden, way, at_once, parts };
        let mut page = Vec::new();
        for step in 0..passed + (end - offset) {
            let Some(member) = merged.next().await? else { break };
            // This many come before this one, or at its position.
            let rank = match way {
                Direction::ToOlder => (offset + step + 1).saturating_sub(passed),
                Direction::ToNewer => (end + passed).saturating_sub(step),
            };
            if rank == end || rank % MANY == 0 {
                list.marks.insert(rank, member.position.clone());
            }
            if step >= passed {
                page.push(member);
            }
        }
        if way == Direction::ToNewer {
            page.reverse();
        }
        Ok(page)
    }

    /// The cached state of a list, if the list is unchanged.
    fn known_list(&self, organizations: &[OrganizationId], state: &State) -> Option<KnownList> {
        self.lock_lists().get(organizations).filter(|known| known.state == *state).cloned()
    }

    fn remember_list(&self, organizations: &[OrganizationId], mut list: KnownList) {
        if list.marks.len() > MOST_MARKS {
            list.marks.clear();
        }
        let mut lists = self.lock_lists();
        if lists.len() >= MOST_LISTS {
            lists.clear();
        }
        lists.insert(organizations.to_vec(), list);
    }

    fn lock_lists(&self) -> MutexGuard<'_, BTreeMap<Vec<OrganizationId>, KnownList>> {
        self.known_lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the records of users contain, in their order.
    pub(super) async fn records_of(&self, users: &[Member]) -> Result<Vec<UserRow>> {
        let positions: Vec<String> = users.iter().map(|user| user.position.clone()).collect();
        let users = self.store.users_in_places(&positions).await?;
        Ok(users.iter().map(|(_, user)| user.row(&[])).collect())
    }

    pub(super) async fn all_superusers(&self) -> Result<BTreeSet<UserId>> {
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
    /// The nearest known position to those from `offset` to `end`.
    fn start(&self, offset: u64, end: u64) -> Start {
        let newer = self.marks.range(..=offset).next_back();
        let newer = newer.map_or((None, offset), |(rank, position)| (Some(position.clone()), offset - rank));
        let older = self.marks.range(end + 1..).next();
        let older = older.map_or((None, self.total - end), |(rank, position)| (Some(position.clone()), rank - 1 - end));
        if older.1 < newer.1 {
            Start { after: older.0, way: Direction::ToNewer, passed: older.1 }
        } else {
            Start { after: newer.0, way: Direction::ToOlder, passed: newer.1 }
        }
    }
}

impl Merged<'_> {
    /// The next member not returned yet.
    async fn next(&mut self) -> Result<Option<Member>> {
        loop {
            for part in &mut self.parts {
                part.fill(self.directory, self.way, self.at_once).await?;
            }
            let fronts = self.parts.iter().filter_map(|part| part.read.front());
            let next = match self.way {
                Direction::ToOlder => fronts.max(),
                Direction::ToNewer => fronts.min(),
            };
            let Some(next) = next.cloned() else { return Ok(None) };
            for part in &mut self.parts {
                part.read.pop_front_if(|member| member.user == next.user);
            }
            if !self.hidden.contains(&next.user) {
                return Ok(Some(next));
            }
        }
    }
}

impl<'a> Part<'a> {
    fn new(positions: Positions<'a>, after: Option<String>) -> Self {
        Self { positions, read: VecDeque::new(), last: after, ended: false }
    }

    async fn fill(&mut self, directory: &Directory, way: Direction, at_once: usize) -> Result<()> {
        if self.ended || !self.read.is_empty() {
            return Ok(());
        }
        let more = directory.store.members_in(self.positions, self.last.as_deref(), way, at_once).await?;
        self.ended = more.len() < at_once;
        self.last = more.last().map(|member| member.position.clone()).or(self.last.take());
        self.read.extend(more);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_known_place_is_taken() {
        let state = State { epochs: Vec::new(), hidden: BTreeSet::new() };
        let mut list = KnownList { state, total: 100, marks: BTreeMap::new() };
        let start = |after: Option<&str>, way, passed| Start { after: after.map(str::to_owned), way, passed };
        assert_eq!(list.start(0, 10), start(None, Direction::ToOlder, 0));
        assert_eq!(list.start(40, 50), start(None, Direction::ToOlder, 40));
        assert_eq!(list.start(60, 70), start(None, Direction::ToNewer, 30));
        assert_eq!(list.start(90, 100), start(None, Direction::ToNewer, 0));
        list.marks.insert(50, "p50".to_owned());
        // The member at this position is number 49, counted from 0.
        assert_eq!(list.start(50, 60), start(Some("p50"), Direction::ToOlder, 0));
        assert_eq!(list.start(60, 70), start(Some("p50"), Direction::ToOlder, 10));
        assert_eq!(list.start(39, 49), start(Some("p50"), Direction::ToNewer, 0));
        assert_eq!(list.start(30, 40), start(Some("p50"), Direction::ToNewer, 9));
        assert_eq!(list.start(40, 50), start(None, Direction::ToOlder, 40));
    }
}
