//! Users who move in, and the organizations that they are in.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::arrivals::NO_NUMBER;
use super::{Arrivals, KnownIds, Mover, MovingMembership, TroubleKind};
use crate::directory::too_busy;
use crate::error::{Error, Result};
use crate::model::{
    AddressId, EdgeId, Membership, MembershipId, Organization, OrganizationId, Permission, PermissionId, User, UserId,
    UserNumber,
};
use crate::store::keys::Sequence;
use crate::store::{Claim, MembershipWrite, OrganizationState, OrganizationWritten, Taken, UserWrite, Written};

/// A user who is here, or is to be made, with what moves in along with it.
struct Arrival {
    origin: String,
    user: User,
    mover: Mover,
    is_new: bool,
    memberships: Vec<Joining>,
}

/// A membership that an arrival shall have.
struct Joining {
    moving: MovingMembership,
    state: State,
}

/// Whether a membership is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Here,
    /// It is made along with its user.
    First,
    Missing,
}

/// Whose memberships are, and in which organizations.
type Memberships = HashMap<MembershipId, (UserId, OrganizationId)>;

impl Arrivals<'_> {
    /// Takes users in, with their memberships and API tokens.
    pub(super) async fn take_users(&mut self, movers: Vec<(String, Mover)>) -> Result<()> {
        let mut arrivals = self.recognized(movers).await?;
        self.number(&mut arrivals).await?;
        let ids = arrivals.iter().flat_map(|arrival| &arrival.mover.memberships).map(|membership| membership.id);
        let known = self.directory.store.memberships_of_ids(&ids.collect()).await?;
        for arrival in &mut arrivals {
            self.sift_memberships(arrival, &known).await?;
        }
        let arrivals = self.make(arrivals).await?;
        let mut tokens = Vec::new();
        for Arrival { origin, user, mover, memberships, .. } in arrivals {
            for joining in memberships {
                self.take_membership(&origin, user.id, joining).await?;
            }
            tokens.extend(mover.tokens.into_iter().map(|token| (origin.clone(), user.id, token)));
        }
        self.take_tokens(tokens).await
    }

    /// Tells who is here already and who is to be made; who contradicts what is here is told and left out.
    async fn recognized(&mut self, movers: Vec<(String, Mover)>) -> Result<Vec<Arrival>> {
        let directory = self.directory;
        let (store, ambient) = (&directory.store, &*directory.ambient);
        let mut wanted = Vec::new();
        for (origin, mut mover) in movers {
            if let Some(defect) = mover.defect() {
                self.report.unusable += 1;
                self.report.note(TroubleKind::Unusable, &origin, defect);
                continue;
            }
            mover.user.groups = self.groups_of(&origin, &mover.user.groups);
            let unknown: Vec<PermissionId> =
                mover.user.permissions.iter().copied().filter(|id| Permission::by_id(*id).is_none()).collect();
            for id in unknown {
                mover.user.permissions.remove(&id);
                self.report.note(TroubleKind::LeftOut, &origin, format!("the permission {id}, which does not exist"));
            }
            if !mover.has.id {
                mover.user.id = UserId::generate(ambient);
            }
            if !mover.has.edge_id {
                mover.user.edge_id = EdgeId::generate(ambient);
            }
            wanted.push((origin, mover));
        }
        let users: Vec<User> = wanted.iter().map(|(_, mover)| mover.user.clone()).collect();
        store.claims_look_up(&users, &mut self.claimed).await?;
        let ids = wanted.iter().map(|(_, mover)| self.id_here(mover)).collect();
        let here = store.users_of(&ids).await?;
        let mut arrivals = Vec::new();
        for (origin, mover) in wanted {
            let id = self.id_here(&mover);
            if let Some(found) = here.get(&id) {
                if is_somebody_else(&mover, found) {
                    self.report.users.refused += 1;
                    let reason = format!("the OpenL2M id {} is that of the user {} here", found.number, found.id);
                    self.report.note(TroubleKind::Conflict, &origin, reason);
                    continue;
                }
                self.report.users.here += 1;
                let differing = differing(&mover, found);
                if !differing.is_empty() {
                    let reason = format!("it is here already with another {}", differing.join(", "));
                    self.report.note(TroubleKind::Differs, &origin, reason);
                }
                arrivals.push(Arrival { origin, user: found.clone(), mover, is_new: false, memberships: Vec::new() });
                continue;
            }
            let mut user = mover.user.clone();
            let mut taken = self.claimed.by_others(&user);
            if mover.may_share_email && taken.iter().any(|taken| taken.claim == Claim::Email) {
                user.email_is_shared = true;
                taken = self.claimed.by_others(&user);
            }
            let mut reasons: Vec<String> = taken.iter().map(in_words).collect();
            if self.met.contains(&user.id) {
                reasons.push("its id stands there twice".to_owned());
            }
            if !reasons.is_empty() {
                self.report.users.refused += 1;
                self.report.note(TroubleKind::Conflict, &origin, reasons.join("; "));
                continue;
            }
            self.claimed.add(&user);
            self.met.insert(user.id);
            arrivals.push(Arrival { origin, user, mover, is_new: true, memberships: Vec::new() });
        }
        Ok(arrivals)
    }

    /// The id that a user has here, if it is here: the one that the source has, or the one of whoever has the source's
    /// number or Edge id.
    fn id_here(&self, mover: &Mover) -> UserId {
        let Mover { user, has: KnownIds { id, number, edge_id }, .. } = mover;
        if *id {
            return user.id;
        }
        let taken = self.claimed.by_others(user);
        let owner = |wanted: Claim| taken.iter().find(|taken| taken.claim == wanted).map(|taken| taken.user);
        let by_number = owner(Claim::Number).filter(|_| *number);
        by_number.or_else(|| owner(Claim::EdgeId).filter(|_| *edge_id)).unwrap_or(user.id)
    }

    /// Gives numbers to new users and their addresses where the source has none, and none of the source's again.
    async fn number(&mut self, arrivals: &mut [Arrival]) -> Result<()> {
        let new = || arrivals.iter().filter(|arrival| arrival.is_new);
        let addresses = || new().flat_map(|arrival| &arrival.user.addresses);
        let largest = new().map(|arrival| arrival.user.number.0).max().unwrap_or_default();
        self.raise(Sequence::Users, largest).await?;
        let largest = addresses().map(|address| address.id.0).max().unwrap_or_default();
        self.raise(Sequence::Addresses, largest).await?;
        let without = new().filter(|arrival| arrival.user.number == NO_NUMBER).count();
        let mut numbers = self.numbers(Sequence::Users, without).await?.into_iter();
        let without = addresses().filter(|address| address.id == AddressId(0)).count();
        let mut address_ids = self.numbers(Sequence::Addresses, without).await?.into_iter();
        for Arrival { user, .. } in arrivals.iter_mut().filter(|arrival| arrival.is_new) {
            if user.number == NO_NUMBER {
                user.number = numbers.next().map_or(NO_NUMBER, UserNumber);
            }
            for address in user.addresses.iter_mut().filter(|address| address.id == AddressId(0)) {
                address.id = AddressId(address_ids.next().unwrap_or_default());
            }
            user.addresses.sort_by_key(|address| address.id);
        }
        Ok(())
    }

    /// Leaves out the memberships that cannot be, and has a new user's first one made along with it:
    /// one that is not the owner's, which would change the organization.
    async fn sift_memberships(&mut self, arrival: &mut Arrival, known: &Memberships) -> Result<()> {
        let mut joined = HashSet::new();
        for moving in arrival.mover.memberships.clone() {
            let own = (arrival.user.id, moving.organization);
            let is_first = self.memberships.insert(moving.id) && joined.insert(moving.organization);
            let owner = known.get(&moving.id);
            let Some(organization) = self.organization(moving.organization).await? else {
                self.report.memberships.refused += 1;
                let reason = format!("its membership in {}, which did not move in", moving.organization);
                self.report.note(TroubleKind::LeftOut, &arrival.origin, reason);
                continue;
            };
            if !is_first || owner.is_some_and(|owner| *owner != own) {
                self.report.memberships.refused += 1;
                let reason = format!("the membership {} is another one, or stands there twice", moving.id);
                self.report.note(TroubleKind::Conflict, &arrival.origin, reason);
                continue;
            }
            let has_first = arrival.memberships.iter().any(|joining| joining.state == State::First);
            let state = match owner {
                Some(_) => State::Here,
                None if arrival.is_new && !has_first && !moving.is_owner => State::First,
                None => State::Missing,
            };
            if state == State::First && moving.is_admin && organization.is_active {
                arrival.user.manages.insert(moving.organization);
            }
            arrival.memberships.push(Joining { moving, state });
        }
        Ok(())
    }

    /// Makes the new ones among the arrivals and gives those who are here then.
    async fn make(&mut self, arrivals: Vec<Arrival>) -> Result<Vec<Arrival>> {
        if self.dry {
            let new = arrivals.iter().filter(|arrival| arrival.is_new).count();
            self.report.users.made += u64::try_from(new).unwrap_or(u64::MAX);
            return Ok(arrivals);
        }
        let new = || arrivals.iter().filter(|arrival| arrival.is_new);
        let mut joined = HashMap::new();
        for arrival in new() {
            for Joining { moving, .. } in arrival.memberships.iter().filter(|joining| joining.state == State::First) {
                if let Some(organization) = self.organization(moving.organization).await?.cloned() {
                    joined.insert(arrival.user.id, ([membership_in(&organization, moving)], organization));
                }
            }
        }
        let mut writes = Vec::new();
        for arrival in new() {
            let joined = joined.get(&arrival.user.id);
            writes.push(UserWrite {
                after: Some(&arrival.user),
                memberships: joined.map(|(memberships, _)| &memberships[..]),
                membership: joined.map(|(memberships, organization)| MembershipWrite {
                    organization: OrganizationState::There(organization),
                    before: None,
                    after: memberships.first(),
                    becomes_owner: false,
                }),
                ..UserWrite::default()
            });
        }
        let mut told = self.directory.store.users_insert(&writes).await?.into_iter();
        drop(writes);
        let mut made = Vec::new();
        for arrival in arrivals {
            let refused = match arrival.is_new.then(|| told.next()).flatten() {
                None | Some(Ok(Written::Done)) => None,
                Some(Ok(Written::Taken(taken))) => Some(taken.iter().map(in_words).collect::<Vec<_>>().join("; ")),
                Some(Ok(Written::UnknownGroup(id))) => Some(format!("the group {id} is gone")),
                Some(Ok(Written::Stale | Written::OtherSuperuserLost)) => {
                    self.organizations.clear();
                    Some("it, or its organization, changed here meanwhile; begin again".to_owned())
                }
                Some(Err(Error::Refused(_))) => Some("it is too large to be stored".to_owned()),
                Some(Err(error)) => return Err(error),
            };
            if let Some(reason) = refused {
                self.met.remove(&arrival.user.id);
                self.report.users.refused += 1;
                self.report.note(TroubleKind::Conflict, &arrival.origin, reason);
            } else {
                self.report.users.made += u64::from(arrival.is_new);
                made.push(arrival);
            }
        }
        Ok(made)
    }

    /// Has a user who is here join an organization, unless it has.
    async fn take_membership(&mut self, origin: &str, user: UserId, joining: Joining) -> Result<()> {
        let Joining { moving, state } = joining;
        let is_owned = self.organization(moving.organization).await?.is_none_or(|found| found.owner.is_some());
        let is_here = state != State::Missing;
        let is_new = if self.dry || (is_here && (is_owned || !moving.is_owner)) {
            !is_here || state == State::First
        } else {
            match self.join(user, &moving).await {
                Err(Error::Refused(_)) => {
                    self.report.memberships.refused += 1;
                    let reason =
                        format!("its membership in {}, with which it is too large to be stored", moving.organization);
                    self.report.note(TroubleKind::LeftOut, origin, reason);
                    return Ok(());
                }
                joined => joined?,
            }
        };
        if is_new {
            self.report.memberships.made += 1;
        } else {
            self.report.memberships.here += 1;
            if !is_here {
                let reason = format!("it is in {} by another membership already", moving.organization);
                self.report.note(TroubleKind::Differs, origin, reason);
            }
        }
        Ok(())
    }

    /// Makes the user a member, and the owner if nobody is. `false` when it is a member already.
    async fn join(&mut self, id: UserId, moving: &MovingMembership) -> Result<bool> {
        let directory = self.directory;
        let store = &directory.store;
        let mut tries = store.tries();
        while tries.next().await {
            let (found, read) =
                (store.user_with_memberships(id).await?, store.organization(moving.organization).await?);
            let (Some((before, mut memberships)), Some(organization)) = (found, read) else { return Ok(false) };
            let becomes_owner = moving.is_owner && organization.owner.is_none();
            let joined = memberships.iter().find(|joined| joined.organization == organization.id).cloned();
            let is_done = if let Some(joined) = &joined {
                let owned = Organization { owner: Some((joined.id, id)), ..organization.clone() };
                !becomes_owner
                    || store.organization_write(Some(&organization), Some(&owned)).await? == OrganizationWritten::Done
            } else {
                let new = membership_in(&organization, moving);
                memberships.push(new.clone());
                Membership::sort(&mut memberships);
                let mut after = before.clone();
                if new.is_admin && organization.is_active {
                    after.manages.insert(organization.id);
                }
                let membership = MembershipWrite {
                    organization: OrganizationState::There(&organization),
                    before: None,
                    after: Some(&new),
                    becomes_owner,
                };
                let write = UserWrite {
                    before: Some(&before),
                    after: Some(&after),
                    memberships: Some(&memberships),
                    membership: Some(membership),
                    ..UserWrite::default()
                };
                store.user_write(&write).await? == Written::Done
            };
            if is_done {
                if becomes_owner {
                    // Its version has moved.
                    self.organizations.remove(&organization.id);
                }
                return Ok(joined.is_none());
            }
        }
        Err(too_busy())
    }
}

