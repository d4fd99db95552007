//! Retries: for how long, and after which pauses; and the attempts of changes that read before they write.

use std::time::Duration;

use tokio::time::Instant;

use super::Store;
use crate::error::{Error, Result};
use crate::model::ambient::random;

/// How long and how often to retry.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Pause before the second attempt; each further one may be twice as long, minus a random part.
    pub pause: Duration,
    /// No attempt starts later than this after the first.
    pub deadline: Duration,
}

/// Attempts to read, decide and write, until a write finds everything as it was read.
///
/// A loop calls [`Attempts::next`], because the future of a function that takes an async closure would not be `Send`.
pub struct Attempts<'a> {
    retries: Retries<'a>,
    has_begun: bool,
}

/// Repetitions of a piece of work: each after a pause with jitter, none after the deadline.
pub(super) struct Retries<'a> {
    store: &'a Store,
    deadline: Instant,
    pause: Duration,
}

impl Attempts<'_> {
    /// Waits until the next attempt may start; the first may start immediately. Each reads what it decides on. Returns
    /// whether it is the first.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if other requests change the records so often that no attempt succeeded in time.
    pub async fn next(&mut self) -> Result<bool> {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        if is_first || self.retries.again().await {
            Ok(is_first)
        } else {
            Err(Error::Unavailable("too many concurrent changes to one record".into()))
        }
    }
}

impl Retries<'_> {
    /// Waits until the next one may start. `false` if there is no time left.
    pub async fn again(&mut self) -> bool {
        let [byte] = random(&*self.store.ambient);
        // At least half of the pause.
        let pause = self.pause.mul_f64(0.5 + f64::from(byte) / 512.0);
        if Instant::now() + pause > self.deadline {
            return false;
        }
        tokio::time::sleep(pause).await;
        self.pause = (self.pause * 2).min(self.store.retry_policy.deadline / 8);
        true
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { pause: Duration::from_millis(20), deadline: Duration::from_secs(8) }
    }
}

impl Store {
    /// Attempts that begin now.
    pub fn attempts(&self) -> Attempts<'_> {
        Attempts { retries: self.retries(), has_begun: false }
    }

    /// Repetitions of a piece of work that begins now.
    pub(super) fn retries(&self) -> Retries<'_> {
        let RetryPolicy { pause, deadline } = self.retry_policy;
        Retries { store: self, deadline: Instant::now() + deadline, pause }
    }
}
