//! The records that a decision depends on, so that a write succeeds only if they are unchanged.

use std::collections::{BTreeMap, BTreeSet};

use super::keys;
use super::transaction::{Condition, Transaction};
use crate::model::{Group, GroupId, Organization, OrganizationId, User, UserId};

/// The records that a decision about rights depends on, each with the version that was read.
///
/// A write with these records fails as stale if one has been changed or deleted. The caller then decides again on the
/// newest state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Basis {
    users: BTreeMap<UserId, u64>,
    groups: BTreeMap<GroupId, u64>,
    organizations: BTreeMap<OrganizationId, u64>,
    /// Deleted users, who must not have been restored.
    absent: BTreeSet<UserId>,
}

impl Basis {
    /// Adds a user.
    pub fn rest_on_user(&mut self, user: &User) {
        self.users.insert(user.id, user.version);
    }

    /// Adds that a user is deleted.
    pub fn rest_on_absence(&mut self, user: UserId) {
        self.absent.insert(user);
    }

    /// Adds groups.
    pub fn rest_on_groups<'a>(&mut self, groups: impl IntoIterator<Item = &'a Group>) {
        self.groups.extend(groups.into_iter().map(|group| (group.id, group.version)));
    }

    /// Adds an organization.
    pub fn rest_on_organization(&mut self, organization: &Organization) {
        self.organizations.insert(organization.id, organization.version);
    }

    /// Adds all records of another basis.
    pub fn extend(&mut self, other: Self) {
        self.users.extend(other.users);
        self.groups.extend(other.groups);
        self.organizations.extend(other.organizations);
        self.absent.extend(other.absent);
    }

    /// Makes a transaction fail with `guard` unless all of the records are unchanged.
    pub(super) fn require_in<G: Clone>(&self, transaction: &mut Transaction<G>, guard: &G) {
        let users = self.users.iter().map(|(&id, &version)| (keys::user(id), version));
        let groups = self.groups.iter().map(|(&id, &version)| (keys::group(id), version));
        let organizations = self.organizations.iter().map(|(&id, &version)| (keys::organization(id), version));
        for (key, version) in users.chain(groups).chain(organizations) {
            transaction.require_version(key, version, guard.clone());
        }
        for &id in &self.absent {
            transaction.check(keys::user(id), Condition::Absent, guard.clone());
        }
    }
}
