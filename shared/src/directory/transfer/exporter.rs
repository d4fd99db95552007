//! Exporting records.

use std::collections::{BTreeSet, HashMap};

use futures_util::stream::{self, StreamExt as _};

use super::{Known, MembershipRecord, Record, TokenRecord, UserRecord};
use crate::directory::page::count as count_of;
use crate::directory::{Directory, SystemCaller};
use crate::error::Result;
use crate::model::{ApiToken, GroupId, Membership, MembershipId, OrganizationId, UserId};
use crate::model::{EventAction, Sequence};
use crate::store::{Damaged, Readable, ReadableUser};

/// How many users are read at once.
const PIECE: usize = 100;
/// For how many users tokens and attempts are read concurrently.
const AT_ONCE: usize = 8;

/// How many segments of the event log are read at once.
const SEGMENTS: usize = 20;

/// An export of everything: the event log if it was asked for, groups, organizations, sequences, then users, each batch followed by their attempts.
///
/// A record that changes during the export appears in its old or its new state; one that is created or deleted
/// meanwhile may be missing. Pending cleanup is treated as done: groups and organizations of a user appear only if they
/// exist, and deleted users do not appear. Unreadable records are skipped and reported.
pub struct Exporter<'a> {
    directory: &'a Directory,
    groups: BTreeSet<GroupId>,
    organizations: HashMap<OrganizationId, Option<MembershipId>>,
    left_out: Vec<Damaged>,
    at: At,
    /// How many users were returned, and how many records were skipped.
    counts: [u64; 2],
    /// Whether each exported user causes an event.
    event_per_record: bool,
}

/// The progress of the export.
enum At {
    /// After the segment with that number.
    Events(u64),
    Start,
    After(Option<String>),
    End,
}

impl Directory {
    /// Starts an export of everything.
    ///
    /// # Errors
    /// [`crate::Error::Forbidden`] for every caller except the operator.
    pub fn exporter(&self, by: SystemCaller) -> Result<Exporter<'_>> {
        by.must_be_operator()?;
        let (groups, organizations) = (BTreeSet::new(), HashMap::new());
        Ok(Exporter {
            directory: self,
            groups,
            organizations,
            left_out: Vec::new(),
            at: At::Start,
            counts: [0; 2],
            event_per_record: false,
        })
    }
}

