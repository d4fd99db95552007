//! Persistence: the only code that knows DynamoDB.
//!
//! One table, always through the AWS SDK; which engine answers is a matter of the endpoint.
//! Methods say domain things and are named noun first.
//! The store keeps what must hold between items (uniqueness, counts, places in lists) and knows no rule about callers.

mod cost;
mod groups;
mod history;
pub mod keys;
mod lists;
mod organizations;
mod outbox;
mod search;
mod sequences;
mod table;
mod throttle;
mod tokens;
mod transaction;
mod users;
mod work;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeValue, DeleteRequest, KeysAndAttributes, PutRequest, ReturnConsumedCapacity, WriteRequest,
};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::Instant;

pub use self::cost::{Cost, measured};
pub use self::groups::GroupWritten;
use self::keys::Key;
pub use self::lists::Counts;
pub use self::organizations::{Member, MemberCount, OrganizationWritten, Way};
pub use self::outbox::mail_of_stream;
pub use self::search::{Search, SearchField, search_items};
pub use self::throttle::Counted;
pub use self::tokens::{TokenEntry, TokenList, TokenWritten};
pub use self::users::{Claim, Claimed, MembershipWrite, OrganizationState, Superusers, Taken, UserWrite, Written};
pub use self::work::WaitingWork;
use crate::ambient::{Ambient, random};
use crate::error::{Cause, Error, Refusal, Result};

/// How many items one `BatchGetItem` may ask for.
const BATCH: usize = 100;
/// How many such requests are under way at once where many items are read.
const READS_AT_ONCE: usize = 4;
/// How many items one `BatchWriteItem` may write.
const WRITE_BATCH: usize = 25;
/// From how many items on the pieces of a batch need not wait for each other.
const MANY: usize = 1000;
/// How many of them are under way at once then.
const AT_ONCE: usize = 8;
/// How often what a batch left unprocessed is asked for again.
const TRIES: u32 = 5;

/// What the SDK tells of a call.
type Sent<T, E> = std::result::Result<T, SdkError<E>>;
/// An item as the SDK gives it.
pub type Item = HashMap<String, AttributeValue>;

/// The table and how to talk to it. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    client: Client,
    table: Arc<str>,
    ambient: Arc<dyn Ambient>,
    patience: Patience,
    blocks: sequences::Blocks,
    waypoints: lists::Waypoints,
    loader: Option<Arc<dyn Loader>>,
    /// Held by whoever reads, alters and writes as the sole writer.
    turn: Arc<Mutex<()>>,
}

/// A way by which an engine in this process takes many items at once, in place of `BatchWriteItem`.
pub trait Loader: Send + Sync {
    /// Writes all items, or none, whatever was there; each stands there once. Those that come in the order of their keys are
    /// written fastest. Gives the write units of these items.
    fn load(&self, table: &str, items: Vec<Item>) -> BoxFuture<'static, std::result::Result<f64, Cause>>;

    /// Whether nobody else writes to the engine, and this process one thing after another.
    fn is_sole_writer(&self) -> bool;
}

/// How long and how often to try again.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Pause before the second try; each further one may be twice as long, and is cut by a random part.
    pub pause: Duration,
    /// No try is begun later than this after the first.
    pub deadline: Duration,
}

/// Tries of one piece of work: each but the first after a pause with jitter, none after the deadline.
pub struct Tries<'a> {
    store: &'a Store,
    begun: bool,
    deadline: Instant,
    pause: Duration,
}

impl Tries<'_> {
    /// Waits until the next try may begin; the first may at once. `false` when there is no time for another.
    pub async fn next(&mut self) -> bool {
        let first = !std::mem::replace(&mut self.begun, true);
        first || self.again().await
    }

    /// Waits until a further try may begin, before the state that it begins with is read.
    /// `false` when there is no time for another.
    pub async fn again(&mut self) -> bool {
        let [byte] = random(&*self.store.ambient);
        // At least half of the pause.
        let pause = self.pause.mul_f64(0.5 + f64::from(byte) / 512.0);
        if Instant::now() + pause > self.deadline {
            return false;
        }
        tokio::time::sleep(pause).await;
        self.pause = (self.pause * 2).min(self.store.patience.deadline / 8);
        true
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self { pause: Duration::from_millis(20), deadline: Duration::from_secs(8) }
    }
}

