//! Failed attempts by network and by account, and the data that all processes share to count them alike.
//!
//! Each attempt has a unique id, so counting or uncounting it twice, after a lost response, has no further effect.
//! Everything except the shared item expires.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
};

use super::failure::unavailable;
use super::item::key_of;
use super::keys::Key;
use super::requests::{Bound, Range};
use super::{Item, Store, cost, keys};
use crate::error::{Error, Result};
use crate::model::UserId;
use crate::secret::Secret;

/// The ids of the attempts.
const ATTEMPTS: &str = "attempts";
/// The known networks of an account: the day of the last login by network.
const NETWORKS: &str = "networks";
/// The key for hashing identifiers and networks.
const KEY: &str = "key";

/// The subject of consecutive failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Those of a user.
    User(UserId),
    /// A name that no user has, by its hash.
    Nobody(String),
}

/// What counts the mails for a new password to a user.
pub fn resets_of(user: UserId) -> String {
    format!("RESETS#USER#{user}")
}

/// Consecutive failures of a subject, over all networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guard {
    /// The ids of the attempts, at most as many as the limit.
    pub attempts: BTreeSet<String>,
    /// The day (since 1970) of the last login from each known network, by the network's hash.
    pub networks: BTreeMap<String, i64>,
    /// Whether the limit was reached, so that this attempt was not counted.
    pub is_full: bool,
}

/// The throttle data shared by all processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Common {
    /// The key for hashing identifiers and networks.
    pub key: Secret,
    /// The highest cost of a stored password hash, by kind of work.
    pub efforts: BTreeMap<String, u64>,
}

