//! Retries: for how long, and after which pauses.

use std::time::Duration;

use tokio::time::Instant;

use super::Store;
use crate::model::ambient::random;

/// How long and how often to retry.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Pause before the second attempt; each further one may be twice as long, minus a random part.
    pub pause: Duration,
    /// No attempt starts later than this after the first.
    pub deadline: Duration,
}

/// Attempts at a piece of work: each except the first after a pause with jitter, none after the deadline.
pub struct Retries<'a> {
    store: &'a Store,
    begun: bool,
    deadline: Instant,
    pause: Duration,
}

impl Retries<'_> {
    /// Waits until the next attempt may start; the first may start immediately. `false` if there is no time left.
    pub async fn next(&mut self) -> bool {
        let first = !std::mem::replace(&mut self.begun, true);
        first || self.again().await
    }

    /// Waits until another attempt may start, before reading the state that it starts from. `false` if there is no time
    /// left.
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
    /// Attempts at a piece of work that begins now.
    pub fn retries(&self) -> Retries<'_> {
        let RetryPolicy { pause, deadline } = self.retry_policy;
        Retries { store: self, begun: false, deadline: Instant::now() + deadline, pause }
    }
}
