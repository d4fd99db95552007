//! Users (`contracts/openwisp.md` section 2).

mod changes;
mod deleted;
mod row;

use std::collections::BTreeSet;

pub use self::changes::{NewUser, UserChanges};
pub use self::deleted::{DeletedRow, DeletedUser};
pub use self::row::{Lacks, UserRow};
use super::{
    Date, EdgeId, EdgeProfile, EmailAddress, Extras, Field, Flags, GroupId, LimitedText, MAX_TEXT, Membership,
    OpenWispDetails, OrganizationId, PermissionId, PhoneNumber, SwitchProfile, Timestamp, UserEmail, UserId,
    UserNumber, Username, limits,
};
use crate::secret::Secret;

/// A user with all personal data: one record, changed as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The id internally and on the OpenWISP wire.
    pub id: UserId,
    /// The id on the OpenL2M wire.
    pub number: UserNumber,
    /// The id on the Edge wire.
    pub edge_id: EdgeId,
    /// Counts the changes; a write names the version that it has read.
    pub version: u64,
    /// Signed tokens and sessions with another number are invalid.
    pub token_version: u64,
    /// API tokens with another number are invalid; see [`User::api_token_version`].
    pub api_tokens_ended: u64,
    /// The same for API tokens created by others.
    pub others_api_tokens_ended: u64,
    /// The name to sign in with.
    pub username: Username,
    /// Whether no other user of whom this is true may have the name in another letter case: an identity provider gave it.
    pub has_caseless_name: bool,
    /// The e-mail for login and password resets; unique, ignoring case.
    pub email: Option<EmailAddress>,
    /// Whether another user had this e-mail before, ignoring case. Then it is only displayed: it cannot be used to sign
    /// in and does not block other users.
    pub email_is_shared: bool,
    /// Hash of the password, in PHC format or one of Django's.
    pub password: Secret,
    /// At most 150 characters.
    pub first_name: String,
    /// At most 150 characters.
    pub last_name: String,
    /// The OpenWISP texts.
    pub details: OpenWispDetails,
    /// Unique.
    pub phone_number: Option<PhoneNumber>,
    /// The day of birth.
    pub birth_date: Option<Date>,
    /// The last day on which the account works.
    pub expiration_date: Option<Date>,
    /// Whether the account is active, and roles.
    pub flags: Flags,
    /// The last login with a browser.
    pub last_login: Option<Timestamp>,
    /// When the user joined; lists are sorted by it.
    pub date_joined: Timestamp,
    /// The time of the last change.
    pub modified: Timestamp,
    /// The id at an identity provider, which may be another user's too; at most [`User::MAX_EXTERNAL_ID`] characters.
    pub external_id: Option<String>,
    /// What an identity provider says beyond that.
    pub extras: Extras,
    /// The user's groups.
    pub groups: BTreeSet<GroupId>,
    /// The user's direct permissions.
    pub permissions: BTreeSet<PermissionId>,
    /// The active organizations that the user manages.
    pub manages: BTreeSet<OrganizationId>,
    /// Other organizations that the user manages or owns: inactive ones, and those owned but not managed. `None` in a
    /// record written before this attribute existed.
    pub holds: Option<BTreeSet<OrganizationId>>,
    /// Memberships of a restored user that did not fit into one transaction. Cleanup makes them, one by one.
    pub returning: Vec<Membership>,
    /// The user's e-mail addresses, sorted by id.
    pub addresses: Vec<UserEmail>,
    /// The expiration date of which the user was reminded.
    pub reminded_of: Option<Date>,
    /// The OpenL2M profile.
    pub profile: SwitchProfile,
    /// The Edge attributes.
    pub sharing: EdgeProfile,
    /// Whether the access history may contain a success.
    pub has_signed_in: bool,
}

/// The step that an expiration date requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Remind the user of the expiration.
    Remind,
    /// The last day is over: deactivate the account and notify the user.
    Deactivate,
}

