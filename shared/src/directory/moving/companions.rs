//! What users bring along or belong to: groups, organizations, API tokens, attempts to sign in.

use std::collections::{BTreeSet, HashSet};

use futures_util::stream::{self, StreamExt as _};

use super::{Arrivals, MAX_NUMBER, MovingToken, TroubleKind};
use crate::error::{Error, Result};
use crate::model::{
    ApiToken, Group, GroupId, Organization, OrganizationId, Permission, SignInAttempt, TokenId, UserId, default_groups,
    is_slug,
};
use crate::store::keys::Sequence;
use crate::store::{GroupWritten, OrganizationWritten, TokenWritten};

/// How many tokens are made at once.
const AT_ONCE: usize = 8;

impl Arrivals<'_> {
    /// A group is the one here that has its name and its permissions. Nobody joins one that may do something else.
    pub(super) async fn take_group(&mut self, origin: &str, group: Group) -> Result<()> {
        if self.groups_here.is_none() {
            self.groups_here = Some(self.directory.store.groups_all().await?);
        }
        let here = self.groups_here.clone().unwrap_or_default();
        let number = group.id;
        let length = group.name.chars().count();
        let unknown = group.permissions.iter().any(|id| Permission::by_id(*id).is_none());
        let refused = if !(1..=150).contains(&length) {
            Some("its name should have 1 to 150 characters")
        } else if unknown {
            Some("it has a permission that does not exist")
        } else if !(1..=MAX_NUMBER).contains(&number.0) {
            Some("its number is 0 or too large")
        } else {
            None
        };
        if let Some(reason) = refused {
            self.report.unusable += 1;
            self.report.note(TroubleKind::Unusable, origin, reason);
            self.groups.insert(number, None);
            return Ok(());
        }
        if let Some(found) = here.iter().find(|found| found.name == group.name) {
            let same = found.permissions == group.permissions;
            self.groups.insert(number, same.then_some(found.id));
            if !same {
                self.report.groups.refused += 1;
                let reason = format!("a group {:?} is here with other permissions; nobody joins it", group.name);
                self.report.note(TroubleKind::Conflict, origin, reason);
                return Ok(());
            }
            self.report.groups.here += 1;
            if found.id != number {
                let reason = format!("the group {:?} has the number {} here, not {number}", group.name, found.id);
                self.report.note(TroubleKind::Differs, origin, reason);
            }
            return Ok(());
        }
        let mut new = Group { version: 1, ..group };
        if here.iter().any(|found| found.id == number) {
            new.id =
                GroupId(self.numbers(Sequence::Groups, 1).await?.first().copied().unwrap_or_default() + defaults());
            let reason = format!("the number {number} is another group's here; {:?} gets {}", new.name, new.id);
            self.report.note(TroubleKind::Differs, origin, reason);
        }
        if !self.dry {
            // First, so that no number is in use that the sequence may still give.
            self.raise(Sequence::Groups, new.id.0.saturating_sub(defaults())).await?;
            if self.directory.store.group_write(None, Some(&new)).await? != GroupWritten::Done {
                self.report.groups.refused += 1;
                self.report.note(TroubleKind::Conflict, origin, "it appeared here meanwhile; begin again");
                self.groups.insert(number, None);
                return Ok(());
            }
        }
        self.report.groups.made += 1;
        self.groups.insert(number, Some(new.id));
        self.groups_here.get_or_insert_default().push(new);
        Ok(())
    }

    /// What the groups of a user are here; those that are not are told.
    pub(super) fn groups_of(&mut self, origin: &str, groups: &BTreeSet<GroupId>) -> BTreeSet<GroupId> {
        let (known, unknown): (Vec<_>, Vec<_>) =
            groups.iter().map(|id| (*id, self.groups.get(id).copied().flatten())).partition(|(_, here)| here.is_some());
        for (id, _) in unknown {
            self.report.note(TroubleKind::LeftOut, origin, format!("the group {id}, which did not move in"));
        }
        known.into_iter().filter_map(|(_, here)| here).collect()
    }

    /// Organizations keep their ids; one whose slug is another's here does not move in.
    pub(super) async fn take_organization(&mut self, origin: &str, organization: Organization) -> Result<()> {
        let wanted = Organization { version: 1, owner: None, ..organization };
        let within = |text: &str, most: usize| text.chars().count() <= most;
        if wanted.name.is_empty() || !within(&wanted.name, 200) || !is_slug(&wanted.slug) || !within(&wanted.slug, 200)
        {
            self.report.unusable += 1;
            self.report.note(TroubleKind::Unusable, origin, "it has no name or slug that can be used");
            return Ok(());
        }
        if let Some(found) = self.organization(wanted.id).await?.cloned() {
            let same = Organization { version: 1, owner: None, modified: wanted.modified, ..found } == wanted;
            self.report.organizations.here += 1;
            if !same {
                self.report.note(TroubleKind::Differs, origin, "it is here already and says something else");
            }
            return Ok(());
        }
        let taken = match self.directory.store.organization_of_slug(&wanted.slug).await? {
            None => self.organizations.values().flatten().find(|other| other.slug == wanted.slug).map(|other| other.id),
            other => other,
        };
        let mut taken = taken;
        if taken.is_none() && !self.dry {
            match self.directory.store.organization_write(None, Some(&wanted)).await {
                Ok(OrganizationWritten::Done) => {}
                Ok(OrganizationWritten::SlugTaken(by)) => taken = Some(by),
                Ok(OrganizationWritten::Stale) => taken = Some(wanted.id),
                Err(Error::Refused(_)) => {
                    self.report.organizations.refused += 1;
                    self.report.note(TroubleKind::Unusable, origin, "it is too large to be stored");
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(other) = taken {
            self.report.organizations.refused += 1;
            let reason = format!("the slug {:?} is that of the organization {other} here", wanted.slug);
            self.report.note(TroubleKind::Conflict, origin, reason);
            return Ok(());
        }
        self.report.organizations.made += 1;
        self.organizations.insert(wanted.id, Some(wanted));
        Ok(())
    }

    /// An organization that is here, or would be.
    pub(super) async fn organization(&mut self, id: OrganizationId) -> Result<Option<&Organization>> {
        if !self.organizations.contains_key(&id) {
            let found = self.directory.store.organization(id).await?;
            self.organizations.insert(id, found);
        }
        Ok(self.organizations.get(&id).and_then(Option::as_ref))
    }

    /// Makes the tokens of users that are not here yet.
    pub(super) async fn take_tokens(&mut self, tokens: Vec<(String, UserId, MovingToken)>) -> Result<()> {
        let hashes: BTreeSet<&str> = tokens.iter().map(|(_, _, token)| token.hash.as_str()).collect();
        let here = self.directory.store.tokens_of_hashes(&hashes).await?;
        let mut met = HashSet::new();
        let mut new = Vec::new();
        for (origin, user, token) in tokens {
            let is_first = met.insert(token.hash.clone());
            match here.get(&token.hash) {
                Some(found) if found.user == user => self.report.tokens.here += 1,
                None if is_first => new.push((origin, user, token)),
                _ => {
                    self.report.tokens.refused += 1;
                    self.report.note(TroubleKind::Conflict, &origin, "an API token that somebody has already");
                }
            }
        }
        if self.dry {
            self.report.tokens.made += count(new.len());
            return Ok(());
        }
        let directory = self.directory;
        let made = stream::iter(new).map(async |(origin, user, token)| {
            let MovingToken { hash, id, title, is_active, created, updated, last_used, good_until } = token;
            let id = id.unwrap_or_else(|| TokenId::generate(created, &*directory.ambient));
            let token = ApiToken { id, user, title, is_active, created, updated, last_used, good_until };
            (origin, directory.store.token_insert(&token, &hash, None).await)
        });
        let made: Vec<_> = made.buffer_unordered(AT_ONCE).collect().await;
        for (origin, written) in made {
            if written? == TokenWritten::Done {
                self.report.tokens.made += 1;
            } else {
                self.report.tokens.refused += 1;
                self.report.note(TroubleKind::Conflict, &origin, "an API token whose user is gone");
            }
        }
        Ok(())
    }

    /// Writes attempts of users who are here.
    pub(super) async fn take_attempts(&mut self, attempts: Vec<(String, (UserId, u64, SignInAttempt))>) -> Result<()> {
        let users: BTreeSet<UserId> = attempts.iter().map(|(_, (user, ..))| *user).collect();
        let here = self.directory.store.users_of(&users).await?;
        let mut good = Vec::new();
        for (origin, attempt) in attempts {
            if here.contains_key(&attempt.0) || self.met.contains(&attempt.0) {
                good.push(attempt);
            } else {
                self.report.attempts.refused += 1;
                self.report.note(TroubleKind::LeftOut, &origin, "an attempt of a user who did not move in");
            }
        }
        self.report.attempts.made += count(good.len());
        if self.dry { Ok(()) } else { self.directory.store.attempts_restore(&good).await }
    }
}

/// The numbers of the default groups, which no sequence gives.
fn defaults() -> u64 {
    count(default_groups().len())
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
