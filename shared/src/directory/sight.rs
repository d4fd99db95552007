//! Which users a manager can see: the members of the active organizations that the manager manages, superusers excluded
//! (`contracts/openwisp.md` section 3.2).

use std::collections::{BTreeSet, VecDeque};

use super::{Act, Caller, Directory, UserDetail, UserPage};
use crate::error::Result;
use crate::model::{OrganizationId, UserId};
use crate::store::Member;

/// How many members are read at once while they are only counted.
const MANY: usize = 1000;

/// The members of one organization, newest first, read piece by piece.
struct Members {
    organization: OrganizationId,
    read: VecDeque<Member>,
    last: Option<String>,
    ended: bool,
}

impl UserDetail {
    /// Whether the caller can see this user.
    pub(super) fn is_seen_by(&self, caller: &Caller) -> bool {
        let organizations: Vec<_> = self.memberships.iter().map(|membership| membership.organization).collect();
        let UserDetail { user, .. } = self;
        caller.may(Act::SeeUser { id: user.id, is_superuser: user.is_superuser, organizations: &organizations })
    }
}

impl Directory {
    /// The users whom a manager can see, newest first; `rows` as in [`Directory::users`].
    ///
    /// With one organization the total comes from its counter and only the page is read.
    /// With several the members who are in two of them count once, so all their places are read.
    pub(super) async fn managed_users(
        &self,
        caller: &Caller,
        rows: impl Fn(u64) -> Result<(u64, usize)>,
    ) -> Result<UserPage> {
        let managed = &caller.user.manages;
        let superusers = if managed.is_empty() { BTreeSet::new() } else { self.all_superusers().await? };
        let mut members: Vec<_> = managed.iter().map(|&organization| Members::new(organization)).collect();
        let mut total = 0;
        if let [only] = &members[..] {
            let hidden = self.store.members_among(only.organization, &superusers).await?;
            let hidden = u64::try_from(hidden.len()).unwrap_or(u64::MAX);
            total = self.store.member_count(only.organization).await?.saturating_sub(hidden);
        } else {
            let mut all: Vec<_> = managed.iter().map(|&organization| Members::new(organization)).collect();
            while self.next_member(&mut all, &superusers, MANY).await?.is_some() {
                total += 1;
            }
        }
        let (offset, limit) = rows(total)?;
        let mut page = Vec::new();
        let mut seen = 0;
        let wanted = offset.saturating_add(u64::try_from(limit).unwrap_or(u64::MAX));
        let at_once = usize::try_from(wanted).unwrap_or(MANY).min(MANY);
        while seen < wanted {
            let Some(member) = self.next_member(&mut members, &superusers, at_once).await? else { break };
            if seen >= offset {
                page.push(member);
            }
            seen += 1;
        }
        Ok(UserPage { total, rows: self.store.member_rows(&page).await? })
    }

    /// The newest member not met yet, each once.
    async fn next_member(
        &self,
        members: &mut [Members],
        superusers: &BTreeSet<UserId>,
        at_once: usize,
    ) -> Result<Option<Member>> {
        loop {
            for one in members.iter_mut() {
                one.fill(self, at_once).await?;
            }
            let newest = members.iter().filter_map(|one| one.read.front()).max().cloned();
            let Some(newest) = newest else { return Ok(None) };
            for one in members.iter_mut() {
                one.read.pop_front_if(|member| member.user == newest.user);
            }
            if !superusers.contains(&newest.user) {
                return Ok(Some(newest));
            }
        }
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

impl Members {
    fn new(organization: OrganizationId) -> Self {
        Self { organization, read: VecDeque::new(), last: None, ended: false }
    }

    async fn fill(&mut self, directory: &Directory, at_once: usize) -> Result<()> {
        if self.ended || !self.read.is_empty() {
            return Ok(());
        }
        let at_once = at_once.max(1);
        let more = directory.store.members(self.organization, self.last.as_deref(), at_once).await?;
        self.ended = more.len() < at_once;
        self.last = more.last().map(|member| member.place.clone()).or(self.last.take());
        self.read.extend(more);
        Ok(())
    }
}
