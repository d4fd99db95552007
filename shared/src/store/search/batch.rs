//! What many changes of users mean for the lists, and for their blocks.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::blocks::{Posting, block_item, block_key, cut, merge_of, postings_in};
use super::changes::{Change, History};
use super::terms::{Entry, Place, SearchField, Term};
use crate::error::{Error, Result};
use crate::store::item::{Item, key_of};

/// What many changes of users mean for the lists.
pub(super) struct Batch {
    entries: Vec<Entry>,
    /// By term, and then by the place of the entry.
    postings: Vec<TermChange>,
}

/// A list, the index of an entry in the batch, and what becomes of that entry.
type TermChange = (Term, usize, Fate);

/// What becomes of an entry in the lists of its terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Remove,
    /// It is added unless there is one at its place.
    AddIfAbsent,
    Set,
}

/// A change of a list at a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlaceChange<'a> {
    pub place: Place,
    /// Whether the posting that is there is removed.
    removes: bool,
    /// The value of the new one, and whether it is certain.
    value: Option<(&'a str, bool)>,
}

/// Blocks to write, in this order.
#[derive(Default)]
pub(super) struct ListWrite {
    pub blocks: Vec<BlockWrite>,
    /// Whether more must be written after these.
    pub has_more: bool,
}

pub(super) struct BlockWrite {
    pub item: Item,
    /// The merge that wrote it last; `None` for a new block.
    pub read: Option<u64>,
    /// New blocks that take postings from it, written in the same transaction.
    pub split_off: Vec<Item>,
}

/// The blocks of new postings in a place where there are none.
pub(super) fn new_blocks(term: Term, changes: &[PlaceChange<'_>], merge: u64) -> Result<Vec<BlockWrite>> {
    let posting = |change: &PlaceChange<'_>| {
        change.value.map(|(value, _)| Posting { place: change.place, value: value.to_owned() })
    };
    let postings: Vec<Posting> = changes.iter().filter_map(posting).collect();
    if postings.is_empty() {
        return Ok(Vec::new());
    }
    cut(&postings, true).into_iter().map(|piece| new_block(term, piece, merge)).collect()
}

fn new_block(term: Term, postings: &[Posting], merge: u64) -> Result<BlockWrite> {
    let first = postings.first().ok_or_else(|| Error::internal("a new block is empty"))?;
    let item = block_item(&block_key(term, first.place), postings, merge)?;
    Ok(BlockWrite { item, read: None, split_off: Vec::new() })
}

