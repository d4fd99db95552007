//! Users (`contracts/openwisp.md` section 2).

use std::collections::BTreeSet;

use super::{
    Change, Date, EdgeId, EmailAddress, GroupId, MailboxEntry, Membership, MembershipRequest, OrganizationId,
    PermissionId, PhoneNumber, Profile, ProfileChanges, Sharing, SharingChanges, Timestamp, UserId, UserNumber,
    Username, replace,
};

/// A user with everything that belongs to it alone: one record, changed as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the wire's")]
pub struct User {
    /// The id inside and on the OpenWISP wire.
    pub id: UserId,
    /// The id on the OpenL2M wire.
    pub number: UserNumber,
    /// The id on the Edge wire.
    pub edge_id: EdgeId,
    /// Counts its changes; a write names the version that it saw.
    pub version: u64,
    /// Tokens that carry another number are void.
    pub token_version: u64,
    /// The name to sign in with.
    pub username: Username,
    /// The address for signing in and password resets; unique without regard to case.
    pub email: Option<EmailAddress>,
    /// Whether somebody else had the e-mail before, in some letter case. Then it is only shown:
    /// it signs nobody in and stands in nobody's way.
    pub email_is_shared: bool,
    /// Hash of the password, in PHC form or in one of Django's.
    pub password: String,
    /// At most 150 characters.
    pub first_name: String,
    /// At most 150 characters.
    pub last_name: String,
    /// Any text.
    pub bio: String,
    /// A web address of at most 200 characters, or empty.
    pub url: String,
    /// At most 30 characters.
    pub company: String,
    /// At most 256 characters.
    pub location: String,
    /// Any text, for administrators.
    pub notes: String,
    /// Unique.
    pub phone_number: Option<PhoneNumber>,
    /// The day of birth.
    pub birth_date: Option<Date>,
    /// The last day on which the account works.
    pub expiration_date: Option<Date>,
    /// Whether the account works at all; see [`User::is_active_on`].
    pub is_active: bool,
    /// Whether it is staff.
    pub is_staff: bool,
    /// Whether it has every permission.
    pub is_superuser: bool,
    /// When it last signed in with a browser.
    pub last_login: Option<Timestamp>,
    /// When it joined, which orders the lists.
    pub date_joined: Timestamp,
    /// The groups it belongs to.
    pub groups: BTreeSet<GroupId>,
    /// The permissions it has by itself.
    pub permissions: BTreeSet<PermissionId>,
    /// The active organizations that it manages.
    pub manages: BTreeSet<OrganizationId>,
    /// Its e-mail addresses, in order of their ids.
    pub addresses: Vec<MailboxEntry>,
    /// The expiration date that it was reminded of.
    pub reminded_of: Option<Date>,
    /// What it may do with switches.
    pub profile: Profile,
    /// What it shares in.
    pub sharing: Sharing,
    /// Whether its access history may hold a success.
    pub has_signed_in: bool,
}

/// What lists show of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `User`")]
#[expect(clippy::struct_excessive_bools, reason = "they are the wire's")]
pub struct UserRow {
    pub id: UserId,
    pub number: UserNumber,
    pub edge_id: EdgeId,
    pub username: Username,
    pub email: Option<EmailAddress>,
    pub first_name: String,
    pub last_name: String,
    pub phone_number: Option<PhoneNumber>,
    pub birth_date: Option<Date>,
    pub expiration_date: Option<Date>,
    pub is_active: bool,
    pub is_staff: bool,
    pub is_superuser: bool,
    pub last_login: Option<Timestamp>,
    pub date_joined: Timestamp,
    pub groups: BTreeSet<GroupId>,
    pub permissions: BTreeSet<PermissionId>,
    pub sharing: Sharing,
    pub has_signed_in: bool,
    /// The organizations it belongs to, by name.
    pub memberships: Vec<Membership>,
}

