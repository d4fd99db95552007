//! Persistence: the only code that knows DynamoDB.
//!
//! One table, always through the AWS SDK; the endpoint decides which engine responds. Methods have domain names, noun
//! first. The store maintains the invariants between items (uniqueness, counts, list positions) and knows no rules
//! about callers.

mod basis;
mod cleanup_tasks;
mod cost;
mod deliveries;
mod events;
mod failure;
mod group_changes;
mod groups;
mod history;
mod item;
pub mod keys;
mod lists;
mod organizations;
mod outbox;
mod requests;
mod resets;
mod retry;
mod search;
mod sequences;
mod sessions;
mod table;
mod throttle;
mod tokens;
mod transaction;
mod users;
mod webhooks;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

pub use self::basis::Basis;
pub use self::cleanup_tasks::{ChangedCompanions, PendingTask};
pub use self::cost::{Cost, measured};
pub use self::events::{DayRecord, LogFault, LogRange, LogReport, LoggedEvent, NewEvent, Segment};
pub use self::events::{SegmentOutcome, SegmentRecord};
pub use self::groups::GroupWriteOutcome;
pub use self::history::History;
pub use self::item::Item;
pub use self::lists::Counts;
pub use self::organizations::{Direction, Member, MemberCount, OrganizationWriteOutcome, Positions};
pub use self::outbox::QueuedMail;
pub use self::resets::ResetRequest;
pub use self::retry::{Attempts, RetryPolicy};
pub use self::search::{Search, SearchField, search_changes, search_items, search_items_of_earlier_releases};
pub use self::throttle::{Common, Guard, Subject, resets_of};
pub use self::tokens::{TokenEntry, TokenList, TokenWriteOutcome};
pub use self::users::{
    Claim, ClaimConflict, ClaimIndex, DueUser, MembershipLeft, MembershipWrite, OrganizationState, Superusers,
    UserWrite, WriteOutcome,
};
pub use self::webhooks::WebhookWrite;
pub use self::whole::{Damaged, Readable, ReadableUser};
use crate::error::Cause;
use crate::model::ambient::Ambient;

/// The table and its client. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    client: Client,
    table: Arc<str>,
    ambient: Arc<dyn Ambient>,
    retry_policy: RetryPolicy,
    blocks: sequences::Blocks,
    rank_cache: lists::RankCache,
    recent_cache: search::RecentCache,
    slots: history::Slots,
    bulk_writer: Option<Arc<dyn BulkWriter>>,
    /// Held while reading, changing and writing as the sole writer.
    turn: Arc<Mutex<()>>,
}

/// How an engine in this process writes many items at once, instead of `BatchWriteItem`.
pub trait BulkWriter: Send + Sync {
    /// Writes all items or none, overwriting existing ones; each occurs once. Items sorted by key are written fastest.
    /// Returns the write units of these items.
    fn load(&self, table: &str, items: Vec<Item>) -> BoxFuture<'static, Result<f64, Cause>>;

    /// Whether nobody else writes to the engine, and this process does one thing after another.
    fn has_exclusive_access(&self) -> bool;
}

/// The engine's endpoint and the credentials.
#[derive(Clone)]
pub struct Connection {
    /// Endpoint of the engine; `None` for DynamoDB in [`Connection::region`].
    pub endpoint: Option<String>,
    /// AWS region.
    pub region: String,
    /// Access keys.
    pub credentials: aws_sdk_dynamodb::config::SharedCredentialsProvider,
    /// The HTTP client.
    pub http: SharedHttpClient,
    /// Whether requests are signed; they need not be if they stay in this process.
    pub is_signed: bool,
}

impl Connection {
    /// A local engine at that endpoint, which accepts any credentials.
    pub fn local(endpoint: String) -> Self {
        Self {
            endpoint: Some(endpoint),
            region: "local".to_owned(),
            credentials: aws_sdk_dynamodb::config::SharedCredentialsProvider::new(Credentials::new(
                "local", "local", None, None, "local",
            )),
            http: crate::aws::http_client(true),
            is_signed: true,
        }
    }
}

impl Store {
    /// Does not connect yet: the first call does.
    pub fn new(connection: Connection, table: &str, ambient: Arc<dyn Ambient>, retry_policy: RetryPolicy) -> Self {
        let retry = RetryConfig::standard().with_max_attempts(4).with_initial_backoff(retry_policy.pause);
        let timeout = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(2))
            // If a request or a response is lost silently, there is time for another attempt.
            .operation_attempt_timeout((retry_policy.deadline / 4).max(Duration::from_secs(1)))
            .operation_timeout(retry_policy.deadline)
            .build();
        let mut config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(connection.region))
            .http_client(connection.http)
            .retry_config(retry)
            // The SDK stops retrying after too many failures; it must not count those of other clients.
            .retry_partition(RetryPartition::custom("rollcall").build())
            .timeout_config(timeout)
            .interceptor(cost::CountWaits);
        config = if connection.is_signed {
            config.credentials_provider(connection.credentials)
        } else {
            config.allow_no_auth()
        };
        if let Some(endpoint) = connection.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Self {
            client: Client::from_conf(config.build()),
            table: table.into(),
            ambient,
            retry_policy,
            blocks: sequences::Blocks::default(),
            rank_cache: lists::RankCache::default(),
            recent_cache: search::RecentCache::default(),
            slots: history::Slots::default(),
            bulk_writer: None,
            turn: Arc::default(),
        }
    }

    /// Sets how batches are written.
    #[must_use]
    pub fn with_bulk_writer(self, bulk_writer: Arc<dyn BulkWriter>) -> Self {
        Self { bulk_writer: Some(bulk_writer), ..self }
    }
}
