//! Unique numbers, reserved in blocks.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, ReturnValue};
use futures_util::future::join_all;
use tokio::sync::Mutex;

use super::failure::unavailable;
use super::keys;
use super::{Store, cost};
use crate::error::{Error, Result};
use crate::model::Sequence;

/// How many numbers a process reserves at once. Unused ones are lost when it ends.
const BLOCK: u64 = 20;

/// The numbers that this process has reserved and not used.
pub(super) type Blocks = Arc<Mutex<HashMap<Sequence, std::ops::Range<u64>>>>;

#[derive(serde::Deserialize)]
struct SequenceItem {
    given: u64,
}

impl Store {
    /// A unique number, at least 1.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn sequence_next(&self, sequence: Sequence) -> Result<u64> {
        let mut blocks = self.blocks.lock().await;
        let block = blocks.entry(sequence).or_insert(0..0);
        if block.is_empty() {
            let end = self.sequence_reserve(sequence, BLOCK).await?;
            *block = end.saturating_sub(BLOCK)..end;
        }
        block.next().map(|index| index + 1).ok_or_else(|| Error::internal("a block of numbers is empty"))
    }

    /// Reserves numbers again where this process has used all that it had reserved, so that the next creation need not wait
    /// for them. It waits for nobody and tries once: whoever needs a number tries harder.
    pub(in crate::store) async fn sequences_refill(&self) {
        let Ok(mut blocks) = self.blocks.try_lock() else { return };
        let used = blocks.iter_mut().filter(|(_, block)| block.is_empty());
        join_all(used.map(async |(sequence, block)| {
            let reserved = self.sequence_advance(*sequence, BLOCK).send().await.map_err(unavailable);
            if let Ok(end) = reserved.and_then(|output| reserved_end(&output)) {
                *block = end.saturating_sub(BLOCK)..end;
            }
        }))
        .await;
    }

    /// A range of `count` unique numbers.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn sequence_block(&self, sequence: Sequence, count: u64) -> Result<std::ops::Range<u64>> {
        let end = if count == 0 { 0 } else { self.sequence_reserve(sequence, count).await? };
        Ok(end.saturating_sub(count) + 1..end + 1)
    }

    /// Keeps a sequence from returning numbers up to `given`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn sequence_raise(&self, sequence: Sequence, given: u64) -> Result<()> {
        if self.sequence_given(sequence).await? >= given {
            return Ok(());
        }
        let update = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(keys::sequence(sequence).attributes()))
            .update_expression("SET #n = :given")
            .condition_expression("attribute_not_exists(#n) OR #n < :given")
            .expression_attribute_names("#n", "given")
            .expression_attribute_values(":given", AttributeValue::N(given.to_string()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some(output) = self.write_if(|| update.clone().send()).await? {
            cost::wrote(output.consumed_capacity());
        }
        Ok(())
    }

    /// The largest number that was or may have been returned; 0 if none.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn sequence_given(&self, sequence: Sequence) -> Result<u64> {
        let item: Option<SequenceItem> = self.get(keys::sequence(sequence)).await?;
        Ok(item.map_or(0, |item| item.given))
    }

    /// Advances a sequence and returns its new end.
    async fn sequence_reserve(&self, sequence: Sequence, count: u64) -> Result<u64> {
        // If it happens twice, some numbers are skipped.
        let update = self.sequence_advance(sequence, count);
        reserved_end(&self.write(|| update.clone().send()).await.map_err(unavailable)?)
    }

    fn sequence_advance(&self, sequence: Sequence, count: u64) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(keys::sequence(sequence).attributes()))
            .update_expression("ADD #n :count")
            .expression_attribute_names("#n", "given")
            .expression_attribute_values(":count", AttributeValue::N(count.to_string()))
            .return_values(ReturnValue::UpdatedNew)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }
}

/// The new end of a sequence, whose cost is counted.
fn reserved_end(output: &UpdateItemOutput) -> Result<u64> {
    cost::wrote(output.consumed_capacity());
    output
        .attributes()
        .and_then(|item| item.get("given"))
        .and_then(|value| value.as_n().ok())
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Error::internal("malformed sequence: no number"))
}
