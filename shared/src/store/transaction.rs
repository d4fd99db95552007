//! Several items changed together or not at all.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Delete, Put, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};

use super::keys::{self, Key};
use super::{Item, Loader, Store, cost, key_of, size, unavailable};
use crate::ambient::random;
use crate::error::{Error, Result};

/// Reasons of a cancellation that may be gone at the next try.
const PASSING: [&str; 3] = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

/// Changes to be made together. `G` names what it means that a condition does not hold.
pub(super) struct Transaction<G> {
    parts: Vec<Part<G>>,
}

/// A change, and the condition under which all are made.
struct Part<G> {
    change: Change,
    condition: Option<(Condition, G)>,
}

#[derive(PartialEq)]
enum Change {
    Put(Item),
    Delete(Key),
    /// None; the item is only asked for the condition.
    Check(Key),
    /// Adds to numbers of an item, which is made if it is not there.
    Add(Key, Vec<(&'static str, i64)>),
}

/// What became of a transaction: it was made, or nothing was for these conditions.
pub(super) type Outcome<G> = std::result::Result<(), Vec<Broken<G>>>;

/// A condition that did not hold, and the item that stood in its way.
pub(super) struct Broken<G> {
    pub guard: G,
    pub item: Option<Item>,
}

/// What an item must be for a change to go through.
#[derive(PartialEq)]
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
        Self { parts: Vec::new() }
    }

    /// Writes an item whatever was there.
    pub(super) fn put(&mut self, item: Item) {
        self.parts.push(Part { change: Change::Put(item), condition: None });
    }

    /// Writes an item if the condition holds.
    pub(super) fn put_if(&mut self, item: Item, condition: Condition, guard: G) {
        self.parts.push(Part { change: Change::Put(item), condition: Some((condition, guard)) });
    }

    /// Removes an item, whether it is there or not.
    pub(super) fn delete(&mut self, key: Key) {
        self.parts.push(Part { change: Change::Delete(key), condition: None });
    }

    /// Removes an item if the condition holds.
    pub(super) fn delete_if(&mut self, key: Key, condition: Condition, guard: G) {
        self.parts.push(Part { change: Change::Delete(key), condition: Some((condition, guard)) });
    }

    /// Leaves an item and asks that the condition holds.
    pub(super) fn check(&mut self, key: Key, condition: Condition, guard: G) {
        self.parts.push(Part { change: Change::Check(key), condition: Some((condition, guard)) });
    }

    /// Adds to numbers of an item, which is made if it is not there.
    pub(super) fn add(&mut self, key: Key, numbers: &[(&'static str, i64)]) {
        self.parts.push(Part { change: Change::Add(key, numbers.to_vec()), condition: None });
    }

    /// How many items it is about.
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    /// About how many bytes it puts.
    pub(super) fn size(&self) -> usize {
        let put = |part: &Part<G>| if let Change::Put(item) = &part.change { size(item) } else { 0 };
        self.parts.iter().map(put).sum()
    }

    /// Takes over the changes of another one, whose guards are told by `guard`. Both may add to the same counters and
    /// check the same items for the same; other than that, they must be about different items.
    pub(super) fn absorb<H>(&mut self, other: Transaction<H>, guard: impl Fn(H) -> G) {
        for Part { change, condition } in other.parts {
            let is_known = match &change {
                Change::Check(_) => {
                    let asked = condition.as_ref().map(|(asked, _)| asked);
                    let known_for = |known: &Part<G>| known.condition.as_ref().map(|(known, _)| known) == asked;
                    self.parts.iter().any(|known| known.change == change && known_for(known))
                }
                Change::Add(..) => self.parts.iter_mut().any(|known| known.change.add(&change)),
                Change::Put(_) | Change::Delete(_) => false,
            };
            if !is_known {
                let condition = condition.map(|(condition, name)| (condition, guard(name)));
                self.parts.push(Part { change, condition });
            }
        }
    }
}

impl<G> Part<G> {
    /// As the SDK takes it.
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
        })
    }
}

