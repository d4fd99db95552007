//! The rights model once more, said from the records alone and without the product's code for rights.
//!
//! A superuser may everything. Everybody else has model permissions, directly and by groups, in the organizations that
//! they manage or own; Edge staff has the Edge API. No act gives anybody a right that the actor lacks, and what
//! belongs to somebody changes only by somebody who holds every right that is stored for its owner.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use shared::model::{
    Action, Date, Group, GroupId, Membership, Model, Organization, OrganizationId, Permission, PermissionId, User,
    UserId,
};

use super::acts::{Act, Api, Needs, may_change_users_or_groups};
use super::people::difference;
use super::state::{Person, State};

/// Nobody has a right afterwards that neither this person nor the actor had before.
pub const GAINED: &str = "an act gives nobody a right that the actor lacks";
/// What is guarded of a person changes only by somebody who holds every right of that person.
pub const TAKEN_OVER: &str = "what is guarded of somebody changes only by who holds every right of that person";
/// Nobody out of the caller's sight changes.
pub const OUT_OF_SIGHT: &str = "nobody out of the caller's sight changes";
/// A group's permissions are the business of those who hold them.
pub const GROUP: &str = "a group gains, loses and takes along only permissions that the actor holds";
/// Organizations change only by those who manage them and may.
pub const ORGANIZATION: &str = "an organization changes only by who manages it and has the permission";
/// Memberships change only by those who manage the organization.
pub const MEMBERSHIP: &str = "a membership changes only by who manages its organization";
/// Deleted people are people still.
pub const DELETED: &str =
    "a deleted person is restored as it was, or purged, by who sees it and holds every right of it";
/// Who lacks what a route asks for is refused.
pub const LET_IN: &str = "a route refuses who lacks what it asks for";
/// What is refused changes nothing.
pub const REFUSED: &str = "a refused act changes nothing";
/// There is an answer to everything.
pub const FAILED: &str = "no act fails for a reason of the server";

/// Whether that person has the role of Edge's staff.
pub fn edge_staff(user: &User) -> bool {
    user.flags.is_edge_staff
}

/// Whether that person's account works on that day.
pub fn works_on(person: &Person, today: Date) -> bool {
    person.user.flags.is_active && person.user.expiration_date.is_none_or(|last| last >= today)
}

/// Something that one can be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Whatever there is: a superuser's.
    Everything,
    /// The Edge API over users.
    EdgeStaff,
    /// A model permission.
    Permitted(Permission),
    /// An organization, as its manager or its owner.
    Manages(OrganizationId),
}

/// What is stored for a person, whether the account or an organization is active or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights(BTreeSet<Right>);

/// Something that happened and must not.
#[derive(Debug, Clone)]
pub struct Violation {
    /// What should hold.
    pub sentence: &'static str,
    /// Who and what.
    pub detail: String,
}

/// What an act came to.
pub struct Outcome<'a> {
    /// Who acted, as it was before.
    pub actor: UserId,
    /// What was asked for.
    pub act: &'a Act,
    /// The status of the answer.
    pub status: u16,
    /// On which day.
    pub today: Date,
    /// The directory before.
    pub before: &'a State,
    /// The directory afterwards.
    pub after: &'a State,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("everything (superuser)"),
            Self::EdgeStaff => f.write_str("Edge staff"),
            Self::Permitted(permission) => write!(f, "{}", permission.codename()),
            Self::Manages(organization) => write!(f, "manages {organization}"),
        }
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&listed(&self.0))
    }
}

fn listed<'a>(rights: impl IntoIterator<Item = &'a Right>) -> String {
    let texts: Vec<String> = rights.into_iter().map(Right::to_string).collect();
    if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") }
}

impl Rights {
    /// Whether this right is among them; who may change things of a kind may view them.
    pub fn hold(&self, right: Right) -> bool {
        let by_change = match right {
            Right::Permitted(Permission { action: Action::View, model }) => {
                Some(Right::Permitted(Permission { action: Action::Change, model }))
            }
            _ => None,
        };
        let has = |right| self.0.contains(&right);
        has(Right::Everything) || has(right) || by_change.is_some_and(has)
    }

