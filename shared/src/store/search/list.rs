//! A sorted list of the index, read in pieces, and several lists read as one.

use std::collections::VecDeque;

use futures_util::future::try_join_all;

use super::blocks::{Posting, postings_in};
use super::memory::Recent;
use super::terms::{Place, Term, place_of};
use crate::error::Result;
use crate::store::item::key_of;
use crate::store::requests::{Bound, Range};
use crate::store::{Item, Store};

/// Sorts after every position.
pub(super) const AFTER_PLACES: &str = "g";
/// Sorts before every position.
pub(super) const BEFORE_PLACES: &str = "0";

/// What the items of a list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Several users in each.
    Blocks,
    /// One user in each, whose place is in the key; with the value of the field in tables of earlier releases.
    Entries,
}

/// A range of a partition, sorted by place.
#[derive(Debug, Clone)]
pub(super) struct List {
    kind: Kind,
    pk: String,
    /// Prefix of the sort keys.
    prefix: String,
    read: VecDeque<Posting>,
    /// The last place that was read.
    reached: Option<Place>,
    /// The sort key where the next piece begins.
    from: String,
    /// How many items it has.
    piece: usize,
    ended: bool,
}

impl Kind {
    /// The partition of a term.
    pub(super) fn partition(self, term: Term) -> String {
        match self {
            Self::Blocks => term.partition(),
            Self::Entries => term.partition_before(),
        }
    }

    /// The list of a term.
    pub(super) fn list(self, term: Term) -> List {
        List::new(self, self.partition(term), term.prefix())
    }

    /// The number of items in the first piece of a list; about one read unit.
    fn first_piece(self) -> usize {
        match self {
            Self::Blocks => 4,
            Self::Entries => 25,
        }
    }

    /// The most items in a piece, which are about a megabyte.
    fn most_piece(self) -> usize {
        match self {
            Self::Blocks => 1024,
            Self::Entries => 6400,
        }
    }
}

impl List {
    /// The part of a partition whose sort keys begin with `prefix`.
    pub(super) fn new(kind: Kind, pk: String, prefix: String) -> Self {
        let from = format!("{prefix}{BEFORE_PLACES}");
        Self { kind, pk, prefix, read: VecDeque::new(), reached: None, from, piece: kind.first_piece(), ended: false }
    }

    /// Reads on until there are unread postings in memory, or the list ends.
    pub(super) async fn fill(&mut self, store: &Store) -> Result<()> {
        let to = format!("{}{AFTER_PLACES}", self.prefix);
        while self.is_dry() {
            let range = Range { pk: &self.pk, bound: Bound::Between(&self.from, &to), ascending: true };
            let items = store.query(range, self.piece).await?;
            self.ended = items.len() < self.piece;
            self.piece = (self.piece * 2).min(self.kind.most_piece());
            for item in items {
                self.take_in(&item)?;
            }
        }
        Ok(())
    }

    fn take_in(&mut self, item: &Item) -> Result<()> {
        let sk = key_of(item).sk;
        match self.kind {
            Kind::Blocks => {
                // A block that is being split_off may repeat postings of the one before.
                let is_new = |posting: &Posting| self.reached.is_none_or(|reached| posting.place > reached);
                self.read.extend(postings_in(item)?.into_iter().filter(is_new));
            }
            Kind::Entries => {
                let value = item.get("v").and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
                self.read.push_back(Posting { place: place_of(&self.prefix, &sk)?, value });
            }
        }
        self.reached = self.read.back().map(|posting| posting.place).or(self.reached);
        self.from = format!("{sk}!");
        Ok(())
    }

    /// Skips everything before a place.
    async fn skip_to(&mut self, store: &Store, place: Place) -> Result<()> {
        while self.read.pop_front_if(|posting| posting.place < place).is_some() {}
        if !self.is_dry() {
            return Ok(());
        }
        let to = format!("{}{}", self.prefix, place.position());
        if self.from <= to {
            match self.kind {
                Kind::Blocks => {
                    let range = Range { pk: &self.pk, bound: Bound::Between(&self.from, &to), ascending: false };
                    for block in store.query(range, 1).await? {
                        self.take_in(&block)?;
                    }
                    while self.read.pop_front_if(|posting| posting.place < place).is_some() {}
                }
                Kind::Entries => self.from = to,
            }
            self.piece = self.kind.first_piece();
        }
        self.fill(store).await
    }

    /// Whether a piece must be read to find the next posting.
    fn is_dry(&self) -> bool {
        !self.ended && self.read.is_empty()
    }

    /// Whether the whole list was read.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// How many postings are in memory.
    pub(super) fn len(&self) -> usize {
        self.read.len()
    }

    /// The last place in memory: the later it is, the fewer postings the list has.
    pub(super) fn reach(&self) -> Option<Place> {
        self.read.back().map(|posting| posting.place)
    }
}

/// Candidates for one filter: the union of some lists, and of users whose changes the lists do not contain yet.
#[derive(Debug)]
pub(super) struct Source {
    pub lists: Vec<List>,
    pub recent: VecDeque<Place>,
}

impl Source {
    /// The first remaining candidate.
    pub(super) async fn head(&mut self, store: &Store, hidden: &Recent) -> Result<Option<Place>> {
        loop {
            if self.lists.iter().any(List::is_dry) {
                try_join_all(self.lists.iter_mut().map(|list| list.fill(store))).await?;
            }
            for list in &mut self.lists {
                while list.read.pop_front_if(|posting| hidden.hides(posting.place)).is_some() {}
            }
            if !self.lists.iter().any(List::is_dry) {
                break;
            }
        }
        let fronts = self.lists.iter().filter_map(|list| list.read.front()).map(|posting| posting.place);
        Ok(fronts.chain(self.recent.front().copied()).min())
    }

    /// Skips everything before a place.
    pub(super) async fn skip_to(&mut self, store: &Store, place: Place) -> Result<()> {
        while self.recent.pop_front_if(|recent| *recent < place).is_some() {}
        try_join_all(self.lists.iter_mut().map(|list| list.skip_to(store, place))).await?;
        Ok(())
    }

    /// Takes all postings at a place, and returns whether any of them matches. A recent change matches, or it would not be here.
    pub(super) async fn take(
        &mut self,
        store: &Store,
        place: Place,
        hidden: &Recent,
        fits: impl Fn(&Posting) -> bool,
    ) -> Result<bool> {
        let mut any = self.recent.pop_front_if(|recent| *recent == place).is_some();
        for list in &mut self.lists {
            loop {
                list.fill(store).await?;
                let Some(posting) = list.read.pop_front_if(|posting| posting.place == place) else { break };
                any |= !hidden.hides(place) && fits(&posting);
            }
        }
        Ok(any)
    }
}