impl User {
    /// The most e-mail addresses of a user, to limit the size of the record.
    pub const MAX_ADDRESSES: usize = 200;
    /// The most verified addresses, so that one transaction can release all of them.
    pub const MAX_VERIFIED: usize = 40;
    /// The maximum length of a first or last name, in characters.
    pub const MAX_NAME: usize = 150;
    /// The maximum length of an external id, in characters.
    pub const MAX_EXTERNAL_ID: usize = 255;
    /// The most groups of a user, so that one transaction can change all of them.
    pub const MAX_GROUPS: usize = 25;
    /// How long before the last day the reminder is sent.
    pub const REMINDED_AHEAD: time::Duration = time::Duration::days(7);
    /// The most organizations of a user whose date of joining is changed, so that one transaction updates all of them.
    pub const MAX_MOVED: usize = 10;

    /// The requested user, without a password hash and a number.
    pub fn new(id: UserId, edge_id: EdgeId, username: &Username, new: &NewUser, now: Timestamp) -> Self {
        let NewUser {
            // May be missing there.
            username: _,
            email,
            // Hashed first.
            password: _,
            // Become addresses.
            email_verified: _,
            other_emails: _,
            // One of them becomes the number.
            phones: _,
            // Rules of the creation.
            may_lack_password: _,
            may_be_expired: _,
            // First tried without.
            may_share_email: _,
            first_name,
            last_name,
            url,
            phone_number,
            birth_date,
            expiration_date,
            flags,
            groups,
            permissions,
            // Belongs to another record.
            membership: _,
            profile,
            sharing,
            has_caseless_name,
            external_id,
            extras,
        } = new.clone();
        Self {
            id,
            number: UserNumber(0),
            edge_id,
            version: 1,
            token_version: 0,
            api_tokens_ended: 0,
            others_api_tokens_ended: 0,
            username: username.clone(),
            has_caseless_name,
            email,
            email_is_shared: false,
            password: Secret::default(),
            first_name,
            last_name,
            details: OpenWispDetails { url, ..OpenWispDetails::default() },
            phone_number,
            birth_date,
            expiration_date,
            flags,
            last_login: None,
            date_joined: now,
            modified: now,
            external_id,
            extras,
            groups: groups.into(),
            permissions: permissions.into(),
            manages: BTreeSet::new(),
            holds: Some(BTreeSet::new()),
            returning: Vec::new(),
            addresses: Vec::new(),
            profile,
            sharing,
            has_signed_in: false,
            reminded_of: None,
        }
    }

