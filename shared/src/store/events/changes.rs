//! What an event says about a change: the attributes of a record that differ, within the size of one write unit.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::model::{Event, FieldChange, FieldValue, shorten};

/// The most bytes of an event in the table, so that it costs two write units in a transaction.
const MOST_BYTES: usize = 900;
/// The most characters of a name or a route.
const MOST_TEXT: usize = 150;
/// The most bytes of a name that does not fit otherwise.
const SHORT_TEXT: usize = 40;
/// Stands for changed fields that do not fit.
const OMITTED: &str = "…";

/// The attributes of a record that differ, each with its old and new value. An attribute that is an object is compared
/// attribute by attribute, as `profile.vlan`. Only the name is told of `secret`, and nothing of `ignored`.
pub(in crate::store) fn changes_between<T: Serialize>(
    before: Option<&T>,
    after: Option<&T>,
    secret: &str,
    ignored: &[&str],
) -> Result<BTreeMap<String, FieldChange>> {
    let object = |record: Option<&T>| -> Result<Map<String, Value>> {
        let Some(record) = record else { return Ok(Map::new()) };
        let value = serde_json::to_value(record).map_err(|error| Error::Internal(error.into()))?;
        let Value::Object(mut object) = value else { return Err(Error::internal("a record that is no object")) };
        object.retain(|name, _| !ignored.contains(&name.as_str()));
        Ok(object)
    };
    let mut changes = BTreeMap::new();
    collect("", &object(before)?, &object(after)?, &mut changes);
    if let Some(change) = changes.get_mut(secret) {
        *change = FieldChange::default();
    }
    Ok(changes)
}

fn collect(
    prefix: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    changes: &mut BTreeMap<String, FieldChange>,
) {
    let none = Map::new();
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let (old, new) = (before.get(name), after.get(name));
        if old == new {
            continue;
        }
        let path = format!("{prefix}{name}");
        let parts = [old, new].map(|value| match value {
            Some(Value::Object(parts)) => Some(parts),
            None => Some(&none),
            Some(_) => None,
        });
        if let ([Some(old), Some(new)], true) = (parts, old.or(new).is_some_and(Value::is_object)) {
            collect(&format!("{path}."), old, new, changes);
        } else {
            let value = |value: Option<&Value>| serde_json::from_value(value?.clone()).ok();
            changes.insert(path, FieldChange { old: value(old), new: value(new) });
        }
    }
}

/// The event, made to fit: values are omitted from its changes, the longest first; then whole changes, which `…`
/// stands for.
pub(super) fn bounded(mut event: Event) -> Event {
    for text in [&mut event.target.name, &mut event.actor.username].into_iter().flatten() {
        shorten(text, MOST_TEXT);
    }
    shorten(&mut event.actor.via, MOST_TEXT);
    while length(&event) > MOST_BYTES {
        let many = event.changes.len() > 1;
        let longest = event.changes.values_mut().max_by_key(length);
        match longest.filter(|change| **change != FieldChange::default()) {
            Some(longest) => *longest = FieldChange::default(),
            None if many => {
                event.changes.remove(OMITTED);
                event.changes.pop_last();
                event.changes.insert(OMITTED.to_owned(), FieldChange::default());
            }
            None => {
                event.changes.clear();
                for text in [&mut event.target.name, &mut event.actor.username].into_iter().flatten() {
                    text.truncate(text.floor_char_boundary(SHORT_TEXT));
                }
                break;
            }
        }
    }
    event
}

/// The length of its serialized form in bytes.
fn length(value: &impl Serialize) -> usize {
    serde_json::to_string(value).map_or(0, |text| text.len())
}

/// A text as the value of a change.
pub(in crate::store) fn text(text: impl Into<String>) -> FieldValue {
    FieldValue::Text(text.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::model::{Actor, ActorKind, EventAction, EventId, EventTarget, Timestamp, UserId};

    fn event(name: &str, changes: BTreeMap<String, FieldChange>) -> Event {
        Event {
            id: EventId(Uuid::nil()),
            at: Timestamp::from_micros(i64::MAX),
            action: EventAction::PasswordResetMailed,
            actor: Actor {
                username: Some(name.to_owned()),
                id: Some(UserId(Uuid::nil())),
                token: Some("0".repeat(24)),
                network: Some("2001:db8:ffff:ffff::".to_owned()),
                request: Some(Uuid::nil().to_string()),
                ..Actor::system(ActorKind::User, &"x".repeat(200))
            },
            target: EventTarget::user(UserId(Uuid::nil()), Some(name)),
            version: Some(u64::MAX),
            changes,
            erased: true,
        }
    }

    #[test]
    fn each_changed_attribute_has_its_old_and_new_value() {
        let before = json!({"name": "Ada", "email": "a@mail.example", "profile": {"vlan": 1, "notes": "x"}, "v": 1});
        let after =
            json!({"name": "Ada", "phone": "+39", "profile": {"vlan": 2, "notes": "x"}, "password": "b", "v": 2});
        let changes = changes_between(Some(&before), Some(&after), "password", &["v"]).expect("objects");
        let told = serde_json::to_value(&changes).expect("changes");
        let expected = json!({
            "email": {"old": "a@mail.example"},
            "password": {},
            "phone": {"new": "+39"},
            "profile.vlan": {"old": 1, "new": 2},
        });
        assert_eq!(told, expected);
        assert!(changes_between(Some(&after), Some(&after), "", &[]).expect("objects").is_empty());
        let made = changes_between(None, Some(&after), "password", &[]).expect("objects");
        assert_eq!(made["profile.vlan"], FieldChange { old: None, new: Some(FieldValue::Number(2)) });
    }

    #[test]
    fn values_that_do_not_fit_are_omitted_longest_first() {
        let change = |length: usize| FieldChange { old: None, new: Some(text("x".repeat(length))) };
        let changes = [("bio".to_owned(), change(5000)), ("city".to_owned(), change(20))];
        let bounded = bounded(event("ada", changes.into()));
        assert_eq!(bounded.changes["bio"], FieldChange::default());
        assert_eq!(bounded.changes["city"], change(20));
    }

    proptest! {
        #[test]
        fn every_event_fits(
            name in ".{0,300}",
            changes in proptest::collection::btree_map(".{0,40}", (proptest::option::of(".{0,3000}"), ".{0,30}"), 0..40),
        ) {
            let changes = changes.into_iter().map(|(name, (old, new))| {
                (name, FieldChange { old: old.map(text), new: Some(text(new)) })
            });
            let bounded = bounded(event(&name, changes.collect()));
            prop_assert!(length(&bounded) <= MOST_BYTES + 100, "{} bytes", length(&bounded));
        }
    }
}
