//! Dumps of OpenWISP: `manage.py dumpdata auth contenttypes account.emailaddress openwisp_users`.

use std::collections::HashSet;
use std::io::BufRead;

use serde_json::Value;
use shared::directory::transfer::{ImportEntry, MembershipRecord, Record};
use shared::error::Cause;
use shared::model::{
    AddressId, EmailAddress, MembershipId, OpenWispDetails, Organization, OrganizationId, PhoneNumber, Timestamp, User,
    UserEmail, UserId, is_url, parse_date,
};

use super::Source;
use super::django::{ANSWER, Dump, Maker, NO_KEY, Row, UserFields, give_address, unusable};
use super::fields::{Fields, FromFields, Key, number, uuid};
use super::kinds::Kind;
use super::users::{NO_USER, Users};

const MAKER: Maker = Maker {
    users: "openwisp_users.user",
    others: (
        "auth.user",
        "this seems to be a dump of OpenL2M or another Django application; for OpenL2M use the format `openl2m`",
    ),
    responses: Some(Kind::OpenWispAnswer),
};

struct WispUser {
    user: UserFields,
    details: OpenWispDetails,
    phone_number: Option<String>,
    birth_date: Option<String>,
    expiration_date: Option<String>,
    /// In responses of the API, which lack their ids.
    memberships: usize,
}

struct OrganizationFields {
    name: String,
    slug: String,
    is_active: bool,
    description: String,
    email: String,
    url: String,
    created: Option<Timestamp>,
    modified: Option<Timestamp>,
}

struct MemberFields {
    user: Value,
    organization: Value,
    is_admin: bool,
}

struct OwnerFields {
    organization_user: Value,
}

struct AddressFields {
    user: Value,
    email: String,
    verified: bool,
    primary: bool,
}

impl FromFields for WispUser {
    fn from_fields(fields: &Fields<'_>) -> Result<Self, String> {
        Ok(Self {
            user: UserFields::from_fields(fields)?,
            details: OpenWispDetails {
                bio: fields.text("bio")?,
                url: fields.text("url")?,
                company: fields.text("company")?,
                location: fields.text("location")?,
                notes: fields.text("notes")?,
            },
            phone_number: fields.optional_text("phone_number")?,
            birth_date: fields.optional_text("birth_date")?,
            expiration_date: fields.optional_text("expiration_date")?,
            memberships: fields.list("organization_users")?.len(),
        })
    }
}

impl FromFields for OrganizationFields {
    fn from_fields(fields: &Fields<'_>) -> Result<Self, String> {
        Ok(Self {
            name: fields.text("name")?,
            slug: fields.text("slug")?,
            is_active: fields.flag("is_active", true)?,
            description: fields.text("description")?,
            email: fields.text("email")?,
            url: fields.text("url")?,
            created: fields.moment("created")?,
            modified: fields.moment("modified")?,
        })
    }
}

impl FromFields for MemberFields {
    fn from_fields(fields: &Fields<'_>) -> Result<Self, String> {
        Ok(Self {
            user: fields.value("user"),
            organization: fields.value("organization"),
            is_admin: fields.flag("is_admin", false)?,
        })
    }
}

impl FromFields for OwnerFields {
    fn from_fields(fields: &Fields<'_>) -> Result<Self, String> {
        Ok(Self { organization_user: fields.value("organization_user") })
    }
}

impl FromFields for AddressFields {
    fn from_fields(fields: &Fields<'_>) -> Result<Self, String> {
        Ok(Self {
            user: fields.value("user"),
            email: fields.text("email")?,
            verified: fields.flag("verified", false)?,
            primary: fields.flag("primary", false)?,
        })
    }
}

#[derive(Default)]
struct Rows {
    users: Vec<Row<WispUser>>,
    responses: Vec<Row<WispUser>>,
    organizations: Vec<Row<OrganizationFields>>,
    members: Vec<Row<MemberFields>>,
    owners: Vec<Row<OwnerFields>>,
    addresses: Vec<Row<AddressFields>>,
}

