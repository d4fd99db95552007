//! Importing records.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{ImportEntry, IssueKind, MAX_NUMBER, Record, Report};
use crate::directory::{Directory, SystemCaller};
use crate::error::{Error, Result};
use crate::model::{Actor, CleanupTask, EventAction, Sequence};
use crate::model::{Group, GroupId, MembershipId, Organization, OrganizationId, UserId, UserNumber};
use crate::store::ClaimIndex;

/// An import into a directory.
///
/// Every record is looked up before it is created, and created as requests create it. So an interrupted import leaves
/// no duplicates, and existing records are never changed.
pub struct Importer<'a> {
    pub(super) directory: &'a Directory,
    /// Cleanup tasks that were pending at the start.
    open: BTreeSet<CleanupTask>,
    /// Whether this is a dry run.
    pub(super) dry: bool,
    pub(super) report: Report,
    /// The local groups for the source's groups; `None` for those that nobody is added to.
    pub(super) groups: BTreeMap<GroupId, Option<GroupId>>,
    /// The groups that exist here, or would exist.
    pub(super) groups_here: Option<Vec<Group>>,
    /// Organizations that exist here, or would exist; `None` for those that do not.
    pub(super) organizations: HashMap<OrganizationId, Option<Organization>>,
    /// Claims of the users who would be created.
    pub(super) claimed: ClaimIndex,
    /// Users of the source who exist here, or would exist, where the store does not know.
    pub(super) met: HashSet<UserId>,
    /// Memberships of the source that were seen.
    pub(super) memberships: HashSet<MembershipId>,
    /// Whether the source's events are imported.
    pub(super) with_events: bool,
    pub(super) log: LogHere,
    /// Who causes an event for each created record; `None` if nothing does.
    pub(super) actor: Option<Actor>,
}

impl Directory {
    /// Starts an import; `dry` for a dry run, which changes nothing.
    ///
    /// A directory that was never installed gets the default groups unless the source contains groups, and the default
    /// organization unless the source contains organizations.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn importer(
        &self,
        by: SystemCaller,
        brings_groups: bool,
        brings_organizations: bool,
        dry: bool,
    ) -> Result<Importer<'_>> {
        by.must_be_operator()?;
        if !dry {
            self.install_without(brings_groups, brings_organizations).await?;
        }
        let open = if dry { Vec::new() } else { self.store.cleanup_tasks().await? };
        Ok(Importer {
            directory: self,
            open: open.into_iter().map(|waiting| waiting.work).collect(),
            dry,
            report: Report::default(),
            groups: BTreeMap::new(),
            groups_here: None,
            organizations: HashMap::new(),
            claimed: ClaimIndex::default(),
            met: HashSet::new(),
            memberships: HashSet::new(),
            with_events: false,
            log: LogHere::Unknown,
            actor: None,
        })
    }
}

/// What an import knows about the log here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogHere {
    /// Nothing has been read yet.
    Unknown,
    /// It is the beginning of the source's log, up to that segment.
    Same {
        /// The last segment when the import began.
        end: u64,
        /// The last segment of the source so far.
        last: u64,
    },
    /// It has other events.
    Other,
}

