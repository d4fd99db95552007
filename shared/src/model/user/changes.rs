//! What is requested about users: new ones, and changes.

use super::User;
use crate::model::{
    Change, Date, EdgeProfile, EdgeProfileChanges, EmailAddress, Extras, Flags, GroupId, MembershipRequest,
    OpenWispDetails, PermissionId, PhoneNumber, References, SwitchProfile, SwitchProfileChanges, Timestamp, Username,
    replace,
};
use crate::secret::Secret;

/// A new user. `None` for an invalid value, for which there is a violation.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is where APIs differ")]
pub struct NewUser {
    /// The user name.
    pub username: Option<Username>,
    /// The e-mail address; also `None` for a user without one.
    pub email: Option<EmailAddress>,
    /// The password in plain text.
    pub password: Option<Secret>,
    /// Whether the address counts as verified; otherwise a confirmation mail is queued.
    pub email_verified: bool,
    /// Whether the address may also be another user's; see [`User::email_is_shared`].
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
    /// See [`User::flags`].
    pub flags: Flags,
    /// See [`User::groups`].
    pub groups: References<GroupId>,
    /// See [`User::permissions`].
    pub permissions: References<PermissionId>,
    /// An organization to join.
    pub membership: Option<MembershipRequest>,
    /// See [`User::profile`].
    pub profile: SwitchProfile,
    /// See [`User::sharing`].
    pub sharing: EdgeProfile,
    /// See [`OpenWispDetails::url`].
    pub url: String,
    /// See [`User::external_id`].
    pub external_id: Option<String>,
    /// See [`User::extras`].
    pub extras: Extras,
    /// Further addresses, which are verified.
    pub other_emails: Vec<EmailAddress>,
    /// If there is no `phone_number`: the first of these that no other user has.
    pub phones: Vec<PhoneNumber>,
    /// See [`User::has_caseless_name`].
    pub has_caseless_name: bool,
    /// Whether there need not be a password. Without one, the user cannot sign in with a password.
    pub may_lack_password: bool,
    /// Whether the last day of the account may be over.
    pub may_be_expired: bool,
}

/// Changes of a user. `None` and [`Change::Keep`] keep the value.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "same fields as `User`")]
pub struct UserChanges {
    pub username: Option<Username>,
    pub email: Change<EmailAddress>,
    /// Whether the e-mail may also be another user's.
    pub may_share_email: bool,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub details: OpenWispDetails<Option<String>>,
    pub phone_number: Change<PhoneNumber>,
    pub birth_date: Change<Date>,
    pub expiration_date: Change<Date>,
    pub flags: Flags<Option<bool>>,
    pub groups: Option<References<GroupId>>,
    pub permissions: Option<References<PermissionId>>,
    pub membership: Option<MembershipRequest>,
    pub last_login: Change<Timestamp>,
    pub date_joined: Option<Timestamp>,
    pub profile: SwitchProfileChanges,
    pub sharing: EdgeProfileChanges,
    /// A new password in plain text.
    pub password: Option<Secret>,
    pub external_id: Change<String>,
    pub extras: Option<Extras>,
    /// All addresses, which are verified then; the first becomes the e-mail.
    pub emails: Option<Vec<EmailAddress>>,
    /// The first of these that no other user has becomes the telephone number; if there is none, the user has none.
    pub phones: Option<Vec<PhoneNumber>>,
    /// Whether a new user name is one; see [`User::has_caseless_name`].
    pub has_caseless_name: bool,
    /// Whether a new last day of the account may be over.
    pub may_be_expired: bool,
}

impl Default for NewUser {
    /// An active user with no other data.
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
            flags: Flags::active(),
            groups: References::default(),
            permissions: References::default(),
            membership: None,
            profile: SwitchProfile::default(),
            sharing: EdgeProfile::default(),
            url: String::new(),
            external_id: None,
            extras: Extras::default(),
            other_emails: Vec::new(),
            phones: Vec::new(),
            has_caseless_name: false,
            may_lack_password: false,
            may_be_expired: false,
        }
    }
}

impl User {
    /// Applies the changes.
    pub fn apply(&mut self, changes: &UserChanges) {
        let UserChanges {
            username,
            email,
            // First tried without.
            may_share_email: _,
            first_name,
            last_name,
            details,
            phone_number,
            birth_date,
            expiration_date,
            flags,
            groups,
            permissions,
            // Belongs to another record.
            membership: _,
            last_login,
            date_joined,
            profile,
            sharing,
            // Hashed first.
            password: _,
            external_id,
            extras,
            // They need numbers.
            emails: _,
            // Other users may have them.
            phones: _,
            has_caseless_name,
            // A rule of the change.
            may_be_expired: _,
        } = changes;
        if let Some(username) = username.as_ref().filter(|username| **username != self.username) {
            self.username.clone_from(username);
            self.has_caseless_name = *has_caseless_name;
        }
        external_id.apply(&mut self.external_id);
        replace(&mut self.extras, extras.as_ref());
        let mut new_email = self.email.clone();
        email.apply(&mut new_email);
        self.set_email(new_email);
        replace(&mut self.first_name, first_name.as_ref());
        replace(&mut self.last_name, last_name.as_ref());
        self.details.apply(details);
        phone_number.apply(&mut self.phone_number);
        birth_date.apply(&mut self.birth_date);
        expiration_date.apply(&mut self.expiration_date);
        self.flags = self.flags.changed(*flags);
        replace(&mut self.groups, groups.as_deref());
        replace(&mut self.permissions, permissions.as_deref());
        last_login.apply(&mut self.last_login);
        replace(&mut self.date_joined, date_joined.as_ref());
        self.profile.apply(profile);
        self.sharing.apply(sharing);
    }
}
