//! Deliveries: one event for one webhook, and how its sending goes.

use serde::{Deserialize, Serialize};

use super::{EventAction, EventId, LogPosition, Timestamp, WebhookId, doubled};

/// The pause after the first attempt, in seconds; each further one is twice as long. It is longer than an attempt takes, so
/// nobody else begins another one meanwhile.
const FIRST_PAUSE: i64 = 30;
/// The longest pause, in seconds.
const LONGEST_PAUSE: i64 = 60 * 60;
/// How long a failing delivery is tried, in seconds.
const PATIENCE: i64 = 24 * 60 * 60;

/// An event that is sent, or was sent, to a webhook. Its serialized form is what the table holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The webhook.
    pub webhook: WebhookId,
    /// The event's place in the log.
    #[serde(with = "position_text")]
    pub position: LogPosition,
    /// The event.
    pub event: EventId,
    /// What happened.
    pub action: EventAction,
    /// What it happened to, as [`EventTarget::text`](super::EventTarget::text) names it. Events of one target are sent in
    /// order.
    pub target: String,
    /// Whether it is done.
    pub state: DeliveryState,
    /// The number of attempts.
    pub attempts: u32,
    /// When it was first attempted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_attempt: Option<Timestamp>,
    /// When it was last attempted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempt: Option<Timestamp>,
    /// How the last attempt ended, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<AttemptOutcome>,
    /// When it is attempted next.
    pub due: Timestamp,
    /// Until when it is kept, in seconds since 1970.
    pub expires: i64,
}

/// Whether a delivery is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is to be sent.
    Waiting,
    /// It was received.
    Delivered,
    /// It was tried for a day in vain, or its event is not there any more.
    GivenUp,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// The receiver's status.
    Status(u16),
    /// There was no response.
    Failure(DeliveryFailure),
}

/// Why there was no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryFailure {
    /// The host has no address.
    NameNotResolved,
    /// The host has only addresses to which nothing is sent.
    AddressRefused,
    /// No connection.
    NotConnected,
    /// No encrypted connection: the certificate is not trusted, for example.
    TlsFailed,
    /// No response in time.
    TimedOut,
    /// The response is not HTTP, or the connection broke.
    InvalidResponse,
    /// The event is not kept any more.
    EventExpired,
}

impl AttemptOutcome {
    /// Whether the event was received.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Status(200..=299))
    }
}

impl Delivery {
    /// Whether it is to be attempted now. Whoever resumes a webhook, at `active_since`, wants it to be attempted at once.
    pub fn is_due(&self, now: Timestamp, active_since: Timestamp) -> bool {
        self.due <= now || self.last_attempt.is_some_and(|last| last < active_since)
    }

    /// The same at the beginning of an attempt.
    #[must_use]
    pub fn attempted(&self, now: Timestamp) -> Self {
        Self {
            attempts: self.attempts.saturating_add(1),
            first_attempt: self.first_attempt.or(Some(now)),
            last_attempt: Some(now),
            due: now.plus_seconds(doubled(FIRST_PAUSE, LONGEST_PAUSE, self.attempts)),
            ..self.clone()
        }
    }

    /// Whether it has failed for so long that it is not tried any more.
    pub fn is_hopeless(&self, now: Timestamp, active_since: Timestamp) -> bool {
        let since = self.first_attempt.unwrap_or(now).max(active_since);
        since.plus_seconds(PATIENCE) <= now
    }
}

/// A position as its text.
mod position_text {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::model::LogPosition;

    pub fn serialize<S: Serializer>(position: &LogPosition, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(position)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<LogPosition, D::Error> {
        String::deserialize(from)?.parse().map_err(|()| D::Error::custom("not a position"))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn pauses_grow_to_an_hour_until_a_day_is_over() {
        let start = Timestamp::from_micros(0);
        let mut delivery = Delivery {
            webhook: WebhookId(Uuid::nil()),
            position: LogPosition { segment: 1, index: 0 },
            event: EventId(Uuid::nil()),
            action: EventAction::UserCreated,
            target: "user:1".to_owned(),
            state: DeliveryState::Waiting,
            attempts: 0,
            first_attempt: None,
            last_attempt: None,
            outcome: None,
            due: start,
            expires: 0,
        };
        let mut times = Vec::new();
        while !delivery.is_hopeless(delivery.due, start) {
            assert!(delivery.is_due(delivery.due, start) && !delivery.is_due(delivery.due.plus_seconds(-1), start));
            times.push(delivery.due.seconds());
            delivery = delivery.attempted(delivery.due);
        }
        assert_eq!(times[..9], [0, 30, 90, 210, 450, 930, 1890, 3810, 7410]);
        assert_eq!(times.len(), 30);
        let resumed = delivery.due.plus_seconds(-1);
        assert!(delivery.is_due(resumed, resumed) && !delivery.is_hopeless(resumed, resumed), "it starts anew");
    }
}
