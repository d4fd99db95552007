//! Keys of webhooks and their deliveries.

use super::Key;
use crate::model::{LogPosition, WebhookId};

/// Partition of the webhooks.
pub(crate) const WEBHOOKS: &str = "WEBHOOKS";
/// Prefix of the sort keys of deliveries that are to be sent.
pub(crate) const WAITING: &str = "WAITING#";
/// Prefix of the sort keys of deliveries that are done.
pub(crate) const DONE: &str = "DONE#";

/// A webhook.
pub(crate) fn webhook(id: WebhookId) -> Key {
    Key::new(WEBHOOKS, id.to_string())
}

/// Partition of what belongs to a webhook.
pub(crate) fn webhook_parts(id: WebhookId) -> String {
    format!("WEBHOOK#{id}")
}

/// Up to which event of the log a webhook has deliveries.
pub(crate) fn webhook_cursor(id: WebhookId) -> Key {
    Key::new(webhook_parts(id), "CURSOR")
}

/// A delivery of the event at that position; `prefix` is [`WAITING`] or [`DONE`].
pub(crate) fn delivery(id: WebhookId, prefix: &str, position: LogPosition) -> Key {
    let LogPosition { segment, index } = position;
    // No index has more digits; a client may send a larger one.
    Key::new(webhook_parts(id), format!("{prefix}{segment:012}.{:03}", index.min(999)))
}
