//! Dumps of an OpenL2M: `manage.py dumpdata auth contenttypes users authtoken`.

use std::collections::HashMap;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::Value;
use shared::directory::moving::{Entry, Mover, MovingToken, Record};
use shared::error::Cause;
use shared::model::{Profile, Timestamp, UserNumber};
use shared::sign_in::{is_api_token, token_hash};

use super::Source;
use super::django::{Dump, NO_KEY, Row, UserFields, give_address, key, natural, unusable};

#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "they are the file's")]
struct ProfileFields {
    user: Value,
    #[serde(default)]
    read_only: bool,
    #[serde(default = "yes")]
    bulk_edit: bool,
    #[serde(default)]
    vlan_edit: bool,
    #[serde(default)]
    allow_poe_toggle: bool,
    #[serde(default = "yes")]
    edit_if_descr: bool,
    #[serde(default = "yes")]
    are_you_sure: bool,
    #[serde(default)]
    last_ldap_dn: String,
    #[serde(default)]
    last_ldap_login: Option<String>,
    #[serde(default = "light")]
    theme: String,
    #[serde(default = "yes")]
    menu: bool,
}

#[derive(Deserialize)]
struct TokenFields {
    user: Value,
    created: String,
    #[serde(default)]
    expires: Option<String>,
    #[serde(default)]
    last_used: Option<String>,
    #[serde(default)]
    key: Option<String>,
    #[serde(default = "yes")]
    write_enabled: bool,
    #[serde(default)]
    description: String,
    #[serde(default)]
    allowed_ips: String,
}

/// Users on their way, and where each stands by what references name it.
#[derive(Default)]
struct Users {
    entries: Vec<(String, Mover, Vec<String>)>,
    places: HashMap<String, usize>,
}

fn yes() -> bool {
    true
}

fn light() -> String {
    "light".to_owned()
}

/// Reads a dump.
pub fn read(file: impl BufRead) -> Result<Source, Cause> {
    let (mut users, mut profiles, mut tokens) = (Vec::new(), Vec::new(), Vec::new());
    let mut dump = Dump::read(file, |dump, model, row| {
        let kept = match model {
            "auth.user" => row.parse::<UserFields>().map(|row| users.push(row)),
            "users.profile" => row.parse::<ProfileFields>().map(|row| profiles.push(row)),
            "users.token" | "authtoken.token" => row.parse::<TokenFields>().map(|row| tokens.push(row)),
            _ => return false,
        };
        dump.unusable.extend(kept.err().map(|entry| *entry));
        true
    })?;
    let (mut entries, references) = dump.groups(false);
    let mut movers = Users::default();
    for Row { origin, pk, fields } in users {
        let read = pk.as_u64().filter(|number| *number > 0).ok_or_else(|| NO_KEY.to_owned());
        match read.and_then(|number| Ok((number, references.user(&fields)?))) {
            Err(reason) => entries.push(unusable(origin, reason)),
            Ok((number, (mut mover, left_out))) => {
                mover.set_number(UserNumber(number));
                mover.may_share_email = true;
                give_address(&mut mover);
                movers.places.insert(key(&pk), movers.entries.len());
                movers.places.insert(natural(&[&fields.username]), movers.entries.len());
                movers.entries.push((origin, mover, left_out));
            }
        }
    }
    for row in profiles {
        entries.extend(movers.profile(row));
    }
    for row in tokens {
        entries.extend(movers.token(row));
    }
    entries.extend(movers.entries.into_iter().map(|(origin, mover, left_out)| Entry {
        origin,
        record: Ok(Record::User(Box::new(mover))),
        left_out,
    }));
    let unusable = std::mem::take(&mut dump.unusable);
    Ok(Source::of(unusable.into_iter().chain(entries).collect(), dump.passed_over))
}

impl Users {
    fn named(&mut self, reference: &Value) -> Option<&mut Mover> {
        let place = self.places.get(&key(reference))?;
        self.entries.get_mut(*place).map(|(_, mover, _)| mover)
    }

    /// Gives a user its profile; what is wrong, if that cannot be.
    fn profile(&mut self, row: Row<ProfileFields>) -> Option<Entry> {
        let Row { origin, fields, .. } = row;
        let Some(mover) = self.named(&fields.user) else { return Some(unusable(origin, NO_USER.to_owned())) };
        let too_long = |text: &str, most: usize| text.chars().count() > most;
        if too_long(&fields.last_ldap_dn, Profile::MAX_LDAP_DN) || too_long(&fields.theme, Profile::MAX_THEME) {
            return Some(unusable(origin, "last_ldap_dn or theme is too long".to_owned()));
        }
        mover.user.profile = Profile {
            read_only: fields.read_only,
            bulk_edit: fields.bulk_edit,
            vlan_edit: fields.vlan_edit,
            allow_poe_toggle: fields.allow_poe_toggle,
            edit_if_descr: fields.edit_if_descr,
            are_you_sure: fields.are_you_sure,
            last_ldap_dn: fields.last_ldap_dn,
            last_ldap_login: fields.last_ldap_login.as_deref().and_then(Timestamp::parse),
            theme: fields.theme,
            menu: fields.menu,
        };
        None
    }

    /// Gives a user an API token; what is wrong, if that cannot be.
    fn token(&mut self, row: Row<TokenFields>) -> Option<Entry> {
        let Row { origin, pk, fields } = row;
        // Where the key is the primary key, no message may show it.
        let (text, origin) = match (fields.key, pk) {
            (Some(text), _) => (text, origin),
            (None, Value::String(text)) => (text, "an API token".to_owned()),
            (None, _) => return Some(unusable(origin, NO_KEY.to_owned())),
        };
        let Some(mover) = self.named(&fields.user) else { return Some(unusable(origin, NO_USER.to_owned())) };
        let moment = |text: &str| Timestamp::parse(text);
        // Without a date it is good for ever.
        let good_until = fields.expires.as_deref().map_or(Some(Timestamp::from_micros(i64::MAX)), moment);
        let reason = if !is_api_token(&text) {
            "its key should have 40 hexadecimal digits"
        } else if !fields.allowed_ips.trim().is_empty() {
            // It would let in more than it did.
            "it is limited to some addresses, which tokens here are not"
        } else if !fields.write_enabled {
            "it may only read, but tokens here may do what their users may"
        } else if let (Some(created), Some(good_until)) = (moment(&fields.created), good_until) {
            mover.tokens.push(MovingToken {
                hash: token_hash(&text),
                id: None,
                title: fields.description,
                is_active: true,
                created,
                updated: created,
                last_used: fields.last_used.as_deref().and_then(moment),
                good_until,
            });
            return None;
        } else {
            "created or expires is no moment"
        };
        Some(unusable(origin, reason.to_owned()))
    }
}

const NO_USER: &str = "its user is not in the file, or cannot be used";
