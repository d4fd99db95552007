//! Everything that is held about one person, for that person or a superuser.

use std::collections::{BTreeMap, BTreeSet};

use async_recursion::async_recursion as boxed;

use super::{Act, Caller, Directory, SystemCaller};
use crate::error::{Entity, Error, Result};
use crate::model::{ApiToken, Group, Membership, Session, SignInAttempt, Timestamp, User, UserId, Username};
use crate::store::LoggedEvent;

/// The most login attempts of an export, the newest; as many as an access history shows.
const MOST_ATTEMPTS: usize = 10_000;

/// Everything that is held about a person. It contains secrets; whoever shows it leaves them out.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonExport {
    /// The record.
    pub user: User,
    /// When the user was deleted; `None` for a user who exists.
    pub deleted: Option<Timestamp>,
    /// The memberships, each with the name of its organization, if that still exists.
    pub memberships: Vec<(Membership, Option<String>)>,
    /// The groups, by id.
    pub groups: Vec<Group>,
    /// The API tokens, oldest first.
    pub tokens: Vec<ApiToken>,
    /// The browser sessions, oldest first, without those that have ended.
    pub sessions: Vec<Session>,
    /// The login attempts, newest first.
    pub attempts: Vec<SignInAttempt>,
    /// Whether there are older attempts.
    pub has_more_attempts: bool,
    /// The events about the person and by the person, newest first.
    pub events: Vec<LoggedEvent>,
    /// Whether there are older events.
    pub has_more_events: bool,
}

impl Directory {
    /// Everything that is held about a user, who may be deleted and not purged yet.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for any caller except the user and superusers, [`Error::NotFound`] for an unknown user.
    #[boxed]
    pub async fn export_person(&self, caller: &Caller, id: UserId) -> Result<PersonExport> {
        caller.must(Act::Export(id))?;
        let person = self.person(id).await?;
        self.note_person_export(caller.actor(), &person.user).await?;
        Ok(person)
    }

    /// The same for the user of that name.
    ///
    /// # Errors
    /// [`Error::NotFound`] if nobody has that name, [`Error::Forbidden`] for any caller except the operator.
    #[boxed]
    pub async fn export_named(&self, by: SystemCaller, username: &Username) -> Result<PersonExport> {
        by.must_be_operator()?;
        let taken = self.store.user_by_username(username).await?.ok_or(Error::NotFound(Entity::User))?;
        let person = self.person(taken.user).await?;
        self.note_person_export(by.actor(), &person.user).await?;
        Ok(person)
    }

    async fn person(&self, id: UserId) -> Result<PersonExport> {
        let (user, memberships, deleted) =
            if let Some((user, memberships)) = self.store.user_with_memberships(id).await? {
                (user, memberships, None)
            } else {
                let deleted = self.store.deleted_user(id).await?.ok_or(Error::NotFound(Entity::User))?;
                (deleted.user, deleted.memberships, Some(deleted.at))
            };
        let memberships: Vec<Membership> = memberships.into_iter().chain(user.returning.iter().cloned()).collect();
        let organizations: BTreeSet<_> = memberships.iter().map(|membership| membership.organization).collect();
        let organizations = self.store.organizations(&organizations).await?.into_iter();
        let names: BTreeMap<_, _> = organizations.map(|organization| (organization.id, organization.name)).collect();
        let named = |membership: Membership| {
            let name = names.get(&membership.organization).cloned();
            (membership, name)
        };
        let mut groups = self.store.groups(&user.groups).await?;
        groups.sort_by_key(|group| group.id);
        let list = self.store.tokens(id).await?.without_ended(&user);
        let tokens = self.store.token_records(list.entries()).await?;
        let mut sessions = self.store.sessions(id).await?;
        sessions.retain(|session| session.version == user.token_version);
        let mut history = self.store.history(id, None, MOST_ATTEMPTS).await?;
        let mut attempts = Vec::new();
        let mut has_more_attempts = false;
        while let Some((_, attempt)) = history.next().await? {
            if attempts.len() == MOST_ATTEMPTS {
                has_more_attempts = true;
                break;
            }
            attempts.push(attempt);
        }
        let (events, has_more_events) = self.events_of_person(id).await?;
        Ok(PersonExport {
            events,
            has_more_events,
            memberships: memberships.into_iter().map(named).collect(),
            user,
            deleted,
            groups,
            tokens,
            sessions,
            attempts,
            has_more_attempts,
        })
    }
}
