//! Who may do what: one decision for all APIs, [`Caller::may`], based on facts only.
//!
//! A superuser may do everything. Everybody else is limited by the API's [`Policy`] and by their own rights: to change
//! guarded data of a person, an actor must hold every right of that person, and no act grants a right that the actor
//! lacks. The module `facts` reads the facts and reports which records the decision depends on.

#[cfg(test)]
mod contract_tests;
mod facts;
mod holdings;

use std::collections::BTreeSet;

pub use self::holdings::Holdings;
use async_recursion::async_recursion as boxed;

use super::{Caller, Directory};
use crate::directory::sign_in::{Identity, Means, ReadAhead, RequestOrigin};
use crate::error::{Error, Result, Unauthenticated};
use crate::model::{Action, Group, Model, OrganizationId, Permission, PermissionId, User, UserId};
use crate::store::Basis;

/// What an API grants to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Model permissions decide, within the organizations that the caller manages (`contracts/openwisp.md` section 3).
    Permissions,
    /// Superusers and Edge staff act on users; everybody else whom the API admits acts only on their own account
    /// (`contracts/edge.md` section 10).
    Roles,
    /// Superusers may do everything, others nothing (`contracts/openl2m.md` section 2).
    Superusers,
    /// Superusers may do everything, others change what users may about themselves (`contracts/scim.md` section 10.12).
    Profiles,
}

/// What a user may do through an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// Everything: a superuser.
    Everything,
    /// Edge staff: sees all users; may change names and descriptive texts of all users except superusers, and
    /// everything of users who hold no right that the caller lacks (`contracts/edge.md` section 10).
    Staff,
    /// What these permissions allow.
    Permissions(BTreeSet<PermissionId>),
    /// To view their own account and change its names, e-mail, description and password (the same section).
    Oneself,
    /// To view their own account and change its names, password, and extras but roles and the enterprise's
    /// (`contracts/scim.md` section 10.12).
    Profile,
    /// Nothing about users.
    Nothing,
}

/// A user and the rights stored in the record.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    /// The user.
    pub user: &'a User,
    /// The user's rights.
    pub holds: &'a Holdings,
}

/// An intended act of a caller, with the facts about its object that decide whether it is allowed.
#[derive(Debug, Clone, Copy)]
pub enum Act<'a> {
    /// To make a request that acts this way on objects of the model, whichever they are (`contracts/openwisp.md` section
    /// 3.1).
    Request(Action, Model),
    /// To set the password of a user, with or without proof of knowing the current one (section 9.1).
    SetPassword {
        /// Whose password it is.
        of: UserId,
        /// Whether the current password was given and is right.
        proven: bool,
    },
    /// To see a user and everything that belongs to the user (section 3.2).
    SeeUser {
        /// The user.
        id: UserId,
        /// Whether it is a superuser.
        is_superuser: bool,
        /// The user's organizations; those that the caller does not manage may be omitted.
        organizations: &'a [OrganizationId],
    },
    /// To see an organization (section 3.2).
    SeeOrganization {
        /// The organization.
        id: OrganizationId,
        /// Whether it is active.
        is_active: bool,
    },
    /// To name an organization in a request body: for a membership, or by one of its memberships (sections 8 and 12.4).
    NameOrganization(OrganizationId),
    /// To set a field of that user; `None` is a new user (section 3.2 and section 15, "Security").
    SetField(UserField, Option<UserId>),
    /// To mark an address as verified (section 15).
    VerifyAddress,
    /// To clear the consecutive failures that keep a user from signing in from new networks.
    Unlock,
    /// To get everything that is stored about a person.
    Export(UserId),
    /// To see, create, change and remove webhooks, which send all events to others.
    UseWebhooks,
    /// To act on objects of a model at all, according to the model permission.
    Model(Action, Model),
    /// To change a person from one state to another; `None` means that the person does not exist.
    Write {
        /// The caller's rights.
        actor: &'a Holdings,
        /// The person before the change.
        before: Option<Person<'a>>,
        /// The person after the change.
        after: Option<Person<'a>>,
    },
    /// To change guarded data of a person: password, e-mail addresses, API tokens, sessions.
    Manage {
        /// The caller's rights.
        actor: &'a Holdings,
        /// The person.
        person: Person<'a>,
    },
    /// To replace the permissions of a group, which its users gain and lose.
    ChangePermissions {
        /// The caller's rights.
        actor: &'a Holdings,
        /// The current permissions.
        before: &'a BTreeSet<PermissionId>,
        /// The new permissions.
        after: &'a BTreeSet<PermissionId>,
    },
    /// To see the tokens and the access history of a user (`contracts/edge.md` section 10).
    SeeTokensOf(&'a User),
}

