//! `manage.py dumpdata`: objects with `model`, `pk` and `fields`, and their references.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;

use serde_json::Value;
use shared::auth::password::{is_known_kind, is_usable};
use shared::directory::transfer::{ImportEntry, Record, UserRecord};
use shared::error::Cause;
use shared::model::{
    EmailAddress, Flags, Group, GroupId, Model, Permission, PermissionId, Timestamp, UserEmail, Username,
};

use super::fields::{Fields, FromFields, Key, moment, number, shown};
use super::kinds::{Kind, Kinds};
use super::rows::Rows;

/// An object to import.
pub struct Row<T> {
    /// Where it is in the file.
    pub origin: String,
    /// Its primary key; null in dumps with natural primary keys.
    pub pk: Value,
    /// Its fields.
    pub fields: T,
}

/// The fields of a user that all these systems have.
pub struct UserFields {
    pub username: String,
    pub password: String,
    pub first_name: String,
    pub last_name: String,
    pub email: Option<String>,
    pub flags: Flags,
    pub last_login: Value,
    pub date_joined: Option<Timestamp>,
    pub groups: Vec<Value>,
    pub user_permissions: Vec<Value>,
}

struct GroupFields {
    name: String,
    permissions: Vec<Value>,
}

struct PermissionFields {
    codename: String,
    content_type: Value,
}

struct ContentTypeFields {
    app_label: String,
    model: String,
}

impl FromFields for UserFields {
    fn from_fields(fields: &Fields<'_>) -> Result<Self, String> {
        Ok(Self {
            username: fields.text("username")?,
            password: fields.text("password")?,
            first_name: fields.text("first_name")?,
            last_name: fields.text("last_name")?,
            email: fields.optional_text("email")?,
            flags: Flags {
                is_active: fields.flag("is_active", true)?,
                is_staff: fields.flag("is_staff", false)?,
                is_edge_staff: false,
                is_superuser: fields.flag("is_superuser", false)?,
            },
            last_login: fields.value("last_login"),
            date_joined: fields.moment("date_joined")?,
            groups: fields.list("groups")?,
            user_permissions: fields.list("user_permissions")?,
        })
    }
}

impl FromFields for GroupFields {
    fn from_fields(fields: &Fields<'_>) -> Result<Self, String> {
        Ok(Self { name: fields.text("name")?, permissions: fields.list("permissions")? })
    }
}

impl FromFields for PermissionFields {
    fn from_fields(fields: &Fields<'_>) -> Result<Self, String> {
        Ok(Self { codename: fields.text("codename")?, content_type: fields.value("content_type") })
    }
}

impl FromFields for ContentTypeFields {
    fn from_fields(fields: &Fields<'_>) -> Result<Self, String> {
        Ok(Self { app_label: fields.text("app_label")?, model: fields.text("model")? })
    }
}

/// The parts of a dump that every Django has, and the problems of rows.
#[derive(Default)]
pub struct Dump {
    groups: Vec<Row<GroupFields>>,
    permissions: Vec<Row<PermissionFields>>,
    content_types: Vec<Row<ContentTypeFields>>,
    /// Unusable rows.
    pub unusable: Vec<ImportEntry>,
    /// How many more unusable rows there are, which are not reported individually.
    untold: u64,
    /// How many rows could not be attributed to a model.
    pub unread: u64,
    /// How many rows of other models there are.
    pub passed_over: BTreeMap<String, u64>,
}

/// The system that made a dump.
pub struct Maker {
    /// The model of its users.
    pub users: &'static str,
    /// The model of the other system's users, and what to do with them.
    pub others: (&'static str, &'static str),
    /// Which rows other than those of a dump can be read.
    pub responses: Option<Kind>,
}

/// The model of rows that are responses of an API.
pub const ANSWER: &str = "user";
/// A model whose key is a secret.
const SECRET_KEY: &str = "authtoken.token";
/// The most rows that are reported individually, and the most models.
const MOST_TOLD: usize = 100_000;
const MOST_MODELS: usize = 1000;