/// Reads a dump, or pages of the list of users.
pub fn read(file: impl BufRead + Send + 'static, now: Timestamp) -> Result<Source, Cause> {
    let mut rows = Rows::default();
    let mut dump = Dump::read(file, &MAKER, |dump, model, row| {
        let kept = match model {
            "openwisp_users.user" => row.parse().map(|row| rows.users.push(row)),
            "openwisp_users.organization" => row.parse().map(|row| rows.organizations.push(row)),
            "openwisp_users.organizationuser" => row.parse().map(|row| rows.members.push(row)),
            "openwisp_users.organizationowner" => row.parse().map(|row| rows.owners.push(row)),
            "account.emailaddress" => row.parse().map(|row| rows.addresses.push(row)),
            ANSWER => row.parse().map(|row| rows.responses.push(row)),
            _ => return false,
        };
        if let Err(entry) = kept {
            dump.reject(*entry);
        }
        true
    })?;
    let (mut entries, references) = dump.groups(true);
    let organizations = dump.once(rows.organizations, Key::of_uuid);
    entries.extend(organizations.into_iter().map(|row| organization(row, now)));
    let mut users = Users::new(Key::of_uuid);
    let responses = rows.responses.into_iter().map(|row| (row, true));
    for (Row { origin, pk, fields }, is_answer) in rows.users.into_iter().map(|row| (row, false)).chain(responses) {
        let read = uuid(&pk).map(UserId).ok_or_else(|| NO_KEY.to_owned()).and_then(|id| {
            let (mut user_record, mut left_out) = references.user(&fields.user, now)?;
            user_record.set_id(id);
            describe(&mut user_record.user, &fields, &mut left_out)?;
            if is_answer {
                give_address(&mut user_record);
                let memberships = fields.memberships;
                left_out.extend(
                    (memberships > 0).then(|| format!("{memberships} memberships (only a dump contains them)")),
                );
            }
            Ok((user_record, left_out))
        });
        users.add(origin, &pk, &fields.user.username, read);
    }
    let owners: HashSet<Key> =
        rows.owners.iter().filter_map(|row| Key::of_uuid(&row.fields.organization_user)).collect();
    for row in dump.once(rows.members, Key::of_uuid) {
        entries.extend(users.join(row, &owners));
    }
    for row in dump.once(rows.addresses, Key::of_number) {
        entries.extend(users.give(row));
    }
    entries.extend(users.into_entries());
    let unusable = std::mem::take(&mut dump.unusable);
    Ok(Source::of(unusable.into_iter().chain(entries).collect(), dump.passed_over))
}

fn organization(row: Row<OrganizationFields>, now: Timestamp) -> ImportEntry {
    let Row { origin, pk, fields } = row;
    let OrganizationFields { name, slug, is_active, description, email, url, created, modified } = fields;
    let record = uuid(&pk).map(OrganizationId).ok_or_else(|| NO_KEY.to_owned()).map(|id| {
        Record::Organization(Organization {
            id,
            version: 1,
            name,
            slug,
            is_active,
            description,
            email,
            url,
            owner: None,
            created: created.unwrap_or(now),
            modified: modified.unwrap_or(now),
        })
    });
    ImportEntry { origin, record, left_out: Vec::new() }
}

impl Users {
    /// Adds a user to an organization; returns the problem, if there is one.
    fn join(&mut self, row: Row<MemberFields>, owners: &HashSet<Key>) -> Option<ImportEntry> {
        let Row { origin, pk, fields } = row;
        let is_owner = Key::of_uuid(&pk).is_some_and(|key| owners.contains(&key));
        let ids = (uuid(&pk).map(MembershipId), uuid(&fields.organization).map(OrganizationId));
        let (Some(id), Some(organization)) = ids else { return Some(unusable(origin, NO_KEY.to_owned())) };
        let Some(user_record) = self.user_record(&fields.user) else {
            return Some(unusable(origin, NO_USER.to_owned()));
        };
        user_record.memberships.push(MembershipRecord { id, organization, is_admin: fields.is_admin, is_owner });
        None
    }

    /// Adds an address to a user; returns the problem, if there is one.
    fn give(&mut self, row: Row<AddressFields>) -> Option<ImportEntry> {
        let Row { origin, pk, fields } = row;
        let AddressFields { user, email, verified, primary } = fields;
        let Some(user_record) = self.user_record(&user) else { return Some(unusable(origin, NO_USER.to_owned())) };
        let Some(email) = EmailAddress::parse(&email) else {
            return Some(unusable(origin, "not a valid e-mail address".to_owned()));
        };
        let id = AddressId(number(&pk).unwrap_or_default());
        user_record.user.addresses.push(UserEmail { id, email, verified, primary });
        None
    }
}

/// The OpenWISP attributes of a user. Unusable ones are skipped, except the expiration date, without which an account
/// would never end.
fn describe(user: &mut User, fields: &WispUser, left_out: &mut Vec<String>) -> Result<(), String> {
    let WispUser {
        details: OpenWispDetails { bio, url, company, location, notes },
        phone_number,
        birth_date,
        expiration_date,
        user: _,
        memberships: _,
    } = fields;
    let details = &mut user.details;
    details.bio.clone_from(bio);
    details.notes.clone_from(notes);
    let mut take = |field: &mut String, text: &String, most: usize, name: &str, is_good: fn(&str) -> bool| {
        if text.is_empty() || (text.chars().count() <= most && is_good(text)) {
            field.clone_from(text);
        } else {
            left_out.push(format!("its {name} (too long or malformed)"));
        }
    };
    take(&mut details.url, url, OpenWispDetails::MAX_URL, "url", is_url);
    take(&mut details.company, company, OpenWispDetails::MAX_COMPANY, "company", |_| true);
    take(&mut details.location, location, OpenWispDetails::MAX_LOCATION, "location", |_| true);
    if let Some(text) = phone_number.as_ref().filter(|text| !text.is_empty()) {
        user.phone_number = PhoneNumber::parse(text);
        left_out.extend(user.phone_number.is_none().then(|| "its telephone number (invalid)".to_owned()));
    }
    let last_day = expiration_date.as_deref().map(|text| parse_date(text).ok_or("expiration_date is not a valid date"));
    user.expiration_date = last_day.transpose()?;
    if let Some(text) = birth_date {
        user.birth_date = parse_date(text);
        left_out.extend(user.birth_date.is_none().then(|| "its birth_date (not a valid date)".to_owned()));
    }
    Ok(())
}
