//! Importing users and their memberships.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::importer::{NO_NUMBER, STILL_GOING, reason};
use super::limits::shorten;
use super::{Importer, IssueKind, Known, MembershipRecord, UserRecord};
use crate::auth::password::Effort;
use crate::error::{Error, Result};
use crate::model::{
    AddressId, EdgeId, Flags, Membership, MembershipId, OpenWispDetails, Organization, OrganizationId, Permission,
    PermissionId, User, UserId, UserNumber,
};
use crate::model::{CleanupTask, Sequence};
use crate::store::{
    Basis, Claim, ClaimConflict, MembershipWrite, OrganizationState, OrganizationWriteOutcome, UserWrite, WriteOutcome,
};

/// A user who exists here or is to be created, with everything that is imported along.
struct ImportedUser {
    origin: String,
    user: User,
    user_record: UserRecord,
    is_new: bool,
    memberships: Vec<Joining>,
}

/// A membership that an imported user is to have.
struct Joining {
    transfer: MembershipRecord,
    state: State,
}

/// Whether a membership exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Here,
    /// It is created together with its user.
    First,
    Missing,
}

/// The users and organizations of memberships.
type Memberships = HashMap<MembershipId, (UserId, OrganizationId)>;

impl Importer<'_> {
    /// Imports users with their memberships and API tokens.
    pub(super) async fn take_users(&mut self, records: Vec<(String, UserRecord)>) -> Result<()> {
        let mut users = self.recognized(records).await?;
        self.number(&mut users).await?;
        let ids = users.iter().flat_map(|imported| &imported.user_record.memberships).map(|membership| membership.id);
        let known = self.directory.store.memberships_of_ids(&ids.collect()).await?;
        for imported in &mut users {
            self.sift_memberships(imported, &known).await?;
        }
        let users = self.make(users).await?;
        let mut tokens = Vec::new();
        for ImportedUser { origin, user, user_record, memberships, .. } in users {
            for joining in memberships {
                self.take_membership(&origin, user.id, joining).await?;
            }
            tokens.extend(user_record.tokens.into_iter().map(|token| (origin.clone(), user.clone(), token)));
        }
        self.take_tokens(tokens).await
    }

    /// Separates users who exist here from users to create; conflicting ones are reported and skipped.
    async fn recognized(&mut self, records: Vec<(String, UserRecord)>) -> Result<Vec<ImportedUser>> {
        let directory = self.directory;
        let (store, ambient) = (&directory.store, &*directory.ambient);
        let mut wanted = Vec::new();
        for (origin, mut user_record) in records {
            if let Some(defect) = user_record.defect() {
                self.report.unusable += 1;
                self.report.note(IssueKind::Unusable, &origin, defect);
                continue;
            }
            for reason in shorten(&mut user_record) {
                self.report.note(IssueKind::LeftOut, &origin, reason);
            }
            user_record.user.groups = self.groups_of(&origin, &user_record.user.groups);
            let unknown: Vec<PermissionId> =
                user_record.user.permissions.iter().copied().filter(|id| Permission::by_id(*id).is_none()).collect();
            for id in unknown {
                user_record.user.permissions.remove(&id);
                self.report.note(IssueKind::LeftOut, &origin, format!("the permission {id} (unknown)"));
            }
            if !user_record.has.id {
                user_record.user.id = UserId::generate(ambient);
            }
            if !user_record.has.edge_id {
                user_record.user.edge_id = EdgeId::generate(ambient);
            }
            wanted.push((origin, user_record));
        }
        let candidates: Vec<User> = wanted.iter().map(|(_, user_record)| user_record.user.clone()).collect();
        store.claims_look_up(&candidates, &mut self.claimed).await?;
        let ids = wanted.iter().map(|(_, user_record)| self.id_here(user_record)).collect();
        let (here, damaged) = store.users_readable(&ids).await?;
        let deleted = store.deleted_among(&ids).await?;
        let here: HashMap<UserId, User> = here.into_iter().map(|user| (user.id, user)).collect();
        let mut users = Vec::new();
        for (origin, user_record) in wanted {
            let id = self.id_here(&user_record);
            if damaged.contains(&id) {
                self.report.users.refused += 1;
                let reason = format!("it exists here already, but the record of the user {id} is unreadable");
                self.report.note(IssueKind::Conflict, &origin, reason);
                continue;
            }
            if let Some(found) = here.get(&id) {
                if is_somebody_else(&user_record, found) {
                    self.report.users.refused += 1;
                    let reason = format!("the OpenL2M id {} belongs to the user {} here", found.number, found.id);
                    self.report.note(IssueKind::Conflict, &origin, reason);
                    continue;
                }
                self.report.users.here += 1;
                let differing = differing(&user_record, found);
                if !differing.is_empty() {
                    let reason = format!("it exists here with another {}", differing.join(", "));
                    self.report.note(IssueKind::Differs, &origin, reason);
                }
                users.push(ImportedUser {
                    origin,
                    user: found.clone(),
                    user_record,
                    is_new: false,
                    memberships: Vec::new(),
                });
                continue;
            }
            if deleted.contains(&id) {
                self.report.users.refused += 1;
                let reason = format!("it was deleted here; restore or purge the user {id} first");
                self.report.note(IssueKind::Conflict, &origin, reason);
                continue;
            }
            let mut user = user_record.user.clone();
            let mut taken = self.claimed.by_others(&user);
            if user_record.may_share_email && taken.iter().any(|taken| taken.claim == Claim::Email) {
                user.email_is_shared = true;
                taken = self.claimed.by_others(&user);
            }
            let mut reasons: Vec<String> = taken.iter().map(in_words).collect();
            if self.met.contains(&user.id) {
                reasons.push("its id occurs twice".to_owned());
            }
            if reasons.is_empty() && !self.is_gone_for_good(CleanupTask::User(user.id)).await? {
                reasons.push(STILL_GOING.to_owned());
            }
            if !reasons.is_empty() {
                self.report.users.refused += 1;
                self.report.note(IssueKind::Conflict, &origin, reasons.join("; "));
                continue;
            }
            self.claimed.add(&user);
            self.met.insert(user.id);
            users.push(ImportedUser { origin, user, user_record, is_new: true, memberships: Vec::new() });
        }
        Ok(users)
    }

    /// The local id of a user who exists here: the id in the source, or that of the user with the source's number or
    /// Edge id.
    fn id_here(&self, user_record: &UserRecord) -> UserId {
        let UserRecord { user, has: Known { id, number, edge_id, .. }, .. } = user_record;
        if *id {
            return user.id;
        }
        let taken = self.claimed.by_others(user);
        let owner = |wanted: Claim| taken.iter().find(|taken| taken.claim == wanted).map(|taken| taken.user);
        let by_number = owner(Claim::Number).filter(|_| *number);
        by_number.or_else(|| owner(Claim::EdgeId).filter(|_| *edge_id)).unwrap_or(user.id)
    }

    /// Assigns numbers to new users and addresses where the source has none, and never one of the source's.
    async fn number(&mut self, users: &mut [ImportedUser]) -> Result<()> {
        let new = || users.iter().filter(|imported| imported.is_new);
        let addresses = || new().flat_map(|imported| &imported.user.addresses);
        let largest = new().map(|imported| imported.user.number.0).max().unwrap_or_default();
        self.raise(Sequence::Users, largest).await?;
        let largest = addresses().map(|address| address.id.0).max().unwrap_or_default();
        self.raise(Sequence::Addresses, largest).await?;
        let without = new().filter(|imported| imported.user.number == NO_NUMBER).count();
        let mut numbers = self.numbers(Sequence::Users, without).await?.into_iter();
        let without = addresses().filter(|address| address.id == AddressId(0)).count();
        let mut address_ids = self.numbers(Sequence::Addresses, without).await?.into_iter();
        for ImportedUser { user, .. } in users.iter_mut().filter(|imported| imported.is_new) {
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

    /// Drops the memberships that cannot be created, and creates the first one together with a new user; not the
    /// owner's, which would change the organization.
    async fn sift_memberships(&mut self, imported: &mut ImportedUser, known: &Memberships) -> Result<()> {
        let mut joined = HashSet::new();
        for transfer in imported.user_record.memberships.clone() {
            let own = (imported.user.id, transfer.organization);
            let is_first = self.memberships.insert(transfer.id) && joined.insert(transfer.organization);
            let owner = known.get(&transfer.id);
            let Some(organization) = self.organization(transfer.organization).await? else {
                self.report.memberships.refused += 1;
                let reason = format!("its membership in {} (not imported)", transfer.organization);
                self.report.note(IssueKind::LeftOut, &imported.origin, reason);
                continue;
            };
            if !is_first || owner.is_some_and(|owner| *owner != own) {
                self.report.memberships.refused += 1;
                let reason =
                    format!("the membership {} already exists with other values, or occurs twice", transfer.id);
                self.report.note(IssueKind::Conflict, &imported.origin, reason);
                continue;
            }
            let has_first = imported.memberships.iter().any(|joining| joining.state == State::First);
            let state = match owner {
                Some(_) => State::Here,
                None if imported.is_new && !has_first && !transfer.is_owner => State::First,
                None => State::Missing,
            };
            if state == State::First {
                imported.user.place_in(transfer.organization, transfer.is_admin, false, organization.is_active);
            }
            imported.memberships.push(Joining { transfer, state });
        }
        Ok(())
    }

    /// Creates the new users among the records and returns those who exist afterwards.
    async fn make(&mut self, users: Vec<ImportedUser>) -> Result<Vec<ImportedUser>> {
        if self.dry {
            let new = users.iter().filter(|imported| imported.is_new).count();
            self.report.users.made += u64::try_from(new).unwrap_or(u64::MAX);
            return Ok(users);
        }
        let new = || users.iter().filter(|imported| imported.is_new);
        let mut joined = HashMap::new();
        for imported in new() {
            for Joining { transfer, .. } in imported.memberships.iter().filter(|joining| joining.state == State::First)
            {
                if let Some(organization) = self.organization(transfer.organization).await?.cloned() {
                    joined.insert(imported.user.id, ([membership_in(&organization, transfer)], organization));
                }
            }
        }
        let mut writes = Vec::new();
        for imported in new() {
            let joined = joined.get(&imported.user.id);
            writes.push(UserWrite {
                after: Some(&imported.user),
                memberships: joined.map(|(memberships, _)| &memberships[..]),
                membership: joined.map(|(memberships, organization)| MembershipWrite {
                    organization: OrganizationState::There(organization),
                    before: None,
                    after: memberships.first(),
                    becomes_owner: false,
                }),
                actor: self.actor.as_ref(),
                ..UserWrite::default()
            });
        }
        let efforts = new().map(|imported| Effort::of(&imported.user.password));
        self.directory.note_effort(efforts.fold(Effort::default(), Effort::max)).await?;
        let mut told = self.directory.store.users_insert(&writes).await?.into_iter();
        drop(writes);
        let mut made = Vec::new();
        for imported in users {
            let refused = match imported.is_new.then(|| told.next()).flatten() {
                None | Some(Ok(WriteOutcome::Done)) => None,
                Some(Ok(WriteOutcome::Taken(taken))) => Some(taken.iter().map(in_words).collect::<Vec<_>>().join("; ")),
                Some(Ok(WriteOutcome::UnknownGroup(id))) => Some(format!("the group {id} was deleted")),
                Some(Ok(WriteOutcome::Stale | WriteOutcome::OtherSuperuserLost)) => {
                    self.organizations.clear();
                    Some("it or its organization changed during the import; run the import again".to_owned())
                }
                Some(Err(error)) => Some(reason(error)?),
            };
            if let Some(reason) = refused {
                self.met.remove(&imported.user.id);
                self.report.users.refused += 1;
                self.report.note(IssueKind::Conflict, &imported.origin, reason);
            } else {
                self.report.users.made += u64::from(imported.is_new);
                made.push(imported);
            }
        }
        Ok(made)
    }

    /// Adds an existing user to an organization, unless the user is a member already.
    async fn take_membership(&mut self, origin: &str, user: UserId, joining: Joining) -> Result<()> {
        let Joining { transfer, state } = joining;
        let is_owned = self.organization(transfer.organization).await?.is_none_or(|found| found.owner.is_some());
        let is_here = state != State::Missing;
        let is_new = if self.dry || (is_here && (is_owned || !transfer.is_owner)) {
            !is_here || state == State::First
        } else {
            match self.join(user, &transfer).await {
                Ok(joined) => joined,
                Err(Error::Refused(_)) => {
                    self.report.memberships.refused += 1;
                    let reason =
                        format!("its membership in {} (the user would be too large to store)", transfer.organization);
                    self.report.note(IssueKind::LeftOut, origin, reason);
                    return Ok(());
                }
                Err(error) => {
                    self.report.memberships.refused += 1;
                    let reason = format!("its membership in {}: {}", transfer.organization, reason(error)?);
                    self.report.note(IssueKind::LeftOut, origin, reason);
                    return Ok(());
                }
            }
        };
        if is_new {
            self.report.memberships.made += 1;
        } else {
            self.report.memberships.here += 1;
            if !is_here {
                let reason = format!("it is already a member of {} through another membership", transfer.organization);
                self.report.note(IssueKind::Differs, origin, reason);
            }
        }
        Ok(())
    }

    /// Adds the user to an organization, as its owner if it has none. `false` if the user is already a member.
    async fn join(&mut self, id: UserId, transfer: &MembershipRecord) -> Result<bool> {
        let directory = self.directory;
        let store = &directory.store;
        let mut attempts = store.attempts();
        loop {
            attempts.next().await?;
            let (found, read) =
                (store.user_with_memberships(id).await?, store.organization(transfer.organization).await?);
            let (Some((before, mut memberships)), Some(organization)) = (found, read) else { return Ok(false) };
            let becomes_owner = transfer.is_owner && organization.owner.is_none();
            let joined = memberships.iter().find(|joined| joined.organization == organization.id).cloned();
            let is_done = if let Some(joined) = &joined {
                let owned = Organization { owner: Some((joined.id, id)), ..organization.clone() };
                let mut after = before.clone();
                after.place_in(organization.id, joined.is_admin, true, organization.is_active);
                !becomes_owner
                    || store
                        .organization_write(
                            Some(&organization),
                            Some(&owned),
                            &[(&before, &after)],
                            &Basis::default(),
                            self.actor.as_ref(),
                        )
                        .await?
                        == OrganizationWriteOutcome::Done
            } else {
                let new = membership_in(&organization, transfer);
                memberships.push(new.clone());
                let mut after = before.clone();
                after.place_in(organization.id, new.is_admin, becomes_owner, organization.is_active);
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
                    actor: self.actor.as_ref(),
                    ..UserWrite::default()
                };
                store.user_write(&write).await?.is_done()?
            };
            if is_done {
                if becomes_owner {
                    // Its version has changed.
                    self.organizations.remove(&organization.id);
                }
                return Ok(joined.is_none());
            }
        }
    }
}