/// The targets of a dump's references.
pub struct References {
    permissions: HashMap<Key, PermissionId>,
    groups: HashMap<Key, GroupId>,
}

impl Dump {
    /// Reads a dump. Objects of models that are not part of every Django, and responses of the API, are passed to
    /// `other`, which returns whether it knows them.
    ///
    /// # Errors
    /// When the file is incomplete, or not from this system.
    pub fn read(
        file: impl BufRead + Send + 'static,
        maker: &Maker,
        mut other: impl FnMut(&mut Self, &str, Row<Value>) -> bool,
    ) -> Result<Self, Cause> {
        let mut dump = Self::default();
        let mut kinds = Kinds::default();
        let (mut has_users, mut has_others) = (false, false);
        for row in Rows::of(file)? {
            let row = row?;
            let place = row.place.clone();
            let row = match row.value() {
                Ok(row) => row,
                Err(reason) => {
                    dump.unread += 1;
                    dump.reject(unusable(place, reason));
                    continue;
                }
            };
            kinds.add(&row);
            let (model, row) = match (Kind::of(&row), row) {
                (Some(Kind::Dump), Value::Object(mut row)) => {
                    let mut take = |name: &str| row.remove(name).unwrap_or_default();
                    let model = take("model").as_str().map(str::to_ascii_lowercase);
                    let row = Row::at(&place, model.as_deref().unwrap_or_default(), take("pk"), take("fields"));
                    (model, row)
                }
                (Some(kind), row) if Some(kind) == maker.responses => {
                    (Some(ANSWER.to_owned()), Row::at(&place, ANSWER, row["id"].clone(), row))
                }
                _ => (None, Row::at(&place, "", Value::Null, Value::Null)),
            };
            let Some(model) = model else {
                dump.unread += 1;
                dump.reject(unusable(place, "not an object of a dump: `model` or `fields` is missing".to_owned()));
                continue;
            };
            has_users |= model == maker.users || model == ANSWER;
            let is_known = match model.as_str() {
                "auth.group" | "openwisp_users.group" => dump.keep(row, |dump| &mut dump.groups),
                "auth.permission" => dump.keep(row, |dump| &mut dump.permissions),
                "contenttypes.contenttype" => dump.keep(row, |dump| &mut dump.content_types),
                _ => other(&mut dump, &model, row),
            };
            has_others |= is_known && !model.starts_with("contenttypes.") && model != "auth.permission";
            if !is_known {
                dump.pass_over(model);
            }
        }
        let refusal = kinds.refusal(&[Some(Kind::Dump), maker.responses].into_iter().flatten().collect::<Vec<_>>());
        let refusal = refusal.or_else(|| {
            let is_of_others = !has_users && dump.passed_over.contains_key(maker.others.0);
            is_of_others.then(|| maker.others.1.to_owned())
        });
        let is_told = has_others || !dump.unusable.is_empty();
        if let Some(refusal) = refusal.or_else(|| (!is_told).then(|| dump.nothing())) {
            return Err(refusal.into());
        }
        if dump.untold > 0 {
            let reason = format!("{} more rows cannot be used", dump.untold);
            dump.unusable.push(unusable("the file".to_owned(), reason));
        }
        Ok(dump)
    }

    /// Records an unusable row.
    pub fn reject(&mut self, entry: ImportEntry) {
        if self.unusable.len() < MOST_TOLD {
            self.unusable.push(entry);
        } else {
            self.untold += 1;
        }
    }

    fn pass_over(&mut self, model: String) {
        let is_told = self.passed_over.len() < MOST_MODELS || self.passed_over.contains_key(&model);
        let model = if is_told && model.len() <= 200 { model } else { "other models".to_owned() };
        *self.passed_over.entry(model).or_default() += 1;
    }

    /// Reports that nothing is usable.
    fn nothing(&self) -> String {
        let models: Vec<&str> = self.passed_over.keys().take(5).map(String::as_str).collect();
        let more = if self.passed_over.len() > models.len() { " and others" } else { "" };
        match models.join(", ") {
            models if models.is_empty() => "the file contains no users, groups or organizations".to_owned(),
            models => format!("the file contains only rows of {models}{more}, which cannot be imported"),
        }
    }

