//! Several items changed together, or none.

mod sole_writer;

use std::collections::HashMap;

use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Delete, Put, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};

use super::failure::{summary, unavailable};
use super::item::{key_of, size, value_size};
use super::keys::{self, Key};
use super::{Item, Store, cost};
use crate::error::{Error, Refusal, Result};
use crate::model::ambient::random;

/// The most items in one transaction.
pub(super) const MOST_ITEMS: usize = 100;
/// The most bytes that one transaction writes; DynamoDB refuses more than 4 MB with names and keys.
pub(super) const MOST_SIZE: usize = 3_500_000;

/// Cancellation reasons that may not occur at the next attempt.
const PASSING: [&str; 3] = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

/// Changes to make together. `G` is the meaning of a failed condition.
pub(super) struct Transaction<G> {
    parts: Vec<Part<G>>,
    /// Conditions that contradict others: then nothing is sent.
    contradicted: Vec<G>,
}

/// A change, and its condition for the whole transaction.
struct Part<G> {
    change: Change,
    condition: Option<(Condition, G)>,
}

#[derive(PartialEq)]
enum Change {
    Put(Item),
    Delete(Key),
    /// No change; only the condition.
    Check(Key),
    /// Adds to numbers of an item, which is created if it does not exist.
    Add(Key, Vec<(&'static str, i64)>),
    /// Sets attributes of an item and keeps the others.
    Set(Key, Vec<(&'static str, AttributeValue)>),
}

/// The result of a transaction: success, or the failed conditions and no change.
pub(super) type Outcome<G> = std::result::Result<(), Vec<FailedConditions<G>>>;

/// A failed condition, and the item that caused it.
pub(super) struct FailedConditions<G> {
    pub guard: G,
    pub item: Option<Item>,
}

/// A condition on the current state of an item.
#[derive(PartialEq)]
pub(super) enum Condition {
    /// It must not exist.
    Absent,
    /// It must exist.
    Present,
    /// An attribute must have this value.
    Is(&'static str, AttributeValue),
}

impl<G: Clone> Transaction<G> {
    pub(super) fn new() -> Self {
        Self { parts: Vec::new(), contradicted: Vec::new() }
    }

    /// Writes an item unconditionally.
    pub(super) fn put(&mut self, item: Item) {
        self.parts.push(Part { change: Change::Put(item), condition: None });
    }

    /// Writes an item if the condition is met.
    pub(super) fn put_if(&mut self, item: Item, condition: Condition, guard: G) {
        self.parts.push(Part { change: Change::Put(item), condition: Some((condition, guard)) });
    }

    /// Deletes an item; no error if it does not exist.
    pub(super) fn delete(&mut self, key: Key) {
        self.parts.push(Part { change: Change::Delete(key), condition: None });
    }

    /// Moves an item that consists of its key; nothing changes if it stays where it is.
    pub(super) fn move_bare(&mut self, old: Option<Key>, new: Option<Key>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.delete(old);
        }
        if let Some(new) = new {
            self.put(new.attributes());
        }
    }

    /// Deletes an item if the condition is met.
    pub(super) fn delete_if(&mut self, key: Key, condition: Condition, guard: G) {
        self.parts.push(Part { change: Change::Delete(key), condition: Some((condition, guard)) });
    }

    /// Requires a condition without changing the item.
    pub(super) fn check(&mut self, key: Key, condition: Condition, guard: G) {
        self.parts.push(Part { change: Change::Check(key), condition: Some((condition, guard)) });
    }

    /// Requires that a record still has that version, whatever else the transaction does with it.
    pub(super) fn require_version(&mut self, key: Key, version: u64, guard: G) {
        let required = Condition::Is("version", AttributeValue::N(version.to_string()));
        let Some(part) = self.parts.iter_mut().find(|part| part.change.key() == key) else {
            return self.check(key, required, guard);
        };
        match &part.condition {
            Some((condition @ Condition::Is("version", _), _)) if *condition == required => {}
            Some((Condition::Is("version", _) | Condition::Absent, _)) => self.contradicted.push(guard),
            _ => part.condition = Some((required, guard)),
        }
    }

    /// Sets attributes of an existing item.
    pub(super) fn set(&mut self, key: Key, attributes: Vec<(&'static str, AttributeValue)>, guard: G) {
        self.parts.push(Part { change: Change::Set(key, attributes), condition: Some((Condition::Present, guard)) });
    }

    /// Adds to numbers of an item, which is created if it does not exist.
    pub(super) fn add(&mut self, key: Key, numbers: &[(&'static str, i64)]) {
        self.parts.push(Part { change: Change::Add(key, numbers.to_vec()), condition: None });
    }

    /// The number of items.
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    /// The approximate size in bytes of what it writes and names.
    pub(super) fn size(&self) -> usize {
        self.parts.iter().map(|part| part.change.size()).sum()
    }

    /// Fails if DynamoDB would refuse the transaction as too large.
    ///
    /// # Errors
    /// [`Refusal::TooMuchAtOnce`], [`Refusal::TooLargeToStore`].
    pub(super) fn check_size(&self) -> Result<()> {
        if self.len() > MOST_ITEMS {
            Err(Error::Refused(Refusal::TooMuchAtOnce))
        } else if self.size() > MOST_SIZE {
            Err(Error::Refused(Refusal::TooLargeToStore))
        } else {
            Ok(())
        }
    }

    /// Adds the changes of another transaction, mapping its guards with `guard`. Both may add to the same counters and
    /// check the same items for the same condition; otherwise they must affect different items.
    pub(super) fn absorb<H>(&mut self, other: Transaction<H>, guard: impl Fn(H) -> G) {
        for Part { change, condition } in other.parts {
            let is_known = match &change {
                Change::Check(_) => {
                    let asked = condition.as_ref().map(|(asked, _)| asked);
                    let known_for = |known: &Part<G>| known.condition.as_ref().map(|(known, _)| known) == asked;
                    self.parts.iter().any(|known| known.change == change && known_for(known))
                }
                Change::Add(..) => self.parts.iter_mut().any(|known| known.change.add(&change)),
                Change::Put(_) | Change::Delete(_) | Change::Set(..) => false,
            };
            if !is_known {
                let condition = condition.map(|(condition, name)| (condition, guard(name)));
                self.parts.push(Part { change, condition });
            }
        }
    }
}

impl<G> Part<G> {
    /// The form that the SDK needs.
    fn item(&self, table: &str) -> std::result::Result<TransactWriteItem, BuildError> {
        let (expression, name, value) = match &self.condition {
            Some((condition, _)) => condition.expression(),
            None => (None, None, None),
        };
        let item = TransactWriteItem::builder();
        Ok(match &self.change {
            Change::Put(put) => {
                let old = ReturnValuesOnConditionCheckFailure::AllOld;
                let put = Put::builder()
                    .table_name(table)
                    .set_item(Some(put.clone()))
                    .set_condition_expression(expression)
                    .set_expression_attribute_names(name)
                    .set_expression_attribute_values(value)
                    .set_return_values_on_condition_check_failure(self.condition.as_ref().map(|_| old));
                item.put(put.build()?).build()
            }
            Change::Delete(key) => {
                let delete = Delete::builder()
                    .table_name(table)
                    .set_key(Some(key.attributes()))
                    .set_condition_expression(expression)
                    .set_expression_attribute_names(name)
                    .set_expression_attribute_values(value);
                item.delete(delete.build()?).build()
            }
            Change::Check(key) => {
                let check = ConditionCheck::builder()
                    .table_name(table)
                    .set_key(Some(key.attributes()))
                    .set_condition_expression(expression)
                    .set_expression_attribute_names(name)
                    .set_expression_attribute_values(value);
                item.condition_check(check.build()?).build()
            }
            Change::Add(key, numbers) => {
                let mut update = Update::builder().table_name(table).set_key(Some(key.attributes()));
                let mut terms = Vec::new();
                for (index, (name, amount)) in numbers.iter().enumerate() {
                    terms.push(format!("#n{index} :n{index}"));
                    update = update
                        .expression_attribute_names(format!("#n{index}"), *name)
                        .expression_attribute_values(format!(":n{index}"), AttributeValue::N(amount.to_string()));
                }
                item.update(update.update_expression(format!("ADD {}", terms.join(", "))).build()?).build()
            }
            Change::Set(key, attributes) => {
                let mut update = Update::builder()
                    .table_name(table)
                    .set_key(Some(key.attributes()))
                    .set_condition_expression(expression)
                    .set_expression_attribute_names(name)
                    .set_expression_attribute_values(value);
                let mut terms = Vec::new();
                for (index, (name, value)) in attributes.iter().enumerate() {
                    terms.push(format!("#n{index} = :n{index}"));
                    update = update
                        .expression_attribute_names(format!("#n{index}"), *name)
                        .expression_attribute_values(format!(":n{index}"), value.clone());
                }
                item.update(update.update_expression(format!("SET {}", terms.join(", "))).build()?).build()
            }
        })
    }
}

impl Change {
    fn key(&self) -> Key {
        match self {
            Self::Put(item) => key_of(item),
            Self::Delete(key) | Self::Check(key) | Self::Add(key, _) | Self::Set(key, _) => key.clone(),
        }
    }

    /// The approximate size as DynamoDB counts it.
    fn size(&self) -> usize {
        let named = |key: &Key| size(&key.attributes());
        match self {
            Self::Put(item) => size(item),
            Self::Delete(key) | Self::Check(key) => named(key),
            Self::Add(key, numbers) => named(key) + numbers.iter().map(|(name, _)| name.len() + 8).sum::<usize>(),
            Self::Set(key, attributes) => {
                named(key) + attributes.iter().map(|(name, value)| name.len() + value_size(value)).sum::<usize>()
            }
        }
    }

    /// Merges another addition to the same counter; `false` if the two cannot be merged.
    fn add(&mut self, other: &Self) -> bool {
        let (Self::Add(key, sums), Self::Add(same, terms)) = (self, other) else { return false };
        let is_same = key == same && sums.iter().map(|(name, _)| name).eq(terms.iter().map(|(name, _)| name));
        if is_same {
            for ((_, sum), (_, term)) in sums.iter_mut().zip(terms) {
                *sum = sum.saturating_add(*term);
            }
        }
        is_same
    }
}

impl Condition {
    /// Whether an item meets the condition.
    fn holds(&self, item: Option<&Item>) -> bool {
        match self {
            Self::Absent => item.is_none(),
            Self::Present => item.is_some(),
            Self::Is(name, value) => item.and_then(|item| item.get(*name)) == Some(value),
        }
    }

    /// The expression with its name and its value.
    pub(super) fn expression(&self) -> (Option<String>, Option<HashMap<String, String>>, Option<Item>) {
        let (expression, name, value) = match self {
            Self::Absent => ("attribute_not_exists(#c)", keys::PK, None),
            Self::Present => ("attribute_exists(#c)", keys::PK, None),
            Self::Is(name, value) => ("#c = :c", *name, Some(Item::from([(":c".to_owned(), value.clone())]))),
        };
        (Some(expression.to_owned()), Some(HashMap::from([("#c".to_owned(), name.to_owned())])), value)
    }
}

impl Store {
    /// Executes the changes together.
    ///
    /// Every attempt has the same client request token, so a change whose response was lost is not made twice.
    /// Conflicts with other transactions, and busy partitions, are retried until the deadline. The inner error lists
    /// the failed conditions; nothing was changed then.
    pub(super) async fn transact<G: Clone>(&self, transaction: &Transaction<G>) -> Result<Outcome<G>> {
        if !transaction.contradicted.is_empty() {
            let broken = |guard: &G| FailedConditions { guard: guard.clone(), item: None };
            return Ok(Err(transaction.contradicted.iter().map(broken).collect()));
        }
        transaction.check_size()?;
        let items =
            transaction.parts.iter().map(|part| part.item(&self.table)).collect::<std::result::Result<Vec<_>, _>>();
        let items = items.map_err(unavailable)?;
        let token = uuid::Builder::from_random_bytes(random(&*self.ambient)).into_uuid().to_string();
        let mut retries = self.retries();
        loop {
            let sent = self
                .client
                .transact_write_items()
                .set_transact_items(Some(items.clone()))
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
            if !retries.again().await {
                return Err(Error::Unavailable(summary(&error).into()));
            }
        }
    }
}

impl<G: Clone> Transaction<G> {
    fn broken(&self, reasons: &[CancellationReason]) -> Vec<FailedConditions<G>> {
        let failed = |(part, reason): (&Part<G>, &CancellationReason)| {
            let (_, guard) = part.condition.as_ref().filter(|_| reason.code() == Some("ConditionalCheckFailed"))?;
            Some(FailedConditions { guard: guard.clone(), item: reason.item().cloned() })
        };
        self.parts.iter().zip(reasons).filter_map(failed).collect()
    }
}

fn reasons<R>(error: &SdkError<TransactWriteItemsError, R>) -> &[CancellationReason] {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => cancelled.cancellation_reasons(),
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(sk: &str) -> Key {
        Key { pk: "p".to_owned(), sk: sk.to_owned() }
    }

    fn is_version(version: &str) -> Condition {
        Condition::Is("version", AttributeValue::N(version.to_owned()))
    }

    #[test]
    fn counters_of_two_transactions_are_added_up_and_their_checks_asked_once() {
        let mut both = Transaction::new();
        for guard in [1, 2] {
            let mut one = Transaction::new();
            one.check(key("group"), Condition::Present, guard);
            one.check(key("here"), is_version(&guard.to_string()), guard);
            one.add(key("count"), &[("rows", guard)]);
            one.add(key("count"), &[("epoch", 1)]);
            both.absorb(one, |guard| guard);
        }
        assert_eq!(both.len(), 5, "the group, two versions, and two kinds of counters");
        let Part { change: Change::Add(_, sums), .. } = &both.parts[2] else { panic!("a counter") };
        assert_eq!(sums, &[("rows", 3)]);
    }
}
