//! Who may do what: one decision, from facts alone (`contracts/openwisp.md` section 3).

use std::collections::BTreeSet;

use super::{Caller, Directory};
use crate::error::Result;
use crate::model::{Action, Model, Permission, PermissionId, User};

/// What a user may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// Everything: a superuser.
    Everything,
    /// What these permissions say.
    Permissions(BTreeSet<PermissionId>),
}

/// Which users a caller can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// All.
    Everyone,
    /// Those of the organizations that the caller manages; nobody, for who manages none.
    Managed,
}

impl Rights {
    /// Whether this action on this model is allowed.
    pub fn allow(&self, action: Action, model: Model) -> bool {
        match self {
            Self::Everything => true,
            Self::Permissions(permissions) => permissions.contains(&Permission { model, action }.id()),
        }
    }
}

impl Caller {
    /// Whether a request of this method may touch objects of the model at all.
    ///
    /// GET and HEAD need view or change, POST add, PUT and PATCH change, DELETE delete; nothing else needs anything.
    pub fn may_request(&self, method: &http::Method, model: Model) -> bool {
        use http::Method;
        let allow = |action| self.rights.allow(action, model);
        match *method {
            Method::GET | Method::HEAD => allow(Action::View) || allow(Action::Change),
            Method::POST => allow(Action::Add),
            Method::PUT | Method::PATCH => allow(Action::Change),
            Method::DELETE => allow(Action::Delete),
            _ => true,
        }
    }

    /// Which users the caller can see.
    pub fn sight(&self) -> Sight {
        if self.user.is_superuser { Sight::Everyone } else { Sight::Managed }
    }
}

impl Directory {
    /// What a user may do: by itself and by its groups, as they are now.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn rights(&self, user: &User) -> Result<Rights> {
        if user.is_superuser {
            return Ok(Rights::Everything);
        }
        let mut permissions = user.permissions.clone();
        for group in self.store.groups(&user.groups).await? {
            permissions.extend(group.permissions);
        }
        Ok(Rights::Permissions(permissions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_allows_its_action_on_its_model_only() {
        for held in Permission::all() {
            let rights = Rights::Permissions(BTreeSet::from([held.id()]));
            for asked in Permission::all() {
                assert_eq!(rights.allow(asked.action, asked.model), asked == held);
            }
        }
    }
}