    /// Whether they are a superuser's.
    pub fn are_everything(&self) -> bool {
        self.hold(Right::Everything)
    }

    /// Those of `others` that are not among these.
    pub fn lacking(&self, others: &Self) -> Vec<Right> {
        others.0.iter().copied().filter(|right| !self.hold(*right)).collect()
    }

    /// Those of these permissions that are not among them.
    fn lacking_of(&self, permissions: &BTreeSet<PermissionId>) -> Vec<Right> {
        permitted(permissions).filter(|right| !self.hold(*right)).collect()
    }
}

fn permitted(ids: &BTreeSet<PermissionId>) -> impl Iterator<Item = Right> {
    ids.iter().filter_map(|id| Permission::by_id(*id)).map(Right::Permitted)
}

impl State {
    /// What is stored for that person; nothing, for nobody.
    pub fn rights_of(&self, id: UserId) -> Rights {
        self.people.get(&id).map_or_else(|| Rights(BTreeSet::new()), |person| self.rights(person))
    }

    /// What is stored for a person.
    pub fn rights(&self, person: &Person) -> Rights {
        let Person { user, memberships, .. } = person;
        let mut rights: BTreeSet<Right> = permitted(&user.permissions).collect();
        for group in user.groups.iter().filter_map(|id| self.groups.get(id)) {
            rights.extend(permitted(&group.permissions));
        }
        if user.flags.is_superuser {
            rights.insert(Right::Everything);
        }
        if edge_staff(user) {
            rights.insert(Right::EdgeStaff);
        }
        for Membership { id, organization, is_admin, .. } in memberships {
            let Some(found) = self.organizations.get(organization) else { continue };
            if *is_admin || found.owner.is_some_and(|(owner, _)| owner == *id) {
                rights.insert(Right::Manages(*organization));
            }
        }
        Rights(rights)
    }

    /// The active organizations that a person manages as OpenWISP means it: by its membership.
    pub fn managed_by(&self, id: UserId) -> BTreeSet<OrganizationId> {
        let memberships = self.people.get(&id).into_iter().flat_map(|person| &person.memberships);
        let managed = memberships.filter(|membership| membership.is_admin).map(|membership| membership.organization);
        managed.filter(|id| self.organizations.get(id).is_some_and(|organization| organization.is_active)).collect()
    }

    /// Whether `actor` sees that person by that API (`contracts/openwisp.md` section 3.2, `contracts/edge.md` section 10).
    pub fn sees(&self, actor: UserId, api: Api, person: &Person) -> bool {
        let Some(caller) = self.people.get(&actor) else { return false };
        let Person { user, memberships, .. } = person;
        match api {
            _ if caller.user.flags.is_superuser => true,
            Api::OpenWisp | Api::Scim => {
                let managed = self.managed_by(actor);
                !user.flags.is_superuser && memberships.iter().any(|one| managed.contains(&one.organization))
            }
            Api::OpenL2m => false,
            Api::Edge => edge_staff(&caller.user) || (caller.user.sharing.allow_rest_access && user.id == actor),
        }
    }
}