/// Where the engine is and who calls it.
#[derive(Clone)]
pub struct Connection {
    /// Address of the engine; `None` for DynamoDB in [`Connection::region`].
    pub endpoint: Option<String>,
    /// AWS region.
    pub region: String,
    /// Access keys.
    pub credentials: aws_sdk_dynamodb::config::SharedCredentialsProvider,
    /// What carries the requests.
    pub http: SharedHttpClient,
}

impl Connection {
    /// A local engine at that address, which accepts any credentials.
    pub fn local(endpoint: String) -> Self {
        Self {
            endpoint: Some(endpoint),
            region: "local".to_owned(),
            credentials: aws_sdk_dynamodb::config::SharedCredentialsProvider::new(Credentials::new(
                "local", "local", None, None, "local",
            )),
            http: crate::runtime::http_client(true),
        }
    }
}

impl Store {
    /// Connects nothing yet: the first call does.
    pub fn new(connection: Connection, table: &str, ambient: Arc<dyn Ambient>, patience: Patience) -> Self {
        let retry = RetryConfig::standard().with_max_attempts(4).with_initial_backoff(patience.pause);
        let timeout = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(2))
            // A request or answer that is lost without a sign leaves time for another try.
            .operation_attempt_timeout((patience.deadline / 4).max(Duration::from_secs(1)))
            .operation_timeout(patience.deadline)
            .build();
        let mut config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(connection.region))
            .credentials_provider(connection.credentials)
            .http_client(connection.http)
            .retry_config(retry)
            // The SDK stops trying again when too many tries fail; it shall not count those of other clients.
            .retry_partition(RetryPartition::custom("rollcall").build())
            .timeout_config(timeout);
        if let Some(endpoint) = connection.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Self {
            client: Client::from_conf(config.build()),
            table: table.into(),
            ambient,
            patience,
            blocks: sequences::Blocks::default(),
            waypoints: lists::Waypoints::default(),
            loader: None,
            turn: Arc::default(),
        }
    }

    /// The same, whose batches take that way.
    #[must_use]
    pub fn with_loader(self, loader: Arc<dyn Loader>) -> Self {
        Self { loader: Some(loader), ..self }
    }

    /// Tries of a piece of work that begins now.
    pub fn tries(&self) -> Tries<'_> {
        let Patience { pause, deadline } = self.patience;
        Tries { store: self, begun: false, deadline: Instant::now() + deadline, pause }
    }

    /// Sends a write of one item, again while a transaction has the item.
    ///
    /// All other passing trouble the SDK tries again by itself. The write must be one that can be made twice.
    async fn write<T, E, F>(&self, send: impl Fn() -> F) -> Sent<T, E>
    where
        E: ProvideErrorMetadata,
        F: Future<Output = Sent<T, E>>,
    {
        let mut tries = self.tries();
        loop {
            let answer = send().await;
            let conflict = answer.as_ref().is_err_and(|error| error.code() == Some(CONFLICT));
            if !conflict || !tries.again().await {
                return answer;
            }
        }
    }

    /// The same for a write with a condition; `None`, and nothing written, when that does not hold.
    async fn write_if<T, E, F>(&self, send: impl Fn() -> F) -> Result<Option<T>>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Sent<T, E>>,
    {
        match self.write(send).await {
            Err(error) if error.code() == Some(CONDITION) => Ok(None),
            answer => answer.map(Some).map_err(unavailable),
        }
    }

    /// The item of that key, as the last acknowledged write left it.
    async fn get<T: DeserializeOwned>(&self, key: Key) -> Result<Option<T>> {
        let output = self
            .client
            .get_item()
            .table_name(&*self.table)
            .set_key(Some(key.attributes()))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(unavailable)?;
        cost::read(output.consumed_capacity());
        output.item.map(|item| from_item(&key, item)).transpose()
    }

    /// Those of the items that exist, in no order, strongly consistent.
    async fn batch(&self, keys: &[Key]) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        for some in keys.chunks(BATCH) {
            let mut asked: Vec<Item> = some.iter().map(Key::attributes).collect();
            for _ in 0..TRIES {
                let request = KeysAndAttributes::builder()
                    .set_keys(Some(asked))
                    .consistent_read(true)
                    .build()
                    .map_err(unavailable)?;
                let output = self
                    .client
                    .batch_get_item()
                    .request_items(&*self.table, request)
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .send()
                    .await
                    .map_err(unavailable)?;
                output.consumed_capacity().iter().for_each(|capacity| cost::read(Some(capacity)));
                let found = output.responses.and_then(|mut tables| tables.remove(&*self.table));
                items.extend(found.unwrap_or_default());
                let rest = output.unprocessed_keys.and_then(|mut tables| tables.remove(&*self.table));
                asked = rest.map(|rest| rest.keys).unwrap_or_default();
                if asked.is_empty() {
                    break;
                }
            }
            if !asked.is_empty() {
                return Err(Error::Unavailable("DynamoDB leaves keys of a batch unprocessed".into()));
            }
        }
        Ok(items)
    }

    /// As [`Store::batch`], with several requests under way at once.
    async fn batch_at_once(&self, keys: &[Key]) -> Result<Vec<Item>> {
        let pieces: Vec<Vec<Key>> = keys.chunks(BATCH).map(<[_]>::to_vec).collect();
        let pieces = stream::iter(pieces).map(async |some| self.batch(&some).await);
        let mut pieces = std::pin::pin!(pieces.buffer_unordered(READS_AT_ONCE));
        let mut items = Vec::new();
        while let Some(piece) = pieces.next().await {
            items.extend(piece?);
        }
        Ok(items)
    }

    /// Removes an item, whether it is there or not.
    async fn remove(&self, key: &Key) -> Result<()> {
        let delete = self
            .client
            .delete_item()
            .table_name(&*self.table)
            .set_key(Some(key.attributes()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = self.write(|| delete.clone().send()).await.map_err(unavailable)?;
        cost::wrote(output.consumed_capacity());
        Ok(())
    }

    /// Writes and removes many items, in pieces that are not one transaction. Every item stands there once.
    async fn write_batch(&self, puts: Vec<Item>, deletes: &[Key]) -> Result<()> {
        let puts = match &self.loader {
            Some(loader) if !puts.is_empty() => {
                cost::wrote_units(loader.load(&self.table, puts).await.map_err(Error::Unavailable)?);
                Vec::new()
            }
            _ => puts,
        };
        let put =
            |item| Ok(WriteRequest::builder().put_request(PutRequest::builder().set_item(Some(item)).build()?).build());
        let delete = |key: &Key| {
            let request = DeleteRequest::builder().set_key(Some(key.attributes())).build()?;
            Ok(WriteRequest::builder().delete_request(request).build())
        };
        let requests = puts.into_iter().map(put).chain(deletes.iter().map(delete));
        let requests: Vec<WriteRequest> =
            requests.collect::<std::result::Result<_, _>>().map_err(unavailable::<BuildError>)?;
        // What a request of a user writes goes in order, which is soon enough; what moves in does not.
        let at_once = if requests.len() > MANY { AT_ONCE } else { 1 };
        let pieces: Vec<Vec<WriteRequest>> = requests.chunks(WRITE_BATCH).map(<[_]>::to_vec).collect();
        let pieces = stream::iter(pieces).map(|some| self.write_piece(some));
        pieces.buffer_unordered(at_once).try_collect().await
    }

    /// Writes and removes as many items as one `BatchWriteItem` takes.
    async fn write_piece(&self, mut asked: Vec<WriteRequest>) -> Result<()> {
        let mut tries = self.tries();
        while !asked.is_empty() {
            if !tries.next().await {
                return Err(Error::Unavailable("DynamoDB leaves items of a batch unprocessed".into()));
            }
            let batch = self
                .client
                .batch_write_item()
                .request_items(&*self.table, asked)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let output = self.write(|| batch.clone().send()).await.map_err(unavailable)?;
            output.consumed_capacity().iter().for_each(|capacity| cost::wrote(Some(capacity)));
            let rest = output.unprocessed_items.and_then(|mut tables| tables.remove(&*self.table));
            asked = rest.unwrap_or_default();
        }
        Ok(())
    }

    /// Removes many items, whether they are there or not.
    async fn remove_all(&self, keys: &[Key]) -> Result<()> {
        self.write_batch(Vec::new(), keys).await
    }

    /// Items of one partition, strongly consistent; follows DynamoDB's pages until `limit` items are there.
    async fn query(&self, range: Range<'_>, limit: usize) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        let mut start = None;
        while items.len() < limit {
            let wanted = i32::try_from(limit - items.len()).unwrap_or(i32::MAX);
            let output = range
                .apply(self.client.query())
                .table_name(&*self.table)
                .scan_index_forward(range.ascending)
                .set_exclusive_start_key(start)
                .limit(wanted)
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(unavailable)?;
            cost::read(output.consumed_capacity());
            items.extend(output.items.unwrap_or_default());
            start = output.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        Ok(items)
    }
}

/// A stretch of one partition.
#[derive(Debug, Clone, Copy)]
struct Range<'a> {
    pk: &'a str,
    bound: Bound<'a>,
    ascending: bool,
}

#[derive(Debug, Clone, Copy)]
enum Bound<'a> {
    Whole,
    Prefix(&'a str),
    Before(&'a str),
    After(&'a str),
    /// From the first to the second.
    Between(&'a str, &'a str),
}

impl Range<'_> {
    fn apply(
        &self,
        query: aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder,
    ) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        let query = query
            .expression_attribute_names("#pk", keys::PK)
            .expression_attribute_values(":pk", AttributeValue::S(self.pk.to_owned()));
        let (condition, sk) = match self.bound {
            Bound::Whole => return query.key_condition_expression("#pk = :pk"),
            Bound::Prefix(sk) => ("#pk = :pk AND begins_with(#sk, :sk)", sk),
            Bound::Before(sk) => ("#pk = :pk AND #sk < :sk", sk),
            Bound::After(sk) => ("#pk = :pk AND #sk > :sk", sk),
            Bound::Between(sk, _) => ("#pk = :pk AND #sk BETWEEN :sk AND :last", sk),
        };
        let last = match self.bound {
            Bound::Between(_, last) => Some(AttributeValue::S(last.to_owned())),
            _ => None,
        };
        let query = match last {
            Some(last) => query.expression_attribute_values(":last", last),
            None => query,
        };
        query
            .key_condition_expression(condition)
            .expression_attribute_names("#sk", keys::SK)
            .expression_attribute_values(":sk", AttributeValue::S(sk.to_owned()))
    }
}

/// Turns a record into an item with its key.
fn to_item<T: Serialize>(key: &Key, record: &T) -> Result<Item> {
    let mut item: Item = serde_dynamo::aws_sdk_dynamodb_1::to_item(record).map_err(|e| Error::Internal(e.into()))?;
    item.extend(key.attributes());
    Ok(item)
}

/// The same, unless that is larger than an item may be.
fn to_bounded_item<T: Serialize>(key: &Key, record: &T) -> Result<Item> {
    let item = to_item(key, record)?;
    if size(&item) > MOST_BYTES { Err(Error::Refused(Refusal::TooLargeToStore)) } else { Ok(item) }
}

/// About how many bytes DynamoDB counts for an item.
fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + value_size(value)).sum::<usize>(),
        AttributeValue::M(map) => 3 + map.iter().map(|(name, value)| 1 + name.len() + value_size(value)).sum::<usize>(),
        _ => 1,
    }
}

