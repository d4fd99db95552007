//! Users on the OpenWISP wire: fields of requests, objects of responses.

use serde::Serialize;
use shared::dialect::field_names::by_wire_name;
use shared::directory::{Act, Caller, Draft, UserDetail};
use shared::error::Rule;
use shared::model::{
    Change, EmailAddress, Flags, GroupId, Membership, NewUser, OpenWispDetails, PermissionId, PhoneNumber, User,
    UserChanges, UserId, UserRow, Username, date_text, is_url,
};
use shared::web::Input;
use shared::web::fields::{Blank, Field, FieldKind, Reader, Sent};

use crate::membership::{self, ORGANIZATION_USERS, Treatment};

const ID: Field = Field::new("id", "Id", FieldKind::Text(Blank::Refused)).read_only();
const USERNAME: Field = Field::new("username", "Username", FieldKind::Text(Blank::Refused))
    .required()
    .at_most(Username::MAX)
    .help("Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.");
/// For a new user an empty address differs from a missing one, so both are accepted here.
const NEW_EMAIL: Field = Field::new("email", "Email address", FieldKind::Email(Blank::Allowed))
    .required()
    .nullable()
    .at_most(EmailAddress::MAX);
const EMAIL: Field =
    Field::new("email", "Email address", FieldKind::Email(Blank::Allowed)).nullable().at_most(EmailAddress::MAX);
const PASSWORD: Field = Field::new("password", "Password", FieldKind::Secret).required().at_most(128);
const EMAIL_VERIFIED: Field = Field::new("email_verified", "Email verified", FieldKind::Boolean);
const IS_VERIFIED: Field = Field::new("is_verified", "Is verified", FieldKind::Boolean);
const FIRST_NAME: Field = Field::text("first_name", "First name").at_most(User::MAX_NAME);
const LAST_NAME: Field = Field::text("last_name", "Last name").at_most(User::MAX_NAME);
const BIO: Field = Field::text("bio", "Bio");
const URL: Field = Field::new("url", "URL", FieldKind::Url(Blank::Allowed)).at_most(OpenWispDetails::MAX_URL);
const COMPANY: Field = Field::text("company", "Company").at_most(OpenWispDetails::MAX_COMPANY);
const LOCATION: Field = Field::text("location", "Location").at_most(OpenWispDetails::MAX_LOCATION);
const NOTES: Field = Field::text("notes", "Notes");
const PHONE_NUMBER: Field =
    Field::new("phone_number", "Phone number", FieldKind::Text(Blank::Allowed)).nullable().at_most(128);
const BIRTH_DATE: Field = Field::new("birth_date", "Birth date", FieldKind::Date).nullable();
const EXPIRATION_DATE: Field = Field::new("expiration_date", "Expiration date", FieldKind::Date).nullable();
/// `None` for flags that this API does not have.
const FLAGS: Flags<Option<&Field>> = Flags {
    is_active: Some(&Field::new("is_active", "Active", FieldKind::Boolean)),
    is_staff: Some(&Field::new("is_staff", "Staff status", FieldKind::Boolean)),
    is_edge_staff: None,
    is_superuser: Some(&IS_SUPERUSER),
};
const IS_SUPERUSER: Field = Field::new("is_superuser", "Superuser status", FieldKind::Boolean);
const LAST_LOGIN: Field = Field::new("last_login", "Last login", FieldKind::DateTime).read_only();
const DATE_JOINED: Field = Field::new("date_joined", "Date joined", FieldKind::DateTime).read_only();
const GROUPS: Field = Field::new("groups", "Groups", FieldKind::References).at_most_items(User::MAX_GROUPS);
const USER_PERMISSIONS: Field = Field::new("user_permissions", "User permissions", FieldKind::References);

/// The fields of a list row and of a new user, in the order of the wire.
pub fn row_fields(is_superuser: bool) -> Vec<&'static Field> {
    let before = [&ID, &USERNAME, &NEW_EMAIL, &PASSWORD, &FIRST_NAME, &LAST_NAME, &PHONE_NUMBER, &BIRTH_DATE];
    let after = [&EXPIRATION_DATE, &GROUPS, &ORGANIZATION_USERS, &EMAIL_VERIFIED];
    for_caller(&before, &after, is_superuser)
}