/// A block with changes, and the blocks that follow it; nothing if it has them already. If too many blocks would take postings from
/// this one, only the first changes are made.
pub(super) fn changed_block(
    term: Term,
    block: &Item,
    mut changes: &[PlaceChange<'_>],
    merge: u64,
    max_split: usize,
) -> Result<ListWrite> {
    let was = postings_in(block)?;
    let all = changes.len();
    loop {
        let postings = with_changes(&was, changes);
        if postings == was {
            return Ok(ListWrite::default());
        }
        let appended = postings.starts_with(&was);
        let mut pieces = cut(&postings, appended).into_iter();
        if !appended && pieces.len() > max_split && changes.len() > 1 {
            changes = &changes[..changes.len() / 2];
            continue;
        }
        let item = block_item(&key_of(block), pieces.next().unwrap_or_default(), merge)?;
        let others: Vec<BlockWrite> = pieces.map(|piece| new_block(term, piece, merge)).collect::<Result<_>>()?;
        let mut blocks = vec![BlockWrite { item, read: Some(merge_of(block)), split_off: Vec::new() }];
        if appended {
            // The first block has lost nothing, and nobody misses the others before the merge has ended.
            blocks.extend(others);
        } else {
            blocks[0].split_off = others.into_iter().map(|other| other.item).collect();
        }
        return Ok(ListWrite { blocks, has_more: changes.len() < all });
    }
}

/// The postings of a block after changes.
fn with_changes(was: &[Posting], changes: &[PlaceChange<'_>]) -> Vec<Posting> {
    let mut postings: BTreeMap<Place, String> = was.iter().map(|old| (old.place, old.value.clone())).collect();
    for PlaceChange { place, removes, value } in changes {
        if *removes {
            postings.remove(place);
        }
        match value {
            Some((value, true)) => {
                postings.insert(*place, (*value).to_owned());
            }
            Some((value, false)) => {
                postings.entry(*place).or_insert_with(|| (*value).to_owned());
            }
            None => {}
        }
    }
    postings.into_iter().map(|(place, value)| Posting { place, value }).collect()
}

impl Batch {
    /// What changes of users mean.
    pub(super) fn of(changes: impl Iterator<Item = Arc<Change>>) -> Self {
        let (mut entries, mut parts) = (Vec::new(), Vec::new());
        for History { certain, before, after } in History::by_user(changes).into_values() {
            let all = || certain.iter().chain(&before).chain(&after);
            let fields: Vec<SearchField> =
                SearchField::ALL.into_iter().filter(|field| all().any(|change| change.is_of(*field))).collect();
            let mut add = |entry: &Entry, fate| {
                parts.push((entry.place, entries.len(), fields.clone(), fate));
                entries.push(entry.clone());
            };
            // What the user had at any time goes.
            let gone = certain.iter().chain(&before).flat_map(|change| change.old.iter().chain(&change.new));
            gone.for_each(|entry| add(entry, Fate::Remove));
            after.iter().filter_map(|change| change.new.as_ref()).for_each(|entry| add(entry, Fate::AddIfAbsent));
            certain.last().and_then(|change| change.new.as_ref()).into_iter().for_each(|entry| add(entry, Fate::Set));
        }
        parts.sort_unstable();
        let mut postings = Vec::new();
        for (_, entry, fields, fate) in parts {
            let terms = entries[entry].terms().into_iter().filter(|term| fields.contains(&term.field));
            postings.extend(terms.map(|term| (term, entry, fate)));
        }
        // Stable: by place within each term.
        postings.sort_by_key(|(term, ..)| *term);
        Self { entries, postings }
    }

    /// The lists: where each is in `postings`.
    pub(super) fn lists(&self) -> Vec<std::ops::Range<usize>> {
        let lists = self.postings.chunk_by(|(one, ..), (other, ..)| one == other);
        let range = |end: &mut usize, list: &[TermChange]| {
            let start = *end;
            *end += list.len();
            Some(start..*end)
        };
        lists.scan(0, range).collect()
    }

    /// The changes of one list, by place.
    pub(super) fn list(&self, range: std::ops::Range<usize>) -> (Term, Vec<PlaceChange<'_>>) {
        let list = &self.postings[range];
        let mut places: Vec<PlaceChange<'_>> = Vec::new();
        for &(term, entry, fate) in list {
            let entry = &self.entries[entry];
            if places.last().is_none_or(|last| last.place != entry.place) {
                places.push(PlaceChange { place: entry.place, removes: false, value: None });
            }
            let Some(last) = places.last_mut() else { continue };
            let is_certain = last.value.is_some_and(|(_, is_certain)| is_certain);
            match fate {
                Fate::Remove => last.removes = true,
                Fate::AddIfAbsent if is_certain => {}
                Fate::AddIfAbsent => last.value = Some((entry.value(term.field), false)),
                Fate::Set => last.value = Some((entry.value(term.field), true)),
            }
        }
        (list[0].0, places)
    }
}

impl Change {
    /// Whether the lists of a field may be affected.
    fn is_of(&self, field: SearchField) -> bool {
        let value = |entry: &Entry| (entry.place, entry.value(field).to_owned());
        self.old.is_none() || self.old.as_ref().map(value) != self.new.as_ref().map(value)
    }
}

/// All blocks that users need whom no list contains yet.
pub(super) fn blocks_of(entries: impl Iterator<Item = Entry>) -> Result<Vec<Item>> {
    let change = |new| Change { at: 0, version: 1, is_certain: false, old: None, new: Some(new) };
    let batch = Batch::of(entries.map(change).map(Arc::new));
    let mut items = Vec::new();
    for list in batch.lists() {
        let (term, changes) = batch.list(list);
        items.extend(new_blocks(term, &changes, 0)?.into_iter().map(|block| block.item));
    }
    Ok(items)
}
