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
}

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
            Some(WaitingWork { work, version: version(item.get("version")).unwrap_or_default() })
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
        transaction.delete_if(&self.table, &key, same, ())?;
        let _ = self.transact(&transaction).await?;
        Ok(())
    }
}
