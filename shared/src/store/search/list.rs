//! A sorted list of the index, read in pieces, and several lists read as one.

use std::collections::VecDeque;

use futures_util::future::try_join_all;

use super::postings::PostingItem;
use crate::error::Result;
use crate::store::item::{from_item, key_of};
use crate::store::requests::{Bound, Range};
use crate::store::{Member, Store};

/// The number of postings in the first piece of a list; about one read unit.
const FIRST_PIECE: usize = 25;
/// The most postings in a piece.
const MOST_PIECE: usize = 6400;
/// Sorts after every position.
pub(super) const AFTER_PLACES: &str = "g";
/// Sorts before every position.
const BEFORE_PLACES: &str = "0";

/// A range of a partition of the index, sorted by position.
#[derive(Debug, Clone)]
pub(super) struct List {
    pk: String,
    /// Prefix of the sort keys.
    third: String,
    read: VecDeque<Posting>,
    /// Where the next piece begins.
    from: String,
    piece: usize,
    ended: bool,
}

/// A candidate.
#[derive(Debug, Clone)]
pub(super) struct Posting {
    pub user: Member,
    pub item: PostingItem,
}

impl List {
    pub(super) fn new(pk: String, third: String) -> Self {
        let from = format!("{third}{BEFORE_PLACES}");
        Self { pk, third, read: VecDeque::new(), from, piece: FIRST_PIECE, ended: false }
    }

    /// Reads a piece unless there are unread postings in memory.
    pub(super) async fn fill(&mut self, store: &Store) -> Result<()> {
        if !self.is_dry() {
            return Ok(());
        }
        let to = format!("{}{AFTER_PLACES}", self.third);
        let range = Range { pk: &self.pk, bound: Bound::Between(&self.from, &to), ascending: true };
        let items = store.query(range, self.piece).await?;
        self.ended = items.len() < self.piece;
        self.piece = (self.piece * 2).min(MOST_PIECE);
        for item in items {
            let key = key_of(&item);
            let user = Member::of(&key, &self.third)?;
            // The next piece begins after this posting.
            self.from = format!("{}!", key.sk);
            self.read.push_back(Posting { user, item: from_item(&key, item)? });
        }
        Ok(())
    }

    /// Skips everything before a position.
    async fn skip_to(&mut self, store: &Store, position: &str) -> Result<()> {
        while self.read.pop_front_if(|posting| posting.user.position.as_str() < position).is_some() {}
        if self.read.is_empty() && !self.ended {
            let from = format!("{}{position}", self.third);
            if from > self.from {
                self.from = from;
                self.piece = FIRST_PIECE;
            }
            self.fill(store).await?;
        }
        Ok(())
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

    /// The last position in memory: the later it is, the fewer postings the list has.
    pub(super) fn reach(&self) -> Option<&str> {
        self.read.back().map(|posting| posting.user.position.as_str())
    }
}

/// Candidates for one filter: the union of some lists.
#[derive(Debug)]
pub(super) struct Source {
    pub lists: Vec<List>,
}

impl Source {
    /// The first remaining candidate.
    pub(super) async fn head(&mut self, store: &Store) -> Result<Option<Member>> {
        if self.lists.iter().any(List::is_dry) {
            try_join_all(self.lists.iter_mut().map(|list| list.fill(store))).await?;
        }
        let fronts = self.lists.iter().filter_map(|list| list.read.front());
        Ok(fronts.map(|posting| &posting.user).min().cloned())
    }

    /// Skips everything before a position.
    pub(super) async fn skip_to(&mut self, store: &Store, position: &str) -> Result<()> {
        try_join_all(self.lists.iter_mut().map(|list| list.skip_to(store, position))).await?;
        Ok(())
    }

    /// Takes all postings at a position, and returns whether any of them matches.
    pub(super) async fn take(
        &mut self,
        store: &Store,
        position: &str,
        fits: impl Fn(&PostingItem) -> bool,
    ) -> Result<bool> {
        let mut any = false;
        for list in &mut self.lists {
            loop {
                list.fill(store).await?;
                let Some(posting) = list.read.pop_front_if(|posting| posting.user.position == position) else { break };
                any |= fits(&posting.item);
            }
        }
        Ok(any)
    }
}