    fn keep<T: FromFields>(&mut self, row: Row<Value>, rows: impl FnOnce(&mut Self) -> &mut Vec<Row<T>>) -> bool {
        match row.parse() {
            Ok(row) => rows(self).push(row),
            Err(entry) => self.reject(*entry),
        }
        true
    }

    /// The rows whose key is unique; rows with the same key are rejected, because references to them are ambiguous.
    pub fn once<T>(&mut self, rows: Vec<Row<T>>, key: fn(&Value) -> Option<Key>) -> Vec<Row<T>> {
        let mut counts: HashMap<Key, usize> = HashMap::new();
        for key in rows.iter().filter_map(|row| key(&row.pk)) {
            *counts.entry(key).or_default() += 1;
        }
        let is_twice = |row: &Row<T>| key(&row.pk).is_some_and(|key| counts.get(&key).is_some_and(|count| *count > 1));
        let (twice, once): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_twice);
        for Row { origin, .. } in twice {
            self.reject(unusable(origin, TWICE.to_owned()));
        }
        once
    }

    /// The dump's groups, and the targets of its references; with `permissions`, also OpenWISP's permissions.
    pub fn groups(&mut self, with_permissions: bool) -> (Vec<ImportEntry>, References) {
        let content_types = std::mem::take(&mut self.content_types);
        let models: HashMap<Key, [String; 2]> = self
            .once(content_types, Key::of_number)
            .into_iter()
            .filter_map(|Row { pk, fields, .. }| Some((Key::of_number(&pk)?, [fields.app_label, fields.model])))
            .collect();
        let mut permissions = HashMap::new();
        for permission in Permission::all().filter(|_| with_permissions) {
            let (codename, model) = (permission.codename(), permission.model);
            permissions.insert(Key::natural(&[&codename, application(model), model.name()]), permission.id());
        }
        let rows = std::mem::take(&mut self.permissions);
        for Row { pk, fields, .. } in self.once(rows, Key::of_number) {
            let named = match Key::of_number(&fields.content_type) {
                Some(Key::Natural(names)) => Some(names),
                Some(key) => models.get(&key).map(|names| names.to_vec()),
                None => None,
            };
            let named = named.map(|names| Key::Natural([vec![fields.codename], names].concat()));
            if let (Some(key), Some(id)) =
                (Key::of_number(&pk), named.and_then(|named| permissions.get(&named).copied()))
            {
                permissions.insert(key, id);
            }
        }
        let mut references = References { permissions, groups: HashMap::new() };
        let mut entries = Vec::new();
        let rows = std::mem::take(&mut self.groups);
        for Row { origin, pk, fields } in self.once(rows, Key::of_number) {
            let Some(id) = number(&pk).map(GroupId) else {
                entries.push(unusable(origin, NO_KEY.to_owned()));
                continue;
            };
            references.groups.insert(Key::Number(id.0), id);
            references.groups.insert(Key::natural(&[&fields.name]), id);
            let (permissions, unknown) = references.permissions(&fields.permissions);
            let left_out = (unknown > 0).then(|| without_permissions(unknown));
            let group = Group {
                id,
                version: 1,
                name: fields.name,
                permissions: permissions.into_iter().collect(),
                external_id: None,
                created: None,
                modified: None,
            };
            entries.push(ImportEntry {
                origin,
                record: Ok(Record::Group(group)),
                left_out: left_out.into_iter().collect(),
            });
        }
        (entries, references)
    }
}

/// The reason for skipping an object without a key.
pub const NO_KEY: &str = "no usable pk; make the dump without --natural-primary";
/// The reason for skipping rows with the same key.
pub const TWICE: &str = "its pk or its user name occurs twice";

impl References {
    /// The permissions that some references name, and how many references are unknown.
    pub fn permissions(&self, references: &[Value]) -> (Vec<PermissionId>, usize) {
        let found: Vec<PermissionId> = references
            .iter()
            .filter_map(|reference| self.permissions.get(&Key::of_number(reference)?))
            .copied()
            .collect();
        let unknown = references.len() - found.len();
        (found, unknown)
    }

