//! Users whose expiration date requires a step.

use crate::error::Result;
use crate::model::{Backoff, Date, UserId};
use crate::store::cleanup_tasks::{backoff, resting};
use crate::store::item::key_of;
use crate::store::keys::{self, Key};
use crate::store::requests::{Bound, Range};
use crate::store::transaction::{Condition, Transaction};
use crate::store::{Item, Store};

/// A user whose expiration date requires a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueUser {
    /// The user.
    pub user: UserId,
    /// How often the step has failed, and until when it is paused.
    pub backoff: Backoff,
    key: Key,
}

impl Store {
    /// At most `limit` users after a given one whose expiration date requires a step on that day or an earlier one,
    /// those due longest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn users_due(&self, today: Date, after: Option<&DueUser>, limit: usize) -> Result<Vec<DueUser>> {
        let end = keys::expiry_after(today);
        // The sort key right after it begins with it.
        let begin = after.map(|due| format!("{}!", due.key.sk));
        let bound = begin.as_deref().map_or(Bound::Before(&end), |begin| Bound::Between(begin, &end));
        let items = self.query(Range { pk: keys::EXPIRY, bound, ascending: true }, limit).await?;
        let due = |item: &Item| {
            let key = key_of(item);
            Some(DueUser { user: keys::expiry_user(&key.sk)?, key, backoff: backoff(item) })
        };
        Ok(items.iter().filter_map(due).collect())
    }

    /// Records how often the step has failed and until when it is paused, unless it was done meanwhile.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn user_due_rests(&self, due: &DueUser) -> Result<()> {
        let mut item = due.key.attributes();
        item.extend(resting(due.backoff));
        let mut transaction = Transaction::new();
        transaction.put_if(item, Condition::Present, ());
        let _ = self.transact(&transaction).await?;
        Ok(())
    }
}
