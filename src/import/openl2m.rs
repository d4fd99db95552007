//! Dumps of OpenL2M: `manage.py dumpdata auth contenttypes users authtoken`.

use std::collections::BTreeSet;
use std::io::BufRead;

use serde_json::Value;
use shared::auth::{is_api_token, token_hash};
use shared::directory::transfer::{ImportEntry, TokenRecord};
use shared::error::Cause;
use shared::model::{SwitchProfile, Timestamp, UserNumber};

use super::Source;
use super::django::{Dump, Maker, NO_KEY, Row, UserFields, give_address, unusable};
use super::fields::{Fields, FromFields, Key, moment, number};
use super::users::{NO_USER, User, Users};

const MAKER: Maker = Maker {
    users: "auth.user",
    others: ("openwisp_users.user", "this seems to be an OpenWISP dump; use the format `openwisp`"),
    responses: None,
};

struct ProfileFields {
    user: Value,
    /// The error if it is unreadable: even then we must know whose limits it contains.
    read: Result<(SwitchProfile, Vec<String>), String>,
}

struct TokenFields {
    user: Value,
    /// Now, if missing.
    created: Option<Timestamp>,
    /// Without a date it never expires.
    good_until: Timestamp,
    last_used: Value,
    key: Option<String>,
    write_enabled: bool,
    description: String,
    is_limited_to_addresses: bool,
}

impl FromFields for ProfileFields {
    fn from_fields(fields: &Fields<'_>) -> Result<Self, String> {
        Ok(Self { user: fields.value("user"), read: profile(fields) })
    }
}

/// A profile, and its parts that cannot be kept. None of those parts limits anybody.
fn profile(fields: &Fields<'_>) -> Result<(SwitchProfile, Vec<String>), String> {
    let model = SwitchProfile::default();
    let mut left_out = Vec::new();
    let mut text = |name: &str, most: usize, default: String| match fields.get(name).map(|_| fields.text(name)) {
        None => default,
        Some(Ok(text)) if text.chars().count() <= most => text,
        Some(_) => {
            left_out.push(format!("{name} of its profile (too long, or not a text)"));
            default
        }
    };
    let last_ldap_dn = text("last_ldap_dn", SwitchProfile::MAX_LDAP_DN, model.last_ldap_dn);
    let theme = text("theme", SwitchProfile::MAX_THEME, model.theme);
    let last_ldap_login = fields.get("last_ldap_login").filter(|value| !value.is_null());
    let read = last_ldap_login.and_then(moment);
    if last_ldap_login.is_some() && read.is_none() {
        left_out.push("last_ldap_login of its profile (not a valid timestamp)".to_owned());
    }
    let profile = SwitchProfile {
        read_only: fields.flag("read_only", model.read_only)?,
        bulk_edit: fields.flag("bulk_edit", model.bulk_edit)?,
        vlan_edit: fields.flag("vlan_edit", model.vlan_edit)?,
        allow_poe_toggle: fields.flag("allow_poe_toggle", model.allow_poe_toggle)?,
        edit_if_descr: fields.flag("edit_if_descr", model.edit_if_descr)?,
        are_you_sure: fields.flag("are_you_sure", model.are_you_sure)?,
        last_ldap_dn,
        last_ldap_login: read,
        theme,
        menu: fields.flag("menu", model.menu)?,
    };
    Ok((profile, left_out))
}

impl FromFields for TokenFields {
    fn from_fields(fields: &Fields<'_>) -> Result<Self, String> {
        let expires = fields.get("expires").filter(|value| !value.is_null());
        let good_until = expires.map_or(Some(Timestamp::from_micros(i64::MAX)), moment);
        let no_addresses = match fields.value("allowed_ips") {
            Value::Null => true,
            Value::String(text) => text.trim().is_empty(),
            Value::Array(values) => values.is_empty(),
            _ => false,
        };
        Ok(Self {
            user: fields.value("user"),
            created: fields.moment("created")?,
            good_until: good_until.ok_or("expires is not a valid timestamp")?,
            last_used: fields.value("last_used"),
            key: fields.optional_text("key")?,
            write_enabled: fields.flag("write_enabled", true)?,
            description: fields.text("description")?,
            is_limited_to_addresses: !no_addresses,
        })
    }
}