fn membership_in(organization: &Organization, moving: &MovingMembership) -> Membership {
    let MovingMembership { id, organization: _, is_admin, is_owner: _ } = *moving;
    Membership { id, organization: organization.id, name: organization.name.clone(), is_admin }
}

/// What a user has here that others have.
fn in_words(taken: &Taken) -> String {
    let what = match taken.claim {
        Claim::Username => "the user name",
        Claim::Email => "the e-mail",
        Claim::Phone => "the telephone number",
        Claim::VerifiedAddress => "a verified address",
        Claim::Number => "the OpenL2M id",
        Claim::EdgeId => "the Edge id",
    };
    format!("{what} is that of the user {}", taken.user)
}

/// Whether a user who is here has the mover's id of OpenL2M by chance: those are small numbers, which Rollcall gives too.
fn is_somebody_else(mover: &Mover, here: &User) -> bool {
    let KnownIds { id, edge_id, .. } = mover.has;
    !id && !edge_id && mover.user.username != here.username
}

/// What a user who is here already has otherwise than its source says; but for what signing in changes.
fn differing(mover: &Mover, here: &User) -> Vec<&'static str> {
    let Mover { user, has, .. } = mover;
    let fields = [
        ("OpenL2M id", !has.number || user.number == here.number),
        ("Edge id", !has.edge_id || user.edge_id == here.edge_id),
        ("user name", user.username == here.username),
        ("e-mail", user.email == here.email),
        ("first name", user.first_name == here.first_name),
        ("last name", user.last_name == here.last_name),
        ("bio", user.bio == here.bio),
        ("url", user.url == here.url),
        ("company", user.company == here.company),
        ("location", user.location == here.location),
        ("notes", user.notes == here.notes),
        ("telephone number", user.phone_number == here.phone_number),
        ("date of birth", user.birth_date == here.birth_date),
        ("expiration date", user.expiration_date == here.expiration_date),
        ("active flag", user.is_active == here.is_active),
        ("staff flag", user.is_staff == here.is_staff),
        ("superuser flag", user.is_superuser == here.is_superuser),
        ("date of joining", user.date_joined == here.date_joined),
        ("groups", user.groups == here.groups),
        ("permissions", user.permissions == here.permissions),
        ("profile", user.profile == here.profile),
        ("sharing", user.sharing == here.sharing),
        ("addresses", addresses(user) == addresses(here)),
    ];
    fields.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
}

/// A user's addresses without their numbers, which a source may lack.
fn addresses(user: &User) -> BTreeSet<(&str, bool, bool)> {
    user.addresses.iter().map(|address| (address.email.as_str(), address.verified, address.primary)).collect()
}
