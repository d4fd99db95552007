//! Who may do what: one decision, from facts alone (`contracts/openwisp.md` section 3).

use std::collections::BTreeSet;

use super::{Caller, Directory};
use crate::error::{Error, Result};
use crate::model::{Action, Model, Permission, PermissionId, User};

/// What a user may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// Everything: a superuser.
    Everything,
    /// Everything about users, but nothing about superusers than to look at them (`contracts/edge.md` section 10).
    Staff,
    /// What these permissions say.
    Permissions(BTreeSet<PermissionId>),
    /// To look at oneself and to change the own names, e-mail, description and password (the same section).
    Oneself,
}

/// Which users a caller can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// All.
    Everyone,
    /// Those of the organizations that the caller manages; nobody, for who manages none.
    Managed,
    /// The caller alone; to ask for anybody else is forbidden, whether there is one or not.
    Oneself,
}

impl Rights {
    /// Whether this action on this model is allowed.
    pub fn allow(&self, action: Action, model: Model) -> bool {
        match self {
            Self::Everything => true,
            Self::Staff => model == Model::User,
            Self::Permissions(permissions) => permissions.contains(&Permission { model, action }.id()),
            Self::Oneself => model == Model::User && matches!(action, Action::View | Action::Change),
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
        match self.rights {
            Rights::Everything | Rights::Staff => Sight::Everyone,
            Rights::Permissions(_) => Sight::Managed,
            Rights::Oneself => Sight::Oneself,
        }
    }

    /// Whether the caller may turn one state of a user into another; `None` stands for no user.
    ///
    /// What model permissions leave out of a change is left out before (`contracts/openwisp.md` section 3.2).
    pub(super) fn may_write(&self, before: Option<&User>, after: Option<&User>) -> bool {
        let is_superuser = |user: Option<&User>| user.is_some_and(|user| user.is_superuser);
        match (&self.rights, before, after) {
            (Rights::Everything | Rights::Permissions(_), ..) => true,
            (Rights::Staff, ..) => !is_superuser(before) && !is_superuser(after),
            (Rights::Oneself, Some(before), Some(after)) => {
                before.id == self.user.id && *after == before.with_own_fields_of(after)
            }
            (Rights::Oneself, ..) => false,
        }
    }

    /// Whether the caller may make, change or remove tokens of that user.
    pub(super) fn may_write_tokens_of(&self, user: &User) -> bool {
        match self.rights {
            Rights::Everything => true,
            Rights::Staff => user.id == self.user.id || !user.is_superuser,
            Rights::Oneself | Rights::Permissions(_) => user.id == self.user.id,
        }
    }
}

impl User {
    /// This user with what users may change about themselves as `other` has it.
    fn with_own_fields_of(&self, other: &Self) -> Self {
        let mut user = self.clone();
        user.first_name.clone_from(&other.first_name);
        user.last_name.clone_from(&other.last_name);
        user.email.clone_from(&other.email);
        user.sharing.description.clone_from(&other.sharing.description);
        user.password.clone_from(&other.password);
        user
    }
}

impl Rights {
    /// What a user may do where being staff, or being let in, is all that counts (`contracts/edge.md` section 10).
    ///
    /// # Errors
    /// [`Error::Forbidden`] for who is not let in.
    pub fn of_office(user: &User) -> Result<Self> {
        if user.is_superuser {
            Ok(Self::Everything)
        } else if user.is_staff {
            Ok(Self::Staff)
        } else if user.sharing.allow_rest_access {
            Ok(Self::Oneself)
        } else {
            Err(Error::Forbidden)
        }
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
