//! Packing: moves recent changes to packets, and merges packets into the lists.
//!
//! Any number of processes may do this at once, and each may stop anywhere.
//!
//! - *A packet* has its key from its first change and holds changes that are settled; whoever comes second finds it there. Then
//!   its changes are removed one by one.
//! - *A merge* has a number. It begins when no other has begun within [`BUSY`]. Each block names the merge that wrote it last. A
//!   merge writes a block only if nobody has written it since it was read, and ends if a later merge has. What is in a list
//!   already is not written again, so a merge that another one repeats changes nothing.
//! - When all blocks are written, the state counts the merge, and then the packets are removed. Readers look at packets first and
//!   at the state after them; so whoever misses a packet knows that the lists have changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::blocks::{MERGE, Posting, block_item, block_key, cut, merge_of, postings_in};
use super::list::BEFORE_PLACES;
use super::recent::{Change, IndexState, PacketHeader, SETTLED, change_in, packet_item};
use super::SearchField;
use super::terms::{Entry, Place, Term};
use crate::error::Result;
use crate::model::{Timestamp, UserId};
use crate::model::ambient::random;
use crate::store::item::{from_item, key_of, to_item};
use crate::store::keys::{self, Key};
use crate::store::requests::{Bound, Range};
use crate::store::transaction::{Condition, Transaction};
use crate::store::{Item, Store, cost};

/// How many changes a packet holds.
const PACKED: usize = 500;
/// How many changes are worth a merge.
const WORTH: u64 = 4_000;
/// The most changes of one merge, whose postings are in memory.
pub(super) const MOST: u64 = 20_000;
/// How long a merge may take before another one begins, in seconds.
const BUSY: i64 = 15 * 60;
/// How many lists are changed at once.
const AT_ONCE: usize = 16;
/// How many lists are written together where a whole batch is one write.
const BATCH: usize = 2_000;

/// What many changes of users mean for the lists.
struct Batch {
    entries: Vec<Entry>,
    /// By term, and then by the place of the entry.
    postings: Vec<TermChange>,
}

/// A list, the index of an entry in the batch, and whether that entry belongs to the list from now on.
type TermChange = (Term, usize, bool);

/// A change of a list: a posting with that value, or none any more at that place.
type PlaceChange<'a> = (Place, Option<&'a str>);

/// Blocks to write, in this order.
#[derive(Default)]
struct ListWrite {
    /// The block as it was, and the postings that stay in it.
    changed: Vec<BlockWrite>,
}

struct BlockWrite {
    item: Item,
    /// The merge that wrote it last; `None` for a new block.
    read: Option<u64>,
    /// Blocks that are written with it, since they take postings from it.
    divided: Vec<Item>,
}

/// A merge that has begun.
struct Merge {
    state: IndexState,
    packets: Vec<(String, PacketHeader)>,
}

impl Store {
    /// Packs and merges recent changes if there are enough of them to be worth it, or `all` of them that are settled.
    ///
    /// # Errors
    /// When the store is unavailable. The next call continues where this one stopped.
    pub async fn search_pack(&self, all: bool) -> Result<()> {
        while self.pack_some(all).await? {}
        self.merge(if all { 1 } else { WORTH }).await
    }

    /// Merges packets while there are at least `worth` changes in them.
    pub(super) async fn merge(&self, worth: u64) -> Result<()> {
        while self.merge_some(worth).await? {}
        Ok(())
    }

    /// Makes one packet; `false` if there are too few changes.
    async fn pack_some(&self, all: bool) -> Result<bool> {
        let settled = keys::recent_changes_after(self.ambient.now().plus_seconds(-SETTLED));
        let range = Range { pk: keys::RECENT, bound: Bound::Between(keys::RECENT_CHANGES, &settled), ascending: true };
        let items = self.query(range, PACKED).await?;
        if items.is_empty() || items.len() < PACKED && !all {
            return Ok(false);
        }
        let changes = items.iter().map(|item| change_in(item).map(Arc::new)).collect::<Result<Vec<_>>>()?;
        let names: Vec<Key> = items.iter().map(key_of).collect();
        let (Some(first), Some(last)) = (names.first(), names.last()) else { return Ok(false) };
        let id = first.sk.trim_start_matches(keys::RECENT_CHANGES).to_owned();
        if self.write_packet(&id, &changes, &last.sk).await? {
            self.remove_all(&names).await?;
        } else if let Some(packets) = self.packets(&[&id]).await? {
            // Somebody else has made it, maybe of fewer changes.
            let packed: BTreeSet<Key> = packets.values().flat_map(|packet| packet.iter()).filter_map(|c| c.key()).collect();
            self.remove_all(&packed.into_iter().collect::<Vec<_>>()).await?;
        }
        Ok(items.len() == PACKED)
    }