    /// The groups that some references name, and the unknown references.
    fn groups(&self, references: &[Value]) -> (Vec<GroupId>, Vec<String>) {
        let mut unknown = Vec::new();
        let found = references.iter().filter_map(|reference| {
            let found = Key::of_number(reference).and_then(|key| self.groups.get(&key)).copied();
            if found.is_none() {
                unknown.push(format!("the group {} (not in the file)", shown(reference)));
            }
            found
        });
        (found.collect(), unknown)
    }

    /// The common data of a user, with its unusable parts; or why the user is unusable.
    pub fn user(&self, fields: &UserFields, now: Timestamp) -> Result<(UserRecord, Vec<String>), String> {
        let username = Username::parse(&fields.username).ok_or("no valid user name")?;
        let mut user_record = UserRecord::new(&username, fields.date_joined.unwrap_or(now));
        user_record.has.date_joined = fields.date_joined.is_some();
        let mut left_out = Vec::new();
        let user = &mut user_record.user;
        if is_usable(&fields.password) && !is_known_kind(&fields.password) {
            left_out.push("its password hash (unsupported algorithm)".to_owned());
        } else if !fields.password.is_empty() {
            user.password = fields.password.as_str().into();
        }
        user.first_name.clone_from(&fields.first_name);
        user.last_name.clone_from(&fields.last_name);
        user.flags = fields.flags;
        if let Some(text) = fields.email.as_ref().filter(|text| !text.is_empty()) {
            user.email = EmailAddress::parse(text);
            left_out.extend(user.email.is_none().then(|| "its e-mail (not a valid address)".to_owned()));
        }
        if !fields.last_login.is_null() {
            user.last_login = moment(&fields.last_login);
            left_out.extend(user.last_login.is_none().then(|| "last_login (not a valid timestamp)".to_owned()));
        }
        let (groups, unknown) = self.groups(&fields.groups);
        user.groups = groups.into_iter().collect();
        left_out.extend(unknown);
        let (permissions, unknown) = self.permissions(&fields.user_permissions);
        user.permissions = permissions.into_iter().collect();
        left_out.extend((unknown > 0).then(|| without_permissions(unknown)));
        Ok((user_record, left_out))
    }
}

impl Row<Value> {
    fn at(place: &str, model: &str, pk: Value, fields: Value) -> Self {
        let origin = match &pk {
            _ if model == SECRET_KEY => format!("an API token ({place})"),
            Value::Null => format!("{model} ({place})"),
            pk => format!("{model} {} ({place})", shown(pk)),
        };
        Self { origin, pk, fields }
    }

    /// Parses the object; the error is an entry with the reason.
    pub fn parse<T: FromFields>(self) -> Result<Row<T>, Box<ImportEntry>> {
        let Self { origin, pk, fields } = self;
        match Fields::of(&fields).and_then(|fields| T::from_fields(&fields)) {
            Ok(fields) => Ok(Row { origin, pk, fields }),
            Err(reason) => Err(Box::new(unusable(origin, reason))),
        }
    }
}

/// An unusable entry.
pub fn unusable(origin: String, reason: String) -> ImportEntry {
    ImportEntry { origin, record: Err(reason), left_out: Vec::new() }
}

/// Adds the e-mail of a user as an unverified address, if nothing else is known.
pub fn give_address(user_record: &mut UserRecord) {
    let email = user_record.user.email.as_ref().map(EmailAddress::lower_case);
    let entry = |email| UserEmail { id: shared::model::AddressId(0), email, verified: false, primary: false };
    user_record.user.addresses = email.map(entry).into_iter().collect();
}

fn without_permissions(count: usize) -> String {
    format!("{count} permissions that do not exist here or are not defined in the file")
}

/// The Django application of an OpenWISP model (`contracts/openwisp.md` section 3).
fn application(model: Model) -> &'static str {
    match model {
        Model::EmailAddress => "account",
        _ => "openwisp_users",
    }
}