/// Fields that need more than permission to change the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserField {
    /// The staff flag of OpenWISP: callers cannot set it for themselves.
    IsStaff,
    /// The superuser flag; it is visible only to callers who may set it.
    IsSuperuser,
    /// The user's direct permissions; same rule.
    Permissions,
    /// The organizations of the user; any caller may choose one for a new user.
    Membership,
}

/// Which users a caller can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// All.
    Everyone,
    /// Those in the organizations that the caller manages; none if the caller manages none.
    Managed,
    /// Only the caller; asking for any other user is forbidden, whether the user exists or not.
    Oneself,
}

impl Rights {
    /// Whether this action on this model is allowed.
    pub fn allow(&self, action: Action, model: Model) -> bool {
        match self {
            Self::Everything => true,
            Self::Staff => model == Model::User,
            Self::Permissions(permissions) => permissions.contains(&Permission { model, action }.id()),
            Self::Oneself | Self::Profile => model == Model::User && matches!(action, Action::View | Action::Change),
            Self::Nothing => false,
        }
    }
}

impl Caller {
    /// Whether the caller may do that: the single decision, from the caller, the act and the facts about its object.
    ///
    /// The code that asks decides what a refusal means: 403 for a request, 404 for an object out of sight, an ignored
    /// field, or a violation for something named in a body.
    pub fn may(&self, act: Act<'_>) -> bool {
        let is_everything = self.rights == Rights::Everything;
        let by_permissions = matches!(self.rights, Rights::Permissions(_));
        match act {
            Act::Request(action, model) => self.may_request(action, model),
            Act::Model(action, model) => self.rights.allow(action, model),
            Act::SetPassword { of, proven } if of == self.user.id => is_everything || proven,
            Act::SetPassword { .. } => self.rights.allow(Action::Change, Model::User),
            Act::SeeUser { id, is_superuser, organizations } => match self.visibility() {
                Visibility::Everyone => true,
                Visibility::Managed => !is_superuser && organizations.iter().any(|id| self.user.manages.contains(id)),
                Visibility::Oneself => id == self.user.id,
            },
            Act::SeeOrganization { id, is_active } => match self.visibility() {
                Visibility::Everyone => true,
                Visibility::Managed => is_active && self.user.manages.contains(&id),
                Visibility::Oneself => false,
            },
            Act::NameOrganization(id) => is_everything || self.user.manages.contains(&id),
            Act::SetField(UserField::IsStaff, of) => !by_permissions || of != Some(self.user.id),
            Act::SetField(UserField::Membership, of) => !by_permissions || of.is_none(),
            Act::SetField(UserField::IsSuperuser | UserField::Permissions, _) => !by_permissions,
            Act::VerifyAddress | Act::Unlock | Act::UseWebhooks => is_everything,
            Act::Export(of) => is_everything || of == self.user.id,
            Act::Write { actor, before, after } => self.may_write(actor, before, after),
            Act::Manage { actor, person } => self.may_manage(actor, person),
            Act::ChangePermissions { actor, before, after } => {
                is_everything || before.symmetric_difference(after).all(|id| actor.permit(*id))
            }
            Act::SeeTokensOf(user) => self.visibility() == Visibility::Everyone || user.id == self.user.id,
        }
    }