    /// Writes a packet; `false` if there is one with that id.
    async fn write_packet(&self, id: &str, changes: &[Arc<Change>], through: &str) -> Result<bool> {
        let header = PacketHeader { changes: changes.len() as u64, through: through.to_owned() };
        let mut transaction = Transaction::new();
        transaction.put_if(to_item(&keys::packet_header(id), &header)?, Condition::Absent, ());
        transaction.put(packet_item(id, changes)?);
        Ok(self.transact(&transaction).await?.is_ok())
    }

    /// Adds users of whom nothing certain is known since `at`.
    pub(super) async fn announce(&self, entries: Vec<Entry>, at: Timestamp) -> Result<()> {
        let now = self.ambient.now();
        let announced = |new| Change { at: at.ordinal(), version: 1, is_certain: false, old: None, new: Some(new) };
        let changes: Vec<Arc<Change>> = entries.into_iter().map(announced).map(Arc::new).collect();
        for some in changes.chunks(PACKED) {
            let random = u64::from_be_bytes(random(&*self.ambient));
            let id = format!("{:015x}#{random:016x}", now.ordinal());
            self.write_packet(&id, some, "").await?;
        }
        Ok(())
    }

    /// Merges some packets; `false` if there are too few, or another merge is in progress.
    async fn merge_some(&self, worth: u64) -> Result<bool> {
        let Some(merge) = self.begin_merge(worth).await? else { return Ok(false) };
        let ids: Vec<&String> = merge.packets.iter().map(|(id, _)| id).collect();
        let Some(packets) = self.packets(&ids).await? else { return Ok(false) };
        let batch = Batch::of(packets.values().flat_map(|packet| packet.iter().cloned()));
        if !self.change_lists(&batch, merge.state.begun).await? {
            return Ok(false);
        }
        self.end_merge(merge).await
    }

    async fn begin_merge(&self, worth: u64) -> Result<Option<Merge>> {
        let (first, last) = keys::PACKET_HEADERS;
        let range = Range { pk: keys::RECENT, bound: Bound::Between(first, last), ascending: true };
        let mut packets = Vec::new();
        for item in self.query(range, usize::MAX).await? {
            let key = key_of(&item);
            if let Some(id) = keys::packet_id(&key.sk).map(str::to_owned) {
                packets.push((id, from_item::<PacketHeader>(&key, item)?));
            }
        }
        let changes: u64 = packets.iter().map(|(_, header)| header.changes).sum();
        if packets.is_empty() || changes < worth {
            return Ok(None);
        }
        let before: Option<IndexState> = self.get(keys::index_state()).await?;
        let now = self.ambient.now();
        if before.as_ref().is_some_and(|before| before.busy_until > now.micros()) {
            return Ok(None);
        }
        let mut sum = 0;
        packets.retain(|(_, header)| {
            sum += header.changes;
            sum <= MOST || sum == header.changes
        });
        let was = before.clone().unwrap_or_default();
        let state = IndexState { begun: was.begun + 1, busy_until: now.plus_seconds(BUSY).micros(), ..was };
        Ok(self.write_state(before.as_ref(), &state).await?.then_some(Merge { state, packets }))
    }

    /// Counts the merge, and removes its packets; `false` if a later merge has begun.
    async fn end_merge(&self, merge: Merge) -> Result<bool> {
        let Merge { state, packets } = merge;
        let through = packets.iter().map(|(_, header)| &header.through).max().cloned().unwrap_or_default();
        let merged = IndexState { merges: state.merges + 1, through: through.max(state.through.clone()), ..state.clone() };
        if !self.write_state(Some(&state), &merged).await? {
            return Ok(false);
        }
        for (id, _) in &packets {
            let mut transaction = Transaction::<()>::new();
            transaction.delete(keys::packet_header(id));
            transaction.delete(keys::packet(id));
            let _ = self.transact(&transaction).await?;
        }
        let done = IndexState { busy_until: 0, ..merged.clone() };
        self.write_state(Some(&merged), &done).await
    }

    /// Replaces the state; `false` if another merge has begun since it was read.
    pub(super) async fn write_state(&self, before: Option<&IndexState>, after: &IndexState) -> Result<bool> {
        let condition = match before {
            None => Condition::Absent,
            Some(before) => Condition::Is("begun", AttributeValue::N(before.begun.to_string())),
        };
        let mut transaction = Transaction::new();
        transaction.put_if(to_item(&keys::index_state(), after)?, condition, ());
        Ok(self.transact(&transaction).await?.is_ok())
    }