/// The fields of a user in detail, in the order of the wire.
pub fn detail_fields(is_superuser: bool) -> Vec<&'static Field> {
    let before = [
        &ID,
        &USERNAME,
        &FIRST_NAME,
        &LAST_NAME,
        &EMAIL,
        &BIO,
        &URL,
        &COMPANY,
        &LOCATION,
        &PHONE_NUMBER,
        &BIRTH_DATE,
        &NOTES,
    ];
    let after = [&LAST_LOGIN, &EXPIRATION_DATE, &DATE_JOINED, &GROUPS, &USER_PERMISSIONS, &ORGANIZATION_USERS];
    for_caller(&before, &after, is_superuser)
}

/// The fields before and after the flags, with the flags. Only superusers see and set two of them.
fn for_caller(before: &[&'static Field], after: &[&'static Field], is_superuser: bool) -> Vec<&'static Field> {
    let hidden = [IS_SUPERUSER.name, USER_PERMISSIONS.name];
    let all = before.iter().copied().chain(FLAGS.values().flatten()).chain(after.iter().copied());
    all.filter(|field| is_superuser || !hidden.contains(&field.name)).collect()
}

/// The new user in a body (section 7.2).
pub fn new_user(input: &Input, caller: &Caller) -> Draft<NewUser> {
    let mut reader = Reader::new(input, false);
    let username = reader.username(&USERNAME);
    let email = new_email(&mut reader);
    let password = reader.secret(&PASSWORD).value();
    let email_verified = reader.boolean(&EMAIL_VERIFIED).value();
    let is_verified = reader.boolean(&IS_VERIFIED).value();
    let flags = if caller.user.flags.is_superuser { FLAGS } else { Flags { is_superuser: None, ..FLAGS } };
    let content = NewUser {
        username,
        email,
        password,
        email_verified: email_verified.or(is_verified).unwrap_or_default(),
        first_name: reader.text(&FIRST_NAME).value().unwrap_or_default(),
        last_name: reader.text(&LAST_NAME).value().unwrap_or_default(),
        phone_number: phone_number(&mut reader).value(),
        birth_date: reader.date(&BIRTH_DATE).value(),
        expiration_date: reader.date(&EXPIRATION_DATE).value(),
        flags: Flags::active().changed(reader.flags(flags)),
        groups: reader.references(&GROUPS, GroupId).value().unwrap_or_default(),
        membership: membership::read(&mut reader, Treatment::Create),
        ..NewUser::default()
    };
    Draft { content, violations: reader.finish() }
}

/// The changes in a body (section 7.4).
pub fn changes(input: &Input, partial: bool, user: &User, caller: &Caller) -> Draft<UserChanges> {
    let mut reader = Reader::new(input, partial).keeping(by_wire_name(user.texts()));
    let mut content = UserChanges {
        username: reader.username(&USERNAME),
        email: match reader.email(&EMAIL) {
            Sent::Absent => Change::Keep,
            sent => Change::to(sent.value().flatten()),
        },
        first_name: reader.text(&FIRST_NAME).value(),
        last_name: reader.text(&LAST_NAME).value(),
        details: OpenWispDetails {
            bio: reader.text(&BIO).value(),
            url: reader.text_that(&URL, url).value(),
            company: reader.text(&COMPANY).value(),
            location: reader.text(&LOCATION).value(),
            notes: reader.text(&NOTES).value(),
        },
        phone_number: phone_number(&mut reader).into(),
        birth_date: reader.date(&BIRTH_DATE).into(),
        expiration_date: reader.date(&EXPIRATION_DATE).into(),
        flags: reader.flags(Flags { is_superuser: None, ..FLAGS }),
        groups: reader.references(&GROUPS, GroupId).value(),
        ..UserChanges::default()
    };
    if caller.user.flags.is_superuser {
        content.flags.is_superuser = reader.boolean(&IS_SUPERUSER).value();
        content.permissions = reader.references(&USER_PERMISSIONS, PermissionId).value();
        let treatment = if partial { Treatment::Update } else { Treatment::Replace };
        content.membership = membership::read(&mut reader, treatment);
    }
    Draft { content, violations: reader.finish() }
}

fn new_email(reader: &mut Reader<'_>) -> Option<EmailAddress> {
    match reader.email(&NEW_EMAIL) {
        Sent::Value(Some(email)) => Some(email),
        Sent::Value(None) | Sent::Null => {
            reader.refuse(&NEW_EMAIL, Rule::Empty);
            None
        }
        Sent::Absent => None,
    }
}

fn url(text: &str) -> Result<String, Rule> {
    if text.is_empty() || is_url(text) { Ok(text.to_owned()) } else { Err(Rule::NotUrl) }
}

