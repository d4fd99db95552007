//! Browser sessions, in a partition of their user.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use serde::{Deserialize, Serialize};

use super::item::{from_item, key_of, to_item};
use super::keys;
use super::requests::{Bound, Range};
use super::transaction::{Condition, Transaction};
use super::users::is_zero;
use super::{Item, NewEvent, Store, cost};
use crate::error::{Error, Result};
use crate::model::{Session, SessionId, Timestamp, UserId};
use crate::secret::Secret;

#[derive(Serialize, Deserialize)]
struct SessionItem {
    hash: Secret,
    #[serde(default, skip_serializing_if = "is_zero")]
    version: u64,
    created: Timestamp,
    last_used: Timestamp,
    good_until: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    /// For DynamoDB's time to live; readers check `good_until`.
    expires: i64,
}

impl Store {
    /// A session of a user, valid or expired.
    ///
    /// # Errors
    /// When the store is unavailable, or the record is malformed.
    pub async fn session(&self, user: UserId, id: SessionId) -> Result<Option<Session>> {
        let item: Option<SessionItem> = self.get(keys::session(user, id)).await?;
        Ok(item.map(|item| session_from(user, id, item)))
    }

    /// All sessions of a user, oldest first, valid or expired.
    ///
    /// # Errors
    /// When the store is unavailable, or a record is malformed.
    pub async fn sessions(&self, user: UserId) -> Result<Vec<Session>> {
        let pk = keys::sessions(user);
        let items = self.query(Range { pk: &pk, bound: Bound::Whole, ascending: true }, usize::MAX).await?;
        let session = |item: Item| {
            let key = key_of(&item);
            let damaged = || Error::internal(format!("malformed item {key}: bad id"));
            let id = keys::session_id(&key.sk).ok_or_else(damaged)?;
            Ok(session_from(user, id, from_item(&key, item)?))
        };
        items.into_iter().map(session).collect()
    }

    /// Creates a session. `false`, and no session, if its user was deleted.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn session_insert(&self, session: &Session) -> Result<bool> {
        let mut transaction = Transaction::new();
        transaction.put_if(session_item(session)?, Condition::Absent, ());
        transaction.check(keys::user(session.user), Condition::Present, ());
        Ok(self.transact(&transaction).await?.is_ok())
    }

    /// Records the use of a session. Nothing happens if the session was deleted.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn session_used(&self, user: UserId, id: SessionId, now: Timestamp) -> Result<()> {
        let update = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(keys::session(user, id).attributes()))
            .update_expression("SET #used = :now")
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#used", "last_used")
            .expression_attribute_names("#pk", keys::PK)
            .expression_attribute_values(":now", AttributeValue::N(now.micros().to_string()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some(output) = self.write_if(|| update.clone().send()).await? {
            cost::wrote(output.consumed_capacity());
        }
        Ok(())
    }

    /// Deletes sessions of a user; no error for missing ones.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn sessions_remove(&self, user: UserId, ids: &[SessionId]) -> Result<()> {
        for &id in ids {
            self.remove(&keys::session(user, id)).await?;
        }
        Ok(())
    }

    /// Ends a session, and writes the event of that. Nothing happens if it has ended already.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn session_end(&self, user: UserId, id: SessionId, event: NewEvent) -> Result<()> {
        let mut transaction = Transaction::new();
        transaction.delete_if(keys::session(user, id), Condition::Present, ());
        self.write_event(&mut transaction, event)?;
        let _ = self.transact(&transaction).await?;
        Ok(())
    }

    /// Deletes some sessions of a deleted user, at most `limit`; `true` if there are no more. Those of a user who was
    /// restored meanwhile stay.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn sessions_remove_some(&self, user: UserId, limit: usize) -> Result<bool> {
        let pk = keys::sessions(user);
        let items = self.query(Range { pk: &pk, bound: Bound::Whole, ascending: true }, limit).await?;
        if !items.is_empty() {
            let mut transaction = Transaction::new();
            for item in &items {
                transaction.delete(key_of(item));
            }
            transaction.check(keys::user(user), Condition::Absent, ());
            let _ = self.transact(&transaction).await?;
        }
        Ok(items.len() < limit)
    }
}

/// The item of a session.
pub(super) fn session_item(session: &Session) -> Result<Item> {
    let Session { id, user, hash, version, created, last_used, good_until, address, user_agent } = session.clone();
    let expires = good_until.seconds();
    let item = SessionItem { hash, version, created, last_used, good_until, address, agent: user_agent, expires };
    to_item(&keys::session(user, id), &item)
}

fn session_from(user: UserId, id: SessionId, item: SessionItem) -> Session {
    let SessionItem { hash, version, created, last_used, good_until, address, agent, expires: _ } = item;
    Session { id, user, hash, version, created, last_used, good_until, address, user_agent: agent }
}
