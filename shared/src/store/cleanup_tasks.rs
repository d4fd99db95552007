//! Cleanup tasks: what did not fit into the transactions of changes.

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::key_of;
use super::keys;
use super::requests::{Bound, Range};
use super::transaction::{Condition, Transaction};
use super::{Item, Store};
use crate::error::Result;
use crate::model::CleanupTask;
use crate::model::ambient::random;
use crate::model::{Backoff, Timestamp};

/// A pending task, and the version of the change that left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingTask {
    /// The task.
    pub work: CleanupTask,
    /// The version of the record when it was changed; 0 where that does not matter.
    pub version: u64,
    /// How often it has failed, and until when it is paused.
    pub backoff: Backoff,
}

/// Pending tasks of changed groups and organizations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedCompanions {
    /// The tasks.
    pub work: Vec<CleanupTask>,
    /// Different whenever an organization was renamed or removed.
    pub names: String,
}

/// Attribute of a pending item: how often it has failed.
const FAILURES: &str = "failures";
/// Attribute of a pending item: until when it is paused, in microseconds.
const UNTIL: &str = "until";
/// Attribute of the mark for changed names.
const MARK: &str = "mark";

impl Store {
    /// All pending tasks. There are hardly ever any: requests do most of the work themselves.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn cleanup_tasks(&self) -> Result<Vec<PendingTask>> {
        let range = Range { pk: keys::WORK, bound: Bound::Whole, ascending: true };
        let items = self.query(range, usize::MAX).await?;
        Ok(items.iter().filter_map(waiting).collect())
    }

    /// That task, if it is pending.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn pending_task(&self, work: CleanupTask) -> Result<Option<PendingTask>> {
        Ok(self.item(&keys::work(work)).await?.as_ref().and_then(waiting))
    }

    /// Pending tasks of groups and organizations only.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn changed_companions(&self) -> Result<ChangedCompanions> {
        let (first, last) = keys::WORK_ON_COMPANIONS;
        let range = Range { pk: keys::WORK, bound: Bound::Between(first, last), ascending: true };
        let mut changed = ChangedCompanions { work: Vec::new(), names: String::new() };
        for item in self.query(range, usize::MAX).await? {
            if let Some(mark) = item.get(MARK).and_then(|mark| mark.as_s().ok()) {
                changed.names.clone_from(mark);
            }
            changed.work.extend(waiting(&item).map(|waiting| waiting.work));
        }
        Ok(changed)
    }

    /// Deletes a finished task, unless a later change has left it again.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn finish_cleanup_task(&self, done: &PendingTask) -> Result<()> {
        let key = keys::work(done.work);
        if done.version == 0 {
            return self.remove(&key).await;
        }
        let mut transaction = Transaction::new();
        transaction.delete_if(key, done.is_the_same(), ());
        let _ = self.transact(&transaction).await?;
        Ok(())
    }

    /// Records how often a task has failed and until when it is paused, unless it is done or a later change has left it
    /// again.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn postpone_cleanup_task(&self, waiting: &PendingTask) -> Result<()> {
        let mut item = keys::work(waiting.work).attributes();
        if waiting.version > 0 {
            item.insert("version".to_owned(), AttributeValue::N(waiting.version.to_string()));
        }
        item.extend(resting(waiting.backoff));
        let mut transaction = Transaction::new();
        transaction.put_if(item, waiting.is_the_same(), ());
        let _ = self.transact(&transaction).await?;
        Ok(())
    }

    /// Makes processes read cached organization names again.
    pub(super) fn names_changed<G: Clone>(&self, transaction: &mut Transaction<G>) {
        let mut item = keys::organization_names().attributes();
        let mark = u64::from_be_bytes(random(&*self.ambient));
        item.insert(MARK.to_owned(), AttributeValue::S(format!("{mark:016x}")));
        transaction.put(item);
    }
}

impl PendingTask {
    /// True while no later change has left the same task again.
    fn is_the_same(&self) -> Condition {
        match self.version {
            0 => Condition::Present,
            version => Condition::Is("version", AttributeValue::N(version.to_string())),
        }
    }
}

fn waiting(item: &Item) -> Option<PendingTask> {
    let work = keys::work_of(&key_of(item).sk)?;
    let version = item.get("version").and_then(|value| value.as_n().ok()?.parse().ok());
    Some(PendingTask { work, version: version.unwrap_or_default(), backoff: backoff(item) })
}

/// How often the task of an item has failed, and until when it is paused.
pub(super) fn backoff(item: &Item) -> Backoff {
    let number = |name| item.get(name).and_then(|value| value.as_n().ok()?.parse::<i64>().ok());
    let failures = number(FAILURES).and_then(|failures| u32::try_from(failures).ok());
    Backoff { failures: failures.unwrap_or_default(), until: number(UNTIL).map(Timestamp::from_micros) }
}

/// The attributes for it.
pub(super) fn resting(backoff: Backoff) -> Item {
    let number = |number: i64| AttributeValue::N(number.to_string());
    let failures = (backoff.failures > 0).then(|| (FAILURES.to_owned(), number(backoff.failures.into())));
    let until = backoff.until.map(|until| (UNTIL.to_owned(), number(until.micros())));
    failures.into_iter().chain(until).collect()
}