/// Turns an item into the record it holds.
fn from_item<T: DeserializeOwned>(key: &Key, item: Item) -> Result<T> {
    serde_dynamo::aws_sdk_dynamodb_1::from_item(item)
        .map_err(|error| Error::internal(format!("the item {key} does not parse: {error}")))
}

/// The key that an item carries.
fn key_of(item: &Item) -> Key {
    let text = |name| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
    Key { pk: text(keys::PK), sk: text(keys::SK) }
}

/// The largest record that is written; DynamoDB's own limit is 400 KB with names and keys.
const MOST_BYTES: usize = 380_000;
/// The code by which DynamoDB refuses a write of one item whose condition does not hold.
const CONDITION: &str = "ConditionalCheckFailedException";
/// The code by which DynamoDB refuses a write of one item while a transaction has the item.
const CONFLICT: &str = "TransactionConflictException";
/// Codes by which DynamoDB says that a call may succeed later.
const PASSING: [&str; 8] = [
    CONFLICT,
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
    "ServiceUnavailable",
    "TransactionInProgressException",
    "LimitExceededException",
];

/// An SDK error as the domain sees it: passing trouble, or a defect of ours.
fn unavailable<E>(error: E) -> Error
where
    E: Into<StoreFailure>,
{
    let StoreFailure { passing, cause } = error.into();
    if passing { Error::Unavailable(cause) } else { Error::Internal(cause) }
}

/// What an SDK error says.
struct StoreFailure {
    passing: bool,
    cause: Cause,
}

impl<E> From<SdkError<E>> for StoreFailure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E>) -> Self {
        let passing = match &error {
            SdkError::ConstructionFailure(_) => false,
            SdkError::ServiceError(context) => {
                context.raw().status().is_server_error()
                    || context.err().code().is_none_or(|code| PASSING.contains(&code))
            }
            _ => true,
        };
        Self { passing, cause: error.into() }
    }
}

impl From<BuildError> for StoreFailure {
    fn from(error: BuildError) -> Self {
        Self { passing: false, cause: error.into() }
    }
}
