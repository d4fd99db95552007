//! What a process remembers of requests that it has answered.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many entries there are at most.
const MOST: usize = 1024;

/// A map that cannot grow without end.
#[derive(Debug, Clone)]
pub(crate) struct Remembered<K, V>(Arc<Mutex<HashMap<K, V>>>);

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash, V: Clone> Remembered<K, V> {
    pub(crate) fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.lock().get(key).cloned()
    }

    /// Adds or replaces an entry. When the map is full, it removes the entries that are not live; if all are, it removes all.
    pub(crate) fn insert(&self, key: K, value: V, is_live: impl Fn(&V) -> bool) {
        let mut entries = self.lock();
        if entries.len() >= MOST && !entries.contains_key(&key) {
            entries.retain(|_, value| is_live(value));
            if entries.len() >= MOST {
                entries.clear();
            }
        }
        entries.insert(key, value);
    }

    pub(crate) fn remove<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_the_most_are_remembered() {
        let remembered = Remembered::default();
        for number in 0..MOST {
            remembered.insert(number, "old", |_| true);
        }
        // What is known takes no room.
        remembered.insert(0, "new", |_| true);
        assert_eq!((remembered.get(&0), remembered.get(&1)), (Some("new"), Some("old")));
        remembered.insert(MOST, "new", |value| *value == "new");
        assert_eq!([0, 1, MOST].map(|key| remembered.get(&key)), [Some("new"), None, Some("new")]);
        for number in 0..MOST {
            remembered.insert(number, "newer", |_| true);
        }
        assert_eq!([MOST, MOST - 1].map(|key| remembered.get(&key)), [None, Some("newer")]);
        remembered.remove(&(MOST - 1));
        assert_eq!(remembered.get(&(MOST - 1)), None);
    }
}
