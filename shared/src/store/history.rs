//! Attempts to sign in, newest first; those that were accepted apart from those that were refused,
//! so that the latest success is found at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Bound, Item, Range, Store, cost, from_item, key_of, keys, to_item, unavailable};
use crate::ambient::random;
use crate::error::{Error, Result};
use crate::model::{SignInAttempt, Timestamp, UserId};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

/// How long an attempt is kept at least, in seconds (`contracts/edge.md` section 8, rule 8).
const LIFE: i64 = 90 * 24 * 60 * 60;

#[derive(Serialize, Deserialize)]
struct AttemptItem {
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    expires: i64,
}

impl Store {
    /// Notes an attempt of a user.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn attempt_insert(&self, user: UserId, attempt: &SignInAttempt) -> Result<()> {
        let SignInAttempt { success, at, user_agent, address } = attempt.clone();
        let key = keys::attempt(user, success, at, u64::from_be_bytes(random(&*self.ambient)));
        let item = AttemptItem { at, agent: user_agent, address, expires: at.plus_seconds(LIFE).seconds() };
        let put = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(to_item(&key, &item)?))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = self.write(|| put.clone().send()).await.map_err(unavailable)?;
        cost::wrote(output.consumed_capacity());
        Ok(())
    }

    /// Writes attempts that were noted elsewhere, each under the name that it had there, so that once more changes nothing.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn attempts_restore(&self, attempts: &[(UserId, u64, SignInAttempt)]) -> Result<()> {
        let items = attempts.iter().map(|(user, name, attempt)| {
            let SignInAttempt { success, at, user_agent, address } = attempt.clone();
            let item = AttemptItem { at, agent: user_agent, address, expires: at.plus_seconds(LIFE).seconds() };
            (keys::attempt(*user, success, at, *name), item)
        });
        // Every item stands in a batch once.
        let items: BTreeMap<_, _> = items.collect();
        let items = items.iter().map(|(key, item)| to_item(key, item));
        self.write_batch(items.collect::<Result<Vec<_>>>()?, &[]).await
    }

    /// All attempts of a user, each with its name, oldest first; those that were accepted, or those that were refused.
    ///
    /// # Errors
    /// When the store does not answer, or an item is damaged.
    pub async fn attempts_named(&self, user: UserId, accepted: bool) -> Result<Vec<(u64, SignInAttempt)>> {
        let pk = keys::attempts(user, accepted);
        let items = self.query(Range { pk: &pk, bound: Bound::Whole, ascending: true }, usize::MAX).await?;
        let named = |item: Item| {
            let key = key_of(&item);
            let damaged = || Error::internal(format!("the item {key} has no name"));
            let name = keys::name_of_attempt(&key.sk).ok_or_else(damaged)?;
            let AttemptItem { at, agent, address, expires: _ } = from_item(&key, item)?;
            Ok((name, SignInAttempt { success: accepted, at, user_agent: agent, address }))
        };
        items.into_iter().map(named).collect()
    }

    /// The newest attempts of a user that were accepted, or that were refused, at most `limit`, newest first.
    ///
    /// # Errors
    /// When the store does not answer, or an item is damaged.
    pub async fn attempts(&self, user: UserId, accepted: bool, limit: usize) -> Result<Vec<SignInAttempt>> {
        let pk = keys::attempts(user, accepted);
        let items = self.query(Range { pk: &pk, bound: Bound::Whole, ascending: false }, limit).await?;
        let attempt = |item: Item| {
            let AttemptItem { at, agent, address, expires: _ } = from_item(&key_of(&item), item)?;
            Ok(SignInAttempt { success: accepted, at, user_agent: agent, address })
        };
        items.into_iter().map(attempt).collect()
    }

    /// Removes some attempts of a removed user, at most `limit` of each kind; `true` when there were no more.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn attempts_remove_some(&self, user: UserId, limit: usize) -> Result<bool> {
        let mut last = true;
        for accepted in [true, false] {
            let pk = keys::attempts(user, accepted);
            let items = self.query(Range { pk: &pk, bound: Bound::Whole, ascending: true }, limit).await?;
            last &= items.len() < limit;
            self.remove_all(&items.iter().map(key_of).collect::<Vec<_>>()).await?;
        }
        Ok(last)
    }
}
