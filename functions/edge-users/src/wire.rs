//! Users on the Edge wire: filters and fields of requests, objects of responses (sections 3 to 6).

use std::collections::BTreeSet;

use http::Uri;
use serde::Serialize;
use serde_json::Value;
use shared::auth::violations_without_user;
use shared::dialect::field_names::by_wire_name;
use shared::directory::{Draft, UserFilter};
use shared::error::{Error, Result, Rule};
use shared::model::{
    Change, EdgeProfile, EdgeProfileChanges, EmailAddress, Flags, NewUser, Timestamp, Tlp, User, UserChanges, UserRow,
    Username,
};
use shared::secret::Secret;
use shared::web::fields::{Blank, Field, FieldKind, Reader, Sent, boolean_word};
use shared::web::negotiation::query_value;
use shared::web::{BaseUrl, Input};

const REQUIRED: FieldKind = FieldKind::Text(Blank::Refused);

const USERNAME: Field = Field::new("username", "Username", REQUIRED).required().at_most(Username::MAX);
const PASSWORD: Field = Field::new("password", "Password", FieldKind::Secret).required().at_most(1024);
const FIRST_NAME: Field = Field::new("first_name", "First name", REQUIRED).required().at_most(User::MAX_NAME);
const LAST_NAME: Field = Field::new("last_name", "Last name", REQUIRED).required().at_most(User::MAX_NAME);
const EMAIL: Field =
    Field::new("email", "Email", FieldKind::Email(Blank::Refused)).required().at_most(EmailAddress::MAX);
const DESCRIPTION: Field = Field::text("description", "Description");
const IS_ACTIVE: Field = Field::new("is_active", "Is active", FieldKind::Boolean);
/// `None` for flags that this API does not have.
const FLAGS: Flags<Option<&Field>> = Flags {
    is_active: Some(&IS_ACTIVE),
    is_staff: None,
    is_edge_staff: Some(&Field::new("is_staff", "Is staff", FieldKind::Boolean)),
    is_superuser: Some(&Field::new("is_superuser", "Is superuser", FieldKind::Boolean)),
};
const CAN_INBOX: Field = Field::new("can_inbox", "Can inbox", FieldKind::Boolean);
const ALLOW_REST_ACCESS: Field = Field::new("allow_rest_access", "Allow REST access", FieldKind::Boolean);
const ORGANIZATION: Field =
    Field::text("organization", "Organization").nullable().at_most(EdgeProfile::MAX_ORGANIZATION);
const MEMBERSHIPS: Field =
    Field::new("memberships", "Memberships", FieldKind::Choices(&["WHITE", "GREEN", "AMBER", "RED"]));

/// The fields of a user in requests.
pub fn fields() -> Vec<&'static Field> {
    let before = [&USERNAME, &PASSWORD, &FIRST_NAME, &LAST_NAME, &EMAIL, &DESCRIPTION];
    let flags = [FLAGS.is_active, FLAGS.is_superuser, FLAGS.is_edge_staff];
    let after = [&CAN_INBOX, &ALLOW_REST_ACCESS, &ORGANIZATION, &MEMBERSHIPS];
    before.into_iter().chain(flags.into_iter().flatten()).chain(after).collect()
}

/// The filters in a query (section 4.1).
///
/// # Errors
/// [`Error::Invalid`] for a word that is not a boolean.
pub fn filter(uri: &Uri) -> Result<UserFilter> {
    let text = |name| query_value(uri, name).filter(|value| !value.is_empty());
    let no_boolean = || Error::Invalid(vec![IS_ACTIVE.violation(Rule::NotBoolean)]);
    let is_active = match text(IS_ACTIVE.name) {
        None => None,
        Some(word) => Some(boolean_word(&word).ok_or_else(no_boolean)?),
    };
    Ok(UserFilter {
        username: text(USERNAME.name),
        first_name: text(FIRST_NAME.name),
        last_name: text(LAST_NAME.name),
        email: text(EMAIL.name),
        is_active,
        ..UserFilter::default()
    })
}

/// The new user in a body (section 5).
pub fn new_user(input: &Input) -> Draft<NewUser> {
    let mut reader = Reader::new(input, false).without_checkboxes();
    let username = reader.username(&USERNAME);
    let sharing = sharing(&mut reader);
    let content = NewUser {
        username,
        email: reader.email(&EMAIL).value().flatten(),
        password: password(&mut reader),
        first_name: reader.text(&FIRST_NAME).value().unwrap_or_default(),
        last_name: reader.text(&LAST_NAME).value().unwrap_or_default(),
        flags: Flags::active().changed(reader.flags(FLAGS)),
        sharing: {
            let mut all = EdgeProfile::default();
            all.apply(&sharing);
            all
        },
        ..NewUser::default()
    };
    Draft { content, violations: reader.finish() }
}

