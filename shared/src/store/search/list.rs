//! One sorted list of the index, read piece by piece, and several read as one.

use std::collections::VecDeque;

use futures_util::future::try_join_all;

use super::postings::PostingItem;
use crate::error::{Error, Result};
use crate::store::{Bound, Range, Store, from_item, key_of, keys};

/// How many entries the first piece of a list has; about one read unit.
const FIRST_PIECE: usize = 25;
/// How many entries a piece has at most.
const MOST_PIECE: usize = 800;
/// Sorts after every place.
pub(super) const AFTER_PLACES: &str = "g";
/// Sorts before every place.
const BEFORE_PLACES: &str = "0";

/// A stretch of a partition of the index, in order of places.
#[derive(Debug)]
pub(super) struct List {
    pk: String,
    /// What the sort keys begin with.
    third: String,
    read: VecDeque<Posting>,
    /// Where the next piece begins.
    from: String,
    piece: usize,
    ended: bool,
}

/// A candidate.
#[derive(Debug)]
pub(super) struct Posting {
    pub place: String,
    pub item: PostingItem,
}

impl List {
    pub(super) fn new(pk: String, third: String) -> Self {
        let from = format!("{third}{BEFORE_PLACES}");
        Self { pk, third, read: VecDeque::new(), from, piece: FIRST_PIECE, ended: false }
    }

    /// Reads a piece unless there is something read.
    pub(super) async fn fill(&mut self, store: &Store) -> Result<()> {
        if self.ended || !self.read.is_empty() {
            return Ok(());
        }
        let to = format!("{}{AFTER_PLACES}", self.third);
        let range = Range { pk: &self.pk, bound: Bound::Between(&self.from, &to), ascending: true };
        let items = store.query(range, self.piece).await?;
        self.ended = items.len() < self.piece;
        self.piece = (self.piece * 2).min(MOST_PIECE);
        for item in items {
            let key = key_of(&item);
            let damaged = || Error::internal(format!("the item {key} stands in no place"));
            let (_, place) = keys::place_of_posting(&key.sk).ok_or_else(damaged)?;
            // The next piece begins after this entry.
            self.from = format!("{}!", key.sk);
            self.read.push_back(Posting { place: place.to_owned(), item: from_item(&key, item)? });
        }
        Ok(())
    }

    /// Leaves out what stands before a place.
    async fn skip_to(&mut self, store: &Store, place: &str) -> Result<()> {
        while self.read.pop_front_if(|posting| posting.place.as_str() < place).is_some() {}
        if self.read.is_empty() && !self.ended {
            let from = format!("{}{place}", self.third);
            if from > self.from {
                self.from = from;
                self.piece = FIRST_PIECE;
            }
            self.fill(store).await?;
        }
        Ok(())
    }

    /// Whether everything that is left is read.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// How many entries are read.
    pub(super) fn len(&self) -> usize {
        self.read.len()
    }

    /// The last place that is read: the later, the fewer entries there are up to it.
    pub(super) fn reach(&self) -> Option<&str> {
        self.read.back().map(|posting| posting.place.as_str())
    }
}

/// Candidates for one filter: what stands in any of some lists.
#[derive(Debug)]
pub(super) struct Source {
    pub lists: Vec<List>,
}

impl Source {
    /// The first place that is left.
    pub(super) async fn head(&mut self, store: &Store) -> Result<Option<String>> {
        try_join_all(self.lists.iter_mut().map(|list| list.fill(store))).await?;
        let places = self.lists.iter().filter_map(|list| list.read.front());
        Ok(places.map(|posting| &posting.place).min().cloned())
    }

    /// Leaves out what stands before a place.
    pub(super) async fn skip_to(&mut self, store: &Store, place: &str) -> Result<()> {
        try_join_all(self.lists.iter_mut().map(|list| list.skip_to(store, place))).await?;
        Ok(())
    }

    /// Takes everything out that stands in a place, and tells whether any of it fits.
    pub(super) async fn take(
        &mut self,
        store: &Store,
        place: &str,
        fits: impl Fn(&PostingItem) -> bool,
    ) -> Result<bool> {
        let mut any = false;
        for list in &mut self.lists {
            loop {
                list.fill(store).await?;
                let Some(posting) = list.read.pop_front_if(|posting| posting.place == place) else { break };
                any |= fits(&posting.item);
            }
        }
        Ok(any)
    }
}