/// A user to be made. `None` where the sender's value could not be used; a violation then says why.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they are the wire's")]
pub struct NewUser {
    /// The name.
    pub username: Option<Username>,
    /// The address; `None` also when the user shall have none.
    pub email: Option<EmailAddress>,
    /// The password in clear.
    pub password: Option<String>,
    /// Whether the address counts as verified; else a confirmation mail is queued.
    pub email_verified: bool,
    /// Whether the address may be somebody else's too; see [`User::email_is_shared`].
    pub may_share_email: bool,
    /// See [`User::first_name`].
    pub first_name: String,
    /// See [`User::last_name`].
    pub last_name: String,
    /// See [`User::phone_number`].
    pub phone_number: Option<PhoneNumber>,
    /// See [`User::birth_date`].
    pub birth_date: Option<Date>,
    /// See [`User::expiration_date`].
    pub expiration_date: Option<Date>,
    /// See [`User::is_active`].
    pub is_active: bool,
    /// See [`User::is_staff`].
    pub is_staff: bool,
    /// See [`User::is_superuser`].
    pub is_superuser: bool,
    /// See [`User::groups`].
    pub groups: BTreeSet<GroupId>,
    /// See [`User::permissions`].
    pub permissions: BTreeSet<PermissionId>,
    /// An organization to join.
    pub membership: Option<MembershipRequest>,
    /// See [`User::profile`].
    pub profile: Profile,
    /// See [`User::sharing`].
    pub sharing: Sharing,
}

/// What an expiration date asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Tell the user when the account ends.
    Remind,
    /// The last day is over: switch the account off and tell the user.
    Deactivate,
}

/// Changes of a user. What is `None` or [`Change::Keep`] stays.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the fields are those of `User`")]
pub struct UserChanges {
    pub username: Option<Username>,
    pub email: Change<EmailAddress>,
    /// Whether the e-mail may be somebody else's too.
    pub may_share_email: bool,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub bio: Option<String>,
    pub url: Option<String>,
    pub company: Option<String>,
    pub location: Option<String>,
    pub notes: Option<String>,
    pub phone_number: Change<PhoneNumber>,
    pub birth_date: Change<Date>,
    pub expiration_date: Change<Date>,
    pub is_active: Option<bool>,
    pub is_staff: Option<bool>,
    pub is_superuser: Option<bool>,
    pub groups: Option<BTreeSet<GroupId>>,
    pub permissions: Option<BTreeSet<PermissionId>>,
    pub membership: Option<MembershipRequest>,
    pub last_login: Change<Timestamp>,
    pub date_joined: Option<Timestamp>,
    pub profile: ProfileChanges,
    pub sharing: SharingChanges,
    /// A new password in clear.
    pub password: Option<String>,
}

impl Default for NewUser {
    /// An active user of whom nothing is known.
    fn default() -> Self {
        Self {
            username: None,
            email: None,
            password: None,
            email_verified: false,
            may_share_email: false,
            first_name: String::new(),
            last_name: String::new(),
            phone_number: None,
            birth_date: None,
            expiration_date: None,
            is_active: true,
            is_staff: false,
            is_superuser: false,
            groups: BTreeSet::new(),
            permissions: BTreeSet::new(),
            membership: None,
            profile: Profile::default(),
            sharing: Sharing::default(),
        }
    }
}

impl User {
    /// The most e-mail addresses one user may have, so that the record stays small.
    pub const MAX_ADDRESSES: usize = 200;
    /// The most of them that may be verified, so that they can all be given up in one transaction.
    pub const MAX_VERIFIED: usize = 40;
    /// The most characters of a first or a last name.
    pub const MAX_NAME: usize = 150;
    /// The most groups one user may be in, so that they can all be changed in one transaction.
    pub const MAX_GROUPS: usize = 25;
    /// How long before its last day an account is reminded of it.
    pub const REMINDED_AHEAD: time::Duration = time::Duration::days(7);
    /// The most organizations of a user whose moment of joining is changed, so that all follow in one transaction.
    pub const MAX_MOVED: usize = 10;

    /// A user as asked for, before it has a password and a number.
    pub fn new(id: UserId, edge_id: EdgeId, username: &Username, new: &NewUser, now: Timestamp) -> Self {
        let NewUser {
            // It may be missing there.
            username: _,
            email,
            // It is hashed first.
            password: _,
            // It makes an address.
            email_verified: _,
            // It is tried without first.
            may_share_email: _,
            first_name,
            last_name,
            phone_number,
            birth_date,
            expiration_date,
            is_active,
            is_staff,
            is_superuser,
            groups,
            permissions,
            // It is another record.
            membership: _,
            profile,
            sharing,
        } = new.clone();
        Self {
            id,
            number: UserNumber(0),
            edge_id,
            version: 1,
            token_version: 0,
            username: username.clone(),
            email,
            email_is_shared: false,
            password: String::new(),
            first_name,
            last_name,
            bio: String::new(),
            url: String::new(),
            company: String::new(),
            location: String::new(),
            notes: String::new(),
            phone_number,
            birth_date,
            expiration_date,
            is_active,
            is_staff,
            is_superuser,
            last_login: None,
            date_joined: now,
            groups,
            permissions,
            manages: BTreeSet::new(),
            addresses: Vec::new(),
            profile,
            sharing,
            has_signed_in: false,
            reminded_of: None,
        }
    }