/// The changes of a user in a body (section 6).
pub fn changes(input: &Input, user: &User) -> Draft<UserChanges> {
    let mut reader = Reader::new(input, true).keeping(by_wire_name(user.texts()));
    let content = UserChanges {
        username: reader.username(&USERNAME),
        password: password(&mut reader),
        // A client may send back what it has read, where a missing name is null (rule 3).
        first_name: name(&mut reader, FIRST_NAME.nullable()),
        last_name: name(&mut reader, LAST_NAME.nullable()),
        email: own_email(&mut reader, user),
        flags: reader.flags(FLAGS),
        sharing: sharing(&mut reader),
        ..UserChanges::default()
    };
    Draft { content, violations: reader.finish() }
}

fn sharing(reader: &mut Reader<'_>) -> EdgeProfileChanges {
    let memberships = reader.choices(&MEMBERSHIPS, |name| Tlp::ALL.into_iter().find(|tlp| tlp.name() == name));
    EdgeProfileChanges {
        description: reader.text(&DESCRIPTION).value(),
        can_inbox: reader.boolean(&CAN_INBOX).value(),
        allow_rest_access: reader.boolean(&ALLOW_REST_ACCESS).value(),
        organization: match reader.text(&ORGANIZATION) {
            Sent::Value(name) if name.is_empty() => Change::Clear,
            sent => sent.into(),
        },
        memberships: memberships.value().map(|tlps| tlps.into_iter().collect::<BTreeSet<_>>()),
    }
}

/// A user without an e-mail is shown with an empty one, which may be sent back.
fn own_email(reader: &mut Reader<'_>, user: &User) -> Change<EmailAddress> {
    let blank = if user.email.is_none() { Blank::Allowed } else { Blank::Refused };
    let field = Field { kind: FieldKind::Email(blank), ..EMAIL };
    match reader.email(&field) {
        Sent::Value(Some(email)) => Change::Set(email),
        Sent::Value(None) | Sent::Absent | Sent::Null => Change::Keep,
    }
}

fn name(reader: &mut Reader<'_>, field: Field) -> Option<String> {
    match reader.text(&field) {
        Sent::Value(name) => Some(name),
        Sent::Null => Some(String::new()),
        Sent::Absent => None,
    }
}

/// A password that is long enough and does not consist of digits only (section 5.4).
fn password(reader: &mut Reader<'_>) -> Option<Secret> {
    let password = reader.text(&PASSWORD).value()?;
    let password_violations = violations_without_user(&password);
    let is_good = password_violations.is_empty();
    for rule in password_violations {
        reader.refuse(&PASSWORD, rule);
    }
    is_good.then(|| password.into())
}

/// A user (section 3).
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the wire format has these fields")]
pub struct UserResponse {
    id: String,
    url: String,
    date_joined: String,
    previous_login_date: Option<String>,
    preferences: Value,
    username: Username,
    first_name: Option<String>,
    last_name: Option<String>,
    email: String,
    description: String,
    is_active: bool,
    is_superuser: bool,
    is_staff: bool,
    can_inbox: bool,
    allow_rest_access: bool,
    organization: Option<String>,
    memberships: Vec<Tlp>,
    access_tokens_url: String,
    login_history_url: String,
}

impl UserResponse {
    /// The user for a client of this base URL; `previous` is the last login but one.
    pub fn new(row: UserRow, previous: Option<Timestamp>, base: &BaseUrl) -> Self {
        let url = format!("{}/api/users/{}/", base.0, row.edge_id);
        let EdgeProfile { description, can_inbox, allow_rest_access, organization, memberships } = row.sharing;
        let named = |name: String| Some(name).filter(|name| !name.is_empty());
        Self {
            id: row.edge_id.to_string(),
            date_joined: row.date_joined.naive(),
            previous_login_date: previous.map(Timestamp::naive),
            preferences: Value::Null,
            username: row.username,
            first_name: named(row.first_name),
            last_name: named(row.last_name),
            email: row.email.map(|email| email.to_string()).unwrap_or_default(),
            description,
            is_active: row.flags.is_active,
            is_superuser: row.flags.is_superuser,
            is_staff: row.flags.is_edge_staff,
            can_inbox,
            allow_rest_access,
            organization,
            memberships: memberships.into_iter().collect(),
            access_tokens_url: format!("{url}tokens/"),
            login_history_url: format!("{url}history/"),
            url,
        }
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }
}
