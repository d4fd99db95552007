//! Users on the OpenL2M wire (sections 4 and 5): fields of requests, objects of responses.

use serde::Serialize;
use shared::dialect::field_names::by_wire_name;
use shared::directory::Draft;
use shared::error::Rule;
use shared::model::{
    Change, EmailAddress, Flags, GroupId, NewUser, PermissionId, SwitchProfile, SwitchProfileChanges, Timestamp, User,
    UserChanges, UserNumber, UserRow, Username,
};
use shared::web::Input;
use shared::web::fields::{Blank, Field, FieldKind, Reader, Sent};

use crate::profile;

/// Shown instead of every password; if sent, the password stays unchanged (section 10.1).
const MASK: &str = "********";

const USERNAME: Field =
    Field::new("username", "Username", FieldKind::Text(Blank::Refused)).required().at_most(Username::MAX);
const PASSWORD: Field = Field::new("password", "Password", FieldKind::Text(Blank::Refused)).required().at_most(128);
const FIRST_NAME: Field = Field::text("first_name", "First name").at_most(User::MAX_NAME);
const LAST_NAME: Field = Field::text("last_name", "Last name").at_most(User::MAX_NAME);
const EMAIL: Field = Field::new("email", "Email address", FieldKind::Email(Blank::Allowed)).at_most(EmailAddress::MAX);
/// `None` for flags that this API does not have.
const FLAGS: Flags<Option<&Field>> = Flags {
    is_active: Some(&Field::new("is_active", "Active", FieldKind::Boolean)),
    is_staff: Some(&Field::new("is_staff", "Staff status", FieldKind::Boolean)),
    is_edge_staff: None,
    is_superuser: Some(&Field::new("is_superuser", "Superuser status", FieldKind::Boolean)),
};
const LAST_LOGIN: Field = Field::new("last_login", "Last login", FieldKind::DateTime).nullable();
const DATE_JOINED: Field = Field::new("date_joined", "Date joined", FieldKind::DateTime);
const GROUPS: Field = Field::new("groups", "Groups", FieldKind::References).at_most_items(User::MAX_GROUPS);
const USER_PERMISSIONS: Field = Field::new("user_permissions", "User permissions", FieldKind::References);

/// The fields of a user in requests, except `profile` and `switchgroups`.
pub fn fields() -> Vec<&'static Field> {
    let before = [&USERNAME, &PASSWORD, &FIRST_NAME, &LAST_NAME, &EMAIL];
    let after = [&LAST_LOGIN, &DATE_JOINED, &GROUPS, &USER_PERMISSIONS];
    before.into_iter().chain(FLAGS.values().flatten()).chain(after).collect()
}

/// The new user in a body (section 6, Create), and its profile, if it is usable.
///
/// `switchgroups` is ignored, because none exist here (section 5.3).
pub fn new_user(input: &Input) -> (Draft<NewUser>, Option<SwitchProfileChanges>) {
    let mut reader = Reader::new(input, false).without_checkboxes();
    let username = reader.username(&USERNAME);
    let password = reader.text(&PASSWORD).value().filter(|password| {
        let is_mask = password == MASK;
        if is_mask {
            reader.refuse(&PASSWORD, Rule::Required);
        }
        !is_mask
    });
    let sent = profile::read(input, None);
    let mut profile = SwitchProfile::default();
    profile.apply(sent.as_ref().unwrap_or(&SwitchProfileChanges::default()));
    // The server sets these timestamps; sent ones are validated and ignored.
    let _ = (reader.moment(&LAST_LOGIN), reader.moment(&DATE_JOINED));
    let content = NewUser {
        username,
        email: reader.email(&EMAIL).value().flatten(),
        // Several users may share an e-mail here (section 10, "Shared e-mail addresses").
        may_share_email: true,
        password: password.map(Into::into),
        first_name: reader.text(&FIRST_NAME).value().unwrap_or_default(),
        last_name: reader.text(&LAST_NAME).value().unwrap_or_default(),
        flags: Flags::active().changed(reader.flags(FLAGS)),
        groups: reader.references(&GROUPS, GroupId).value().unwrap_or_default(),
        permissions: reader.references(&USER_PERMISSIONS, PermissionId).value().unwrap_or_default(),
        profile,
        ..NewUser::default()
    };
    (Draft { content, violations: reader.finish() }, sent)
}

