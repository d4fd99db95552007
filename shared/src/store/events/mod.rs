//! Events: stored with the change that they tell of, then put in order.
//!
//! A change writes its event as a *pending* one, in its own transaction. The sequencer moves pending events to the *log*,
//! a list of numbered segments, and copies each to the partitions of its target and its actor. A position in the log
//! never changes, and nothing is ever added before a position that somebody has read.

mod changes;
mod days;
mod erasure;
mod log;
mod sequencer;
mod transfer;

pub(in crate::store) use self::changes::{changes_between, text};
pub use self::days::{LogFault, LogReport};
pub use self::log::{LogRange, LoggedEvent, Segment};
pub use self::transfer::{DayRecord, SegmentOutcome, SegmentRecord};

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use self::changes::bounded;
use super::item::{from_item, to_item};
use super::transaction::Transaction;
use super::{Item, Store, keys};
use crate::error::{Error, Result};
use crate::model::ambient::random;
use crate::model::{Actor, Event, EventAction, EventId, EventTarget, FieldChange};

/// What a change says about itself; the store adds id and time.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// What happened.
    pub action: EventAction,
    /// Who caused it.
    pub actor: Actor,
    /// What it happened to.
    pub target: EventTarget,
    /// The version of the target's record afterwards, if it has versions.
    pub version: Option<u64>,
    /// The changed fields.
    pub changes: BTreeMap<String, FieldChange>,
}

/// An event with a random text, so that its digest reveals nothing once the event has been erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Salted {
    salt: String,
    event: String,
}

impl Salted {
    fn read(&self) -> Result<Event> {
        serde_json::from_str(&self.event).map_err(|error| Error::internal(format!("malformed event: {error}")))
    }
}

impl NewEvent {
    /// An event without changes.
    pub fn new(action: EventAction, actor: Actor, target: EventTarget) -> Self {
        Self { action, actor, target, version: None, changes: BTreeMap::new() }
    }
}

impl Store {
    /// The item of a new event.
    fn pending_event(&self, event: NewEvent) -> Result<Item> {
        let NewEvent { action, actor, target, version, changes } = event;
        let (id, at) = (EventId::generate(&*self.ambient), self.ambient.now());
        let key = keys::pending_event(id, &target);
        let event = bounded(Event { id, at, action, actor, target, version, changes, erased: false });
        let salt = format!("{:016x}", u64::from_be_bytes(random(&*self.ambient)));
        let event = serde_json::to_string(&event).map_err(|error| Error::Internal(error.into()))?;
        to_item(&key, &Salted { salt, event })
    }

    /// Writes an event together with the change that it tells of.
    pub(super) fn write_event<G: Clone>(&self, transaction: &mut Transaction<G>, event: NewEvent) -> Result<()> {
        transaction.put(self.pending_event(event)?);
        Ok(())
    }

    /// Writes an event that belongs to no transaction.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn event_insert(&self, event: NewEvent) -> Result<()> {
        self.put(self.pending_event(event)?, None).await?;
        Ok(())
    }
}

/// The event of a pending item.
fn pending(item: Item) -> Result<(Salted, Event)> {
    let salted: Salted = from_item(&super::item::key_of(&item), item)?;
    let event = salted.read()?;
    Ok((salted, event))
}

/// An attribute with a number.
fn number(number: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(number.into().to_string())
}
