//! What lists are asked for: in a query, or in the body of a search (RFC 7644 sections 3.4.2 and 3.4.3).

use http::Uri;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use shared::dialect::scim::{Problem, Reason};
use shared::model::Timestamp;

use crate::body::{check_schemas, member};
use crate::filter::{self, Target};
use crate::schema::{Attribute, Schema};

/// The schema of searches.
const SEARCH_URN: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
/// How many resources a page has unless a client says otherwise.
pub const PAGE: usize = 100;
/// How many resources a page has at most.
pub const MOST: usize = 1000;
/// For how many seconds a cursor is good.
pub const CURSOR_LIFE: i64 = 60 * 60;

/// What a list is asked for.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Which resources.
    pub filter: Option<String>,
    /// By what they are sorted.
    pub sort_by: Option<String>,
    /// Whether the largest come first.
    pub descending: bool,
    /// The number of the first one, from 1.
    pub start: u64,
    /// How many, if it was said.
    pub count: Option<usize>,
    /// Where the page begins; empty for the first one.
    pub cursor: Option<String>,
    /// What is shown of each.
    pub shape: Shape,
}

/// What is shown of a resource.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    /// These attributes alone, if there are any.
    pub attributes: Vec<String>,
    /// All but these.
    pub excluded: Vec<String>,
}

impl Query {
    /// Reads the query of an address.
    ///
    /// # Errors
    /// [`Reason::InvalidValue`], [`Reason::InvalidCount`].
    pub fn of_uri(uri: &Uri) -> Result<Self, Problem> {
        let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let values = pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())));
        Self::of(&values.collect())
    }

    /// Reads the body of a search.
    ///
    /// # Errors
    /// [`Reason::InvalidSyntax`] for another schema, and as [`Query::of_uri`].
    pub fn of_body(body: &Map<String, Value>) -> Result<Self, Problem> {
        check_schemas(member(body, "schemas").unwrap_or(&Value::Null), SEARCH_URN)?;
        Self::of(body)
    }

    fn of(values: &Map<String, Value>) -> Result<Self, Problem> {
        let text = |name: &str| member(values, name).and_then(Value::as_str).map(ToOwned::to_owned);
        let given = |name: &str| member(values, name).filter(|value| !value.is_null());
        let start = match given("startIndex") {
            None => 1,
            Some(value) => {
                number(value).ok_or_else(|| Reason::InvalidValue.because("`startIndex` is a whole number."))?
            }
        };
        let count = match given("count") {
            None => None,
            Some(value) => {
                let count = number(value).ok_or_else(|| Reason::InvalidCount.because("`count` is a whole number."))?;
                Some(usize::try_from(count.max(0)).unwrap_or(MOST).min(MOST))
            }
        };
        Ok(Self {
            filter: text("filter").filter(|filter| !filter.trim().is_empty()),
            sort_by: text("sortBy").filter(|name| !name.is_empty()),
            descending: text("sortOrder").is_some_and(|order| order.eq_ignore_ascii_case("descending")),
            start: u64::try_from(start.max(1)).unwrap_or(1),
            count,
            cursor: text("cursor"),
            shape: Shape { attributes: names(given("attributes")), excluded: names(given("excludedAttributes")) },
        })
    }

    /// How many resources the page has at most.
    pub fn limit(&self) -> usize {
        self.count.unwrap_or(PAGE)
    }

    /// How many resources come before the page.
    pub fn skip(&self) -> u64 {
        self.start - 1
    }

    /// Whether versions and times of changes matter, which lists of users do not contain.
    pub fn needs_changes(&self) -> bool {
        let texts = self.filter.iter().chain(&self.sort_by).chain(&self.shape.attributes);
        texts.into_iter().any(|text| text.to_ascii_lowercase().contains("meta"))
    }

    /// The position after which the page begins, and its size; `None` for the first page.
    ///
    /// # Errors
    /// [`Reason::InvalidCursor`], [`Reason::ExpiredCursor`], [`Reason::InvalidCount`].
    pub fn position(&self, kind: &str, now: Timestamp) -> Result<Option<(String, usize)>, Problem> {
        let Some(cursor) = self.cursor.as_ref().filter(|cursor| !cursor.is_empty()) else { return Ok(None) };
        let invalid = || Reason::InvalidCursor.because("The cursor belongs to no list that was asked for like this.");
        let parts: Vec<&str> = cursor.split('.').collect();
        let [until, count, digest, position] = parts[..] else { return Err(invalid()) };
        let (until, count) = (until.parse::<i64>().ok(), count.parse::<usize>().ok().filter(|&count| count <= MOST));
        let (Some(until), Some(count)) = (until, count) else { return Err(invalid()) };
        if digest != self.digest(kind) || !is_position(position) {
            return Err(invalid());
        }
        if now.seconds() >= until {
            return Err(Reason::ExpiredCursor.because("The cursor has expired. Begin again."));
        }
        if self.count.is_some_and(|wanted| wanted != count) {
            return Err(Reason::InvalidCount.because("All pages of a cursor have the same `count`."));
        }
        Ok(Some((position.replace('-', "#"), count)))
    }

    /// The cursor of the page after a position.
    pub fn cursor_after(&self, kind: &str, position: &str, count: usize, now: Timestamp) -> String {
        let until = now.seconds() + CURSOR_LIFE;
        format!("{until}.{count}.{}.{}", self.digest(kind), position.replace('#', "-"))
    }

    /// What a cursor belongs to.
    fn digest(&self, kind: &str) -> String {
        let mut digest = Sha256::new();
        for text in [Some(kind), self.filter.as_deref(), self.sort_by.as_deref()] {
            let text = text.unwrap_or_default();
            digest.update(text.len().to_be_bytes());
            digest.update(text);
        }
        digest.update([u8::from(self.descending)]);
        let digest = digest.finalize();
        format!("{:016x}", digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
    }
}

