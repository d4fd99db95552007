//! Login attempts (`contracts/edge.md` section 8).

use std::fmt;

use super::Timestamp;

/// A login attempt of a known user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInAttempt {
    /// Whether the credentials were accepted.
    pub success: bool,
    /// The time of the attempt.
    pub at: Timestamp,
    /// The user agent, at most [`SignInAttempt::MOST_AGENT`] bytes.
    pub user_agent: Option<String>,
    /// The client IP, as the gateway saw it.
    pub address: Option<String>,
}

/// The position of an attempt in the user's history, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptPlace {
    /// The time of the attempt.
    pub at: Timestamp,
    /// Whether the credentials were accepted.
    pub success: bool,
    /// The id under which it is stored.
    pub name: u64,
}

/// A position in a history to continue from.
///
/// Its text is for links: the number of attempts up to it, then the position, separated by dots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryMark {
    /// How many attempts there are up to that position.
    pub offset: u64,
    /// The last of them.
    pub last: AttemptPlace,
}

impl SignInAttempt {
    /// The maximum length of a stored user agent, in bytes.
    pub const MOST_AGENT: usize = 200;
}

impl HistoryMark {
    /// Parses the text that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let [offset, ordinal, outcome, name] = text.split('.').collect::<Vec<_>>()[..] else { return None };
        let success = match outcome {
            "a" => true,
            "r" => false,
            _ => return None,
        };
        let at = Timestamp::from_ordinal(u64::from_str_radix(ordinal, 16).ok()?);
        let name = u64::from_str_radix(name, 16).ok()?;
        Some(Self { offset: offset.parse().ok()?, last: AttemptPlace { at, success, name } })
    }
}

impl fmt::Display for HistoryMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, last: AttemptPlace { at, success, name } } = self;
        let outcome = if *success { "a" } else { "r" };
        write!(f, "{offset}.{:x}.{outcome}.{name:x}", at.ordinal())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_mark_is_read_as_it_was_written(offset: u64, micros: i64, success: bool, name: u64) {
            let last = AttemptPlace { at: Timestamp::from_micros(micros), success, name };
            let mark = HistoryMark { offset, last };
            prop_assert_eq!(HistoryMark::parse(&mark.to_string()), Some(mark));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,40}", near in "[0-9a-f.r]{0,60}") {
            let _ = (HistoryMark::parse(&text), HistoryMark::parse(&near));
        }
    }
}