impl Change {
    fn key(&self) -> Key {
        match self {
            Self::Put(item) => key_of(item),
            Self::Delete(key) | Self::Check(key) | Self::Add(key, _) => key.clone(),
        }
    }

    /// Adds to a counter what another change adds to the same; `false` when they are no such two.
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
    /// Whether an item is so.
    fn holds(&self, item: Option<&Item>) -> bool {
        match self {
            Self::Absent => item.is_none(),
            Self::Present => item.is_some(),
            Self::Is(name, value) => item.and_then(|item| item.get(*name)) == Some(value),
        }
    }

    /// The expression, its name and its value.
    fn expression(&self) -> (Option<String>, Option<HashMap<String, String>>, Option<Item>) {
        let (expression, name, value) = match self {
            Self::Absent => ("attribute_not_exists(#c)", keys::PK, None),
            Self::Present => ("attribute_exists(#c)", keys::PK, None),
            Self::Is(name, value) => ("#c = :c", *name, Some(Item::from([(":c".to_owned(), value.clone())]))),
        };
        (Some(expression.to_owned()), Some(HashMap::from([("#c".to_owned(), name.to_owned())])), value)
    }
}

impl Store {
    /// Carries the changes out together.
    ///
    /// Every try bears the same client request token, so that a change whose answer was lost is not made twice.
    /// Conflicts with other transactions, and items in busy partitions, are tried again until the deadline.
    /// The inner error lists the conditions that did not hold; nothing was changed then.
    pub(super) async fn transact<G: Clone>(&self, transaction: &Transaction<G>) -> Result<Outcome<G>> {
        let items =
            transaction.parts.iter().map(|part| part.item(&self.table)).collect::<std::result::Result<Vec<_>, _>>();
        let items = items.map_err(unavailable)?;
        let token = uuid::Builder::from_random_bytes(random(&*self.ambient)).into_uuid().to_string();
        let mut tries = self.tries();
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
            if !tries.again().await {
                return Err(Error::Unavailable(error.into()));
            }
        }
    }

    /// Carries transactions out one after another, and writes what becomes of the items in one go: for a sole writer, whom
    /// nobody comes between. Gives what [`Store::transact`] gives, of each. Nothing is removed so.
    pub(super) async fn transact_alone<G: Clone>(
        &self,
        loader: &dyn Loader,
        transactions: &[Transaction<G>],
    ) -> Result<Vec<Outcome<G>>> {
        let _turn = self.turn.lock().await;
        let parts = transactions.iter().flat_map(|transaction| &transaction.parts);
        let asked = parts.filter(|part| part.condition.is_some() || matches!(part.change, Change::Add(..)));
        let asked: BTreeSet<Key> = asked.map(|part| part.change.key()).collect();
        let mut known = Known::default();
        for item in self.batch_at_once(&asked.into_iter().collect::<Vec<_>>()).await? {
            known.items.insert(key_of(&item), item);
        }
        let told = transactions.iter().map(|transaction| transaction.make(&mut known)).collect::<Result<Vec<_>>>()?;
        let Known { mut items, written } = known;
        let items: Vec<Item> = written.iter().filter_map(|key| items.remove(key)).collect();
        if !items.is_empty() {
            cost::wrote_units(loader.load(&self.table, items).await.map_err(Error::Unavailable)?);
        }
        Ok(told)
    }
}

/// What the table holds, as far as a sole writer has to know it.
#[derive(Default)]
struct Known {
    items: HashMap<Key, Item>,
    /// Those that were written since.
    written: BTreeSet<Key>,
}

/// A counter of an item; 0 if it is not there.
fn number(item: &Item, name: &str) -> Result<i64> {
    let Some(value) = item.get(name) else { return Ok(0) };
    let number = value.as_n().ok().and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| Error::internal(format!("the counter {name} of {} is no number", key_of(item))))
}

