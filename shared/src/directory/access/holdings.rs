//! Rights as they are stored and compared.

use std::collections::BTreeSet;

use crate::model::{Action, OrganizationId, Permission, PermissionId, User};

/// The rights stored in a person's record, whether or not the account or the organizations are active.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Every right.
    pub is_superuser: bool,
    /// The staff role of the Edge API.
    pub is_edge_staff: bool,
    /// Model permissions, held directly or through groups.
    pub permissions: BTreeSet<PermissionId>,
    /// Organizations that the person manages or owns.
    pub organizations: BTreeSet<OrganizationId>,
}

impl Holdings {
    /// The rights of a user's own record, without groups.
    pub fn of_record(user: &User) -> Self {
        Self {
            is_superuser: user.flags.is_superuser,
            is_edge_staff: user.flags.is_edge_staff,
            permissions: user.permissions.clone(),
            organizations: user.organizations_held().collect(),
        }
    }

    /// Whether these rights include all of the others. The right to change objects of a model includes viewing them.
    pub fn include(&self, others: &Self) -> bool {
        self.is_superuser
            || (!others.is_superuser
                && (self.is_edge_staff || !others.is_edge_staff)
                && others.permissions.iter().all(|id| self.permit(*id))
                && others.organizations.is_subset(&self.organizations))
    }

    /// Those of these rights that `others` do not have.
    #[must_use]
    pub fn beyond(&self, others: &Self) -> Self {
        Self {
            is_superuser: self.is_superuser && !others.is_superuser,
            is_edge_staff: self.is_edge_staff && !others.is_edge_staff,
            permissions: self.permissions.iter().copied().filter(|id| !others.permit(*id)).collect(),
            organizations: &self.organizations - &others.organizations,
        }
    }

    /// Whether they include a permission. A permission that does not exist grants nothing, so everybody has it.
    pub fn permit(&self, id: PermissionId) -> bool {
        self.is_superuser
            || self.permissions.contains(&id)
            || match Permission::by_id(id) {
                None => true,
                Some(Permission { model, action: Action::View }) => {
                    self.permissions.contains(&Permission { model, action: Action::Change }.id())
                }
                Some(_) => false,
            }
    }
}