    /// The texts that have a limit, each with its field and its maximum length. Texts written before the
    /// limit existed may be longer.
    pub fn limited_texts(&self) -> Vec<LimitedText<'_>> {
        let OpenWispDetails { bio, url, company, location, notes } = &self.details;
        let EdgeProfile { description, organization, .. } = &self.sharing;
        vec![
            (Field::FirstName, &self.first_name, Self::MAX_NAME),
            (Field::LastName, &self.last_name, Self::MAX_NAME),
            (Field::ExternalId, self.external_id.as_deref().unwrap_or_default(), Self::MAX_EXTERNAL_ID),
            (Field::Bio, bio, MAX_TEXT),
            (Field::Url, url, OpenWispDetails::MAX_URL),
            (Field::Company, company, OpenWispDetails::MAX_COMPANY),
            (Field::Location, location, OpenWispDetails::MAX_LOCATION),
            (Field::Notes, notes, MAX_TEXT),
            (Field::Description, description, MAX_TEXT),
            (Field::EdgeOrganization, organization.as_deref().unwrap_or_default(), EdgeProfile::MAX_ORGANIZATION),
            (Field::LdapDn, &self.profile.last_ldap_dn, SwitchProfile::MAX_LDAP_DN),
            (Field::Theme, &self.profile.theme, SwitchProfile::MAX_THEME),
        ]
    }

    /// The fields and limits of the texts that are too long, except those unchanged from `before`.
    pub fn too_long(&self, before: Option<&Self>) -> Vec<(Field, usize)> {
        let stored = before.map(Self::limited_texts);
        let mut long = limits::too_long(&self.limited_texts(), stored.as_deref().unwrap_or_default());
        if before.is_none_or(|before| before.extras != self.extras) && self.extras.size() > Extras::MAX_BYTES {
            long.push((Field::Extras, Extras::MAX_BYTES));
        }
        long
    }

    /// Texts that clients read and may send back unchanged.
    pub fn texts(&self) -> Vec<(Field, &str)> {
        let mut texts: Vec<_> = self.limited_texts().into_iter().map(|(field, text, _)| (field, text)).collect();
        texts.push((Field::Username, self.username.as_str()));
        texts.extend(self.email.as_ref().map(|email| (Field::Email, email.as_str())));
        texts.extend(self.phone_number.as_ref().map(|number| (Field::PhoneNumber, number.as_str())));
        texts
    }

    /// Whether the account works on that day: active, and not past its expiration date.
    pub fn is_active_on(&self, today: Date) -> bool {
        self.flags.is_active && !self.is_expired_on(today)
    }

    /// Whether the last day of the account is before `today`.
    pub fn is_expired_on(&self, today: Date) -> bool {
        self.expiration_date.is_some_and(|last| last < today)
    }

    /// The first day on which the expiration requires a step; see [`User::expiry_on`].
    pub fn expiry_due(&self) -> Option<Date> {
        let last = self.expiration_date.filter(|_| self.flags.is_active)?;
        if self.reminded_of == Some(last) { last.next_day() } else { Some(last.saturating_sub(Self::REMINDED_AHEAD)) }
    }

    /// The step that the expiration requires on that day, if any (`contracts/openwisp.md` section 7.5).
    ///
    /// There is one reminder for each date; on the day after the date the account is deactivated, reminded or not.
    pub fn expiry_on(&self, today: Date) -> Option<Expiry> {
        let is_due = self.expiry_due().is_some_and(|due| due <= today);
        is_due.then(|| if self.is_expired_on(today) { Expiry::Deactivate } else { Expiry::Remind })
    }

    /// The number that an API token of this user must have, depending on who created it.
    pub fn api_token_version(&self, made_by_other: bool) -> u64 {
        let others = if made_by_other { self.others_api_tokens_ended } else { 0 };
        self.api_tokens_ended.saturating_add(others)
    }

    /// The organizations that the user manages or owns, as far as the record says, and those that the user will manage
    /// when all memberships are back.
    pub fn organizations_held(&self) -> impl Iterator<Item = OrganizationId> {
        let returning = self.returning.iter().filter(|membership| membership.is_admin);
        let held = self.manages.iter().chain(self.holds.iter().flatten()).copied();
        held.chain(returning.map(|membership| membership.organization))
    }

    /// Updates `manages` and `holds` for an organization: whether the user manages or owns it, and whether it is
    /// active.
    pub fn place_in(&mut self, organization: OrganizationId, manages: bool, owns: bool, is_active: bool) {
        if manages && is_active {
            self.manages.insert(organization);
        } else {
            self.manages.remove(&organization);
        }
        if let Some(holds) = &mut self.holds {
            if (manages && !is_active) || (owns && !manages) {
                holds.insert(organization);
            } else {
                holds.remove(&organization);
            }
        }
    }

    /// The recipient of unsolicited mails: a verified address, the primary one first.
    pub fn mailbox(&self) -> Option<&EmailAddress> {
        let verified = || self.addresses.iter().filter(|address| address.verified);
        verified().find(|address| address.primary).or_else(|| verified().next()).map(|address| &address.email)
    }

    /// Sets the e-mail. A changed e-mail counts as unshared until its claim fails.
    pub fn set_email(&mut self, email: Option<EmailAddress>) {
        self.email_is_shared &= self.email == email;
        self.email = email;
    }
}
