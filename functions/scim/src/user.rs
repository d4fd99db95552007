//! Users on the wire (`contracts/scim.md` section 3).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use shared::directory::{Act, Caller};
use shared::model::{EmailAddress, GroupId, OrganizationId, UserEmail, UserRow, date_text};

use crate::answer::tag;
use crate::extras;
use crate::schema::{ENTERPRISE_URN, ROLLCALL_URN, USER_URN};

/// Names that users are shown with.
#[derive(Debug, Default)]
pub struct Names {
    /// Of groups.
    pub groups: BTreeMap<GroupId, String>,
    /// Of organizations.
    pub organizations: BTreeMap<OrganizationId, String>,
}

/// Extras that are shown as they were sent.
pub const VERBATIM: [&str; 9] =
    ["displayName", "nickName", "title", "userType", "preferredLanguage", "locale", "timezone", "addresses", "roles"];
/// Parts of a name that are among the extras.
pub const NAME_EXTRAS: [&str; 3] = ["middleName", "honorificPrefix", "honorificSuffix"];

/// A user as a caller sees it, below the address `root` of this API.
pub fn resource(row: &UserRow, caller: &Caller, root: &str, names: &Names) -> Map<String, Value> {
    let extras = &extras::read(&row.extras);
    let mut user = Map::new();
    let mut schemas = vec![USER_URN];
    if extras.contains_key(ENTERPRISE_URN) {
        schemas.push(ENTERPRISE_URN);
    }
    schemas.push(ROLLCALL_URN);
    user.insert("schemas".to_owned(), json!(schemas));
    user.insert("id".to_owned(), json!(row.id));
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            user.insert(name.to_owned(), value);
        }
    };
    set("externalId", row.external_id.as_ref().map(|id| json!(id)));
    set("userName", Some(json!(row.username)));
    set("name", name(row, extras));
    for name in VERBATIM.into_iter().filter(|name| !["addresses", "roles"].contains(name)) {
        set(name, extras.get(name).cloned());
    }
    let url = (!row.url.is_empty()).then(|| json!(row.url));
    set("profileUrl", extras.get("profileUrl").cloned().or(url));
    set("active", Some(json!(row.flags.is_active)));
    set("emails", Some(emails(row, extras)).filter(|list| !list.is_empty()).map(Value::Array));
    let phone = row.phone_number.as_ref().map(|number| json!([{"value": number, "type": "work"}]));
    set("phoneNumbers", extras.get("phoneNumbers").cloned().or(phone));
    set("addresses", extras.get("addresses").cloned());
    set("groups", groups(row, root, names));
    set("roles", extras.get("roles").cloned());
    set(ENTERPRISE_URN, extras.get(ENTERPRISE_URN).cloned());
    set(ROLLCALL_URN, own_extension(row, caller, names));
    let mut meta = json!({"resourceType": "User", "created": row.date_joined.rfc3339()});
    if let Some((version, modified)) = row.change {
        meta["lastModified"] = json!(modified.rfc3339());
        meta["version"] = json!(tag(version));
    }
    meta["location"] = json!(format!("{root}/Users/{}", row.id));
    set("meta", Some(meta));
    user
}

fn name(row: &UserRow, extras: &Map<String, Value>) -> Option<Value> {
    let mut parts = Map::new();
    let whole: Vec<&str> =
        [&row.first_name, &row.last_name].into_iter().map(|name| &**name).filter(|name| !name.is_empty()).collect();
    for (part, value) in
        [("formatted", &whole.join(" ")), ("familyName", &row.last_name), ("givenName", &row.first_name)]
    {
        if !value.is_empty() {
            parts.insert(part.to_owned(), json!(value));
        }
    }
    let kept = extras.get("name").and_then(Value::as_object);
    for part in NAME_EXTRAS {
        if let Some(value) = kept.and_then(|kept| kept.get(part)) {
            parts.insert(part.to_owned(), value.clone());
        }
    }
    (!parts.is_empty()).then_some(Value::Object(parts))
}

/// The addresses of a user, as they were sent, and those that came from elsewhere.
fn emails(row: &UserRow, extras: &Map<String, Value>) -> Vec<Value> {
    let kept = extras.get("emails").and_then(Value::as_array);
    emails_with(kept.map_or(&[], Vec::as_slice), row.email.as_ref(), &row.addresses)
}

/// The addresses: first those among `kept` that the user still has, with what was sent about them.
pub fn emails_with(kept: &[Value], email: Option<&EmailAddress>, addresses: &[UserEmail]) -> Vec<Value> {
    let own: Vec<&EmailAddress> = email.into_iter().chain(addresses.iter().map(|entry| &entry.email)).collect();
    let folded = |entry: &Value| entry["value"].as_str().map(str::to_lowercase);
    let mut entries: Vec<Value> = Vec::new();
    for entry in kept.iter().filter(|entry| own.iter().any(|email| folded(entry) == Some(email.folded()))) {
        entries.push(entry.clone());
    }
    for email in own {
        if !entries.iter().any(|entry| folded(entry) == Some(email.folded())) {
            entries.push(json!({ "value": email }));
        }
    }
    let is_email = |entry: &Value| email.is_some_and(|email| folded(entry) == Some(email.folded()));
    let marked = entries.iter().position(|entry| is_email(entry) && entry["primary"] == true);
    // If it was said of none that it is primary, that stays as it was said.
    let is_said = kept.iter().any(|entry| entry["primary"] == true);
    let primary = marked.or_else(|| entries.iter().position(is_email));
    for (index, entry) in entries.iter_mut().enumerate() {
        let Some(parts) = entry.as_object_mut() else { continue };
        let is_primary = primary == Some(index);
        parts.entry("type").or_insert_with(|| json!(if is_primary { "work" } else { "other" }));
        if (is_primary && (is_said || parts.get("primary") != Some(&Value::Bool(false))))
            || (is_said && parts.contains_key("primary"))
        {
            parts.insert("primary".to_owned(), json!(is_primary));
        }
    }
    entries
}

fn groups(row: &UserRow, root: &str, names: &Names) -> Option<Value> {
    let group = |id: &GroupId| {
        let mut group = json!({"value": id.to_string(), "$ref": format!("{root}/Groups/{id}")});
        if let Some(name) = names.groups.get(id) {
            group["display"] = json!(name);
        }
        group["type"] = json!("direct");
        group
    };
    let groups: Vec<Value> = row.groups.iter().map(group).collect();
    (!groups.is_empty()).then_some(Value::Array(groups))
}

fn own_extension(row: &UserRow, caller: &Caller, names: &Names) -> Option<Value> {
    let mut parts = Map::new();
    let seen = row.memberships.iter().filter(|membership| caller.may(Act::NameOrganization(membership.organization)));
    let organizations: Vec<Value> = seen
        .map(|membership| {
            let id = membership.organization;
            let mut organization = json!({ "value": id });
            if let Some(name) = names.organizations.get(&id) {
                organization["display"] = json!(name);
            }
            organization["isManager"] = json!(membership.is_admin);
            organization
        })
        .collect();
    if !organizations.is_empty() {
        parts.insert("organizations".to_owned(), Value::Array(organizations));
    }
    if let Some(day) = row.expiration_date {
        parts.insert("expirationDate".to_owned(), json!(date_text(day)));
    }
    (!parts.is_empty()).then_some(Value::Object(parts))
}
