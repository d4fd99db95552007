//! What the directory holds, as the store has it: read once, then brought up to date from what was written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dynoxide::AttributeValue;
use shared::model::{ApiToken, DeletedUser, Group, GroupId, Membership, Organization, OrganizationId, User, UserId};

use crate::support::TestApp;

/// Everybody and everything about which rights are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    pub people: BTreeMap<UserId, Arc<Person>>,
    pub groups: BTreeMap<GroupId, Group>,
    pub organizations: BTreeMap<OrganizationId, Organization>,
    /// As they were when they were deleted; they have no tokens.
    pub deleted: BTreeMap<UserId, Arc<Person>>,
}

/// A user with all that belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    pub user: User,
    pub memberships: Vec<Membership>,
    pub tokens: Vec<ApiToken>,
}

impl State {
    /// Everything that there is.
    pub async fn read(app: &TestApp) -> Self {
        let mut state = Self::default();
        let items = app.items();
        let partitions = items.iter().map(|item| match &item["pk"] {
            AttributeValue::S(key) => key.clone(),
            other => panic!("{other:?} is no partition key"),
        });
        state.follow(app, &partitions.collect()).await;
        state
    }

    /// Reads again what is in these partitions.
    pub async fn follow(&mut self, app: &TestApp, written: &BTreeSet<String>) {
        let store = app.directory.store();
        let after = |kind: &'static str| written.iter().filter_map(move |key| key.strip_prefix(kind));
        if written.contains("GROUPS") {
            let groups = store.groups_all().await.expect("the groups");
            self.groups = groups.into_iter().map(|group| (group.id, group)).collect();
        }
        for id in after("ORGANIZATION#").filter_map(OrganizationId::parse) {
            match store.organization(id).await.expect("an organization or none") {
                Some(organization) => drop(self.organizations.insert(id, organization)),
                None => drop(self.organizations.remove(&id)),
            }
        }
        for id in after("DELETED#").filter_map(UserId::parse) {
            match store.deleted_user(id).await.expect("a deleted user or none") {
                Some(DeletedUser { user, memberships, .. }) => {
                    self.deleted.insert(id, Arc::new(Person { user, memberships, tokens: Vec::new() }));
                }
                None => drop(self.deleted.remove(&id)),
            }
        }
        let listed: BTreeSet<UserId> = after("TOKENS#").filter_map(UserId::parse).collect();
        let users: BTreeSet<UserId> = after("USER#").filter_map(UserId::parse).collect();
        for id in users.union(&listed).copied() {
            let known = self.people.remove(&id);
            let record = match &known {
                Some(known) if !users.contains(&id) => Some((known.user.clone(), known.memberships.clone())),
                _ => store.user_with_memberships(id).await.expect("a user or none"),
            };
            let Some((user, memberships)) = record else { continue };
            let tokens = match &known {
                Some(known) if !listed.contains(&id) => known.tokens.clone(),
                _ => tokens_of(app, id).await,
            };
            self.people.insert(id, Arc::new(Person { user, memberships, tokens }));
        }
        for hash in after("TOKEN#") {
            // One that is gone was in the list of its user, which was read above.
            let Some(token) = store.token(hash).await.expect("a token or none") else { continue };
            let Some(person) = self.people.get_mut(&token.user).map(Arc::make_mut) else { continue };
            if let Some(known) = person.tokens.iter_mut().find(|known| known.id == token.id) {
                *known = token;
            }
        }
    }

    /// The one of that user name.
    pub fn named(&self, username: &str) -> Option<&Arc<Person>> {
        self.people.values().find(|person| person.user.username.as_str() == username)
    }
}

async fn tokens_of(app: &TestApp, id: UserId) -> Vec<ApiToken> {
    let store = app.directory.store();
    let list = store.tokens(id).await.expect("a list of tokens");
    store.token_records(list.entries()).await.expect("tokens")
}
