//! Recording a successful attempt while the handler reads, which saves a wait for the store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use async_recursion::async_recursion as boxed;

use super::RequestOrigin;
use crate::directory::Directory;
use crate::error::Result;
use crate::model::{SignInAttempt, Timestamp, UserId};

/// A successful attempt of a request that is to be recorded once.
#[derive(Debug, Clone, Default)]
pub struct LateAttempt(Arc<Left>);

#[derive(Debug, Default)]
struct Left {
    attempt: OnceLock<(UserId, SignInAttempt)>,
    is_taken: AtomicBool,
}

impl LateAttempt {
    /// Leaves the attempt.
    pub(in crate::directory) fn leave(&self, user: UserId, attempt: SignInAttempt) {
        // A request signs in once.
        let _ = self.0.attempt.set((user, attempt));
    }

    /// When that user made it.
    pub(in crate::directory) fn time_of(&self, user: UserId) -> Option<Timestamp> {
        self.0.attempt.get().filter(|(whose, _)| *whose == user).map(|(_, attempt)| attempt.at)
    }
}

impl Directory {
    /// Records the successful attempt that the caller of a request has left, if nobody has done so.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn record_late(&self, origin: &RequestOrigin) -> Result<()> {
        let Some(LateAttempt(left)) = &origin.late_attempt else { return Ok(()) };
        let Some((user, attempt)) = left.attempt.get() else { return Ok(()) };
        if !left.is_taken.swap(true, Ordering::Relaxed) {
            self.store.attempt_insert(*user, attempt).await?;
        }
        Ok(())
    }
}