    /// Fails unless the caller may do that.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub(super) fn must(&self, act: Act<'_>) -> Result<()> {
        if self.may(act) { Ok(()) } else { Err(Error::Forbidden) }
    }

    /// Fails unless the caller sees all users.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub(super) fn must_see_everyone(&self) -> Result<()> {
        if self.visibility() == Visibility::Everyone { Ok(()) } else { Err(Error::Forbidden) }
    }

    /// Which users the caller can see in lists; [`Act::SeeUser`] decides about a single user.
    pub fn visibility(&self) -> Visibility {
        match self.rights {
            Rights::Everything | Rights::Staff => Visibility::Everyone,
            Rights::Permissions(_) => Visibility::Managed,
            Rights::Oneself | Rights::Profile | Rights::Nothing => Visibility::Oneself,
        }
    }

    /// Who may change objects may view them too.
    fn may_request(&self, action: Action, model: Model) -> bool {
        let allow = |action| self.rights.allow(action, model);
        allow(action) || (action == Action::View && allow(Action::Change))
    }

    /// To change guarded data of another person, or to delete the person, the actor must hold every right of that
    /// person. No act grants a right that the actor lacks.
    fn may_write(&self, actor: &Holdings, before: Option<Person<'_>>, after: Option<Person<'_>>) -> bool {
        let action = match (before, after) {
            (None, _) => Action::Add,
            (Some(_), Some(_)) => Action::Change,
            (Some(_), None) => Action::Delete,
        };
        let is_guarded = match (before, after) {
            (Some(before), Some(after)) => *after.user != before.user.with_open_fields_of(after.user),
            (before, _) => before.is_some(),
        };
        let gains = |after: Person<'_>| match before {
            Some(before) => after.holds.beyond(before.holds),
            None => after.holds.clone(),
        };
        match self.rights {
            Rights::Everything => true,
            Rights::Oneself => self.may_write_own(before, after, User::with_own_fields_of),
            Rights::Profile => self.may_write_own(before, after, User::with_profile_of),
            Rights::Staff if before.is_some_and(|before| before.user.flags.is_superuser) => false,
            Rights::Staff | Rights::Permissions(_) => {
                self.rights.allow(action, Model::User)
                    && before.is_none_or(|before| !is_guarded || self.may_manage(actor, before))
                    && after.is_none_or(|after| actor.include(&gains(after)))
            }
            Rights::Nothing => false,
        }
    }

    /// Whether nothing changes but fields of the caller that `with` takes over.
    fn may_write_own(
        &self,
        before: Option<Person<'_>>,
        after: Option<Person<'_>>,
        with: fn(&User, &User) -> User,
    ) -> bool {
        match (before, after) {
            (Some(before), Some(after)) => {
                before.user.id == self.user.id && *after.user == with(before.user, after.user)
            }
            _ => false,
        }
    }

    fn may_manage(&self, actor: &Holdings, person: Person<'_>) -> bool {
        match self.rights {
            _ if person.user.id == self.user.id => true,
            Rights::Everything => true,
            Rights::Staff | Rights::Permissions(_) => actor.include(person.holds),
            Rights::Oneself | Rights::Profile | Rights::Nothing => false,
        }
    }
}

impl User {
    /// This user with the unguarded data of `other`: names and descriptive texts.
    fn with_open_fields_of(&self, other: &Self) -> Self {
        let mut user = self.clone();
        user.first_name.clone_from(&other.first_name);
        user.last_name.clone_from(&other.last_name);
        user.details.bio.clone_from(&other.details.bio);
        user.details.url.clone_from(&other.details.url);
        user.details.company.clone_from(&other.details.company);
        user.details.location.clone_from(&other.details.location);
        user.details.notes.clone_from(&other.details.notes);
        user.birth_date = other.birth_date;
        user.sharing.description.clone_from(&other.sharing.description);
        user.sharing.organization.clone_from(&other.sharing.organization);
        user.sharing.memberships.clone_from(&other.sharing.memberships);
        user
    }

    /// This user with the fields of `other` that users may change about themselves through an identity provider's API:
    /// the password, or names and texts.
    fn with_profile_of(&self, other: &Self) -> Self {
        let mut user = self.clone();
        if other.token_version == self.token_version {
            user.first_name.clone_from(&other.first_name);
            user.last_name.clone_from(&other.last_name);
            user.details.url.clone_from(&other.details.url);
            user.extras = self.extras.with_own_of(&other.extras);
        } else {
            user.password.clone_from(&other.password);
            user.token_version = other.token_version;
        }
        user
    }

    /// This user with the fields of `other` that users may change about themselves.
    fn with_own_fields_of(&self, other: &Self) -> Self {
        let mut user = self.clone();
        user.first_name.clone_from(&other.first_name);
        user.last_name.clone_from(&other.last_name);
        user.email.clone_from(&other.email);
        user.email_is_shared = other.email_is_shared;
        user.sharing.description.clone_from(&other.sharing.description);
        user.password.clone_from(&other.password);
        user.token_version = other.token_version;
        user
    }
}

