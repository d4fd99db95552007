//! Ids as requests name them.

use std::collections::BTreeSet;
use std::ops::Deref;

/// An id, and how it was written: so it is told when there is nothing that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<T> {
    /// The id.
    pub id: T,
    /// What was sent.
    pub sent: String,
}

/// The ids of a list: a set that knows in what order and how they were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct References<T> {
    ids: BTreeSet<T>,
    sent: Vec<Named<T>>,
}

impl<T> Named<T> {
    /// Another id, written so.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Named<U> {
        Named { id: change(self.id), sent: self.sent }
    }
}

impl<T> References<T> {
    /// The first that is not among those known, as it was sent.
    pub fn first_unknown(&self, is_known: impl Fn(&T) -> bool) -> Option<String> {
        let unknown = self.sent.iter().find(|named| !is_known(&named.id))?;
        Some(unknown.sent.clone())
    }
}

impl<T> Default for References<T> {
    fn default() -> Self {
        Self { ids: BTreeSet::new(), sent: Vec::new() }
    }
}

impl<T> Deref for References<T> {
    type Target = BTreeSet<T>;

    fn deref(&self) -> &BTreeSet<T> {
        &self.ids
    }
}

impl<T> From<References<T>> for BTreeSet<T> {
    fn from(references: References<T>) -> Self {
        references.ids
    }
}

impl<T: Ord + Copy> FromIterator<Named<T>> for References<T> {
    fn from_iter<I: IntoIterator<Item = Named<T>>>(named: I) -> Self {
        let sent: Vec<Named<T>> = named.into_iter().collect();
        Self { ids: sent.iter().map(|named| named.id).collect(), sent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_was_sent_is_told_as_it_was_sent() {
        let named = [(9, "9.0"), (4, "+4"), (8, "8"), (4, "4")].map(|(id, sent)| Named { id, sent: sent.to_owned() });
        let references: References<u64> = named.into_iter().collect();
        assert_eq!(references.iter().copied().collect::<Vec<_>>(), [4, 8, 9]);
        assert_eq!(references.first_unknown(|id| *id == 4).as_deref(), Some("9.0"));
        assert_eq!(references.first_unknown(|id| *id > 4).as_deref(), Some("+4"));
        assert_eq!(references.first_unknown(|_| true), None);
    }
}