    /// Changes lists; `false` if a later merge has begun.
    async fn change_lists(&self, batch: &Batch, merge: u64) -> Result<bool> {
        let lists = batch.lists();
        if self.bulk_writer.is_some() {
            // The engine is in this process, whose merges take turns.
            let _turn = self.turn.lock().await;
            for some in lists.chunks(BATCH) {
                let writes = stream::iter(some.to_vec()).map(|list| self.list_write(batch, list, merge));
                let writes: Vec<Option<ListWrite>> = writes.buffered(AT_ONCE).try_collect().await?;
                let Some(writes) = writes.into_iter().collect::<Option<Vec<_>>>() else { return Ok(false) };
                let blocks = writes.into_iter().flat_map(|write| write.changed);
                let items: Vec<Item> = blocks.flat_map(|block| block.divided.into_iter().chain([block.item])).collect();
                self.write_batch(items, &[]).await?;
            }
            return Ok(true);
        }
        let changed = stream::iter(lists).map(|list| self.change_list(batch, list, merge));
        let mut changed = std::pin::pin!(changed.buffer_unordered(AT_ONCE));
        while let Some(is_done) = changed.next().await {
            if !is_done? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Changes one list; `false` if a later merge has begun.
    async fn change_list(&self, batch: &Batch, list: std::ops::Range<usize>, merge: u64) -> Result<bool> {
        let mut attempts = self.attempts();
        loop {
            attempts.next().await?;
            let Some(write) = self.list_write(batch, list.clone(), merge).await? else { return Ok(false) };
            if self.write_list(write).await? {
                return Ok(true);
            }
        }
    }

    /// Writes blocks in order; `false` if somebody has written one since it was read.
    async fn write_list(&self, write: ListWrite) -> Result<bool> {
        for BlockWrite { item, read, divided } in write.changed {
            let condition = match read {
                None => Condition::Absent,
                Some(merge) => Condition::Is(MERGE, AttributeValue::N(merge.to_string())),
            };
            let is_written = if divided.is_empty() {
                self.put_block(item, &condition).await?
            } else {
                let mut transaction = Transaction::new();
                transaction.put_if(item, condition, ());
                for item in divided {
                    transaction.put_if(item, Condition::Absent, ());
                }
                self.transact(&transaction).await?.is_ok()
            };
            if !is_written {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn put_block(&self, item: Item, condition: &Condition) -> Result<bool> {
        let (expression, names, values) = condition.expression();
        let put = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(item))
            .set_condition_expression(expression)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = self.write_if(|| put.clone().send()).await?;
        cost::wrote(output.as_ref().and_then(|output| output.consumed_capacity()));
        Ok(output.is_some())
    }

    /// What must be written for changes of one list; `None` if a later merge has written one of its blocks.
    async fn list_write(&self, batch: &Batch, list: std::ops::Range<usize>, merge: u64) -> Result<Option<ListWrite>> {
        let (term, changes) = batch.list(list);
        let mut write = ListWrite::default();
        let (Some((first, _)), Some((last, _))) = (changes.first(), changes.last()) else { return Ok(Some(write)) };
        let blocks = self.blocks_between(term, *first, *last).await?;
        if blocks.iter().any(|block| merge_of(block) > merge) {
            return Ok(None);
        }
        let mut rest = &changes[..];
        // Before all blocks.
        let begins = |block: &Item| key_of(block).sk;
        let place = |change: &PlaceChange<'_>| format!("{}{}", term.prefix(), change.0.position());
        let end = blocks.first().map_or(rest.len(), |block| rest.partition_point(|change| place(change) < begins(block)));
        let (before, after) = rest.split_at(end);
        rest = after;
        let new: Vec<Posting> = before.iter().copied().filter_map(posting).collect();
        if !new.is_empty() {
            for postings in cut(&new, true) {
                write.changed.extend(new_block(term, postings, merge)?);
            }
        }
        for (index, block) in blocks.iter().enumerate() {
            let next = blocks.get(index + 1);
            let end = next.map_or(rest.len(), |next| rest.partition_point(|change| place(change) < begins(next)));
            let (some, after) = rest.split_at(end);
            rest = after;
            write.changed.extend(changed_block(term, block, some, merge)?);
        }
        Ok(Some(write))
    }

    /// The blocks that hold the places from the first to the last, oldest first.
    async fn blocks_between(&self, term: Term, first: Place, last: Place) -> Result<Vec<Item>> {
        let (pk, prefix) = (term.partition(), term.prefix());
        let [lowest, from, to] = [BEFORE_PLACES, &first.position(), &last.position()].map(|sk| format!("{prefix}{sk}"));
        let range = |first, last, ascending| Range { pk: &pk, bound: Bound::Between(first, last), ascending };
        let mut blocks = self.query(range(&lowest, &to, false), 1).await?;
        // Mostly, all changes are newer than what is there.
        if blocks.first().is_some_and(|block| key_of(block).sk > from) {
            blocks = self.query(range(&lowest, &from, false), 1).await?;
            let some = self.query(range(&from, &to, true), usize::MAX).await?;
            blocks.extend(some.into_iter().filter(|block| key_of(block).sk > from));
        }
        Ok(blocks)
    }
}

fn posting((place, value): PlaceChange<'_>) -> Option<Posting> {
    value.map(|value| Posting { place, value: value.to_owned() })
}

fn new_block(term: Term, postings: &[Posting], merge: u64) -> Result<Option<BlockWrite>> {
    let Some(first) = postings.first() else { return Ok(None) };
    let item = block_item(&block_key(term, first.place), postings, merge)?;
    Ok(Some(BlockWrite { item, read: None, divided: Vec::new() }))
}

/// A block with changes, and the blocks that follow it; nothing if it has them already.
fn changed_block(term: Term, block: &Item, changes: &[PlaceChange<'_>], merge: u64) -> Result<Vec<BlockWrite>> {
    let was = postings_in(block)?;
    let mut postings: BTreeMap<Place, String> = was.iter().map(|old| (old.place, old.value.clone())).collect();
    for (place, value) in changes {
        match value {
            Some(value) => postings.insert(*place, (*value).to_owned()),
            None => postings.remove(place),
        };
    }
    let postings: Vec<Posting> = postings.into_iter().map(|(place, value)| Posting { place, value }).collect();
    if postings == was {
        return Ok(Vec::new());
    }
    let appended = postings.starts_with(&was);
    let mut pieces = cut(&postings, appended).into_iter();
    let item = block_item(&key_of(block), pieces.next().unwrap_or_default(), merge)?;
    let mut writes = vec![BlockWrite { item, read: Some(merge_of(block)), divided: Vec::new() }];
    for piece in pieces {
        match new_block(term, piece, merge)? {
            // Nobody reads them before they exist, and the first block has lost nothing.
            Some(block) if appended => writes.push(block),
            Some(block) => writes[0].divided.push(block.item),
            None => {}
        }
    }
    Ok(writes)
}

impl Batch {
    /// What changes of users mean.
    fn of(changes: impl Iterator<Item = Arc<Change>>) -> Self {
        let mut users: HashMap<UserId, Vec<Arc<Change>>> = HashMap::new();
        for change in changes {
            if let Some(user) = change.user() {
                users.entry(user).or_default().push(change);
            }
        }
        let (mut entries, mut parts) = (Vec::new(), Vec::new());
        for changes in users.values_mut() {
            changes.sort_by_key(|change| (change.at, change.version));
            let fields: Vec<SearchField> =
                SearchField::ALL.into_iter().filter(|field| changes.iter().any(|change| change.is_of(*field))).collect();
            let mut add = |entry: &Entry, stays| {
                parts.push((entry.place, entries.len(), fields.clone(), stays));
                entries.push(entry.clone());
            };
            // What the user had at any time goes, if anything is certain.
            let certain = changes.iter().rposition(|change| change.is_certain);
            let gone = changes[..certain.map_or(0, |last| last + 1)].iter();
            gone.flat_map(|change| change.old.iter().chain(&change.new)).for_each(|entry| add(entry, false));
            let stay = changes[certain.unwrap_or(0)..].iter();
            stay.filter_map(|change| change.new.as_ref()).for_each(|entry| add(entry, true));
        }
        parts.sort_unstable();
        let mut postings = Vec::new();
        for (_, entry, fields, stays) in parts {
            let terms = entries[entry].terms().into_iter().filter(|term| fields.contains(&term.field));
            postings.extend(terms.map(|term| (term, entry, stays)));
        }
        // Stable: by place within each term.
        postings.sort_by_key(|(term, ..)| *term);
        Self { entries, postings }
    }

    /// The lists: where each is in `postings`.
    fn lists(&self) -> Vec<std::ops::Range<usize>> {
        let lists = self.postings.chunk_by(|(one, ..), (other, ..)| one == other);
        let range = |end: &mut usize, list: &[TermChange]| {
            let start = *end;
            *end += list.len();
            Some(start..*end)
        };
        lists.scan(0, range).collect()
    }

    /// The changes of one list, by place.
    fn list(&self, range: std::ops::Range<usize>) -> (Term, Vec<PlaceChange<'_>>) {
        let list = &self.postings[range];
        let mut places: Vec<PlaceChange<'_>> = Vec::new();
        for &(term, entry, stays) in list {
            let entry = &self.entries[entry];
            let value = stays.then(|| entry.value(term.field));
            match places.last_mut() {
                // A posting wins over none.
                Some((place, last)) if *place == entry.place => *last = value.or(*last),
                _ => places.push((entry.place, value)),
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
        let postings: Vec<Posting> = changes.into_iter().filter_map(posting).collect();
        for postings in cut(&postings, true) {
            items.extend(new_block(term, postings, 0)?.map(|block| block.item));
        }
    }
    Ok(items)
}