    /// Whether the account works on that day: switched on, and not past its expiration date.
    pub fn is_active_on(&self, today: Date) -> bool {
        self.is_active && !self.is_expired_on(today)
    }

    /// Whether the last day of the account lies before `today`.
    pub fn is_expired_on(&self, today: Date) -> bool {
        self.expiration_date.is_some_and(|last| last < today)
    }

    /// The first day on which there is something to do about its expiration; see [`User::expiry_on`].
    pub fn expiry_due(&self) -> Option<Date> {
        let last = self.expiration_date.filter(|_| self.is_active)?;
        if self.reminded_of == Some(last) { last.next_day() } else { Some(last.saturating_sub(Self::REMINDED_AHEAD)) }
    }

    /// What is to be done on that day about its expiration, if anything (`contracts/openwisp.md` section 7.5).
    ///
    /// Of each date it is reminded once; on the day after the date it is deactivated, reminded or not.
    pub fn expiry_on(&self, today: Date) -> Option<Expiry> {
        let is_due = self.expiry_due().is_some_and(|due| due <= today);
        is_due.then(|| if self.is_expired_on(today) { Expiry::Deactivate } else { Expiry::Remind })
    }

    /// Where mails go that nobody has asked for: a verified address, the primary one first.
    pub fn mailbox(&self) -> Option<&EmailAddress> {
        let verified = || self.addresses.iter().filter(|address| address.verified);
        verified().find(|address| address.primary).or_else(|| verified().next()).map(|address| &address.email)
    }

    /// What lists show of it.
    pub fn row(&self, memberships: &[Membership]) -> UserRow {
        UserRow {
            id: self.id,
            number: self.number,
            edge_id: self.edge_id,
            username: self.username.clone(),
            email: self.email.clone(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            phone_number: self.phone_number.clone(),
            birth_date: self.birth_date,
            expiration_date: self.expiration_date,
            is_active: self.is_active,
            is_staff: self.is_staff,
            is_superuser: self.is_superuser,
            last_login: self.last_login,
            date_joined: self.date_joined,
            groups: self.groups.clone(),
            permissions: self.permissions.clone(),
            sharing: self.sharing.clone(),
            has_signed_in: self.has_signed_in,
            memberships: memberships.to_vec(),
        }
    }

    /// Gives it that e-mail. Another one than before is its own, until its claim fails.
    pub fn set_email(&mut self, email: Option<EmailAddress>) {
        self.email_is_shared &= self.email == email;
        self.email = email;
    }

    /// Alters what `changes` names and nothing else.
    pub fn apply(&mut self, changes: &UserChanges) {
        let UserChanges {
            username,
            email,
            // It is tried without first.
            may_share_email: _,
            first_name,
            last_name,
            bio,
            url,
            company,
            location,
            notes,
            phone_number,
            birth_date,
            expiration_date,
            is_active,
            is_staff,
            is_superuser,
            groups,
            permissions,
            // It is about another record.
            membership: _,
            last_login,
            date_joined,
            profile,
            sharing,
            // It is hashed first.
            password: _,
        } = changes;
        replace(&mut self.username, username.as_ref());
        let mut new_email = self.email.clone();
        email.apply(&mut new_email);
        self.set_email(new_email);
        replace(&mut self.first_name, first_name.as_ref());
        replace(&mut self.last_name, last_name.as_ref());
        replace(&mut self.bio, bio.as_ref());
        replace(&mut self.url, url.as_ref());
        replace(&mut self.company, company.as_ref());
        replace(&mut self.location, location.as_ref());
        replace(&mut self.notes, notes.as_ref());
        phone_number.apply(&mut self.phone_number);
        birth_date.apply(&mut self.birth_date);
        expiration_date.apply(&mut self.expiration_date);
        replace(&mut self.is_active, is_active.as_ref());
        replace(&mut self.is_staff, is_staff.as_ref());
        replace(&mut self.is_superuser, is_superuser.as_ref());
        replace(&mut self.groups, groups.as_ref());
        replace(&mut self.permissions, permissions.as_ref());
        last_login.apply(&mut self.last_login);
        replace(&mut self.date_joined, date_joined.as_ref());
        self.profile.apply(profile);
        self.sharing.apply(sharing);
    }
}
