//! Keys of waiting mails, and of unprocessed password reset requests.

use super::{Key, OUTBOX, RESETS, RETRIES};
use crate::model::Timestamp;

/// A mail created at that time and not tried yet.
pub(crate) fn mail(made: Timestamp, id: &str) -> Key {
    Key::new(OUTBOX, format!("{:015x}#{id}", made.ordinal()))
}

/// A mail that is due again at that time.
pub(crate) fn retry(due: Timestamp, id: &str) -> Key {
    Key::new(RETRIES, format!("{:015x}#{id}", due.ordinal()))
}

/// Sort key of [`RETRIES`] after everything that is due at that time or earlier.
pub(crate) fn retry_after(now: Timestamp) -> String {
    // `$` follows `#`.
    format!("{:015x}$", now.ordinal())
}

/// When a mail is due and its id, from its sort key. Mails of earlier releases have only an id, and are due first.
pub(crate) fn mail_of(sk: &str) -> (&str, &str) {
    sk.split_once('#').unwrap_or(("", sk))
}

/// A password reset request.
pub(crate) fn reset(at: Timestamp, name: u64) -> Key {
    reset_named(&format!("{:015x}#{name:016x}", at.ordinal()))
}

/// The same, by its sort key.
pub(crate) fn reset_named(sk: &str) -> Key {
    Key::new(RESETS, sk)
}