impl Directory {
    /// The authenticated user as a caller, with the rights that the policy of an API grants.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the policy does not admit the user, or when the store is unavailable.
    #[boxed]
    pub async fn caller(&self, authenticated: Identity, policy: Policy) -> Result<Caller> {
        let Identity { user, means, origin, ahead } = authenticated;
        let mut groups = Vec::new();
        let rights = match policy {
            _ if user.flags.is_superuser => Rights::Everything,
            Policy::Permissions => {
                groups = self.store.groups(&user.groups).await?;
                Rights::Permissions(permissions_of(&user, &groups))
            }
            Policy::Roles if user.flags.is_edge_staff => Rights::Staff,
            Policy::Roles if user.sharing.allow_rest_access => Rights::Oneself,
            Policy::Roles => return Err(Error::Forbidden),
            Policy::Superusers => Rights::Nothing,
            Policy::Profiles => Rights::Profile,
        };
        Ok(Caller { user, rights, policy, means, origin, groups, ahead })
    }

    /// The caller as the user of their own account (`contracts/scim.md` section 10.12).
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn as_oneself(&self, caller: Caller) -> Result<Caller> {
        let Caller { user, means, origin, ahead, .. } = caller;
        self.caller(Identity { user, means, origin, ahead }, Policy::Profiles).await
    }

    /// Reads the caller again, to retry after a conflicting write.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when the credentials are no longer valid, [`Error::Forbidden`] if the policy no longer
    /// admits the user, or when the store is unavailable.
    pub(super) async fn refreshed(&self, caller: &Caller) -> Result<Caller> {
        let ended = Error::Unauthenticated(Unauthenticated::InvalidToken);
        let Some(user) = self.store.user(caller.user.id).await? else { return Err(ended) };
        let now = self.ambient.now();
        if !user.is_active_on(now.date()) {
            return Err(Error::Unauthenticated(Unauthenticated::Inactive));
        }
        let mut means = caller.means.clone();
        let is_good = match &means {
            Means::SignedToken => user.token_version == caller.user.token_version,
            Means::ApiToken { hash, .. } => {
                let token = self.store.token(hash).await?;
                token.is_some_and(|token| token.is_good(now) && !token.is_ended(&user))
            }
            Means::Password => user.password == caller.user.password,
            Means::Session(session) => match self.store.session(user.id, session.id).await? {
                Some(found) if found.version == user.token_version && now < found.good_until => {
                    means = Means::Session(Box::new(found));
                    true
                }
                _ => false,
            },
        };
        if is_good {
            let (origin, ahead) = (caller.origin.clone(), ReadAhead::default());
            self.caller(Identity { user, means, origin, ahead }, caller.policy).await
        } else {
            Err(ended)
        }
    }
}

impl Caller {
    /// Whether the caller's rights limit what the caller may do to others.
    fn is_limited(&self) -> bool {
        matches!(self.rights, Rights::Staff | Rights::Permissions(_))
    }

    /// For tests: a caller with given rights, authenticated by a signed token.
    pub fn with_rights(user: User, rights: Rights) -> Self {
        let (means, origin) = (Means::SignedToken, RequestOrigin::default());
        Self {
            user,
            rights,
            policy: Policy::Permissions,
            means,
            origin,
            groups: Vec::new(),
            ahead: ReadAhead::default(),
        }
    }

    /// Whether the caller used an API token that somebody else created.
    pub(super) fn uses_token_of_another(&self) -> bool {
        matches!(self.means, Means::ApiToken { made_by_other: true, .. })
    }

    /// The records that every decision about this caller depends on: the caller's own, and the groups that grant its
    /// rights.
    pub(super) fn basis(&self) -> Basis {
        let mut basis = Basis::default();
        basis.rest_on_user(&self.user);
        basis.rest_on_groups(&self.groups);
        basis
    }
}

/// The permissions of a user, direct and through these groups.
fn permissions_of(user: &User, groups: &[Group]) -> BTreeSet<PermissionId> {
    let by_groups = groups.iter().filter(|group| user.groups.contains(&group.id)).flat_map(|group| &group.permissions);
    user.permissions.iter().chain(by_groups).copied().collect()
}
