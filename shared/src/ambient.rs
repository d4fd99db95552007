//! Clock and randomness, the two things a process takes from its surroundings.
//!
//! Everything that depends on them is handed an [`Ambient`], so that a test can script both.
//! Ids, salts, tokens and jitter are all derived from [`Ambient::fill`].

use std::sync::Arc;

use crate::model::Timestamp;

/// Where time and randomness come from.
pub trait Ambient: Send + Sync + 'static {
    /// The present moment, with microseconds.
    fn now(&self) -> Timestamp;
    /// Fills `bytes` with unpredictable bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// `N` unpredictable bytes.
pub fn random<const N: usize>(ambient: &dyn Ambient) -> [u8; N] {
    let mut bytes = [0; N];
    ambient.fill(&mut bytes);
    bytes
}

/// The system's clock and its random source.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl System {
    /// The system's clock and randomness, shared.
    pub fn shared() -> Arc<dyn Ambient> {
        Arc::new(Self)
    }
}

impl Ambient for System {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads randomness")]
    #[expect(clippy::expect_used, reason = "without randomness no secret may be made")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}
