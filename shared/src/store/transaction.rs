//! Several items changed together or not at all.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Delete, Put, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};

use super::keys::{self, Key};
use super::{Item, Store, cost, size, unavailable};
use crate::ambient::random;
use crate::error::{Error, Result};

/// Reasons of a cancellation that may be gone at the next try.
const PASSING: [&str; 3] = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

/// Changes to be made together. `G` names what a condition that fails at a position means.
pub(super) struct Transaction<G> {
    items: Vec<TransactWriteItem>,
    guards: Vec<Option<G>>,
}

/// A condition that did not hold, and the item that stood in its way.
pub(super) struct Broken<G> {
    pub guard: G,
    pub item: Option<Item>,
}

/// What an item must be for a change to go through.
pub(super) enum Condition {
    /// It must not exist.
    Absent,
    /// It must exist.
    Present,
    /// One of its attributes has this value.
    Is(&'static str, AttributeValue),
}

impl<G: Clone> Transaction<G> {
    pub(super) fn new() -> Self {
        Self { items: Vec::new(), guards: Vec::new() }
    }

    /// Writes an item whatever was there.
    pub(super) fn put(&mut self, table: &str, item: Item) -> Result<()> {
        let put = Put::builder().table_name(table).set_item(Some(item)).build().map_err(unavailable)?;
        self.push(TransactWriteItem::builder().put(put).build(), None);
        Ok(())
    }

    /// Writes an item if the condition holds.
    pub(super) fn put_if(&mut self, table: &str, item: Item, condition: Condition, guard: G) -> Result<()> {
        let (expression, name, value) = condition.expression();
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression(expression)
            .expression_attribute_names("#c", name)
            .set_expression_attribute_values(value)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(unavailable)?;
        self.push(TransactWriteItem::builder().put(put).build(), Some(guard));
        Ok(())
    }

    /// Removes an item, whether it is there or not.
    pub(super) fn delete(&mut self, table: &str, key: &Key) -> Result<()> {
        let delete =
            Delete::builder().table_name(table).set_key(Some(key.attributes())).build().map_err(unavailable)?;
        self.push(TransactWriteItem::builder().delete(delete).build(), None);
        Ok(())
    }

    /// Removes an item if the condition holds.
    pub(super) fn delete_if(&mut self, table: &str, key: &Key, condition: Condition, guard: G) -> Result<()> {
        let (expression, name, value) = condition.expression();
        let delete = Delete::builder()
            .table_name(table)
            .set_key(Some(key.attributes()))
            .condition_expression(expression)
            .expression_attribute_names("#c", name)
            .set_expression_attribute_values(value)
            .build()
            .map_err(unavailable)?;
        self.push(TransactWriteItem::builder().delete(delete).build(), Some(guard));
        Ok(())
    }

    /// Leaves an item and asks that the condition holds.
    pub(super) fn check(&mut self, table: &str, key: &Key, condition: Condition, guard: G) -> Result<()> {
        let (expression, name, value) = condition.expression();
        let check = ConditionCheck::builder()
            .table_name(table)
            .set_key(Some(key.attributes()))
            .condition_expression(expression)
            .expression_attribute_names("#c", name)
            .set_expression_attribute_values(value)
            .build()
            .map_err(unavailable)?;
        self.push(TransactWriteItem::builder().condition_check(check).build(), Some(guard));
        Ok(())
    }

    /// Adds to numbers of an item, which is made if it is not there.
    pub(super) fn add(&mut self, table: &str, key: &Key, numbers: &[(&str, i64)]) -> Result<()> {
        let mut update = Update::builder().table_name(table).set_key(Some(key.attributes()));
        let mut terms = Vec::new();
        for (index, (name, amount)) in numbers.iter().enumerate() {
            terms.push(format!("#n{index} :n{index}"));
            update = update
                .expression_attribute_names(format!("#n{index}"), *name)
                .expression_attribute_values(format!(":n{index}"), AttributeValue::N(amount.to_string()));
        }
        let update = update.update_expression(format!("ADD {}", terms.join(", "))).build().map_err(unavailable)?;
        self.push(TransactWriteItem::builder().update(update).build(), None);
        Ok(())
    }

    fn push(&mut self, item: TransactWriteItem, guard: Option<G>) {
        self.items.push(item);
        self.guards.push(guard);
    }