fn is_position(text: &str) -> bool {
    let is_hex = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_hexdigit());
    text.len() <= 64 && text.split_once('-').map_or(is_hex(text), |(moment, id)| is_hex(moment) && is_hex(id))
}

/// A whole number, in a text or not; those beyond 64 bits are the largest.
fn number(value: &Value) -> Option<i64> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
    let is_whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let farthest = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    is_whole.then(|| text.parse().unwrap_or(farthest))
}

/// Takes out the parts that are shown to those alone who ask for them.
fn hide(resource: &mut Map<String, Value>, attribute: &Attribute) {
    if let Some(Value::Object(parts)) = resource.get_mut(attribute.name) {
        let hidden = attribute.parts.iter().filter(|part| part.on_request);
        hidden.for_each(|part| drop(parts.remove(part.name)));
    }
}

/// Names in a list, or in a text with commas.
fn names(value: Option<&Value>) -> Vec<String> {
    let split = |text: &str| text.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>();
    let names = match value {
        Some(Value::String(text)) => split(text),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).flat_map(split).collect(),
        _ => Vec::new(),
    };
    names.into_iter().filter(|name| !name.is_empty()).collect()
}

impl Shape {
    /// Reads the query of an address.
    pub fn of_uri(uri: &Uri) -> Self {
        let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let mut shape = Self::default();
        for (name, value) in pairs {
            let list = names(Some(&Value::String(value.into_owned())));
            if name.eq_ignore_ascii_case("attributes") {
                shape.attributes = list;
            } else if name.eq_ignore_ascii_case("excludedAttributes") {
                shape.excluded = list;
            }
        }
        shape
    }

    /// Whether an attribute is shown, and whether it was asked for by name.
    pub fn shows(&self, name: &str) -> (bool, bool) {
        let is_name = |path: &String| {
            let bare = path.rsplit(':').next().unwrap_or(path);
            bare.split('.').next().is_some_and(|first| first.eq_ignore_ascii_case(name))
        };
        let is_asked_for = self.attributes.iter().any(is_name);
        let is_excluded = self
            .excluded
            .iter()
            .any(|path| path.rsplit(':').next().is_some_and(|bare| bare.eq_ignore_ascii_case(name)));
        (if self.attributes.is_empty() { !is_excluded } else { is_asked_for }, is_asked_for)
    }

