//! `manage.py dumpdata`: objects with `model`, `pk` and `fields`, and how they name one another.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::directory::moving::{Entry, Mover};
use shared::error::Cause;
use shared::model::{EmailAddress, Group, GroupId, MailboxEntry, Model, Permission, PermissionId, Timestamp, Username};
use shared::sign_in::password::{is_known_kind, is_usable};

use super::rows::{each_row, parse};

/// An object of a dump.
#[derive(Deserialize)]
struct Object {
    model: String,
    #[serde(default)]
    pk: Value,
    fields: Value,
}

/// An object of a kind that moves in.
pub struct Row<T> {
    /// Where it stands.
    pub origin: String,
    /// Its primary key; null in dumps with natural primary keys.
    pub pk: Value,
    /// What it says.
    pub fields: T,
}

/// What is read of a user in all of them.
#[derive(Deserialize)]
pub struct UserFields {
    pub username: String,
    #[serde(default)]
    pub password: String,
    #[serde(default)]
    pub first_name: String,
    #[serde(default)]
    pub last_name: String,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default = "yes")]
    pub is_active: bool,
    #[serde(default)]
    pub is_staff: bool,
    #[serde(default)]
    pub is_superuser: bool,
    #[serde(default)]
    pub last_login: Option<String>,
    pub date_joined: String,
    #[serde(default)]
    pub groups: Vec<Value>,
    #[serde(default)]
    pub user_permissions: Vec<Value>,
}

#[derive(Deserialize)]
struct GroupFields {
    name: String,
    #[serde(default)]
    permissions: Vec<Value>,
}

#[derive(Deserialize)]
struct PermissionFields {
    codename: String,
    content_type: Value,
}

#[derive(Deserialize)]
struct ContentTypeFields {
    app_label: String,
    model: String,
}

/// The parts of a dump that every Django has, and what is wrong with rows.
#[derive(Default)]
pub struct Dump {
    groups: Vec<Row<GroupFields>>,
    permissions: Vec<Row<PermissionFields>>,
    content_types: Vec<Row<ContentTypeFields>>,
    /// Rows that cannot be used.
    pub unusable: Vec<Entry>,
    /// How many rows of other models there are.
    pub passed_over: BTreeMap<String, u64>,
}

/// What the references of a dump lead to.
pub struct References {
    permissions: HashMap<String, PermissionId>,
    groups: HashMap<String, GroupId>,
}

fn yes() -> bool {
    true
}

impl Dump {
    /// Reads a dump; objects of models that are not every Django's are given to `other`, which tells whether it knows them.
    ///
    /// # Errors
    /// When the file is not whole.
    pub fn read(file: impl BufRead, mut other: impl FnMut(&mut Self, &str, Row<Value>) -> bool) -> Result<Self, Cause> {
        let mut dump = Self::default();
        each_row(file, |place, row| {
            let object = row.and_then(parse::<Object>);
            let Object { model, pk, fields } = match object {
                Ok(object) => object,
                Err(reason) => return dump.unusable.push(unusable(place, reason)),
            };
            let origin =
                if pk.is_null() { format!("{model} ({place})") } else { format!("{model} {} ({place})", key(&pk)) };
            let row = Row { origin, pk, fields };
            let known = match model.as_str() {
                "auth.group" | "openwisp_users.group" => dump.keep(row, |dump| &mut dump.groups),
                "auth.permission" => dump.keep(row, |dump| &mut dump.permissions),
                "contenttypes.contenttype" => dump.keep(row, |dump| &mut dump.content_types),
                _ => other(&mut dump, &model, row),
            };
            if !known {
                *dump.passed_over.entry(model).or_default() += 1;
            }
        })?;
        Ok(dump)
    }

    fn keep<T: DeserializeOwned>(&mut self, row: Row<Value>, rows: impl FnOnce(&mut Self) -> &mut Vec<Row<T>>) -> bool {
        match row.parse() {
            Ok(row) => rows(self).push(row),
            Err(entry) => self.unusable.push(*entry),
        }
        true
    }

    /// The dump's groups, and what its references lead to; with `permissions`, to OpenWISP's permissions too.
    pub fn groups(&mut self, with_permissions: bool) -> (Vec<Entry>, References) {
        let mut models = HashMap::new();
        for Row { pk, fields: ContentTypeFields { app_label, model }, .. } in &self.content_types {
            models.insert(key(pk), (app_label.clone(), model.clone()));
            models.insert(natural(&[app_label, model]), (app_label.clone(), model.clone()));
        }
        let mut permissions = HashMap::new();
        for permission in Permission::all().filter(|_| with_permissions) {
            let (codename, model) = (permission.codename(), permission.model);
            permissions.insert(natural(&[&codename, application(model), model.name()]), permission.id());
        }
        for Row { pk, fields, .. } in &self.permissions {
            let known = models.get(&key(&fields.content_type));
            let named = match (known, &fields.content_type) {
                (Some((app, model)), _) => Some(natural(&[&fields.codename, app, model])),
                (None, Value::Array(parts)) => Some(natural(&[vec![fields.codename.clone()], texts(parts)].concat())),
                _ => None,
            };
            if let Some(id) = named.and_then(|named| permissions.get(&named)).copied() {
                permissions.insert(key(pk), id);
            }
        }
        let mut references = References { permissions, groups: HashMap::new() };
        let mut entries = Vec::new();
        for Row { origin, pk, fields } in std::mem::take(&mut self.groups) {
            let Some(id) = pk.as_u64().map(GroupId) else {
                entries.push(unusable(origin, NO_KEY.to_owned()));
                continue;
            };
            references.groups.insert(key(&pk), id);
            references.groups.insert(natural(&[&fields.name]), id);
            let (permissions, unknown) = references.permissions(&fields.permissions);
            let left_out = (unknown > 0).then(|| without_permissions(unknown));
            let group = Group { id, version: 1, name: fields.name, permissions: permissions.into_iter().collect() };
            entries.push(Entry {
                origin,
                record: Ok(shared::directory::moving::Record::Group(group)),
                left_out: left_out.into_iter().collect(),
            });
        }
        (entries, references)
    }
}

