//! Webhooks and deliveries on the wire.

use std::collections::BTreeSet;

use http::Uri;
use serde::Serialize;
use shared::directory::{Draft, WebhookChanges};
use shared::error::{Error, Result, Rule};
use shared::model::{
    AttemptOutcome, Delivery, DeliveryFailure, DeliveryState, EventAction, LogPosition, PauseReason, Timestamp,
    Webhook, WebhookUrl,
};
use shared::web::Input;
use shared::web::fields::{Blank, Field, FieldKind, Reader};

use crate::query::{BEFORE, LIMIT, optional};

/// How many deliveries a page has, unless the client says so, and at most.
const DEFAULT_LIMIT: usize = 100;
const MOST: usize = 500;

const URL: Field = Field::new("url", "URL", FieldKind::Url(Blank::Refused))
    .required()
    .at_most(WebhookUrl::MAX)
    .help("Where events are sent: https, without user information.");
const ACTIONS: Field = Field::new("actions", "Actions", FieldKind::Choices(EventAction::NAMES))
    .help("Which events are sent; all of them if the list is empty.");
const ACTIVE: Field =
    Field::new("active", "Active", FieldKind::Boolean).help("Whether events are sent. While they are not, they wait.");

/// The parameters of the list of deliveries, in the order of the page.
pub const FILTERS: &[&Field] = &[&BEFORE, &LIMIT];

/// The fields of a webhook, in the order of the wire.
pub fn fields(_: bool) -> Vec<&'static Field> {
    vec![&URL, &ACTIONS, &ACTIVE]
}

/// A webhook, without its secret.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct WebhookResponse {
    id: String,
    url: String,
    actions: BTreeSet<EventAction>,
    active: bool,
    paused: Option<PauseReason>,
    owner: String,
    created: String,
    updated: String,
}

/// A webhook with its secret, which is shown only once.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct WebhookWithSecret {
    #[serde(flatten)]
    webhook: WebhookResponse,
    secret: String,
}

/// A page of deliveries.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct DeliveryList {
    /// Where the list continues, if there are more.
    next: Option<String>,
    results: Vec<DeliveryResponse>,
}

/// An event that is sent, or was sent, to a webhook.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct DeliveryResponse {
    /// The event's cursor.
    id: String,
    /// The event's id, which is the header `webhook-id`.
    event: String,
    action: EventAction,
    target: String,
    state: DeliveryState,
    attempts: u32,
    first_attempt: Option<String>,
    last_attempt: Option<String>,
    /// The receiver's last status.
    status: Option<u16>,
    /// Why there was no response.
    failure: Option<DeliveryFailure>,
    next_attempt: Option<String>,
}

/// The changes of a webhook in a body.
pub fn changes(input: &Input, partial: bool) -> Draft<WebhookChanges> {
    let mut reader = Reader::new(input, partial).without_checkboxes();
    let url = reader.text_that(&URL, |text| WebhookUrl::parse(text).ok_or(Rule::NotUrl)).value();
    let actions = reader.choices(&ACTIONS, |text| text.parse().ok()).value();
    let is_active = reader.boolean(&ACTIVE).value();
    let actions = actions.map(BTreeSet::from_iter);
    Draft { content: WebhookChanges { url, actions, is_active }, violations: reader.finish() }
}

/// Which deliveries are wanted: before a cursor, and how many.
///
/// # Errors
/// [`Error::Invalid`] with all violations.
pub fn delivery_range(uri: &Uri) -> Result<(Option<LogPosition>, usize)> {
    let input = Input::of_query(uri);
    let mut reader = Reader::new(&input, true);
    let before = optional(&mut reader, &BEFORE, |text| text.parse().ok());
    let limit = optional(&mut reader, &LIMIT, |text| text.parse().ok().filter(|limit| *limit > 0));
    let violations = reader.finish();
    if violations.is_empty() {
        Ok((before, limit.unwrap_or(DEFAULT_LIMIT).min(MOST)))
    } else {
        Err(Error::Invalid(violations))
    }
}

impl DeliveryList {
    /// The first `limit` of the deliveries that were found; `path` is the list's address.
    pub fn new(mut found: Vec<Delivery>, limit: usize, path: &str) -> Self {
        let has_more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| has_more);
        let next = last.map(|last| format!("{path}?before={}&limit={limit}", last.position));
        Self { next, results: found.into_iter().map(DeliveryResponse::from).collect() }
    }
}

impl From<Webhook> for WebhookResponse {
    fn from(webhook: Webhook) -> Self {
        let Webhook { id, url, actions, owner, paused, created, updated, .. } = webhook;
        Self {
            id: id.to_string(),
            url: url.to_string(),
            actions,
            active: paused.is_none(),
            paused,
            owner: owner.to_string(),
            created: created.rfc3339(),
            updated: updated.rfc3339(),
        }
    }
}

impl From<Webhook> for WebhookWithSecret {
    fn from(webhook: Webhook) -> Self {
        let secret = webhook.secret.reveal().to_owned();
        Self { webhook: webhook.into(), secret }
    }
}

impl From<Delivery> for DeliveryResponse {
    fn from(delivery: Delivery) -> Self {
        let Delivery {
            position,
            event,
            action,
            target,
            state,
            attempts,
            first_attempt,
            last_attempt,
            outcome,
            due,
            ..
        } = delivery;
        let (status, failure) = match outcome {
            None => (None, None),
            Some(AttemptOutcome::Status(status)) => (Some(status), None),
            Some(AttemptOutcome::Failure(failure)) => (None, Some(failure)),
        };
        Self {
            id: position.to_string(),
            event: event.to_string(),
            action,
            target,
            state,
            attempts,
            first_attempt: first_attempt.map(Timestamp::rfc3339),
            last_attempt: last_attempt.map(Timestamp::rfc3339),
            status,
            failure,
            next_attempt: (state == DeliveryState::Waiting).then(|| due.rfc3339()),
        }
    }
}
