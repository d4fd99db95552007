//! When something that failed is retried.

use super::Timestamp;

/// The pause after the first failure, in seconds; each further one is twice as long.
const FIRST_PAUSE: i64 = 60;
/// The longest pause, in seconds.
const LONGEST_PAUSE: i64 = 24 * 60 * 60;

/// How often something has failed, and until when it is paused. Sorts by the number of failures, fewest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Backoff {
    /// The number of consecutive failures.
    pub failures: u32,
    /// The time of the next attempt; `None` for immediately.
    pub until: Option<Timestamp>,
}

impl Backoff {
    /// Whether it may be retried at that time.
    pub fn is_over(self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// The state after another failure at that time: a pause of one minute, then two, four and so on, at most a day.
    #[must_use]
    pub fn failed(self, now: Timestamp) -> Self {
        let pause = doubled(FIRST_PAUSE, LONGEST_PAUSE, self.failures);
        Self { failures: self.failures.saturating_add(1), until: Some(now.plus_seconds(pause)) }
    }
}

/// A pause that was doubled `times` times, but at most the longest one.
pub(crate) fn doubled(first: i64, longest: i64, times: u32) -> i64 {
    first.saturating_mul(1 << times.min(32)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_a_minute_to_a_day() {
        let now = Timestamp::from_micros(0);
        let mut backoff = Backoff::default();
        assert!(backoff.is_over(now));
        let mut pauses = Vec::new();
        for _ in 0..70 {
            backoff = backoff.failed(now);
            pauses.push(backoff.until.expect("a moment").seconds() / 60);
        }
        assert_eq!(pauses[..12], [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1440]);
        assert!(pauses[12..].iter().all(|pause| *pause == 1440), "{pauses:?}");
        assert_eq!(backoff.failures, 70);
        assert!(!backoff.is_over(now.plus_seconds(1440 * 60 - 1)) && backoff.is_over(now.plus_seconds(1440 * 60)));
    }

    #[test]
    fn what_has_failed_least_comes_first() {
        let now = Timestamp::from_micros(0);
        let fresh = Backoff::default();
        assert!(
            fresh < Backoff { until: Some(now), ..fresh } && Backoff { until: Some(now), ..fresh } < fresh.failed(now)
        );
    }
}