    /// The resource with what is shown of it: always its id and its schemas.
    pub fn of(&self, schema: &Schema, resource: Map<String, Value>) -> Map<String, Value> {
        let target = |path: &String| filter::target(schema, &filter::path(path).ok()?);
        if self.attributes.is_empty() {
            let mut shown = resource;
            for attribute in schema.attributes {
                hide(&mut shown, attribute);
            }
            for target in self.excluded.iter().filter_map(target) {
                exclude(&mut shown, &target);
            }
            return shown;
        }
        let mut shown = Map::new();
        for name in ["schemas", "id"] {
            shown.extend(resource.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        for target in self.attributes.iter().filter_map(target) {
            include(&mut shown, &resource, &target);
        }
        shown
    }
}

fn exclude(shown: &mut Map<String, Value>, target: &Target) {
    let place = match target {
        Target::Extension(urn, _) => {
            shown.remove(*urn);
            return;
        }
        Target::Place(place, _) => place,
    };
    let name = place.attribute.name;
    if ["schemas", "id"].contains(&name) {
        return;
    }
    let root = match place.extension {
        Some(urn) => shown.get_mut(urn).and_then(Value::as_object_mut),
        None => Some(shown),
    };
    match (root, place.part) {
        (Some(root), None) => drop(root.remove(name)),
        (Some(root), Some(part)) => {
            let without = |value: &mut Value| {
                if let Some(parts) = value.as_object_mut() {
                    parts.remove(part.name);
                }
            };
            match root.get_mut(name) {
                Some(Value::Array(entries)) => entries.iter_mut().for_each(without),
                Some(value) => without(value),
                None => {}
            }
        }
        (None, _) => {}
    }
}

fn include(shown: &mut Map<String, Value>, resource: &Map<String, Value>, target: &Target) {
    let place = match target {
        Target::Extension(urn, _) => {
            shown.extend(resource.get(*urn).map(|value| ((*urn).to_owned(), value.clone())));
            return;
        }
        Target::Place(place, _) => place,
    };
    let name = place.attribute.name;
    let from = match place.extension {
        Some(urn) => resource.get(urn).and_then(Value::as_object),
        None => Some(resource),
    };
    let Some(value) = from.and_then(|from| from.get(name)) else { return };
    let only = |value: &Value| match place.part {
        Some(part) => {
            let value = value.get(part.name).map(|value| (part.name.to_owned(), value.clone()));
            Value::Object(value.into_iter().collect())
        }
        None => value.clone(),
    };
    let new = match value {
        Value::Array(entries) => Value::Array(entries.iter().map(only).collect()),
        value => only(value),
    };
    let into = match place.extension {
        Some(urn) => match shown.entry(urn).or_insert_with(|| Value::Object(Map::new())).as_object_mut() {
            Some(into) => into,
            None => return,
        },
        None => shown,
    };
    match into.get_mut(name) {
        Some(known) => join(known, new),
        None => drop(into.insert(name.to_owned(), new)),
    }
}

/// Adds parts that were asked for one by one.
fn join(known: &mut Value, new: Value) {
    match (known, new) {
        (Value::Object(known), Value::Object(new)) => known.extend(new),
        (Value::Array(known), Value::Array(new)) => {
            known.iter_mut().zip(new).for_each(|(known, new)| join(known, new));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::{ENTERPRISE_URN, USER};

    fn query(text: &str) -> Result<Query, Problem> {
        Query::of_uri(&format!("/?{text}").parse().expect("a URI"))
    }

    #[test]
    fn numbers_are_brought_within_their_limits() {
        for (text, start, count) in [
            ("", 1, None),
            ("startIndex=0&count=-3", 1, Some(0)),
            ("startIndex=-5&count=5000", 1, Some(MOST)),
            ("STARTINDEX=7&COUNT=99999999999999999999", 7, Some(MOST)),
            ("startIndex=2&count=0", 2, Some(0)),
        ] {
            let query = query(text).expect("a query");
            assert_eq!((query.start, query.count), (start, count), "{text}");
        }
        for (text, reason) in [("startIndex=x", Reason::InvalidValue), ("count=ten", Reason::InvalidCount)] {
            assert_eq!(query(text).expect_err(text).reason, Some(reason));
        }
    }

    #[test]
    fn a_cursor_belongs_to_its_list_and_its_time() {
        let now = Timestamp::from_micros(0);
        let cursor = query("filter=x").expect("a query").cursor_after("Users", "0a#0b", 7, now);
        let position = |text: &str, seconds| {
            let query = query(&format!("{text}&cursor={cursor}")).expect("a query");
            query.position("Users", now.plus_seconds(seconds))
        };
        assert_eq!(position("filter=x", CURSOR_LIFE - 1), Ok(Some(("0a#0b".to_owned(), 7))));
        assert_eq!(position("filter=x&count=7", 0), Ok(Some(("0a#0b".to_owned(), 7))));
        let reason = |text, seconds| position(text, seconds).expect_err("a problem").reason;
        assert_eq!(reason("filter=x", CURSOR_LIFE), Some(Reason::ExpiredCursor));
        assert_eq!(reason("filter=y", 0), Some(Reason::InvalidCursor));
        assert_eq!(reason("filter=x&count=8", 0), Some(Reason::InvalidCount));
        assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)), "{cursor}");
    }

    #[test]
    fn a_resource_shows_what_was_asked_for() {
        let user = json!({
            "schemas": ["s"], "id": "1", "userName": "u", "name": {"givenName": "g", "familyName": "f"},
            "emails": [{"value": "a", "type": "work"}], ENTERPRISE_URN: {"department": "d", "division": "v"},
        });
        let shown = |attributes: &str, excluded: &str| {
            let shape = Shape { attributes: names(Some(&json!(attributes))), excluded: names(Some(&json!(excluded))) };
            Value::Object(shape.of(&USER, user.as_object().expect("a user").clone()))
        };
        assert_eq!(shown("", ""), user);
        assert_eq!(
            shown("USERNAME, name.givenName,name.familyName,emails.value,unknown", ""),
            json!({
                "schemas": ["s"], "id": "1", "userName": "u", "name": {"givenName": "g", "familyName": "f"},
                "emails": [{"value": "a"}],
            })
        );
        let department = format!("{ENTERPRISE_URN}:department");
        assert_eq!(shown(&department, ""), json!({"schemas": ["s"], "id": "1", ENTERPRISE_URN: {"department": "d"}}));
        assert_eq!(
            shown("", &format!("id,name.givenName,emails,{ENTERPRISE_URN}")),
            json!({"schemas": ["s"], "id": "1", "userName": "u", "name": {"familyName": "f"}})
        );
    }
}
