//! DynamoDB's requests: reads, writes, batches, queries.

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, DeleteRequest, KeysAndAttributes, PutRequest, ReturnConsumedCapacity, WriteRequest,
};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::de::DeserializeOwned;

use super::failure::{CONDITION, CONFLICT, unavailable};
use super::item::{Item, from_item};
use super::keys::{self, Key};
use super::transaction::Condition;
use super::{Store, cost};
use crate::error::{Error, Result};

/// The most items of a `BatchGetItem`.
const BATCH: usize = 100;
/// How many such requests run concurrently when many items are read.
const READS_AT_ONCE: usize = 4;
/// The most items of a `BatchWriteItem`.
const WRITE_BATCH: usize = 25;
/// How many such requests run concurrently.
const AT_ONCE: usize = 8;
/// How often unprocessed items of a batch are requested again.
const TRIES: u32 = 5;

/// The SDK's result of a call.
pub(super) type Sent<T, E> = std::result::Result<T, SdkError<E>>;
impl Store {
    /// Writes one item, and retries while a transaction holds the item.
    ///
    /// The SDK itself retries after all other temporary failures. The write must be idempotent.
    pub(super) async fn write<T, E, F>(&self, send: impl Fn() -> F) -> Sent<T, E>
    where
        E: ProvideErrorMetadata,
        F: Future<Output = Sent<T, E>>,
    {
        let mut retries = self.retries();
        loop {
            let response = send().await;
            let conflict = response.as_ref().is_err_and(|error| error.code() == Some(CONFLICT));
            if !conflict || !retries.again().await {
                return response;
            }
        }
    }

    /// The same for a conditional write; `None`, and no write, if the condition fails.
    pub(super) async fn write_if<T, E, F>(&self, send: impl Fn() -> F) -> Result<Option<T>>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Sent<T, E>>,
    {
        match self.write(send).await {
            Err(error) if error.code() == Some(CONDITION) => Ok(None),
            response => response.map(Some).map_err(unavailable),
        }
    }

    /// The record with that key, including the last acknowledged write.
    pub(super) async fn get<T: DeserializeOwned>(&self, key: Key) -> Result<Option<T>> {
        self.item(&key).await?.map(|item| from_item(&key, item)).transpose()
    }

    /// The item with that key, including the last acknowledged write.
    pub(super) async fn item(&self, key: &Key) -> Result<Option<Item>> {
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
        Ok(output.item)
    }

    /// The existing ones of these items, in no order, strongly consistent.
    pub(super) async fn batch(&self, keys: &[Key]) -> Result<Vec<Item>> {
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
                return Err(Error::Unavailable("DynamoDB left keys of a batch unprocessed".into()));
            }
        }
        Ok(items)
    }

    /// As [`Store::batch`], with concurrent requests.
    pub(super) async fn batch_at_once(&self, keys: &[Key]) -> Result<Vec<Item>> {
        let pieces: Vec<Vec<Key>> = keys.chunks(BATCH).map(<[_]>::to_vec).collect();
        let pieces = stream::iter(pieces).map(async |some| self.batch(&some).await);
        let mut pieces = std::pin::pin!(pieces.buffer_unordered(READS_AT_ONCE));
        let mut items = Vec::new();
        while let Some(piece) = pieces.next().await {
            items.extend(piece?);
        }
        Ok(items)
    }

    /// Writes an item; `false` if the condition fails.
    pub(super) async fn put(&self, item: Item, condition: Option<&Condition>) -> Result<bool> {
        let (expression, names, values) = condition.map(Condition::expression).unwrap_or_default();
        let put = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(item))
            .set_condition_expression(expression)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = self.write_if(|| put.clone().send()).await?;
        cost::wrote(output.as_ref().and_then(|output| output.consumed_capacity()));
        Ok(output.is_some())
    }

    /// Deletes an item; no error if it does not exist.
    pub(super) async fn remove(&self, key: &Key) -> Result<()> {
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

    /// Writes and deletes many items, in parts that are not one transaction. Every item occurs once.
    pub(super) async fn write_batch(&self, puts: Vec<Item>, deletes: &[Key]) -> Result<()> {
        let puts = match &self.bulk_writer {
            Some(bulk_writer) if !puts.is_empty() => {
                cost::wrote_units(bulk_writer.load(&self.table, puts).await.map_err(Error::Unavailable)?);
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
        let pieces: Vec<Vec<WriteRequest>> = requests.chunks(WRITE_BATCH).map(<[_]>::to_vec).collect();
        let pieces = stream::iter(pieces).map(|some| self.write_piece(some));
        pieces.buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Writes and deletes as many items as fit into one `BatchWriteItem`.
    pub(super) async fn write_piece(&self, mut asked: Vec<WriteRequest>) -> Result<()> {
        let mut retries = self.retries();
        while !asked.is_empty() {
            let batch = self
                .client
                .batch_write_item()
                .request_items(&*self.table, asked)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let output = self.write(|| batch.clone().send()).await.map_err(unavailable)?;
            output.consumed_capacity().iter().for_each(|capacity| cost::wrote(Some(capacity)));
            let rest = output.unprocessed_items.and_then(|mut tables| tables.remove(&*self.table));
            asked = rest.unwrap_or_default();
            if !asked.is_empty() && !retries.again().await {
                return Err(Error::Unavailable("DynamoDB left items of a batch unprocessed".into()));
            }
        }
        Ok(())
    }

    /// Deletes many items; no error for missing ones.
    pub(super) async fn remove_all(&self, keys: &[Key]) -> Result<()> {
        self.write_batch(Vec::new(), keys).await
    }

    /// Items of one partition, strongly consistent; follows DynamoDB's pages until there are `limit` items.
    pub(super) async fn query(&self, range: Range<'_>, limit: usize) -> Result<Vec<Item>> {
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

/// A range of one partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range<'a> {
    pub pk: &'a str,
    pub bound: Bound<'a>,
    pub ascending: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Bound<'a> {
    Whole,
    Prefix(&'a str),
    Before(&'a str),
    After(&'a str),
    /// From the first to the second.
    Between(&'a str, &'a str),
}

impl Range<'_> {
    fn apply(&self, query: QueryFluentBuilder) -> QueryFluentBuilder {
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
