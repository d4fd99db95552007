//! What follows from changes and did not fit into their transactions.

use aws_sdk_dynamodb::types::AttributeValue;

use super::keys::{self, Work};
use super::transaction::{Condition, Transaction};
use super::{Bound, Range, Store, key_of};
use crate::error::Result;

/// Work that waits, and which change has left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingWork {
    /// What is to be done.
    pub work: Work,
    /// The version of the record when it was changed; 0 where that does not matter.
    pub version: u64,
    /// How far it has come, where it goes through members that stay: the place of the last one.
    pub after: Option<String>,
}

/// Attribute of work: how far it has come.
const AFTER: &str = "after";

impl Store {
    /// All work that waits. Hardly ever any: requests do most of it themselves.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn work(&self) -> Result<Vec<WaitingWork>> {
        let range = Range { pk: keys::WORK, bound: Bound::Whole, ascending: true };
        let items = self.query(range, usize::MAX).await?;
        let version = |value: Option<&AttributeValue>| value?.as_n().ok()?.parse().ok();
        let waiting = |item: &super::Item| {
            let work = keys::work_of(&key_of(item).sk)?;
            let after = item.get(AFTER).and_then(|after| after.as_s().ok()).cloned();
            Some(WaitingWork { work, version: version(item.get("version")).unwrap_or_default(), after })
        };
        Ok(items.iter().filter_map(waiting).collect())
    }

    /// Notes that the work is done, unless a later change has left the same work again.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn work_finish(&self, done: &WaitingWork) -> Result<()> {
        let key = keys::work(done.work);
        if done.version == 0 {
            return self.remove(&key).await;
        }
        let same = Condition::Is("version", AttributeValue::N(done.version.to_string()));
        let mut transaction = Transaction::new();
        transaction.delete_if(key, same, ());
        let _ = self.transact(&transaction).await?;
        Ok(())
    }

    /// Notes how far the work has come. `false` when a later change has left the same work again.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn work_advance(&self, waiting: &WaitingWork) -> Result<bool> {
        let version = AttributeValue::N(waiting.version.to_string());
        let mut item = keys::work(waiting.work).attributes();
        item.insert("version".to_owned(), version.clone());
        item.extend(waiting.after.clone().map(|after| (AFTER.to_owned(), AttributeValue::S(after))));
        let mut transaction = Transaction::new();
        transaction.put_if(item, Condition::Is("version", version), ());
        Ok(self.transact(&transaction).await?.is_ok())
    }
}