/// Reads a dump.
pub fn read(file: impl BufRead + Send + 'static, now: Timestamp) -> Result<Source, Cause> {
    let (mut users, mut profiles, mut tokens) = (Vec::new(), Vec::new(), Vec::new());
    let mut dump = Dump::read(file, &MAKER, |dump, model, row| {
        let kept = match model {
            "auth.user" => row.parse::<UserFields>().map(|row| users.push(row)),
            "users.profile" => {
                let kept = row.parse::<ProfileFields>();
                dump.unread += u64::from(kept.is_err());
                kept.map(|row| profiles.push(row))
            }
            "users.token" | "authtoken.token" => row.parse::<TokenFields>().map(|row| tokens.push(row)),
            _ => return false,
        };
        if let Err(entry) = kept {
            dump.reject(*entry);
        }
        true
    })?;
    let (mut entries, references) = dump.groups(false);
    let mut movers = Users::new(Key::of_number);
    for Row { origin, pk, fields } in users {
        let number = number(&pk).filter(|number| *number > 0).ok_or_else(|| NO_KEY.to_owned());
        let read = number.and_then(|number| {
            let (mut user_record, left_out) = references.user(&fields, now)?;
            user_record.set_number(UserNumber(number));
            user_record.may_share_email = true;
            give_address(&mut user_record);
            Ok((user_record, left_out))
        });
        movers.add(origin, &pk, &fields.username, read);
    }
    entries.extend(movers.limit(profiles, dump.unread > 0));
    for row in tokens {
        entries.extend(movers.token(row, now));
    }
    entries.extend(movers.into_entries());
    let unusable = std::mem::take(&mut dump.unusable);
    Ok(Source::of(unusable.into_iter().chain(entries).collect(), dump.passed_over))
}

impl Users {
    /// Assigns users their profiles. A user whose profile is unreadable, or may be among the unreadable rows, is
    /// skipped, because the profile may contain limits. Returns the problems of profiles without a user.
    fn limit(&mut self, profiles: Vec<Row<ProfileFields>>, some_are_unread: bool) -> Vec<ImportEntry> {
        let mut wrong = Vec::new();
        let mut met = BTreeSet::new();
        let are_told = !profiles.is_empty();
        let mut some_are_unread = some_are_unread;
        for Row { origin, fields: ProfileFields { user, read }, .. } in profiles {
            some_are_unread |= Key::of_number(&user).is_none();
            let Some(User { read: user_record, .. }) = self.named(&user) else {
                wrong.push(unusable(origin, NO_USER.to_owned()));
                continue;
            };
            match (user_record.as_mut(), read) {
                (Err(_), _) => wrong.push(unusable(origin, NO_USER.to_owned())),
                (Ok((found, _)), _) if !met.insert(found.user.number) => {
                    *user_record = Err(format!("it has a second profile: {origin}"));
                }
                (Ok((found, left_out)), Ok((profile, without))) => {
                    found.user.profile = profile;
                    left_out.extend(without);
                }
                (Ok(_), Err(reason)) => *user_record = Err(format!("its profile cannot be used: {origin}: {reason}")),
            }
        }
        for User { read, .. } in self.all().filter(|_| are_told && some_are_unread) {
            if read.as_ref().is_ok_and(|(user_record, _)| !met.contains(&user_record.user.number)) {
                *read = Err("it has no profile; the profile may be among the unusable rows".to_owned());
            }
        }
        wrong
    }

    /// Adds an API token to a user; returns the problem, if there is one.
    fn token(&mut self, row: Row<TokenFields>, now: Timestamp) -> Option<ImportEntry> {
        let Row { origin, pk, fields } = row;
        let ((Some(text), _) | (None, Value::String(text))) = (fields.key, pk) else {
            return Some(unusable(origin, NO_KEY.to_owned()));
        };
        let Some(user) = self.named(&fields.user) else { return Some(unusable(origin, NO_USER.to_owned())) };
        let Ok((user_record, left_out)) = &mut user.read else { return Some(unusable(origin, NO_USER.to_owned())) };
        let reason = if !is_api_token(&text) {
            "its key is not 40 hexadecimal digits"
        } else if fields.is_limited_to_addresses {
            // It would allow more than before.
            "it is limited to some IP addresses; tokens here cannot be limited"
        } else if !fields.write_enabled {
            "it is read-only; tokens here cannot be limited"
        } else {
            let last_used = moment(&fields.last_used);
            if last_used.is_none() && !fields.last_used.is_null() {
                left_out.push("last_used of an API token (not a valid timestamp)".to_owned());
            }
            user_record.tokens.push(TokenRecord {
                hash: token_hash(&text).into(),
                id: None,
                title: fields.description,
                is_active: true,
                created: fields.created.unwrap_or(now),
                updated: fields.created.unwrap_or(now),
                last_used,
                good_until: fields.good_until,
                // Unknown: administrators create tokens for others there.
                made_by_other: true,
            });
            return None;
        };
        Some(unusable(origin, reason.to_owned()))
    }
}