impl Exporter<'_> {
    /// Exports the event log too, before everything else. Call it first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn with_events(self) -> Result<Self> {
        self.directory.sequence_events(SystemCaller::Operator).await?;
        Ok(Self { at: At::Events(0), ..self })
    }

    /// Writes an event for each exported user, beside the one of the export.
    #[must_use]
    pub fn with_event_per_record(self) -> Self {
        Self { event_per_record: true, ..self }
    }

    /// Writes the event of the export. Call it once, at the end.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn finish(&self) -> Result<()> {
        let [users, skipped] = self.counts;
        let counts = [("users", users), ("skipped", skipped)];
        self.directory.note_run(SystemCaller::Operator, EventAction::Exported, &counts).await
    }

    /// The next records; `None` at the end.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn next(&mut self) -> Result<Option<Vec<Record>>> {
        let after = match &self.at {
            At::Events(after) => {
                let after = *after;
                return self.events(after).await.map(Some);
            }
            At::Start => {
                self.at = At::After(None);
                return self.companions().await.map(Some);
            }
            At::End => return Ok(None),
            At::After(after) => after.clone(),
        };
        let (ids, last) = self.directory.store.users_page(after.as_deref(), PIECE).await?;
        if last.is_none() {
            self.at = At::End;
            return Ok(None);
        }
        self.at = At::After(last);
        let this = &*self;
        let read = stream::iter(ids).map(async |id| (id, this.user(id).await));
        let read: Vec<_> = read.buffered(AT_ONCE).collect().await;
        let (count, mut unanswered) = (read.len(), 0);
        let (mut users, mut attempts) = (Vec::new(), Vec::new());
        for (id, records) in read {
            match records {
                Ok(Readable { records, damaged }) => {
                    self.left_out.extend(damaged);
                    let (of_user, of_attempts): (Vec<_>, Vec<_>) =
                        records.into_iter().partition(|record| matches!(record, Record::User(_)));
                    users.extend(of_user);
                    attempts.extend(of_attempts);
                }
                Err(error) => {
                    unanswered += 1;
                    // A single user may be unreadable; if all are, the store does not respond.
                    if unanswered == count && count > 1 {
                        return Err(error);
                    }
                    self.left_out.push(Damaged { key: format!("user {id}"), reason: error.to_string() });
                }
            }
        }
        if self.event_per_record {
            for record in &users {
                if let Record::User(found) = record {
                    self.directory.note_person_export(SystemCaller::Operator.actor(), &found.user).await?;
                }
            }
        }
        self.counts[0] += count_of(users.len());
        users.extend(attempts);
        Ok(Some(users))
    }

    /// Takes the unreadable, skipped records found since the last call.
    pub fn left_out(&mut self) -> Vec<Damaged> {
        self.counts[1] += count_of(self.left_out.len());
        std::mem::take(&mut self.left_out)
    }

    /// Segments of the event log after that one; after the last, the closed days.
    async fn events(&mut self, after: u64) -> Result<Vec<Record>> {
        let store = &self.directory.store;
        let (segments, last) = store.segments_readable(after, SEGMENTS).await?;
        self.left_out.extend(segments.damaged);
        if let Some(last) = last {
            self.at = At::Events(last);
            let now = self.directory.ambient().now().seconds();
            let kept = segments.records.into_iter().filter(|segment| segment.expires() > now);
            return Ok(kept.map(Record::Segment).collect());
        }
        self.at = At::Start;
        let days = store.event_days_readable().await?;
        self.left_out.extend(days.damaged);
        Ok(days.records.into_iter().map(Record::EventDay).collect())
    }

    /// Groups, organizations, and the state of the sequences.
    async fn companions(&mut self) -> Result<Vec<Record>> {
        let store = &self.directory.store;
        let (groups, organizations) = (store.groups_readable().await?, store.organizations_readable().await?);
        self.left_out.extend(groups.damaged.into_iter().chain(organizations.damaged));
        self.groups.extend(groups.records.iter().map(|group| group.id));
        let owner = |owner: Option<(MembershipId, UserId)>| owner.map(|(membership, _)| membership);
        self.organizations.extend(organizations.records.iter().map(|found| (found.id, owner(found.owner))));
        let mut records: Vec<Record> = groups.records.into_iter().map(Record::Group).collect();
        records.extend(organizations.records.into_iter().map(Record::Organization));
        for sequence in [Sequence::Users, Sequence::Addresses, Sequence::Groups] {
            records.push(Record::SequenceFloor(sequence, store.sequence_given(sequence).await?));
        }
        Ok(records)
    }

    /// A user with tokens, and the login attempts; nothing for a user who was deleted meanwhile.
    async fn user(&self, id: UserId) -> Result<Readable<Record>> {
        let store = &self.directory.store;
        let ReadableUser { user, memberships } = store.user_readable(id).await?;
        let mut damaged = memberships.damaged;
        let Some(mut user) = user else { return Ok(Readable { records: Vec::new(), damaged }) };
        user.groups.retain(|id| self.groups.contains(id));
        let tokens = store.tokens_readable(&user).await?;
        damaged.extend(tokens.damaged);
        let tokens = tokens.records.into_iter().map(|(hash, token)| {
            let ApiToken { id, title, is_active, created, updated, last_used, good_until, made_by_other, .. } = token;
            let id = Some(id);
            TokenRecord { hash, id, title, is_active, created, updated, last_used, good_until, made_by_other }
        });
        let memberships = memberships.records.into_iter().chain(std::mem::take(&mut user.returning));
        let memberships = memberships.filter_map(|membership| {
            let Membership { id, organization, is_admin } = membership;
            let is_owner = *self.organizations.get(&organization)? == Some(id);
            Some(MembershipRecord { id, organization, is_admin, is_owner })
        });
        let has = Known { id: true, number: true, edge_id: true, date_joined: true };
        let user_record = UserRecord {
            has,
            may_share_email: false,
            memberships: memberships.collect(),
            tokens: tokens.collect(),
            user,
        };
        let mut records = vec![Record::User(Box::new(user_record))];
        for accepted in [true, false] {
            let attempts = store.attempts_readable(id, accepted).await?;
            damaged.extend(attempts.damaged);
            records.extend(attempts.records.into_iter().map(|(name, attempt)| Record::Attempt(id, name, attempt)));
        }
        Ok(Readable { records, damaged })
    }
}