impl Outcome<'_> {
    /// Everything about it that must not be.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        if self.status >= 500 {
            found.push(Violation { sentence: FAILED, detail: format!("status {}", self.status) });
        }
        if self.status < 400 && !self.may_be_let_in() {
            let rights = self.before.rights_of(self.actor);
            let detail = format!("{:?} is needed, {} has {rights}", self.act.needs, self.name(self.actor));
            found.push(Violation { sentence: LET_IN, detail });
        }
        if self.before == self.after {
            return found;
        }
        if self.status >= 400 {
            found.extend(self.changes_in_spite_of_refusal());
        }
        found.extend(self.restored_otherwise());
        let rights = self.before.rights_of(self.actor);
        if rights.are_everything() {
            return found;
        }
        found.extend(self.gains(&rights));
        found.extend(self.takeovers(&rights));
        found.extend(self.changes_of_owners(&rights));
        found.extend(self.changes_out_of_sight());
        found.extend(self.changes_of_groups(&rights));
        found.extend(self.changes_of_organizations(&rights));
        found.extend(self.changes_of_memberships());
        found.extend(self.changes_of_deleted(&rights));
        found
    }

    /// Whether the actor has what the route asks for, and an account that works.
    fn may_be_let_in(&self) -> bool {
        let Some(actor) = self.before.people.get(&self.actor) else { return false };
        let rights = self.before.rights(actor);
        let oneself = self.act.target == Some(self.actor);
        let has = |action, model| rights.hold(Right::Permitted(Permission { action, model }));
        works_on(actor, self.today)
            && match self.act.needs {
                Needs::Nothing => true,
                Needs::Permission(action, model) => has(action, model),
                Needs::OneselfOrChangeUser => oneself || has(Action::Change, Model::User),
                Needs::ChangeUserOrGroup => may_change_users_or_groups(&rights),
                Needs::Superuser => rights.are_everything(),
                Needs::EdgeStaff => rights.hold(Right::EdgeStaff),
                Needs::EdgeOneselfOrStaff => {
                    rights.hold(Right::EdgeStaff) || (oneself && actor.user.sharing.allow_rest_access)
                }
            }
    }

    fn changes_in_spite_of_refusal(&self) -> Vec<Violation> {
        let (before, after) = (self.before, self.after);
        let told = |detail| Violation { sentence: REFUSED, detail };
        let mut found = Vec::new();
        for (was, is) in self.changed_people() {
            if was.map(Person::without_bookkeeping) != is.map(Person::without_bookkeeping) {
                found.push(told(difference(was, is)));
            }
        }
        if before.groups != after.groups {
            found.push(told(format!("the groups were {:?} and are {:?}", before.groups, after.groups)));
        }
        if before.deleted != after.deleted {
            found.push(told("somebody was deleted, restored or purged".to_owned()));
        }
        if before.organizations != after.organizations {
            let (was, is) = (&before.organizations, &after.organizations);
            found.push(told(format!("the organizations were {was:?} and are {is:?}")));
        }
        found
    }

    fn gains(&self, rights: &Rights) -> Vec<Violation> {
        let mut found = Vec::new();
        for person in self.after.people.values() {
            let before = self.before.rights_of(person.user.id);
            let after = self.after.rights(person);
            let gained: Vec<Right> = before.lacking(&after).into_iter().filter(|right| !rights.hold(*right)).collect();
            if !gained.is_empty() {
                let (who, gained) = (&person.user.username, listed(&gained));
                let detail =
                    format!("{who} gains: {gained}; before: {before}; {} has: {rights}", self.name(self.actor));
                found.push(Violation { sentence: GAINED, detail });
            }
        }
        found
    }

    fn takeovers(&self, rights: &Rights) -> Vec<Violation> {
        let mut found = Vec::new();
        for (was, is) in self.changed_people() {
            let Some(was) = was.filter(|was| was.user.id != self.actor) else { continue };
            let lacking = rights.lacking(&self.before.rights(was));
            if lacking.is_empty() || is.is_some_and(|is| self.guarded(is) == self.guarded(was)) {
                continue;
            }
            let (actor, lacking) = (self.name(self.actor), listed(&lacking));
            let detail = format!("{}; {actor} has: {rights}; and lacks: {lacking}", difference(Some(was), is));
            found.push(Violation { sentence: TAKEN_OVER, detail });
        }
        found
    }

    /// To own an organization is a right of a person like any other.
    fn changes_of_owners(&self, rights: &Rights) -> Vec<Violation> {
        let mut found = Vec::new();
        for (id, was) in &self.before.organizations {
            let Some(is) = self.after.organizations.get(id).filter(|is| is.owner != was.owner) else { continue };
            for (_, user) in [was.owner, is.owner].into_iter().flatten().filter(|(_, user)| *user != self.actor) {
                // Whoever is removed owns nothing any more.
                let lacking = rights.lacking(&self.before.rights_of(user));
                if self.after.people.contains_key(&user) && !lacking.is_empty() {
                    let (actor, lacking) = (self.name(self.actor), listed(&lacking));
                    let detail = format!("whether {} owns {id}; {actor} lacks: {lacking}", self.name(user));
                    found.push(Violation { sentence: TAKEN_OVER, detail });
                }
            }
        }
        found
    }

    fn changes_out_of_sight(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        for (was, is) in self.changed_people() {
            let Some(was) = was else { continue };
            let own = was.user.id == self.actor;
            let excused = own && self.act.is_about_oneself();
            if excused && self.act.api == Api::Scim && is.map(Person::without_profile) != Some(was.without_profile()) {
                let detail = format!("{} changes more than its profile", difference(Some(was), is));
                found.push(Violation { sentence: LET_IN, detail });
            }
            let left = |person| self.without_what_went(person);
            if excused || is.is_some_and(|is| left(is) == left(was)) {
                continue;
            }
            let actor = self.name(self.actor);
            if !self.before.sees(self.actor, self.act.api, was) {
                let detail = format!("{actor} does not see {}: {}", was.user.username, difference(Some(was), is));
                found.push(Violation { sentence: OUT_OF_SIGHT, detail });
            }
            // Oneself is in sight there, for some fields.
            let is_staff = self.before.rights_of(self.actor).hold(Right::EdgeStaff);
            if self.act.api == Api::Edge
                && !is_staff
                && is.map(Person::without_own_fields) != Some(was.without_own_fields())
            {
                let detail = format!("{actor} changes more of itself than it may: {}", difference(Some(was), is));
                found.push(Violation { sentence: LET_IN, detail });
            }
        }
        found
    }

    fn changes_of_groups(&self, rights: &Rights) -> Vec<Violation> {
        let mut found = Vec::new();
        let (before, after) = (&self.before.groups, &self.after.groups);
        let ids: BTreeSet<GroupId> = before.keys().chain(after.keys()).copied().collect();
        for id in ids {
            let (was, is) = (before.get(&id), after.get(&id));
            if was == is {
                continue;
            }
            let of = |group: Option<&Group>| group.map(|group| group.permissions.clone()).unwrap_or_default();
            let moved = &of(was) ^ &of(is);
            let lacking = rights.lacking_of(&moved);
            let action = match (was, is) {
                (None, _) => Action::Add,
                (Some(_), Some(_)) => Action::Change,
                (Some(_), None) => Action::Delete,
            };
            let permission = Right::Permitted(Permission { model: Model::Group, action });
            if !lacking.is_empty() || !rights.hold(permission) {
                let (actor, lacking) = (self.name(self.actor), listed(&lacking));
                let detail =
                    format!("{actor} has: {rights}; and lacks: {lacking}; the group was {was:?} and is {is:?}");
                found.push(Violation { sentence: GROUP, detail });
            }
        }
        found
    }

    fn changes_of_organizations(&self, rights: &Rights) -> Vec<Violation> {
        let mut found = Vec::new();
        let (before, after) = (&self.before.organizations, &self.after.organizations);
        let ids: BTreeSet<OrganizationId> = before.keys().chain(after.keys()).copied().collect();
        let managed = self.before.managed_by(self.actor);
        for id in ids {
            let (was, is) = (before.get(&id), after.get(&id));
            let (action, is_seen) = match (was, is) {
                (None, _) => (Action::Add, true),
                (Some(was), Some(is)) if self.is_same(was, is) => continue,
                (Some(_), Some(_)) => (Action::Change, managed.contains(&id)),
                (Some(_), None) => (Action::Delete, managed.contains(&id)),
            };
            let permission = Right::Permitted(Permission { model: Model::Organization, action });
            if !is_seen || !rights.hold(permission) {
                let detail = format!("{} has: {rights}; it was {was:?} and is {is:?}", self.name(self.actor));
                found.push(Violation { sentence: ORGANIZATION, detail });
            }
        }
        found
    }

    fn changes_of_memberships(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        let managed = self.before.managed_by(self.actor);
        for (was, is) in self.changed_people() {
            // Those of somebody who is made or removed come and go with the person.
            let (Some(was), Some(is)) = (was, is) else { continue };
            let kinds = |person: &Person| -> BTreeSet<(OrganizationId, bool)> {
                let memberships = self.without_what_went(person).memberships;
                memberships.iter().map(|membership| (membership.organization, membership.is_admin)).collect()
            };
            let moved = &kinds(was) ^ &kinds(is);
            if moved.iter().any(|(organization, _)| !managed.contains(organization)) {
                let detail =
                    format!("{} does not manage that: {}", self.name(self.actor), difference(Some(was), Some(is)));
                found.push(Violation { sentence: MEMBERSHIP, detail });
            }
        }
        found
    }

    /// Who is not among the deleted any more was restored or purged by somebody who sees the person and holds every right
    /// that the person had, as far as that still exists.
    fn changes_of_deleted(&self, rights: &Rights) -> Vec<Violation> {
        let mut found = Vec::new();
        for (id, was) in self.before.deleted.iter().filter(|(id, _)| !self.after.deleted.contains_key(id)) {
            let lacking = rights.lacking(&self.before.rights(was));
            let sees = self.before.sees(self.actor, self.act.api, was);
            if !lacking.is_empty() || !sees {
                let (actor, lacking) = (self.name(self.actor), listed(&lacking));
                let detail = format!("{} ({id}); {actor} sees it: {sees}; and lacks: {lacking}", was.user.username);
                found.push(Violation { sentence: DELETED, detail });
            }
        }
        found
    }

    /// A restored person is who was deleted, but for groups and organizations that are gone, and for what ended.
    fn restored_otherwise(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        for (id, was) in &self.before.deleted {
            let Some(is) = self.after.people.get(id) else { continue };
            let mut was = was.without_bookkeeping();
            was.user.groups.retain(|group| self.before.groups.contains_key(group));
            was.memberships.retain(|one| self.before.organizations.contains_key(&one.organization));
            was.user.token_version += 1;
            was.user.api_tokens_ended += 1;
            if was != is.without_bookkeeping() {
                let detail = difference(Some(&was), Some(is));
                found.push(Violation { sentence: DELETED, detail });
            }
        }
        found
    }

    /// Whether nothing of an organization changed but that its owner went, or that a first manager came.
    fn is_same(&self, was: &Organization, is: &Organization) -> bool {
        let has = |state: &State, owner| {
            let memberships = state.people.values().flat_map(|person| &person.memberships);
            memberships.into_iter().any(|membership| Some(membership.id) == owner)
        };
        let (before, after) = (was.owner.map(|(owner, _)| owner), is.owner.map(|(owner, _)| owner));
        let went = after.is_none() && !has(self.after, before);
        let came = before.is_none() && !has(self.before, after);
        let plain = |organization: &Organization| Organization { version: 0, owner: None, ..organization.clone() };
        (before == after || went || came) && plain(was) == plain(is)
    }

    /// All who are not the same record any more: as they were, and as they are.
    fn changed_people(&self) -> Vec<(Option<&Person>, Option<&Person>)> {
        let (before, after) = (&self.before.people, &self.after.people);
        let ids: BTreeSet<UserId> = before.keys().chain(after.keys()).copied().collect();
        let pairs = ids.into_iter().map(|id| (before.get(&id).map(Arc::as_ref), after.get(&id).map(Arc::as_ref)));
        pairs.filter(|(was, is)| was != is).collect()
    }

    /// A person without the groups and memberships that ended because this act removed a group or an organization.
    fn without_what_went(&self, person: &Person) -> Person {
        let Person { mut user, mut memberships, tokens } = person.without_bookkeeping();
        let (before, after) = (self.before, self.after);
        user.groups.retain(|id| !before.groups.contains_key(id) || after.groups.contains_key(id));
        let went = |id: &OrganizationId| before.organizations.contains_key(id) && !after.organizations.contains_key(id);
        memberships.retain(|membership| !went(&membership.organization));
        Person { user, memberships, tokens }
    }

    /// What of a person is guarded: everything but names and descriptive texts. A new field is guarded.
    fn guarded(&self, person: &Person) -> Person {
        let mut person = self.without_what_went(person);
        let user = &mut person.user;
        for text in [
            &mut user.first_name,
            &mut user.last_name,
            &mut user.details.bio,
            &mut user.details.company,
            &mut user.details.location,
            &mut user.details.notes,
            &mut user.details.url,
            &mut user.sharing.description,
        ] {
            text.clear();
        }
        user.birth_date = None;
        user.sharing.organization = None;
        user.sharing.memberships.clear();
        person
    }

    fn name(&self, id: UserId) -> String {
        self.before.people.get(&id).map_or_else(|| id.to_string(), |person| person.user.username.to_string())
    }
}