impl Importer<'_> {
    /// Imports the source's event log too, if the log here is empty.
    #[must_use]
    pub fn with_events(self) -> Self {
        Self { with_events: true, ..self }
    }

    /// Writes an event for each created record, beside the one of the import.
    #[must_use]
    pub fn with_event_per_record(self) -> Self {
        Self { actor: Some(SystemCaller::Operator.actor()), ..self }
    }

    /// The results so far.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Writes the event of the import, unless it was a dry run. Call it once, at the end.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn finish(&self) -> Result<()> {
        if self.dry {
            return Ok(());
        }
        let Report { groups, organizations, users, memberships, tokens, events, left_out, .. } = &self.report;
        let counts = [
            ("groups", groups.made),
            ("organizations", organizations.made),
            ("users", users.made),
            ("memberships", memberships.made),
            ("tokens", tokens.made),
            ("events", events.made),
            ("skipped", *left_out),
        ];
        self.directory.pack_search(SystemCaller::Operator, true).await?;
        self.directory.note_run(SystemCaller::Operator, EventAction::Imported, &counts).await
    }

    /// Takes the problems found since the last call.
    pub fn troubles(&mut self) -> Vec<super::Issue> {
        std::mem::take(&mut self.report.troubles)
    }

    /// Imports some entries, in their order. Large batches are fastest.
    ///
    /// # Errors
    /// When the store is unavailable; the same entries may then be imported again.
    pub async fn take(&mut self, entries: Vec<ImportEntry>) -> Result<()> {
        if !self.dry {
            // The store knows who exists.
            self.claimed = ClaimIndex::default();
            self.met.clear();
        }
        let mut users = Vec::new();
        let mut attempts = Vec::new();
        for ImportEntry { origin, record, left_out } in entries {
            for reason in left_out {
                self.report.note(IssueKind::LeftOut, &origin, reason);
            }
            match record {
                Err(reason) => {
                    self.report.unusable += 1;
                    self.report.note(IssueKind::Unusable, &origin, reason);
                }
                Ok(Record::User(user_record)) => users.push((origin, *user_record)),
                Ok(Record::Attempt(user, name, attempt)) => attempts.push((origin, (user, name, attempt))),
                Ok(Record::Group(group)) => self.take_group(&origin, group).await?,
                Ok(Record::Organization(organization)) => self.take_organization(&origin, organization).await?,
                Ok(Record::SequenceFloor(_, given)) if given > MAX_NUMBER => {
                    self.report.unusable += 1;
                    self.report.note(IssueKind::Unusable, &origin, format!("{given} is greater than {MAX_NUMBER}"));
                }
                Ok(Record::SequenceFloor(sequence, given)) => self.raise(sequence, given).await?,
                Ok(Record::Segment(segment)) => self.take_segment(&origin, &segment).await?,
                Ok(Record::EventDay(day)) => self.take_event_day(&day).await?,
            }
        }
        self.take_users(users).await?;
        self.take_attempts(attempts).await
    }

    /// Keeps a sequence from returning numbers up to that one.
    pub(super) async fn raise(&self, sequence: Sequence, given: u64) -> Result<()> {
        if self.dry { Ok(()) } else { self.directory.store.sequence_raise(sequence, given).await }
    }

    /// Whether a record may be imported whose deletion left that task, if it ever existed here: then it is completely
    /// deleted. `false` if part of the work failed.
    pub(super) async fn is_gone_for_good(&mut self, work: CleanupTask) -> Result<bool> {
        if !self.open.contains(&work) {
            return Ok(true);
        }
        let is_done = self.directory.finish_cleanup(work).await?;
        if is_done {
            self.open.remove(&work);
        }
        Ok(is_done)
    }

    /// Reserved numbers; in a dry run, only zeros.
    pub(super) async fn numbers(&self, sequence: Sequence, count: usize) -> Result<Vec<u64>> {
        if self.dry {
            return Ok(vec![0; count]);
        }
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        Ok(self.directory.store.sequence_block(sequence, count).await?.collect())
    }
}

/// The reason for skipping a record whose deletion is not finished.
pub(super) const STILL_GOING: &str = "it is still being deleted here; import it again later";

/// Why the store could not write one record; fails if the store does not respond at all.
pub(super) fn reason(error: Error) -> Result<String> {
    match error {
        Error::Unavailable(cause) => Err(Error::Unavailable(cause)),
        Error::Refused(_) => Ok("too large to store".to_owned()),
        other => Ok(format!("cannot be stored: {other}")),
    }
}

/// The number of users who have none yet.
pub(super) const NO_NUMBER: UserNumber = UserNumber(0);
