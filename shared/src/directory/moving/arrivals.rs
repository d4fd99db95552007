//! Taking records in.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Entry, MAX_NUMBER, Record, Report, TroubleKind};
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::model::{Group, GroupId, MembershipId, Organization, OrganizationId, UserId, UserNumber};
use crate::store::keys::Sequence;
use crate::store::{Claimed, WaitingWork};

/// Records on their way into a directory.
///
/// Everything is looked up before it is made, and made as requests make it, so that nothing is here twice, whoever was
/// stopped in between; what is here already is never altered.
pub struct Arrivals<'a> {
    pub(super) directory: &'a Directory,
    /// Whether to look only.
    pub(super) dry: bool,
    pub(super) report: Report,
    /// What the groups that the source has told of are here; `None` for those that nobody joins.
    pub(super) groups: BTreeMap<GroupId, Option<GroupId>>,
    /// The groups that are here, or would be.
    pub(super) groups_here: Option<Vec<Group>>,
    /// Organizations that are here, or would be; `None` for those that are not.
    pub(super) organizations: HashMap<OrganizationId, Option<Organization>>,
    /// What users claim who would be here.
    pub(super) claimed: Claimed,
    /// Users of the source that are here or would be, where the store does not tell.
    pub(super) met: HashSet<UserId>,
    /// Memberships of the source that were met.
    pub(super) memberships: HashSet<MembershipId>,
}

impl Directory {
    /// Makes ready for records to move in; `dry` for a look that alters nothing.
    ///
    /// A directory that was never installed gets the default groups unless the source brings groups,
    /// and the default organization unless it brings organizations.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn arrivals(&self, brings_groups: bool, brings_organizations: bool, dry: bool) -> Result<Arrivals<'_>> {
        if !dry {
            self.install_without(brings_groups, brings_organizations).await?;
            // Whoever was removed here before is gone for good then, and may come again.
            self.finish_follow_up().await?;
        }
        Ok(Arrivals {
            directory: self,
            dry,
            report: Report::default(),
            groups: BTreeMap::new(),
            groups_here: None,
            organizations: HashMap::new(),
            claimed: Claimed::default(),
            met: HashSet::new(),
            memberships: HashSet::new(),
        })
    }

    /// Does all that changes have left to be done.
    pub(super) async fn finish_follow_up(&self) -> Result<()> {
        self.follow_up().await?;
        let left: Vec<WaitingWork> = self.store.work().await?;
        if left.is_empty() { Ok(()) } else { Err(Error::Unavailable("follow-up work is not finished".into())) }
    }
}

impl Arrivals<'_> {
    /// What has become of everything so far.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Gives out the troubles that were met since the last time.
    pub fn troubles(&mut self) -> Vec<super::Trouble> {
        std::mem::take(&mut self.report.troubles)
    }

    /// Takes some entries in, in their order. Many at once are fastest.
    ///
    /// # Errors
    /// When the store does not answer; the same entries may then be taken in again.
    pub async fn take(&mut self, entries: Vec<Entry>) -> Result<()> {
        if !self.dry {
            // The store tells who is here.
            self.claimed = Claimed::default();
            self.met.clear();
        }
        let mut users = Vec::new();
        let mut attempts = Vec::new();
        for Entry { origin, record, left_out } in entries {
            for reason in left_out {
                self.report.note(TroubleKind::LeftOut, &origin, reason);
            }
            match record {
                Err(reason) => {
                    self.report.unusable += 1;
                    self.report.note(TroubleKind::Unusable, &origin, reason);
                }
                Ok(Record::User(mover)) => users.push((origin, *mover)),
                Ok(Record::Attempt(user, name, attempt)) => attempts.push((origin, (user, name, attempt))),
                Ok(Record::Group(group)) => self.take_group(&origin, group).await?,
                Ok(Record::Organization(organization)) => self.take_organization(&origin, organization).await?,
                Ok(Record::Given(_, given)) if given > MAX_NUMBER => {
                    self.report.unusable += 1;
                    self.report.note(TroubleKind::Unusable, &origin, format!("{given} is beyond {MAX_NUMBER}"));
                }
                Ok(Record::Given(sequence, given)) => self.raise(sequence, given).await?,
            }
        }
        self.take_users(users).await?;
        self.take_attempts(attempts).await
    }

    /// Has a sequence give no number up to that one.
    pub(super) async fn raise(&self, sequence: Sequence, given: u64) -> Result<()> {
        if self.dry { Ok(()) } else { self.directory.store.sequence_raise(sequence, given).await }
    }

    /// Numbers that nobody else gets; when only looking, 0 for all.
    pub(super) async fn numbers(&self, sequence: Sequence, count: usize) -> Result<Vec<u64>> {
        if self.dry {
            return Ok(vec![0; count]);
        }
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        Ok(self.directory.store.sequence_block(sequence, count).await?.collect())
    }
}

/// A number as users have it who have none yet.
pub(super) const NO_NUMBER: UserNumber = UserNumber(0);