    /// How many items it is about.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// About how many bytes it puts.
    pub(super) fn size(&self) -> usize {
        self.items.iter().filter_map(|item| item.put.as_ref()).map(|put| size(put.item())).sum()
    }

    /// Takes over the changes of another one, whose guards are told by `guard`. Both may add to the same counters and
    /// check the same items for the same; other than that, they must be about different items.
    pub(super) fn absorb<H>(&mut self, other: Transaction<H>, guard: impl Fn(H) -> G) {
        for (item, other) in other.items.into_iter().zip(other.guards) {
            let is_known = item.condition_check.is_some() && self.items.contains(&item);
            if !is_known && !self.items.iter_mut().any(|known| add_to(known, &item)) {
                self.push(item, other.map(&guard));
            }
        }
    }
}

/// Adds to one counter what another update adds to the same; `false` when they are no such two.
fn add_to(known: &mut TransactWriteItem, item: &TransactWriteItem) -> bool {
    let (Some(known), Some(update)) = (&mut known.update, &item.update) else { return false };
    let (Some(sums), Some(terms)) = (&mut known.expression_attribute_values, &update.expression_attribute_values)
    else {
        return false;
    };
    if known.key != update.key || known.update_expression != update.update_expression {
        return false;
    }
    let number = |value: &AttributeValue| value.as_n().ok().and_then(|text| text.parse::<i64>().ok());
    let sum = |(name, sum): (&String, &AttributeValue)| {
        let total = number(sum)?.checked_add(number(terms.get(name)?)?)?;
        Some((name.clone(), AttributeValue::N(total.to_string())))
    };
    match sums.iter().map(sum).collect::<Option<Item>>() {
        Some(totals) => {
            *sums = totals;
            true
        }
        None => false,
    }
}

impl Condition {
    fn expression(self) -> (&'static str, &'static str, Option<Item>) {
        match self {
            Self::Absent => ("attribute_not_exists(#c)", keys::PK, None),
            Self::Present => ("attribute_exists(#c)", keys::PK, None),
            Self::Is(name, value) => ("#c = :c", name, Some(Item::from([(":c".to_owned(), value)]))),
        }
    }
}

impl Store {
    /// Carries the changes out together.
    ///
    /// Every try bears the same client request token, so that a change whose answer was lost is not made twice.
    /// Conflicts with other transactions, and items in busy partitions, are tried again until the deadline.
    /// The inner error lists the conditions that did not hold; nothing was changed then.
    pub(super) async fn transact<G: Clone>(
        &self,
        transaction: &Transaction<G>,
    ) -> Result<std::result::Result<(), Vec<Broken<G>>>> {
        let token = uuid::Builder::from_random_bytes(random(&*self.ambient)).into_uuid().to_string();
        let mut tries = self.tries();
        loop {
            let sent = self
                .client
                .transact_write_items()
                .set_transact_items(Some(transaction.items.clone()))
                .client_request_token(&token)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await;
            let error = match sent {
                Ok(output) => {
                    output.consumed_capacity().iter().for_each(|capacity| cost::wrote(Some(capacity)));
                    return Ok(Ok(()));
                }
                Err(error) => error,
            };
            let reasons = reasons(&error);
            let broken = transaction.broken(reasons);
            if !broken.is_empty() {
                return Ok(Err(broken));
            }
            let in_progress = TransactWriteItemsError::is_transaction_in_progress_exception;
            let passing = reasons.iter().any(|reason| reason.code().is_some_and(|code| PASSING.contains(&code)));
            if !passing && !error.as_service_error().is_some_and(in_progress) {
                return Err(unavailable(error));
            }
            if !tries.again().await {
                return Err(Error::Unavailable(error.into()));
            }
        }
    }
}

impl<G: Clone> Transaction<G> {
    fn broken(&self, reasons: &[CancellationReason]) -> Vec<Broken<G>> {
        self.guards
            .iter()
            .zip(reasons)
            .filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"))
            .filter_map(|(guard, reason)| guard.clone().map(|guard| Broken { guard, item: reason.item().cloned() }))
            .collect()
    }
}

fn reasons<R>(error: &SdkError<TransactWriteItemsError, R>) -> &[CancellationReason] {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => cancelled.cancellation_reasons(),
        _ => &[],
    }
}
