//! Groups and the fixed catalogue of model permissions (`contracts/openwisp.md` section 3).

use std::collections::BTreeSet;
use std::fmt;

use super::{Change, GroupId, PermissionId, References, Timestamp};

/// The action that a permission allows on objects of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Create one.
    Add,
    /// Change one.
    Change,
    /// Remove one.
    Delete,
    /// View one.
    View,
}

/// The models that permissions apply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Model {
    /// E-mail addresses of users.
    EmailAddress,
    /// API keys of other programs.
    ApiKey,
    /// Groups.
    Group,
    /// Organizations.
    Organization,
    /// Owners of organizations.
    OrganizationOwner,
    /// Memberships in organizations.
    OrganizationUser,
    /// Users.
    User,
}

/// A permission of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission {
    /// The model.
    pub model: Model,
    /// What it allows.
    pub action: Action,
}

/// A named set of permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its number.
    pub id: GroupId,
    /// Counts the changes; a write names the version that it has read.
    pub version: u64,
    /// Its name: 1 to 150 characters, unique, case-sensitive.
    pub name: String,
    /// The permissions of its users.
    pub permissions: BTreeSet<PermissionId>,
    /// Its id at an identity provider; see [`User::external_id`](super::User::external_id).
    pub external_id: Option<String>,
    /// When it was made; `None` for a group of an earlier release.
    pub created: Option<Timestamp>,
    /// When its own attributes were last changed; `None` for a group of an earlier release.
    pub modified: Option<Timestamp>,
}

/// Changes of a group, or a new group. `None` keeps the value.
#[derive(Debug, Clone, Default)]
pub struct GroupChanges {
    /// See [`Group::name`].
    pub name: Option<String>,
    /// See [`Group::permissions`].
    pub permissions: Option<References<PermissionId>>,
    /// See [`Group::external_id`].
    pub external_id: Change<String>,
}

impl Group {
    /// The maximum length of a name, in characters.
    pub const MAX_NAME: usize = 150;
}

impl Action {
    /// Every action, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Add, Self::Change, Self::Delete, Self::View];

    fn verb(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Change => "change",
            Self::Delete => "delete",
            Self::View => "view",
        }
    }
}

impl Model {
    /// Every model, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::EmailAddress,
        Self::ApiKey,
        Self::Group,
        Self::Organization,
        Self::OrganizationOwner,
        Self::OrganizationUser,
        Self::User,
    ];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// The model's name on the wire and in the name of its permissions.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::EmailAddress => ("emailaddress", "email address"),
            Self::ApiKey => ("apikey", "API key"),
            Self::Group => ("group", "group"),
            Self::Organization => ("organization", "organization"),
            Self::OrganizationOwner => ("organizationowner", "organization owner"),
            Self::OrganizationUser => ("organizationuser", "organization user"),
            Self::User => ("user", "user"),
        }
    }
}

impl Permission {
    /// All permissions, sorted by number.
    pub fn all() -> impl Iterator<Item = Self> {
        Model::ALL.into_iter().flat_map(|model| Action::ALL.into_iter().map(move |action| Self { model, action }))
    }

    /// Its number: 1 for the first of the catalogue. Clients store the numbers, so they never change.
    pub fn id(self) -> PermissionId {
        PermissionId(1 + 4 * self.model as u64 + self.action as u64)
    }

    /// Its code name: `view_user`.
    pub fn codename(self) -> String {
        format!("{}_{}", self.action.verb(), self.model.name())
    }

    /// The permission with that number.
    pub fn by_id(id: PermissionId) -> Option<Self> {
        Self::all().find(|permission| permission.id() == id)
    }
}

/// As groups show it, without the number: `user | Can view user`.
impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (model, title) = self.model.names();
        write!(f, "{model} | Can {} {title}", self.action.verb())
    }
}

/// The groups that exist from the installation: numbers 1 and 2.
pub fn default_groups() -> [Group; 2] {
    use Action::{Add, Change, Delete, View};
    let may = |model, actions: &[Action]| {
        actions.iter().map(move |&action| Permission { model, action }.id()).collect::<Vec<_>>()
    };
    let administrator = [
        may(Model::EmailAddress, &[Change, Delete, View]),
        may(Model::ApiKey, &Action::ALL),
        may(Model::Group, &[View]),
        may(Model::Organization, &[Change]),
        may(Model::OrganizationOwner, &[Change]),
        may(Model::OrganizationUser, &[Add, Change, Delete, View]),
        may(Model::User, &[Add, Change, Delete, View]),
    ];
    [
        Group {
            id: GroupId(1),
            version: 1,
            name: "Administrator".to_owned(),
            permissions: administrator.into_iter().flatten().collect(),
            external_id: None,
            created: None,
            modified: None,
        },
        Group {
            id: GroupId(2),
            version: 1,
            name: "Operator".to_owned(),
            permissions: may(Model::Organization, &[View]).into_iter().collect(),
            external_id: None,
            created: None,
            modified: None,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_from_one_and_lead_back() {
        let ids: Vec<u64> = Permission::all().map(|permission| permission.id().0).collect();
        assert_eq!(ids, (1..=28).collect::<Vec<_>>());
        for permission in Permission::all() {
            assert_eq!(Permission::by_id(permission.id()), Some(permission));
        }
        assert_eq!(Permission::by_id(PermissionId(0)), None);
        assert_eq!(Permission::by_id(PermissionId(29)), None);
    }

    #[test]
    fn permissions_read_as_the_contract_shows_them() {
        let permission = Permission { model: Model::EmailAddress, action: Action::Change };
        assert_eq!(format!("{}: {permission}", permission.id()), "2: emailaddress | Can change email address");
    }
}
