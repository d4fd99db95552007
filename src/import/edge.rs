//! Users of an Edge: the array in the response to `GET /api/users/`, or the output of `mongoexport`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::BufRead;

use serde_json::Value;
use shared::auth::password::{is_known_kind, is_usable};
use shared::directory::transfer::{ImportEntry, Record, UserRecord};
use shared::error::Cause;
use shared::model::{EdgeId, EdgeProfile, EmailAddress, Flags, Timestamp, Tlp, Username};

use super::Source;
use super::django::{TWICE, give_address, unusable};
use super::fields::{self, Fields, flag, shown, text};
use super::kinds::{Kind, Kinds};
use super::rows::Rows;

/// Reads a file.
pub fn read(file: impl BufRead + Send + 'static, now: Timestamp) -> Result<Source, Cause> {
    let mut entries = Vec::new();
    let mut kinds = Kinds::default();
    for row in Rows::of(file)? {
        let row = row?;
        let place = row.place.clone();
        entries.push(match row.value() {
            Err(reason) => unusable(place, reason),
            Ok(row) => {
                kinds.add(&row);
                entry(place, &row, now)
            }
        });
    }
    match kinds.refusal(&[Kind::Edge]) {
        Some(refusal) => Err(refusal.into()),
        None if entries.is_empty() => Err("the file contains no users".into()),
        None => Ok(Source::of(once(entries), BTreeMap::new())),
    }
}

/// The entries; those with the same id become unusable, because it is unclear which one is right.
fn once(mut entries: Vec<ImportEntry>) -> Vec<ImportEntry> {
    let id = |entry: &ImportEntry| match &entry.record {
        Ok(Record::User(user_record)) => Some(user_record.user.edge_id),
        _ => None,
    };
    let mut counts: HashMap<EdgeId, usize> = HashMap::new();
    for id in entries.iter().filter_map(id) {
        *counts.entry(id).or_default() += 1;
    }
    for entry in &mut entries {
        if id(entry).is_some_and(|id| counts.get(&id).is_some_and(|count| *count > 1)) {
            entry.record = Err(TWICE.to_owned());
        }
    }
    entries
}

fn entry(place: String, row: &Value, now: Timestamp) -> ImportEntry {
    let read = match Fields::of(row) {
        Ok(fields) if Kind::of(row) == Some(Kind::Edge) => User { fields, left_out: Vec::new() },
        _ => return unusable(place, "not a user of an Edge".to_owned()),
    };
    let origin = format!("user {} ({place})", shown(&read.id()));
    match read.user_record(now) {
        Err(reason) => unusable(origin, reason),
        Ok((user_record, left_out)) => {
            ImportEntry { origin, record: Ok(Record::User(Box::new(user_record))), left_out }
        }
    }
}

/// A user in the file, and what cannot be imported.
struct User<'a> {
    fields: Fields<'a>,
    left_out: Vec<String>,
}

