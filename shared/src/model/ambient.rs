//! Clock and randomness, the two things that a process takes from its environment.
//!
//! Code that depends on them receives an [`Ambient`], so that a test can script both. Ids, salts, tokens and jitter are
//! all derived from [`Ambient::fill`].

use std::sync::Arc;

use crate::model::Timestamp;

/// The source of time and randomness.
pub trait Ambient: Send + Sync + 'static {
    /// The current time, with microseconds.
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
    #[expect(clippy::disallowed_methods, reason = "the only function that reads the clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "the only function that reads randomness")]
    #[expect(clippy::expect_used, reason = "secrets need randomness")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system returns random bytes");
    }
}
