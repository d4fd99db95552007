//! Dumps of an OpenWISP: `manage.py dumpdata auth contenttypes account.emailaddress openwisp_users`.

use std::collections::{BTreeSet, HashMap};
use std::io::BufRead;

use serde::Deserialize;
use serde_json::Value;
use shared::directory::moving::{Entry, Mover, MovingMembership, Record};
use shared::error::Cause;
use shared::model::{
    AddressId, EmailAddress, MailboxEntry, MembershipId, Organization, OrganizationId, PhoneNumber, Timestamp, User,
    UserId, is_url, parse_date,
};

use super::Source;
use super::django::{Dump, NO_KEY, References, Row, UserFields, key, natural, unusable};

#[derive(Deserialize)]
struct WispUser {
    #[serde(flatten)]
    user: UserFields,
    #[serde(default)]
    bio: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    company: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    notes: String,
    #[serde(default)]
    phone_number: Option<String>,
    #[serde(default)]
    birth_date: Option<String>,
    #[serde(default)]
    expiration_date: Option<String>,
}

#[derive(Deserialize)]
struct OrganizationFields {
    name: String,
    slug: String,
    #[serde(default)]
    is_active: bool,
    #[serde(default)]
    description: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    url: String,
    created: String,
    modified: String,
}

#[derive(Deserialize)]
struct MemberFields {
    user: Value,
    organization: Value,
    #[serde(default)]
    is_admin: bool,
}

#[derive(Deserialize)]
struct OwnerFields {
    organization_user: Value,
}

#[derive(Deserialize)]
struct AddressFields {
    user: Value,
    email: String,
    #[serde(default)]
    verified: bool,
    #[serde(default)]
    primary: bool,
}

#[derive(Default)]
struct Rows {
    users: Vec<Row<WispUser>>,
    organizations: Vec<Row<OrganizationFields>>,
    members: Vec<Row<MemberFields>>,
    owners: Vec<Row<OwnerFields>>,
    addresses: Vec<Row<AddressFields>>,
}

/// Users on their way, and where each stands by what references name it.
#[derive(Default)]
struct Users {
    entries: Vec<(String, Mover, Vec<String>)>,
    places: HashMap<String, usize>,
}

/// Reads a dump.
pub fn read(file: impl BufRead) -> Result<Source, Cause> {
    let mut rows = Rows::default();
    let mut dump = Dump::read(file, |dump, model, row| {
        let kept = match model {
            "openwisp_users.user" => row.parse().map(|row| rows.users.push(row)),
            "openwisp_users.organization" => row.parse().map(|row| rows.organizations.push(row)),
            "openwisp_users.organizationuser" => row.parse().map(|row| rows.members.push(row)),
            "openwisp_users.organizationowner" => row.parse().map(|row| rows.owners.push(row)),
            "account.emailaddress" => row.parse().map(|row| rows.addresses.push(row)),
            _ => return false,
        };
        dump.unusable.extend(kept.err().map(|entry| *entry));
        true
    })?;
    let (mut entries, references) = dump.groups(true);
    entries.extend(rows.organizations.into_iter().map(organization));
    let mut users = Users::default();
    for row in rows.users {
        users.add(row, &references, &mut entries);
    }
    let owners: BTreeSet<String> = rows.owners.iter().map(|row| key(&row.fields.organization_user)).collect();
    for row in rows.members {
        entries.extend(users.join(row, &owners));
    }
    for row in rows.addresses {
        entries.extend(users.give(row));
    }
    entries.extend(users.entries.into_iter().map(|(origin, mover, left_out)| Entry {
        origin,
        record: Ok(Record::User(Box::new(mover))),
        left_out,
    }));
    let unusable = std::mem::take(&mut dump.unusable);
    Ok(Source::of(unusable.into_iter().chain(entries).collect(), dump.passed_over))
}

fn organization(row: Row<OrganizationFields>) -> Entry {
    let Row { origin, pk, fields } = row;
    let OrganizationFields { name, slug, is_active, description, email, url, created, modified } = fields;
    let record = match (OrganizationId::parse(&key(&pk)), Timestamp::parse(&created), Timestamp::parse(&modified)) {
        (None, ..) => Err(NO_KEY.to_owned()),
        (Some(id), Some(created), Some(modified)) => Ok(Record::Organization(Organization {
            id,
            version: 1,
            name,
            slug,
            is_active,
            description,
            email,
            url,
            owner: None,
            created,
            modified,
        })),
        _ => Err("created or modified is no moment".to_owned()),
    };
    Entry { origin, record, left_out: Vec::new() }
}