impl User<'_> {
    /// 24 digits, or `{"$oid": …}`.
    fn id(&self) -> Value {
        let id = self.fields.get("_id").or_else(|| self.fields.get("id"));
        id.map(|id| plain(id).clone()).unwrap_or_default()
    }

    /// The user. Only the ids, the name, and limits on access decide whether the user is imported.
    fn user_record(mut self, now: Timestamp) -> Result<(UserRecord, Vec<String>), String> {
        let id = self.id().as_str().and_then(|id| EdgeId::parse(&id.to_ascii_lowercase()));
        let id = id.ok_or("its id is not 24 hexadecimal digits")?;
        let username = self.fields.get("username").and_then(text).and_then(|name| Username::parse(&name));
        let username = username.ok_or("no valid user name")?;
        let is_active = self.fields.get("is_active").map_or(Some(true), |value| flag(plain(value)));
        let is_active = is_active.ok_or("is_active is not a boolean")?;
        let joined = self.moment("date_joined");
        let mut user_record = UserRecord::new(&username, joined.unwrap_or(now));
        user_record.has.date_joined = joined.is_some();
        user_record.set_edge_id(id);
        match self.text("password") {
            Some(hash) if is_usable(&hash) && !is_known_kind(&hash) => {
                self.left_out.push("its password hash (unsupported algorithm)".to_owned());
            }
            Some(hash) if !hash.is_empty() => user_record.user.password = hash.into(),
            _ => {}
        }
        user_record.user.first_name = self.text("first_name").unwrap_or_default();
        user_record.user.last_name = self.text("last_name").unwrap_or_default();
        if let Some(text) = self.text("email").filter(|text| !text.is_empty()) {
            user_record.user.email = EmailAddress::parse(&text);
            self.left_out
                .extend(user_record.user.email.is_none().then(|| "its e-mail (not a valid address)".to_owned()));
        }
        give_address(&mut user_record);
        user_record.user.last_login = self.moment("last_login");
        user_record.user.flags = Flags {
            is_active,
            is_staff: false,
            is_edge_staff: self.flag("is_staff", false),
            is_superuser: self.flag("is_superuser", false),
        };
        let EdgeProfile { description, can_inbox, allow_rest_access, organization: _, memberships } =
            EdgeProfile::default();
        user_record.user.sharing = EdgeProfile {
            description: self.text("description").unwrap_or(description),
            can_inbox: self.flag("can_inbox", can_inbox),
            allow_rest_access: self.flag("allow_rest_access", allow_rest_access),
            organization: self.text("organization"),
            memberships: match self.said("memberships") {
                None => memberships,
                Some(Value::Array(colours)) => colours.iter().filter_map(|colour| self.colour(colour)).collect(),
                Some(_) => {
                    self.leave_out("memberships", "list");
                    BTreeSet::new()
                }
            },
        };
        Ok((user_record, self.left_out))
    }

    /// The value of a field, unless it is null or missing.
    fn said(&self, name: &str) -> Option<Value> {
        self.fields.get(name).map(plain).filter(|value| !value.is_null()).cloned()
    }

    fn leave_out(&mut self, name: &str, kind: &str) {
        self.left_out.push(format!("its {name} (not a valid {kind})"));
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let said = self.said(name)?;
        let read = text(&said);
        if read.is_none() {
            self.leave_out(name, "text");
        }
        read
    }

    fn moment(&mut self, name: &str) -> Option<Timestamp> {
        let said = self.said(name)?;
        let read = moment(&said);
        if read.is_none() {
            self.leave_out(name, "timestamp");
        }
        read
    }

    /// A right. An unreadable one is not granted.
    fn flag(&mut self, name: &str, default: bool) -> bool {
        let Some(said) = self.said(name) else { return default };
        flag(&said).unwrap_or_else(|| {
            self.leave_out(name, "boolean");
            false
        })
    }

    /// A colour. Unknown ones are not guessed.
    fn colour(&mut self, value: &Value) -> Option<Tlp> {
        let colour = Tlp::ALL.into_iter().find(|colour| value == colour.name());
        if colour.is_none() {
            self.left_out.push(format!("the unknown colour {} in its memberships", shown(value)));
        }
        colour
    }
}

/// A value without the type wrapper of `mongoexport`'s extended JSON.
fn plain(value: &Value) -> &Value {
    let Some(map) = value.as_object().filter(|map| map.len() == 1) else { return value };
    let names = ["$oid", "$date", "$numberInt", "$numberLong", "$numberDouble"];
    names.iter().find_map(|name| map.get(*name)).map_or(value, plain)
}

/// A timestamp as text, or in milliseconds as in `mongoexport`, as a number or a text.
fn moment(value: &Value) -> Option<Timestamp> {
    let millis = || value.as_i64().or_else(|| value.as_str()?.parse().ok());
    fields::moment(value).or_else(|| Some(Timestamp::from_micros(millis()?.saturating_mul(1000))))
}
