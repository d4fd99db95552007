//! What users bring along or belong to: groups, organizations, API tokens, login attempts.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures_util::stream::{self, StreamExt as _};

use super::importer::{STILL_GOING, reason};
use super::limits::shorten_organization;
use super::{Importer, IssueKind, MAX_NUMBER, TokenRecord};
use crate::directory::Directory;
use crate::error::Result;
use crate::model::{
    ApiToken, Group, GroupId, Organization, OrganizationId, Permission, SignInAttempt, TokenId, User, UserId,
    default_groups, is_slug,
};
use crate::model::{CleanupTask, Sequence};
use crate::store::{Basis, GroupWriteOutcome, OrganizationWriteOutcome, TokenWriteOutcome};

/// How many tokens are created concurrently.
const AT_ONCE: usize = 8;

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
        let mut new = Group { version: 1, ..group };
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
            if self.directory.store.group_write(None, Some(&new), &Basis::default()).await? != GroupWriteOutcome::Done {
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

    /// Organizations keep their ids. An organization whose slug belongs to another one here is skipped.
    pub(super) async fn take_organization(&mut self, origin: &str, organization: Organization) -> Result<()> {
        let mut wanted = Organization { version: 1, owner: None, ..organization };
        for reason in shorten_organization(&mut wanted) {
            self.report.note(IssueKind::LeftOut, origin, reason);
        }
        let within = |text: &str, most: usize| text.chars().count() <= most;
        if wanted.name.is_empty()
            || !within(&wanted.name, Organization::MAX_NAME)
            || !is_slug(&wanted.slug)
            || !within(&wanted.slug, Organization::MAX_SLUG)
        {
            self.report.unusable += 1;
            self.report.note(IssueKind::Unusable, origin, "no valid name or slug");
            return Ok(());
        }
        let found = match self.organization(wanted.id).await {
            Ok(found) => found.cloned(),
            Err(error) => {
                self.report.organizations.refused += 1;
                self.report.note(IssueKind::Unusable, origin, reason(error)?);
                return Ok(());
            }
        };
        if let Some(found) = found {
            // The source may lack these timestamps.
            let Organization { created, modified, .. } = wanted;
            let same = Organization { version: 1, owner: None, created, modified, ..found } == wanted;
            self.report.organizations.here += 1;
            if !same {
                self.report.note(IssueKind::Differs, origin, "it exists here with other values");
            }
            return Ok(());
        }
        if !self.is_gone_for_good(CleanupTask::Organization(wanted.id)).await? {
            self.report.organizations.refused += 1;
            self.report.note(IssueKind::Conflict, origin, STILL_GOING);
            return Ok(());
        }
        let taken = match self.directory.store.organization_of_slug(&wanted.slug).await? {
            None => self.organizations.values().flatten().find(|other| other.slug == wanted.slug).map(|other| other.id),
            other => other,
        };
        let mut taken = taken;
        if taken.is_none() && !self.dry {
            match self.directory.store.organization_write(None, Some(&wanted), &[], &Basis::default()).await {
                Ok(OrganizationWriteOutcome::Done) => {}
                Ok(OrganizationWriteOutcome::SlugTaken(by)) => taken = Some(by),
                Ok(OrganizationWriteOutcome::Stale) => taken = Some(wanted.id),
                Err(error) => {
                    self.report.organizations.refused += 1;
                    self.report.note(IssueKind::Unusable, origin, reason(error)?);
                    return Ok(());
                }
            }
        }
        if let Some(other) = taken {
            self.report.organizations.refused += 1;
            let reason = format!("the slug {:?} belongs to the organization {other} here", wanted.slug);
            self.report.note(IssueKind::Conflict, origin, reason);
            return Ok(());
        }
        self.report.organizations.made += 1;
        self.organizations.insert(wanted.id, Some(wanted));
        Ok(())
    }

    /// An organization that exists here, or would exist.
    pub(super) async fn organization(&mut self, id: OrganizationId) -> Result<Option<&Organization>> {
        if !self.organizations.contains_key(&id) {
            let found = self.directory.store.organization(id).await?;
            self.organizations.insert(id, found);
        }
        Ok(self.organizations.get(&id).and_then(Option::as_ref))
    }

    /// Creates the users' tokens that do not exist yet.
    pub(super) async fn take_tokens(&mut self, tokens: Vec<(String, User, TokenRecord)>) -> Result<()> {
        let hashes: BTreeSet<&str> = tokens.iter().map(|(_, _, token)| token.hash.reveal()).collect();
        let here = self.directory.store.tokens_of_hashes(&hashes).await?;
        let mut met = HashSet::new();
        let mut new = Vec::new();
        for (origin, user, token) in tokens {
            let is_first = met.insert(token.hash.reveal().to_owned());
            match here.get(token.hash.reveal()) {
                Some(found) if found.user == user.id => self.report.tokens.here += 1,
                None if is_first => new.push((origin, user, token)),
                _ => {
                    self.report.tokens.refused += 1;
                    self.report.note(IssueKind::Conflict, &origin, "an API token that exists here already");
                }
            }
        }
        let mut of_users: BTreeMap<UserId, Vec<_>> = BTreeMap::new();
        for token in new {
            of_users.entry(token.1.id).or_default().push(token);
        }
        let (directory, dry) = (self.directory, self.dry);
        let made = stream::iter(of_users).map(async |(user, tokens)| make_tokens(directory, dry, user, tokens).await);
        let made: Vec<_> = made.buffer_unordered(AT_ONCE).collect().await;
        for told in made {
            for (origin, refused) in told? {
                match refused {
                    None => self.report.tokens.made += 1,
                    Some((kind, reason)) => {
                        self.report.tokens.refused += 1;
                        self.report.note(kind, &origin, reason);
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes login attempts of users who exist here.
    pub(super) async fn take_attempts(&mut self, attempts: Vec<(String, (UserId, u64, SignInAttempt))>) -> Result<()> {
        let users: BTreeSet<UserId> = attempts.iter().map(|(_, (user, ..))| *user).collect();
        let (here, _) = self.directory.store.users_readable(&users).await?;
        let here: HashSet<UserId> = here.into_iter().map(|user| user.id).collect();
        let mut good = Vec::new();
        for (origin, attempt) in attempts {
            if here.contains(&attempt.0) || self.met.contains(&attempt.0) {
                good.push(attempt);
            } else {
                self.report.attempts.refused += 1;
                self.report.note(IssueKind::LeftOut, &origin, "a login attempt of a user who was not imported");
            }
        }
        self.report.attempts.made += count(good.len());
        if self.dry { Ok(()) } else { self.directory.store.attempts_restore(&good).await }
    }
}

/// Creates the tokens of a user, up to the limit; those that are valid longest come first. Returns for each its origin
/// in the source, and why it was not created.
async fn make_tokens(
    directory: &Directory,
    dry: bool,
    user: UserId,
    mut tokens: Vec<(String, User, TokenRecord)>,
) -> Result<Vec<(String, Option<(IssueKind, String)>)>> {
    let mut list = match directory.store.tokens(user).await {
        Ok(list) => list,
        Err(error) => {
            let why = format!("an API token: {}", reason(error)?);
            let origins = tokens.into_iter().map(|(origin, ..)| origin);
            return Ok(origins.map(|origin| (origin, Some((IssueKind::Conflict, why.clone())))).collect());
        }
    };
    tokens.sort_by_key(|(_, _, token)| std::cmp::Reverse(token.good_until));
    let mut told = Vec::new();
    let mut room = tokens.first().map_or(0, |(_, user, _)| list.room(user));
    for (origin, user, token) in tokens {
        if room == 0 {
            told.push((origin, Some((IssueKind::LeftOut, "an API token (a user may have at most 100)".to_owned()))));
            continue;
        }
        room -= 1;
        let TokenRecord { hash, id, title, is_active, created, updated, last_used, good_until, made_by_other } = token;
        let id = id.unwrap_or_else(|| TokenId::generate(created, &*directory.ambient));
        let version = user.api_token_version(made_by_other);
        let user = user.id;
        let token =
            ApiToken { id, user, title, is_active, created, updated, last_used, good_until, made_by_other, version };
        if dry {
            told.push((origin, None));
            continue;
        }
        let refused = match directory.store.token_insert(&token, &hash, &list, &Basis::default()).await {
            Ok(TokenWriteOutcome::Done) => None,
            Ok(TokenWriteOutcome::UserGone) => Some("an API token whose user was deleted".to_owned()),
            Ok(TokenWriteOutcome::Stale) => {
                Some("an API token whose user's tokens changed during the import; run the import again".to_owned())
            }
            Err(error) => Some(format!("an API token: {}", reason(error)?)),
        };
        if refused.is_none() {
            list = list.with(&token, &hash);
        }
        told.push((origin, refused.map(|reason| (IssueKind::Conflict, reason))));
    }
    Ok(told)
}

/// How many numbers the default groups use, which no sequence returns.
fn defaults() -> u64 {
    count(default_groups().len())
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