/// The changes in a body (section 6, Update), and whether it contains a usable profile.
pub fn changes(input: &Input, user: &User) -> (Draft<UserChanges>, bool) {
    let mut reader = Reader::new(input, true).keeping(by_wire_name(user.texts()));
    let profile = profile::read(input, Some(user));
    let sent = profile.is_some();
    let content = UserChanges {
        username: reader.username(&USERNAME),
        password: reader.secret(&PASSWORD).value().filter(|password| password.reveal() != MASK),
        first_name: reader.text(&FIRST_NAME).value(),
        last_name: reader.text(&LAST_NAME).value(),
        email: match reader.email(&EMAIL) {
            Sent::Value(email) => Change::to(email),
            Sent::Absent | Sent::Null => Change::Keep,
        },
        may_share_email: true,
        flags: reader.flags(FLAGS),
        last_login: reader.moment(&LAST_LOGIN).into(),
        date_joined: reader.moment(&DATE_JOINED).value(),
        groups: reader.references(&GROUPS, GroupId).value(),
        permissions: reader.references(&USER_PERMISSIONS, PermissionId).value(),
        profile: profile.unwrap_or_default(),
        ..UserChanges::default()
    };
    (Draft { content, violations: reader.finish() }, sent)
}

/// How a response shows the profile (section 4).
#[derive(Debug, Clone, Copy)]
pub enum ProfileAnswer {
    /// Its number.
    Number,
    /// The whole of it.
    Object,
}

/// A user (section 4).
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct UserResponse {
    id: UserNumber,
    switchgroups: [u64; 0],
    profile: ProfileResponse,
    password: &'static str,
    last_login: Option<String>,
    is_superuser: bool,
    username: Username,
    first_name: String,
    last_name: String,
    email: String,
    is_staff: bool,
    is_active: bool,
    date_joined: String,
    groups: Vec<GroupId>,
    user_permissions: Vec<PermissionId>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(untagged)]
enum ProfileResponse {
    Number(UserNumber),
    Object(Box<ProfileObject>),
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the wire format has these fields")]
struct ProfileObject {
    id: UserNumber,
    read_only: bool,
    bulk_edit: bool,
    vlan_edit: bool,
    allow_poe_toggle: bool,
    edit_if_descr: bool,
    are_you_sure: bool,
    last_ldap_dn: String,
    last_ldap_login: Option<String>,
    theme: String,
    menu: bool,
    user: UserNumber,
}

impl ProfileAnswer {
    /// The response to a request with or without a usable profile.
    pub fn of(sent: bool) -> Self {
        if sent { Self::Object } else { Self::Number }
    }
}

impl UserResponse {
    /// A row of the list.
    pub fn row(row: UserRow) -> Self {
        Self {
            id: row.number,
            switchgroups: [],
            // A profile has the number of its user.
            profile: ProfileResponse::Number(row.number),
            password: MASK,
            last_login: row.last_login.map(Timestamp::rfc3339_short),
            is_superuser: row.flags.is_superuser,
            username: row.username,
            first_name: row.first_name,
            last_name: row.last_name,
            email: row.email.map(|email| email.to_string()).unwrap_or_default(),
            is_staff: row.flags.is_staff,
            is_active: row.flags.is_active,
            date_joined: row.date_joined.rfc3339_short(),
            groups: row.groups.into_iter().collect(),
            user_permissions: row.permissions.into_iter().collect(),
        }
    }

    /// A user with the profile.
    pub fn new(user: User, profile: ProfileAnswer) -> Self {
        let row = Self::row(user.row(&[]));
        match profile {
            ProfileAnswer::Number => row,
            ProfileAnswer::Object => Self {
                profile: ProfileResponse::Object(Box::new(ProfileObject::new(user.number, user.profile))),
                ..row
            },
        }
    }
}

impl ProfileObject {
    fn new(number: UserNumber, profile: SwitchProfile) -> Self {
        let SwitchProfile {
            read_only,
            bulk_edit,
            vlan_edit,
            allow_poe_toggle,
            edit_if_descr,
            are_you_sure,
            last_ldap_dn,
            last_ldap_login,
            theme,
            menu,
        } = profile;
        Self {
            id: number,
            read_only,
            bulk_edit,
            vlan_edit,
            allow_poe_toggle,
            edit_if_descr,
            are_you_sure,
            last_ldap_dn,
            last_ldap_login: last_ldap_login.map(Timestamp::rfc3339_short),
            theme,
            menu,
            user: number,
        }
    }
}