/// Why an object without its key does not move in.
pub const NO_KEY: &str = "it has no usable pk; make the dump without --natural-primary";

impl References {
    /// The permissions that some references lead to, and how many lead to none.
    pub fn permissions(&self, references: &[Value]) -> (Vec<PermissionId>, usize) {
        let found: Vec<PermissionId> =
            references.iter().filter_map(|reference| self.permissions.get(&key(reference))).copied().collect();
        let unknown = references.len() - found.len();
        (found, unknown)
    }

    /// The groups that some references lead to, and those that lead to none.
    fn groups(&self, references: &[Value]) -> (Vec<GroupId>, Vec<String>) {
        let mut unknown = Vec::new();
        let found = references.iter().filter_map(|reference| {
            let found = self.groups.get(&key(reference)).copied();
            if found.is_none() {
                unknown.push(format!("the group {}, which is not in the file", key(reference)));
            }
            found
        });
        (found.collect(), unknown)
    }

    /// What every Django says of a user, and what of it could not be used. Why it cannot be used at all, if so.
    pub fn user(&self, fields: &UserFields) -> Result<(Mover, Vec<String>), String> {
        let username = Username::parse(&fields.username).ok_or("it has no user name that can be used")?;
        let joined = Timestamp::parse(&fields.date_joined).ok_or("date_joined is no moment")?;
        let mut mover = Mover::new(&username, joined);
        let mut left_out = Vec::new();
        let user = &mut mover.user;
        if is_usable(&fields.password) && !is_known_kind(&fields.password) {
            left_out.push("its password hash, which is of a kind that cannot be verified".to_owned());
        } else if !fields.password.is_empty() {
            user.password.clone_from(&fields.password);
        }
        user.first_name.clone_from(&fields.first_name);
        user.last_name.clone_from(&fields.last_name);
        user.is_active = fields.is_active;
        user.is_staff = fields.is_staff;
        user.is_superuser = fields.is_superuser;
        if let Some(text) = fields.email.as_ref().filter(|text| !text.is_empty()) {
            user.email = EmailAddress::parse(text);
            left_out.extend(user.email.is_none().then(|| "its e-mail, which is no address".to_owned()));
        }
        if let Some(text) = &fields.last_login {
            user.last_login = Timestamp::parse(text);
            left_out.extend(user.last_login.is_none().then(|| "last_login, which is no moment".to_owned()));
        }
        let (groups, unknown) = self.groups(&fields.groups);
        user.groups = groups.into_iter().collect();
        left_out.extend(unknown);
        let (permissions, unknown) = self.permissions(&fields.user_permissions);
        user.permissions = permissions.into_iter().collect();
        left_out.extend((unknown > 0).then(|| without_permissions(unknown)));
        Ok((mover, left_out))
    }
}

impl Row<Value> {
    /// Reads what the object says; otherwise what is wrong with it.
    pub fn parse<T: DeserializeOwned>(self) -> Result<Row<T>, Box<Entry>> {
        let Self { origin, pk, fields } = self;
        match parse(fields) {
            Ok(fields) => Ok(Row { origin, pk, fields }),
            Err(reason) => Err(Box::new(unusable(origin, reason))),
        }
    }
}

/// An entry that cannot be used.
pub fn unusable(origin: String, reason: String) -> Entry {
    Entry { origin, record: Err(reason), left_out: Vec::new() }
}

/// The one address of a user of whom only the e-mail is known: nobody has confirmed it.
pub fn give_address(mover: &mut Mover) {
    let email = mover.user.email.as_ref().map(EmailAddress::lower_case);
    let entry = |email| MailboxEntry { id: shared::model::AddressId(0), email, verified: false, primary: false };
    mover.user.addresses = email.map(entry).into_iter().collect();
}

fn without_permissions(count: usize) -> String {
    format!("{count} permissions that do not exist here, or that the file does not explain")
}

/// A key as references name it: a number, a text, or a natural key of several texts.
pub fn key(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => natural(&texts(parts)),
        other => other.to_string(),
    }
}

/// A natural key.
pub fn natural(parts: &[impl std::fmt::Debug]) -> String {
    format!("{parts:?}")
}

fn texts(parts: &[Value]) -> Vec<String> {
    parts.iter().map(key).collect()
}

/// The application of a model of OpenWISP (`contracts/openwisp.md` section 3).
fn application(model: Model) -> &'static str {
    match model {
        Model::EmailAddress => "account",
        _ => "openwisp_users",
    }
}