/// A number, or null for an empty text.
fn phone_number(reader: &mut Reader<'_>) -> Sent<PhoneNumber> {
    let parsed = reader.text_that(&PHONE_NUMBER, |text| {
        if text.is_empty() {
            return Ok(None);
        }
        PhoneNumber::parse(text).map(Some).ok_or(Rule::NotPhone)
    });
    match parsed {
        Sent::Value(Some(number)) => Sent::Value(number),
        Sent::Value(None) | Sent::Null => Sent::Null,
        Sent::Absent => Sent::Absent,
    }
}

/// A user in a list, and in the response to a creation (section 7.1).
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct UserRowResponse {
    id: UserId,
    username: Username,
    email: Option<EmailAddress>,
    first_name: String,
    last_name: String,
    phone_number: Option<PhoneNumber>,
    birth_date: Option<String>,
    #[serde(flatten)]
    flags: FlagsResponse,
    expiration_date: Option<String>,
    groups: Vec<GroupId>,
    organization_users: Vec<MembershipResponse>,
}

/// A user in detail (section 7.1).
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct UserDetailResponse {
    id: UserId,
    username: Username,
    first_name: String,
    last_name: String,
    email: Option<EmailAddress>,
    bio: String,
    url: String,
    company: String,
    location: String,
    phone_number: Option<PhoneNumber>,
    birth_date: Option<String>,
    notes: String,
    #[serde(flatten)]
    flags: FlagsResponse,
    last_login: Option<String>,
    expiration_date: Option<String>,
    date_joined: String,
    groups: Vec<GroupId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_permissions: Option<Vec<PermissionId>>,
    organization_users: Vec<MembershipResponse>,
}

/// The flags as the caller may see them.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the wire format has these fields")]
struct FlagsResponse {
    is_active: bool,
    is_staff: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_superuser: Option<bool>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct MembershipResponse {
    is_admin: bool,
    organization: shared::model::OrganizationId,
}

impl UserRowResponse {
    /// The row as the caller may see it.
    pub fn new(row: UserRow, caller: &Caller) -> Self {
        Self {
            id: row.id,
            username: row.username,
            email: row.email,
            first_name: row.first_name,
            last_name: row.last_name,
            phone_number: row.phone_number,
            birth_date: row.birth_date.map(date_text),
            flags: FlagsResponse::new(row.flags, caller),
            expiration_date: row.expiration_date.map(date_text),
            groups: row.groups.into_iter().collect(),
            organization_users: in_sight(&row.memberships, caller),
        }
    }
}

impl UserDetailResponse {
    /// The user as the caller may see it.
    pub fn new(UserDetail { user, memberships, .. }: UserDetail, caller: &Caller) -> Self {
        let OpenWispDetails { bio, url, company, location, notes } = user.details;
        Self {
            id: user.id,
            username: user.username,
            first_name: user.first_name,
            last_name: user.last_name,
            email: user.email,
            bio,
            url,
            company,
            location,
            phone_number: user.phone_number,
            birth_date: user.birth_date.map(date_text),
            notes,
            flags: FlagsResponse::new(user.flags, caller),
            last_login: user.last_login.map(shared::model::Timestamp::rfc3339),
            expiration_date: user.expiration_date.map(date_text),
            date_joined: user.date_joined.rfc3339(),
            groups: user.groups.into_iter().collect(),
            user_permissions: caller.user.flags.is_superuser.then(|| user.permissions.into_iter().collect()),
            organization_users: in_sight(&memberships, caller),
        }
    }
}

impl FlagsResponse {
    fn new(flags: Flags, caller: &Caller) -> Self {
        let Flags { is_active, is_staff, is_edge_staff: _, is_superuser } = flags;
        Self { is_active, is_staff, is_superuser: caller.user.flags.is_superuser.then_some(is_superuser) }
    }
}

/// The memberships that the caller may see: managers see those in the organizations that they manage.
fn in_sight(memberships: &[Membership], caller: &Caller) -> Vec<MembershipResponse> {
    let visible = |organization| caller.may(Act::NameOrganization(organization));
    memberships.iter().filter(|membership| visible(membership.organization)).map(MembershipResponse::from).collect()
}

impl From<&Membership> for MembershipResponse {
    fn from(membership: &Membership) -> Self {
        Self { is_admin: membership.is_admin, organization: membership.organization }
    }
}