impl Store {
    /// Counts an attempt with that id against `whose` in the window that ends at `window_end` (seconds since 1970).
    /// Returns the ids of all attempts counted there. `None`, and no count, if `limit` was reached.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn throttle_count(
        &self,
        whose: &str,
        window_end: i64,
        name: &str,
        limit: u32,
    ) -> Result<Option<BTreeSet<String>>> {
        let update = self
            .update(&keys::throttle(whose, window_end))
            .update_expression("ADD #attempts :attempt SET #expires = :end")
            .condition_expression(ROOM)
            .expression_attribute_names("#attempts", ATTEMPTS)
            .expression_attribute_names("#expires", keys::EXPIRES)
            .expression_attribute_values(":attempt", AttributeValue::Ss(vec![name.to_owned()]))
            .expression_attribute_values(":name", AttributeValue::S(name.to_owned()))
            .expression_attribute_values(":end", AttributeValue::N(window_end.to_string()))
            .expression_attribute_values(":limit", AttributeValue::N(limit.to_string()))
            .return_values(ReturnValue::AllNew);
        let Some(output) = self.write_if(|| update.clone().send()).await? else { return Ok(None) };
        cost::wrote(output.consumed_capacity());
        Ok(Some(names(output.attributes.as_ref())))
    }

    /// Uncounts an attempt that did not fail.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn throttle_refund(&self, whose: &str, window_end: i64, name: &str) -> Result<()> {
        let update = self
            .update(&keys::throttle(whose, window_end))
            .update_expression("DELETE #attempts :attempt SET #expires = :end")
            .expression_attribute_names("#attempts", ATTEMPTS)
            .expression_attribute_names("#expires", keys::EXPIRES)
            .expression_attribute_values(":attempt", AttributeValue::Ss(vec![name.to_owned()]))
            .expression_attribute_values(":end", AttributeValue::N(window_end.to_string()));
        let output = self.write(|| update.clone().send()).await.map_err(unavailable)?;
        cost::wrote(output.consumed_capacity());
        Ok(())
    }

    /// Counts an attempt with that id among the consecutive failures of a subject, unless there are `limit` already.
    /// They are kept until `expires`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn guard_count(&self, of: &Subject, name: &str, limit: u32, expires: i64) -> Result<Guard> {
        let update = self
            .update(&keys::guard(of))
            .update_expression(
                "ADD #attempts :attempt SET #networks = if_not_exists(#networks, :none), #expires = :end",
            )
            .condition_expression(ROOM)
            .expression_attribute_names("#attempts", ATTEMPTS)
            .expression_attribute_names("#networks", NETWORKS)
            .expression_attribute_names("#expires", keys::EXPIRES)
            .expression_attribute_values(":attempt", AttributeValue::Ss(vec![name.to_owned()]))
            .expression_attribute_values(":name", AttributeValue::S(name.to_owned()))
            .expression_attribute_values(":none", AttributeValue::M(Item::new()))
            .expression_attribute_values(":end", AttributeValue::N(expires.to_string()))
            .expression_attribute_values(":limit", AttributeValue::N(limit.to_string()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match self.write(|| update.clone().send()).await {
            Ok(output) => {
                cost::wrote(output.consumed_capacity());
                Ok(guard(output.attributes.as_ref(), false))
            }
            Err(SdkError::ServiceError(refused)) if refused.err().is_conditional_check_failed_exception() => {
                let UpdateItemError::ConditionalCheckFailedException(failed) = refused.err() else {
                    return Ok(Guard { is_full: true, ..Guard::default() });
                };
                Ok(guard(failed.item(), true))
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Uncounts an attempt among the consecutive failures of a subject.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn guard_refund(&self, of: &Subject, name: &str) -> Result<()> {
        let update = self
            .update(&keys::guard(of))
            .update_expression("DELETE #attempts :attempt")
            .condition_expression("attribute_exists(#attempts)")
            .expression_attribute_names("#attempts", ATTEMPTS)
            .expression_attribute_values(":attempt", AttributeValue::Ss(vec![name.to_owned()]));
        let output = self.write_if(|| update.clone().send()).await?;
        cost::wrote(output.as_ref().and_then(|output| output.consumed_capacity()));
        Ok(())
    }

    /// Clears the consecutive failures of a user after a login from a network on that day, and deletes some networks to
    /// make room. Both are kept until `expires`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn guard_end(
        &self,
        user: UserId,
        (network, day): (&str, i64),
        forgotten: &[&String],
        expires: i64,
    ) -> Result<()> {
        let mut removed = "#attempts".to_owned();
        let mut update = self.update(&keys::guard(&Subject::User(user)));
        for (index, old) in forgotten.iter().enumerate() {
            let _ = write!(removed, ", #networks.#old{index}");
            update = update.expression_attribute_names(format!("#old{index}"), *old);
        }
        let update = update
            .update_expression(format!("SET #networks.#network = :day, #expires = :end REMOVE {removed}"))
            // The attempt was counted just before; a user being deleted needs no networks.
            .condition_expression("attribute_exists(#networks)")
            .expression_attribute_names("#attempts", ATTEMPTS)
            .expression_attribute_names("#networks", NETWORKS)
            .expression_attribute_names("#network", network)
            .expression_attribute_names("#expires", keys::EXPIRES)
            .expression_attribute_values(":day", AttributeValue::N(day.to_string()))
            .expression_attribute_values(":end", AttributeValue::N(expires.to_string()));
        let output = self.write_if(|| update.clone().send()).await?;
        cost::wrote(output.as_ref().and_then(|output| output.consumed_capacity()));
        Ok(())
    }

    /// Clears the consecutive failures of a user. Returns how many there were.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn guard_unlock(&self, user: UserId) -> Result<usize> {
        let update = self
            .update(&keys::guard(&Subject::User(user)))
            .update_expression("REMOVE #attempts")
            .condition_expression("attribute_exists(#attempts)")
            .expression_attribute_names("#attempts", ATTEMPTS)
            .return_values(ReturnValue::AllOld);
        let Some(output) = self.write_if(|| update.clone().send()).await? else { return Ok(0) };
        cost::wrote(output.consumed_capacity());
        Ok(names(output.attributes.as_ref()).len())
    }

    /// Deletes all failures against a limit of a deleted user.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn failures_remove(&self, whose: &str) -> Result<()> {
        let Key { pk, .. } = keys::throttle(whose, 0);
        let items = self.query(Range { pk: &pk, bound: Bound::Whole, ascending: true }, usize::MAX).await?;
        self.remove_all(&items.iter().map(key_of).collect::<Vec<_>>()).await
    }

    /// Deletes the consecutive failures and the known networks of a deleted user.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn guard_remove(&self, user: UserId) -> Result<()> {
        self.remove(&keys::guard(&Subject::User(user))).await
    }

    /// The data shared by all processes; the first caller sets the key.
    ///
    /// # Errors
    /// When the store is unavailable, or the item is malformed.
    pub async fn throttle_common(&self, new_key: &Secret) -> Result<Common> {
        // An update instead of a read: every function that checks secrets may update items of these partitions.
        let update = self
            .update(&keys::throttle_common())
            .update_expression("SET #key = if_not_exists(#key, :key)")
            .expression_attribute_names("#key", KEY)
            .expression_attribute_values(":key", AttributeValue::S(new_key.reveal().to_owned()))
            .return_values(ReturnValue::AllNew);
        let output = self.write(|| update.clone().send()).await.map_err(unavailable)?;
        cost::wrote(output.consumed_capacity());
        let damaged = || Error::internal("malformed throttle key");
        let item = output.attributes.ok_or_else(damaged)?;
        let key = item.get(KEY).and_then(|key| key.as_s().ok()).ok_or_else(damaged)?.clone();
        Ok(Common { key: key.into(), efforts: numbers(item) })
    }

    /// Records the cost of a stored password hash for that kind of work, if it is the highest.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn effort_note(&self, kind: &str, effort: u64) -> Result<()> {
        let update = self
            .update(&keys::throttle_common())
            .update_expression("SET #kind = :effort")
            .condition_expression("attribute_not_exists(#kind) OR #kind < :effort")
            .expression_attribute_names("#kind", kind)
            .expression_attribute_values(":effort", AttributeValue::N(effort.to_string()));
        let output = self.write_if(|| update.clone().send()).await?;
        cost::wrote(output.as_ref().and_then(|output| output.consumed_capacity()));
        Ok(())
    }

    fn update(&self, key: &Key) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(key.attributes()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }
}

/// There is room for one more attempt, or this one was counted already.
const ROOM: &str = "attribute_not_exists(#attempts) OR size(#attempts) < :limit OR contains(#attempts, :name)";

fn names(item: Option<&Item>) -> BTreeSet<String> {
    let names = item.and_then(|item| item.get(ATTEMPTS)?.as_ss().ok());
    names.into_iter().flatten().cloned().collect()
}

fn numbers(item: Item) -> BTreeMap<String, u64> {
    item.into_iter().filter_map(|(name, value)| Some((name, value.as_n().ok()?.parse().ok()?))).collect()
}

fn guard(item: Option<&Item>, is_full: bool) -> Guard {
    let networks = item.and_then(|item| item.get(NETWORKS)?.as_m().ok());
    let day = |value: &AttributeValue| value.as_n().ok()?.parse().ok();
    let networks = networks.into_iter().flatten().filter_map(|(network, value)| Some((network.clone(), day(value)?)));
    Guard { attempts: names(item), networks: networks.collect(), is_full }
}
