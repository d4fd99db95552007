//! Who may do what: one decision, from facts alone (`contracts/openwisp.md` section 3).

#[cfg(test)]
mod section3;

use std::collections::BTreeSet;

use http::Method;

use super::{Caller, Directory};
use crate::error::{Error, Result};
use crate::model::{Action, Model, OrganizationId, Permission, PermissionId, User, UserId};

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

/// Something that a caller is about to do, with the facts about its object that decide whether it may.
#[derive(Debug, Clone, Copy)]
pub enum Act<'a> {
    /// To make a request of this method about objects of the model, whichever they are (section 3.1).
    Request(&'a Method, Model),
    /// To set the password of a user, having shown to know the present one or not (section 9.1).
    SetPassword {
        /// Whose it is.
        of: UserId,
        /// Whether the present one was given and is right.
        proven: bool,
    },
    /// To learn of a user and of what belongs to it (section 3.2).
    SeeUser {
        /// The user.
        id: UserId,
        /// Whether it is a superuser.
        is_superuser: bool,
        /// Where it belongs; those that the caller does not manage may be left out.
        organizations: &'a [OrganizationId],
    },
    /// To learn of an organization (section 3.2).
    SeeOrganization {
        /// The organization.
        id: OrganizationId,
        /// Whether it is active.
        is_active: bool,
    },
    /// To name an organization in a body: for a membership, or by one of its memberships (sections 8 and 12.4).
    NameOrganization(OrganizationId),
    /// To decide about a field of that user; `None` is one who is to be made (section 3.2 and section 15, "Security").
    SetField(UserField, Option<UserId>),
    /// To hand on permissions, by making somebody a user of a group that holds them or by putting them into one
    /// (section 15, "Security").
    Give(&'a BTreeSet<PermissionId>),
    /// To say that an address is verified (section 15).
    VerifyAddress,
    /// To turn one state of a user into another; `None` stands for no user (`contracts/edge.md` section 10).
    Write(Option<&'a User>, Option<&'a User>),
    /// To see the tokens of a user (the same section).
    SeeTokensOf(&'a User),
    /// To make, change or remove tokens of a user (the same section).
    WriteTokensOf(&'a User),
}

/// Fields of a user about which not everybody decides who may change the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserField {
    /// Whether it is staff: not about oneself.
    IsStaff,
    /// Whether it is a superuser; who may not set it does not see it either.
    IsSuperuser,
    /// The permissions it has by itself; the same.
    Permissions,
    /// The organizations it belongs to; anybody may choose one for a new user.
    Membership,
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
    /// Whether the caller may do that: the one decision, from the caller, the act and the facts about its object.
    ///
    /// What a refusal means is the asker's matter: 403 for a request, 404 for what cannot be seen,
    /// a field that is left alone, a violation for what is named in a body.
    pub fn may(&self, act: Act<'_>) -> bool {
        let is_everything = self.rights == Rights::Everything;
        let by_permissions = matches!(self.rights, Rights::Permissions(_));
        match act {
            Act::Request(method, model) => self.may_request(method, model),
            Act::SetPassword { of, proven } if of == self.user.id => is_everything || proven,
            Act::SetPassword { .. } => self.rights.allow(Action::Change, Model::User),
            Act::SeeUser { id, is_superuser, organizations } => match self.sight() {
                Sight::Everyone => true,
                Sight::Managed => !is_superuser && organizations.iter().any(|id| self.user.manages.contains(id)),
                Sight::Oneself => id == self.user.id,
            },
            Act::SeeOrganization { id, is_active } => match self.sight() {
                Sight::Everyone => true,
                Sight::Managed => is_active && self.user.manages.contains(&id),
                Sight::Oneself => false,
            },
            Act::NameOrganization(id) => is_everything || self.user.manages.contains(&id),
            Act::SetField(UserField::IsStaff, of) => !by_permissions || of != Some(self.user.id),
            Act::SetField(UserField::Membership, of) => !by_permissions || of.is_none(),
            Act::SetField(UserField::IsSuperuser | UserField::Permissions, _) => !by_permissions,
            Act::Give(permissions) => {
                let held = |id: &PermissionId| match Permission::by_id(*id) {
                    Some(Permission { model, action }) => self.rights.allow(action, model),
                    // There is no such permission, so it grants nothing.
                    None => true,
                };
                permissions.iter().all(held)
            }
            Act::VerifyAddress => is_everything,
            Act::Write(before, after) => self.may_write(before, after),
            Act::SeeTokensOf(user) => self.sight() == Sight::Everyone || user.id == self.user.id,
            Act::WriteTokensOf(user) => match self.rights {
                Rights::Everything => true,
                Rights::Staff => user.id == self.user.id || !user.is_superuser,
                Rights::Oneself | Rights::Permissions(_) => user.id == self.user.id,
            },
        }
    }

    /// Refuses what the caller may not do.
    ///
    /// # Errors
    /// [`Error::Forbidden`] then.
    pub(super) fn must(&self, act: Act<'_>) -> Result<()> {
        if self.may(act) { Ok(()) } else { Err(Error::Forbidden) }
    }

    /// Refuses who does not see all users.
    ///
    /// # Errors
    /// [`Error::Forbidden`] then.
    pub(super) fn must_see_everyone(&self) -> Result<()> {
        if self.sight() == Sight::Everyone { Ok(()) } else { Err(Error::Forbidden) }
    }

    /// Which users the caller can see, for lists of them; [`Act::SeeUser`] decides about one.
    pub fn sight(&self) -> Sight {
        match self.rights {
            Rights::Everything | Rights::Staff => Sight::Everyone,
            Rights::Permissions(_) => Sight::Managed,
            Rights::Oneself => Sight::Oneself,
        }
    }

    /// GET and HEAD need view or change, POST add, PUT and PATCH change, DELETE delete; nothing else needs anything.
    fn may_request(&self, method: &Method, model: Model) -> bool {
        let allow = |action| self.rights.allow(action, model);
        match *method {
            Method::GET | Method::HEAD => allow(Action::View) || allow(Action::Change),
            Method::POST => allow(Action::Add),
            Method::PUT | Method::PATCH => allow(Action::Change),
            Method::DELETE => allow(Action::Delete),
            _ => true,
        }
    }

    /// What model permissions leave out of a change is left out before, by [`Act::SetField`].
    fn may_write(&self, before: Option<&User>, after: Option<&User>) -> bool {
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
}

impl User {
    /// This user with what users may change about themselves as `other` has it.
    fn with_own_fields_of(&self, other: &Self) -> Self {
        let mut user = self.clone();
        user.first_name.clone_from(&other.first_name);
        user.last_name.clone_from(&other.last_name);
        user.email.clone_from(&other.email);
        user.email_is_shared = other.email_is_shared;
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
