//! Users of an Edge: the array that `GET /api/users/` answers, or the lines of `mongoexport`.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::Value;
use shared::directory::moving::{Entry, Mover, Record};
use shared::error::Cause;
use shared::model::{EdgeId, EmailAddress, Sharing, Timestamp, Tlp, Username};
use shared::sign_in::password::{is_known_kind, is_usable};

use super::Source;
use super::django::{give_address, unusable};
use super::rows::{each_row, parse};

#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "they are the file's")]
struct EdgeUser {
    /// 24 digits, or `{"$oid": …}`.
    #[serde(alias = "_id")]
    id: Value,
    username: String,
    /// Not in answers.
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    first_name: Option<String>,
    #[serde(default)]
    last_name: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    description: Option<String>,
    /// Text, or `{"$date": …}`.
    date_joined: Value,
    #[serde(default)]
    last_login: Value,
    #[serde(default = "yes")]
    is_active: bool,
    #[serde(default)]
    is_staff: bool,
    #[serde(default)]
    is_superuser: bool,
    #[serde(default = "yes")]
    can_inbox: bool,
    #[serde(default)]
    allow_rest_access: bool,
    #[serde(default)]
    organization: Option<String>,
    #[serde(default)]
    memberships: Option<Vec<Tlp>>,
}

fn yes() -> bool {
    true
}

/// Reads a file.
pub fn read(file: impl BufRead) -> Result<Source, Cause> {
    let mut entries = Vec::new();
    each_row(file, |origin, row| {
        let user = row.and_then(parse::<EdgeUser>);
        entries.push(match user {
            Err(reason) => unusable(origin, reason),
            Ok(user) => {
                let origin = format!("user {} ({origin})", id_text(&user.id));
                match mover(user) {
                    Err(reason) => unusable(origin, reason),
                    Ok((mover, left_out)) => Entry { origin, record: Ok(Record::User(Box::new(mover))), left_out },
                }
            }
        });
    })?;
    Ok(Source::of(entries, BTreeMap::new()))
}

fn mover(user: EdgeUser) -> Result<(Mover, Vec<String>), String> {
    let id = EdgeId::parse(&id_text(&user.id)).ok_or("its id should have 24 hexadecimal digits")?;
    let username = Username::parse(&user.username).ok_or("it has no user name that can be used")?;
    let joined = moment(&user.date_joined).ok_or("date_joined is no moment")?;
    let mut left_out = Vec::new();
    let mut mover = Mover::new(&username, joined);
    mover.set_edge_id(id);
    match user.password {
        Some(hash) if is_usable(&hash) && !is_known_kind(&hash) => {
            left_out.push("its password hash, which is of a kind that cannot be verified".to_owned());
        }
        Some(hash) if !hash.is_empty() => mover.user.password = hash,
        _ => {}
    }
    mover.user.first_name = user.first_name.unwrap_or_default();
    mover.user.last_name = user.last_name.unwrap_or_default();
    if let Some(text) = user.email.filter(|text| !text.is_empty()) {
        mover.user.email = EmailAddress::parse(&text);
        left_out.extend(mover.user.email.is_none().then(|| "its e-mail, which is no address".to_owned()));
    }
    give_address(&mut mover);
    mover.user.last_login = moment(&user.last_login);
    mover.user.is_active = user.is_active;
    mover.user.is_staff = user.is_staff;
    mover.user.is_superuser = user.is_superuser;
    let Sharing { memberships, .. } = Sharing::default();
    mover.user.sharing = Sharing {
        description: user.description.unwrap_or_default(),
        can_inbox: user.can_inbox,
        allow_rest_access: user.allow_rest_access,
        organization: user.organization,
        memberships: user.memberships.map_or(memberships, |colours| colours.into_iter().collect()),
    };
    Ok((mover, left_out))
}

fn id_text(id: &Value) -> String {
    id.get("$oid").unwrap_or(id).as_str().unwrap_or_default().to_owned()
}

/// A moment as text, or as the extended JSON of `mongoexport` has it.
fn moment(value: &Value) -> Option<Timestamp> {
    let value = value.get("$date").unwrap_or(value);
    let millis = value.get("$numberLong").and_then(|text| text.as_str()?.parse().ok()).or_else(|| value.as_i64());
    match millis {
        Some(millis) => Some(Timestamp::from_micros(millis.saturating_mul(1000))),
        None => Timestamp::parse(value.as_str()?),
    }
}
