//! Importing groups.

use std::collections::BTreeSet;

use super::importer::STILL_GOING;
use super::{Importer, IssueKind, MAX_NUMBER};
use crate::directory::page::count;
use crate::error::Result;
use crate::model::{CleanupTask, Group, GroupId, Permission, Sequence, default_groups};
use crate::store::{Basis, GroupWriteOutcome};

impl Importer<'_> {
    /// A group matches the local group with the same name and permissions. Nobody is added to a group with other
    /// permissions.
    pub(super) async fn take_group(&mut self, origin: &str, group: Group) -> Result<()> {
        if self.groups_here.is_none() {
            self.groups_here = Some(self.directory.store.groups_all().await?);
        }
        let here = self.groups_here.clone().unwrap_or_default();
        let number = group.id;
        let length = group.name.chars().count();
        let unknown = group.permissions.iter().any(|id| Permission::by_id(*id).is_none());
        let refused = if !(1..=Group::MAX_NAME).contains(&length) {
            Some("its name is not 1 to 150 characters long")
        } else if unknown {
            Some("it has an unknown permission")
        } else if !(1..=MAX_NUMBER).contains(&number.0) {
            Some("its number is 0 or too large")
        } else {
            None
        };
        if let Some(reason) = refused {
            self.report.unusable += 1;
            self.report.note(IssueKind::Unusable, origin, reason);
            self.groups.insert(number, None);
            return Ok(());
        }
        if let Some(found) = here.iter().find(|found| found.name == group.name) {
            let same = found.permissions == group.permissions;
            self.groups.insert(number, same.then_some(found.id));
            if !same {
                self.report.groups.refused += 1;
                let reason =
                    format!("the group {:?} exists here with other permissions; nobody was added to it", group.name);
                self.report.note(IssueKind::Conflict, origin, reason);
                return Ok(());
            }
            self.report.groups.here += 1;
            if found.id != number {
                let reason = format!("the group {:?} has the id {} here, not {number}", group.name, found.id);
                self.report.note(IssueKind::Differs, origin, reason);
            }
            return Ok(());
        }
        let now = Some(self.directory.ambient().now());
        let (created, modified) = (group.created.or(now), group.modified.or(now));
        let mut new = Group { version: 1, created, modified, ..group };
        if here.iter().any(|found| found.id == number) {
            new.id =
                GroupId(self.numbers(Sequence::Groups, 1).await?.first().copied().unwrap_or_default() + defaults());
            let reason = format!("the id {number} belongs to another group here; {:?} gets {}", new.name, new.id);
            self.report.note(IssueKind::Differs, origin, reason);
        }
        if !self.is_gone_for_good(CleanupTask::Group(new.id)).await? {
            self.report.groups.refused += 1;
            self.report.note(IssueKind::Conflict, origin, STILL_GOING);
            self.groups.insert(number, None);
            return Ok(());
        }
        if !self.dry {
            // First, so that the sequence cannot return a number that is in use.
            self.raise(Sequence::Groups, new.id.0.saturating_sub(defaults())).await?;
            if self.directory.store.group_write(None, Some(&new), &Basis::default(), self.actor.as_ref()).await?
                != GroupWriteOutcome::Done
            {
                self.report.groups.refused += 1;
                self.report.note(
                    IssueKind::Conflict,
                    origin,
                    "it was created here during the import; run the import again",
                );
                self.groups.insert(number, None);
                return Ok(());
            }
        }
        self.report.groups.made += 1;
        self.groups.insert(number, Some(new.id));
        self.groups_here.get_or_insert_default().push(new);
        Ok(())
    }

    /// The local groups of a user; unknown groups are reported.
    pub(super) fn groups_of(&mut self, origin: &str, groups: &BTreeSet<GroupId>) -> BTreeSet<GroupId> {
        let (known, unknown): (Vec<_>, Vec<_>) =
            groups.iter().map(|id| (*id, self.groups.get(id).copied().flatten())).partition(|(_, here)| here.is_some());
        for (id, _) in unknown {
            self.report.note(IssueKind::LeftOut, origin, format!("the group {id} (not imported)"));
        }
        known.into_iter().filter_map(|(_, here)| here).collect()
    }
}

/// How many numbers the default groups use, which no sequence returns.
fn defaults() -> u64 {
    count(default_groups().len())
}
