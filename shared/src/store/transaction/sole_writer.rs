//! Transactions of a sole writer, carried out in memory.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;

use super::{Change, FailedConditions, Outcome, Part, Transaction};
use crate::error::{Error, Result};
use crate::store::item::key_of;
use crate::store::keys::Key;
use crate::store::{BulkWriter, Item, Store, cost};

/// The content of the table, as far as a sole writer needs it.
#[derive(Default)]
struct Known {
    items: HashMap<Key, Item>,
    /// The keys written since.
    written: BTreeSet<Key>,
}

impl Store {
    /// Executes transactions one after another in memory, and writes the resulting items at once: for a sole writer,
    /// which has no concurrent requests. Returns the result of [`Store::transact`] for each. It cannot delete.
    pub(in crate::store) async fn transact_alone<G: Clone>(
        &self,
        bulk_writer: &dyn BulkWriter,
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
            cost::wrote_units(bulk_writer.load(&self.table, items).await.map_err(Error::Unavailable)?);
        }
        Ok(told)
    }
}

impl<G: Clone> Transaction<G> {
    /// Applies the changes to the known content, if all conditions are met.
    fn make(&self, known: &mut Known) -> Result<Outcome<G>> {
        let failed = |part: &Part<G>| {
            let (condition, guard) = part.condition.as_ref()?;
            let item = known.items.get(&part.change.key());
            (!condition.holds(item)).then(|| FailedConditions { guard: guard.clone(), item: item.cloned() })
        };
        let broken: Vec<FailedConditions<G>> = self.parts.iter().filter_map(failed).collect();
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
                Change::Delete(_) | Change::Set(..) => {
                    return Err(Error::internal("a bulk load only creates items and counts them"));
                }
            }
            known.written.insert(key);
        }
        Ok(Ok(()))
    }
}

/// A counter of an item; 0 if it does not exist.
fn number(item: &Item, name: &str) -> Result<i64> {
    let Some(value) = item.get(name) else { return Ok(0) };
    let number = value.as_n().ok().and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| Error::internal(format!("the counter {name} of {} is not a number", key_of(item))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::transaction::Condition;

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
            let told: Vec<_> = broken.iter().map(|FailedConditions { guard, item }| (*guard, item.is_some())).collect();
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
}
