//! Giving records out.

use std::collections::{BTreeSet, HashMap};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::{KnownIds, Mover, MovingMembership, MovingToken, Record};
use crate::directory::Directory;
use crate::error::Result;
use crate::model::{ApiToken, Membership, MembershipId, OrganizationId, User};
use crate::store::keys::Sequence;

/// How many users are read at once.
const PIECE: usize = 100;
/// For how many users at once their tokens and attempts are read.
const AT_ONCE: usize = 8;

/// Everything on its way out: groups, organizations, sequences, then users, each piece followed by their attempts.
///
/// Whoever changes while the pieces are read stands there as before or as after; whoever is made or removed meanwhile may
/// be missing.
pub struct Departures<'a> {
    directory: &'a Directory,
    owners: HashMap<OrganizationId, MembershipId>,
    at: At,
}

/// How far the departures have come.
enum At {
    Start,
    After(Option<String>),
    End,
}

impl Directory {
    /// Makes ready for everything to move out; what earlier changes have left to be done is finished first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn departures(&self) -> Result<Departures<'_>> {
        self.finish_follow_up().await?;
        Ok(Departures { directory: self, owners: HashMap::new(), at: At::Start })
    }
}

impl Departures<'_> {
    /// Some further records; `None` when there are no more.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn next(&mut self) -> Result<Option<Vec<Record>>> {
        let after = match &self.at {
            At::Start => {
                self.at = At::After(None);
                return self.companions().await.map(Some);
            }
            At::End => return Ok(None),
            At::After(after) => after.clone(),
        };
        let (users, last) = self.directory.store.users_some(after.as_deref(), PIECE).await?;
        if last.is_none() {
            self.at = At::End;
            return Ok(None);
        }
        self.at = At::After(last);
        let records = stream::iter(users).map(async |(user, memberships)| self.user(user, memberships).await);
        let records: Vec<Vec<Record>> = records.buffered(AT_ONCE).try_collect().await?;
        let (mut users, attempts): (Vec<_>, Vec<_>) =
            records.into_iter().flatten().partition(|record| matches!(record, Record::User(_)));
        users.extend(attempts);
        Ok(Some(users))
    }

    /// Groups, organizations, and how far sequences have come.
    async fn companions(&mut self) -> Result<Vec<Record>> {
        let store = &self.directory.store;
        let groups = store.groups_all().await?;
        let counts = store.organization_counts().await?;
        let rows = store.organization_rows(&counts, 0, usize::MAX).await?;
        let mut organizations = store.organizations(&rows.iter().map(|row| row.id).collect::<BTreeSet<_>>()).await?;
        organizations.sort_by_key(|organization| (organization.created, organization.id));
        for organization in &organizations {
            self.owners.extend(organization.owner.map(|(membership, _)| (organization.id, membership)));
        }
        let mut records: Vec<Record> = groups.into_iter().map(Record::Group).collect();
        records.extend(organizations.into_iter().map(Record::Organization));
        for sequence in [Sequence::Users, Sequence::Addresses, Sequence::Groups] {
            records.push(Record::Given(sequence, store.sequence_given(sequence).await?));
        }
        Ok(records)
    }

    /// A user with tokens, and the attempts to sign in.
    async fn user(&self, user: User, memberships: Vec<Membership>) -> Result<Vec<Record>> {
        let store = &self.directory.store;
        let id = user.id;
        let tokens = store.tokens_with_hashes(id).await?.into_iter().map(|(hash, token)| {
            let ApiToken { id, user: _, title, is_active, created, updated, last_used, good_until } = token;
            MovingToken { hash, id: Some(id), title, is_active, created, updated, last_used, good_until }
        });
        let memberships = memberships.into_iter().map(|membership| {
            let Membership { id, organization, name: _, is_admin } = membership;
            let is_owner = self.owners.get(&organization) == Some(&id);
            MovingMembership { id, organization, is_admin, is_owner }
        });
        let has = KnownIds { id: true, number: true, edge_id: true };
        let mover =
            Mover { has, may_share_email: false, memberships: memberships.collect(), tokens: tokens.collect(), user };
        let mut records = vec![Record::User(Box::new(mover))];
        for accepted in [true, false] {
            let attempts = store.attempts_named(id, accepted).await?;
            records.extend(attempts.into_iter().map(|(name, attempt)| Record::Attempt(id, name, attempt)));
        }
        Ok(records)
    }
}
