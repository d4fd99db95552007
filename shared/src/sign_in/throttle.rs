//! Limits on failed attempts, counted in the table so that they hold over all processes.

use crate::error::{Error, Result};
use crate::model::{Timestamp, UserId};
use crate::store::{Counted, Store};

/// Failures of one address in a day.
const BY_ADDRESS: Limit = Limit { failures: 20, window: 24 * 60 * 60 };
/// Failures against one account in a quarter of an hour.
const BY_USER: Limit = Limit { failures: 10, window: 15 * 60 };

/// So many failures are let through in each window of so many seconds.
#[derive(Debug, Clone, Copy)]
struct Limit {
    failures: u32,
    window: i64,
}

/// An attempt that counts as failed until it is [forgiven](Attempt::forgive).
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    counted: Vec<Counted>,
}

impl Attempt {
    /// Counts an attempt before its secret is looked at, so that attempts at once cannot slip by.
    ///
    /// # Errors
    /// [`Error::Throttled`] when a limit was reached.
    pub(super) async fn begin(store: &Store, now: Timestamp, address: Option<&str>, users: &[UserId]) -> Result<Self> {
        let mut attempt = Self::default();
        if let Some(address) = address {
            attempt.count(store, now, format!("ADDRESS#{address}"), BY_ADDRESS).await?;
        }
        for user in users {
            attempt.count(store, now, format!("USER#{user}"), BY_USER).await?;
        }
        Ok(attempt)
    }

    /// Takes the attempt back: it succeeded.
    pub(crate) async fn forgive(self, store: &Store) -> Result<()> {
        for counted in self.counted {
            store.throttle_refund(counted).await?;
        }
        Ok(())
    }

    async fn count(&mut self, store: &Store, now: Timestamp, whose: String, limit: Limit) -> Result<()> {
        let seconds = now.seconds();
        let end = (seconds.div_euclid(limit.window) + 1) * limit.window;
        let throttled = || Error::Throttled { retry_after: (end - seconds).max(1).unsigned_abs() };
        self.counted.push(store.throttle_count(&whose, end, limit.failures).await?.ok_or_else(throttled)?);
        Ok(())
    }
}
