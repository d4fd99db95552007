//! Which users a filter can be about at all, by what the directory has an index of (`contracts/scim.md` section 4).

use serde_json::Value;
use shared::directory::{UserFilter, UserKey};
use shared::model::{GroupId, OrganizationId, UserId};

use crate::filter::{Comparison, Condition, Place};
use crate::schema::ROLLCALL_URN;

/// Where candidates come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Users with this value.
    Key(UserKey),
    /// Users whom a search finds.
    Search(Box<UserFilter>),
    /// All of these.
    Any(Vec<Self>),
}

/// The source of all users who can meet a condition; `None` if no index helps.
pub fn source(condition: &Condition) -> Option<Source> {
    match condition {
        Condition::And(left, right) => match (source(left), source(right)) {
            (Some(Source::Search(left)), Some(Source::Search(right))) => Some(Source::Search(both(*left, *right))),
            // A value names fewer users than a search finds.
            (Some(Source::Search(_)) | None, Some(other)) | (Some(other), _) => Some(other),
            (None, None) => None,
        },
        Condition::Or(left, right) => Some(Source::Any(vec![source(left)?, source(right)?])),
        Condition::Compare(place, comparison, value) => compared(*place, *comparison, value),
        Condition::Entry(place, inner) => entry(place.attribute.name, inner),
        Condition::Never => Some(Source::Any(Vec::new())),
        Condition::Not(_) | Condition::Present(_) => None,
    }
}

/// A search by both, as far as they are about different things.
fn both(left: UserFilter, right: UserFilter) -> Box<UserFilter> {
    Box::new(UserFilter {
        username: left.username.or(right.username),
        first_name: left.first_name.or(right.first_name),
        last_name: left.last_name.or(right.last_name),
        email: left.email.or(right.email),
        is_active: left.is_active.or(right.is_active),
        any: Vec::new(),
        group: left.group.or(right.group),
        organization: left.organization.or(right.organization),
    })
}

/// A condition on one entry: what it says of the value.
fn entry(attribute: &str, inner: &Condition) -> Option<Source> {
    match inner {
        Condition::And(left, right) => entry(attribute, left).or_else(|| entry(attribute, right)),
        Condition::Or(left, right) => Some(Source::Any(vec![entry(attribute, left)?, entry(attribute, right)?])),
        Condition::Compare(place, comparison, value) if place.attribute.name == "value" => {
            by_name(attribute, Some("value"), *comparison, value)
        }
        _ => None,
    }
}

fn compared(place: Place, comparison: Comparison, value: &Value) -> Option<Source> {
    let part = place.part.map(|part| part.name);
    if place.extension == Some(ROLLCALL_URN)
        && place.attribute.name == "organizations"
        && part.is_none_or(|part| part == "value")
    {
        let id = OrganizationId::parse(value.as_str()?).filter(|_| comparison == Comparison::Eq)?;
        return search(UserFilter { organization: Some(id), ..UserFilter::default() });
    }
    if place.extension.is_some() { None } else { by_name(place.attribute.name, part, comparison, value) }
}

fn by_name(attribute: &str, part: Option<&str>, comparison: Comparison, value: &Value) -> Option<Source> {
    let is_equal = comparison == Comparison::Eq;
    let is_text = matches!(comparison, Comparison::Eq | Comparison::Co | Comparison::Sw | Comparison::Ew);
    if attribute == "active" && is_equal {
        let is_active = value.as_bool().or_else(|| value.as_str().and_then(shared::web::fields::boolean_word));
        return search(UserFilter { is_active: Some(is_active?), ..UserFilter::default() });
    }
    let text = match value {
        Value::String(text) if !text.is_empty() => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let found = Some(text.clone());
    match (attribute, part) {
        ("id", None) if is_equal => {
            Some(UserId::parse(&text).map_or(Source::Any(Vec::new()), |id| Source::Key(UserKey::Id(id))))
        }
        ("userName", None) if is_equal => Some(Source::Key(UserKey::Name(text))),
        ("externalId", None) if is_equal => Some(Source::Key(UserKey::ExternalId(text))),
        ("emails", None | Some("value")) if is_equal => Some(Source::Key(UserKey::Email(text))),
        ("groups", None | Some("value")) if is_equal => {
            let group = text.parse().map(GroupId).ok()?;
            search(UserFilter { group: Some(group), ..UserFilter::default() })
        }
        ("userName", None) if is_text => search(UserFilter { username: found, ..UserFilter::default() }),
        ("name", Some("givenName")) if is_text => search(UserFilter { first_name: found, ..UserFilter::default() }),
        ("name", Some("familyName")) if is_text => search(UserFilter { last_name: found, ..UserFilter::default() }),
        ("emails", None | Some("value")) if is_text => search(UserFilter { email: found, ..UserFilter::default() }),
        _ => None,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it ends the arms of a match")]
fn search(filter: UserFilter) -> Option<Source> {
    Some(Source::Search(Box::new(filter)))
}