fn membership_in(organization: &Organization, transfer: &MembershipRecord) -> Membership {
    let MembershipRecord { id, organization: _, is_admin, is_owner: _ } = *transfer;
    Membership { id, organization: organization.id, is_admin }
}

/// Describes a value that another user has.
fn in_words(taken: &ClaimConflict) -> String {
    let what = match taken.claim {
        Claim::Username => "the user name",
        Claim::CaselessName => "the user name in some letter case",
        Claim::Email => "the e-mail",
        Claim::Phone => "the telephone number",
        Claim::VerifiedAddress => "a verified address",
        Claim::Number => "the OpenL2M id",
        Claim::EdgeId => "the Edge id",
    };
    format!("{what} belongs to the user {}", taken.user)
}

/// Whether an existing user has the same OpenL2M id by chance: those are small numbers, which Rollcall assigns too.
fn is_somebody_else(user_record: &UserRecord, here: &User) -> bool {
    let Known { id, edge_id, .. } = user_record.has;
    !id && !edge_id && user_record.user.username != here.username
}

/// What a report calls the flags.
const FLAGS: Flags<&str> = Flags {
    is_active: "active flag",
    is_staff: "staff flag",
    is_edge_staff: "Edge staff role",
    is_superuser: "superuser flag",
};

/// Differences between an existing user and its source, ignoring fields that a login changes.
fn differing(user_record: &UserRecord, here: &User) -> Vec<&'static str> {
    let UserRecord { user, has, .. } = user_record;
    let User {
        // How users are recognized.
        id: _,
        number,
        edge_id,
        username,
        has_caseless_name: _,
        email,
        first_name,
        last_name,
        details: OpenWispDetails { bio, url, company, location, notes },
        phone_number,
        birth_date,
        expiration_date,
        flags,
        date_joined,
        external_id,
        extras,
        groups,
        permissions,
        profile,
        sharing,
        // Compared without their numbers.
        addresses: _,
        // Changed by a login or a reset.
        version: _,
        token_version: _,
        api_tokens_ended: _,
        others_api_tokens_ended: _,
        password: _,
        modified: _,
        last_login: _,
        has_signed_in: _,
        // Derived from other data.
        email_is_shared: _,
        manages: _,
        holds: _,
        returning: _,
        reminded_of: _,
    } = user;
    let texts = &here.details;
    let fields = [
        ("OpenL2M id", !has.number || *number == here.number),
        ("Edge id", !has.edge_id || *edge_id == here.edge_id),
        ("user name", *username == here.username),
        ("e-mail", *email == here.email),
        ("first name", *first_name == here.first_name),
        ("last name", *last_name == here.last_name),
        ("bio", *bio == texts.bio),
        ("url", *url == texts.url),
        ("company", *company == texts.company),
        ("location", *location == texts.location),
        ("notes", *notes == texts.notes),
        ("telephone number", *phone_number == here.phone_number),
        ("date of birth", *birth_date == here.birth_date),
        ("expiration date", *expiration_date == here.expiration_date),
        ("external id", *external_id == here.external_id),
        ("extras", *extras == here.extras),
    ];
    let flags = FLAGS.zip_with(flags.zip_with(here.flags, |one, other| one == other), |name, same| (name, same));
    let others = [
        ("date of joining", !has.date_joined || *date_joined == here.date_joined),
        ("groups", *groups == here.groups),
        ("permissions", *permissions == here.permissions),
        ("profile", *profile == here.profile),
        ("sharing", *sharing == here.sharing),
        ("addresses", addresses(user) == addresses(here)),
    ];
    let all = fields.into_iter().chain(flags.values()).chain(others);
    all.filter(|(_, same)| !same).map(|(name, _)| name).collect()
}

/// A user's addresses without their numbers, which a source may lack.
fn addresses(user: &User) -> BTreeSet<(&str, bool, bool)> {
    user.addresses.iter().map(|address| (address.email.as_str(), address.verified, address.primary)).collect()
}