impl Users {
    /// Adds a user, or tells why that cannot be.
    fn add(&mut self, row: Row<WispUser>, references: &References, entries: &mut Vec<Entry>) {
        let Row { origin, pk, fields } = row;
        let read = UserId::parse(&key(&pk)).ok_or_else(|| NO_KEY.to_owned()).and_then(|id| {
            let (mut mover, mut left_out) = references.user(&fields.user)?;
            mover.set_id(id);
            describe(&mut mover.user, &fields, &mut left_out)?;
            Ok((mover, left_out))
        });
        match read {
            Err(reason) => entries.push(unusable(origin, reason)),
            Ok((mover, left_out)) => {
                self.places.insert(key(&pk), self.entries.len());
                self.places.insert(natural(&[&fields.user.username]), self.entries.len());
                self.entries.push((origin, mover, left_out));
            }
        }
    }

    fn named(&mut self, reference: &Value) -> Option<&mut Mover> {
        let place = self.places.get(&key(reference))?;
        self.entries.get_mut(*place).map(|(_, mover, _)| mover)
    }

    /// Has a user join an organization; what is wrong, if that cannot be.
    fn join(&mut self, row: Row<MemberFields>, owners: &BTreeSet<String>) -> Option<Entry> {
        let Row { origin, pk, fields } = row;
        let is_owner = owners.contains(&key(&pk));
        let ids = (MembershipId::parse(&key(&pk)), OrganizationId::parse(&key(&fields.organization)));
        let (Some(id), Some(organization)) = ids else { return Some(unusable(origin, NO_KEY.to_owned())) };
        let Some(mover) = self.named(&fields.user) else { return Some(unusable(origin, NO_USER.to_owned())) };
        mover.memberships.push(MovingMembership { id, organization, is_admin: fields.is_admin, is_owner });
        None
    }

    /// Gives a user an address; what is wrong, if that cannot be.
    fn give(&mut self, row: Row<AddressFields>) -> Option<Entry> {
        let Row { origin, pk, fields } = row;
        let AddressFields { user, email, verified, primary } = fields;
        let Some(mover) = self.named(&user) else { return Some(unusable(origin, NO_USER.to_owned())) };
        let Some(email) = EmailAddress::parse(&email) else {
            return Some(unusable(origin, "it is no e-mail address".to_owned()));
        };
        let id = AddressId(pk.as_u64().unwrap_or_default());
        mover.user.addresses.push(MailboxEntry { id, email, verified, primary });
        None
    }
}

const NO_USER: &str = "its user is not in the file, or cannot be used";

/// What OpenWISP alone says of a user. What cannot be used is left out, but for the date without which an account
/// would never end.
fn describe(user: &mut User, fields: &WispUser, left_out: &mut Vec<String>) -> Result<(), String> {
    let WispUser { bio, url, company, location, notes, phone_number, birth_date, expiration_date, user: _ } = fields;
    user.bio.clone_from(bio);
    user.notes.clone_from(notes);
    let mut take = |field: &mut String, text: &String, most: usize, name: &str, is_good: fn(&str) -> bool| {
        if text.is_empty() || (text.chars().count() <= most && is_good(text)) {
            field.clone_from(text);
        } else {
            left_out.push(format!("its {name}, which is too long or of another form"));
        }
    };
    take(&mut user.url, url, 200, "url", is_url);
    take(&mut user.company, company, 30, "company", |_| true);
    take(&mut user.location, location, 256, "location", |_| true);
    if let Some(text) = phone_number.as_ref().filter(|text| !text.is_empty()) {
        user.phone_number = PhoneNumber::parse(text);
        left_out.extend(user.phone_number.is_none().then(|| "its telephone number, which is none".to_owned()));
    }
    let last_day = expiration_date.as_deref().map(|text| parse_date(text).ok_or("expiration_date is no date"));
    user.expiration_date = last_day.transpose()?;
    if let Some(text) = birth_date {
        user.birth_date = parse_date(text);
        left_out.extend(user.birth_date.is_none().then(|| "its birth_date, which is no date".to_owned()));
    }
    Ok(())
}