impl<G: Clone> Transaction<G> {
    /// Makes the changes in what is known, if all conditions hold.
    fn make(&self, known: &mut Known) -> Result<Outcome<G>> {
        let failed = |part: &Part<G>| {
            let (condition, guard) = part.condition.as_ref()?;
            let item = known.items.get(&part.change.key());
            (!condition.holds(item)).then(|| Broken { guard: guard.clone(), item: item.cloned() })
        };
        let broken: Vec<Broken<G>> = self.parts.iter().filter_map(failed).collect();
        if !broken.is_empty() {
            return Ok(Err(broken));
        }
        for Part { change, .. } in &self.parts {
            let key = change.key();
            match change {
                Change::Put(item) => {
                    known.items.insert(key.clone(), item.clone());
                }
                Change::Add(_, numbers) => {
                    let item = known.items.entry(key.clone()).or_insert_with(|| key.attributes());
                    for (name, amount) in numbers {
                        let sum = number(item, name)?.saturating_add(*amount);
                        item.insert((*name).to_owned(), AttributeValue::N(sum.to_string()));
                    }
                }
                Change::Check(_) => continue,
                Change::Delete(_) => return Err(Error::internal("a sole writer has nothing to remove")),
            }
            known.written.insert(key);
        }
        Ok(Ok(()))
    }

    fn broken(&self, reasons: &[CancellationReason]) -> Vec<Broken<G>> {
        let failed = |(part, reason): (&Part<G>, &CancellationReason)| {
            let (_, guard) = part.condition.as_ref().filter(|_| reason.code() == Some("ConditionalCheckFailed"))?;
            Some(Broken { guard: guard.clone(), item: reason.item().cloned() })
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

    fn item(sk: &str, version: &str) -> Item {
        let mut item = key(sk).attributes();
        item.insert("version".to_owned(), AttributeValue::N(version.to_owned()));
        item
    }

    fn is_version(version: &str) -> Condition {
        Condition::Is("version", AttributeValue::N(version.to_owned()))
    }

    fn known() -> Known {
        Known { items: HashMap::from([(key("here"), item("here", "3"))]), written: BTreeSet::new() }
    }

    #[test]
    fn a_sole_writer_makes_all_changes_when_all_conditions_hold() {
        let mut transaction = Transaction::new();
        transaction.check(key("here"), Condition::Present, 1);
        transaction.put_if(item("here", "4"), is_version("3"), 2);
        transaction.put_if(item("new", "1"), Condition::Absent, 3);
        transaction.put(item("other", "1"));
        transaction.add(key("here"), &[("rows", -2)]);
        transaction.add(key("count"), &[("rows", 2), ("epoch", 1)]);
        transaction.add(key("count"), &[("rows", 40), ("epoch", 1)]);
        let mut known = known();
        assert!(transaction.make(&mut known).expect("an outcome").is_ok());
        let number = |sk: &str, name: &str| known.items[&key(sk)][name].as_n().expect("a number").clone();
        assert_eq!([number("here", "version"), number("here", "rows")], ["4", "-2"]);
        assert_eq!([number("new", "version"), number("other", "version")], ["1", "1"]);
        assert_eq!([number("count", "rows"), number("count", "epoch")], ["42", "2"]);
        assert_eq!(known.written, ["here", "new", "other", "count"].map(key).into());
    }

    #[test]
    fn a_sole_writer_changes_nothing_when_a_condition_does_not_hold() {
        let conditions = [
            ("here", Condition::Absent),
            ("gone", Condition::Present),
            ("here", is_version("2")),
            ("gone", is_version("3")),
        ];
        for (sk, condition) in conditions {
            let mut transaction = Transaction::new();
            transaction.put(item("new", "1"));
            transaction.put_if(item("other", "1"), Condition::Absent, "holds");
            transaction.check(key(sk), condition, "breaks");
            let mut known = known();
            let broken = transaction.make(&mut known).expect("an outcome").expect_err("a broken condition");
            let told: Vec<_> = broken.iter().map(|Broken { guard, item }| (*guard, item.is_some())).collect();
            assert_eq!(told, [("breaks", sk == "here")]);
            assert!(known.written.is_empty() && known.items.len() == 1);
        }
    }

    #[test]
    fn a_sole_writer_does_not_count_with_what_is_no_number() {
        let mut transaction = Transaction::<()>::new();
        transaction.add(key("here"), &[("pk", 1)]);
        assert!(transaction.make(&mut known()).is_err());
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
