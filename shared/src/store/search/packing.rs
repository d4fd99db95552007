//! Packing: moves recent changes to packets, and merges packets into the lists.
//!
//! Any number of processes may do this at once, and each may stop anywhere.
//!
//! - *A merge* has a number, which the state counts. It begins when no other has begun within [`BUSY`]. Whoever has been overtaken
//!   makes no packet, and writes no block:
//! - *A packet* is made while the state has the number of the merge. Its changes are removed afterwards, at the latest by the merge
//!   that takes the packet.
//! - *A block* names the merge that wrote it last. A merge writes a block only if nobody has written it since it was read, and ends
//!   if a later merge has. What is in a list already is not written again, so a merge that another one repeats changes nothing.
//! - When all blocks are written, the state counts that a merge has ended, and then the packets are removed. Readers look at packets
//!   first and at the state after them; so whoever misses a packet knows that the lists have changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::blocks::{MERGE, Posting, block_item, block_key, cut, merge_of, postings_in};
use super::list::BEFORE_PLACES;
use super::changes::{Change, IndexState, PACKED, PacketHeader, change_in, packet_item};
use super::terms::{Entry, Place, SearchField, Term};
use crate::error::Result;
use crate::model::{Timestamp, UserId};
use crate::model::ambient::random;
use crate::store::item::{from_item, key_of, to_item};
use crate::store::keys::{self, Key};
use crate::store::lists::SETTLED;
use crate::store::requests::{Bound, Range};
use crate::store::transaction::{Condition, Transaction};
use crate::store::{Item, Store, cost};

/// The most bytes of its changes, of which it is an item.
const PACKED_BYTES: usize = 300_000;
/// How many changes are worth a merge.
const WORTH: u64 = 3_000;
/// The most changes of one merge.
pub(super) const MOST: u64 = 20_000;
/// The most bytes of these changes; their postings, which are in memory, take fifty times as much. So many bytes are worth a merge.
const MOST_BYTES: u64 = 2_000_000;
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

impl Store {
    /// Packs and merges recent changes if there are enough of them to be worth it, or `all` of them that are settled.
    ///
    /// # Errors
    /// When the store is unavailable. The next call continues where this one stopped.
    pub async fn search_pack(&self, all: bool) -> Result<()> {
        if all { self.pack(1, 1).await } else { self.pack(PACKED, WORTH).await }
    }

    /// Makes packets of `fewest` changes or more, and merges packets with `worth` changes or more.
    pub(super) async fn pack(&self, fewest: usize, worth: u64) -> Result<()> {
        while self.settled_changes(fewest).await?.len() >= fewest || is_worth(&self.headers().await?, worth) {
            let Some(state) = self.begin_merge().await? else { return Ok(()) };
            if !self.pack_and_merge(state, fewest, worth).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The same with the lists in the hands of this merge; `false` if a later one has begun.
    async fn pack_and_merge(&self, state: IndexState, fewest: usize, worth: u64) -> Result<bool> {
        self.remove_packed_changes().await?;
        loop {
            let changes = self.settled_changes(PACKED).await?;
            if changes.len() < fewest || changes.is_empty() {
                break;
            }
            if !self.pack_some(&state, &changes).await? {
                return Ok(false);
            }
        }
        self.remove(&keys::packing_task()).await?;
        let mut packets = self.headers().await?;
        if is_worth(&packets, worth) {
            packets = first_packets(packets);
        } else {
            packets.clear();
        }
        let ids: Vec<&String> = packets.iter().map(|(id, _)| id).collect();
        let Some(contents) = self.packets(&ids).await? else { return Ok(false) };
        let batch = Batch::of(contents.values().flat_map(|packet| packet.iter().cloned()));
        Ok(self.change_lists(&batch, state.begun).await? && self.end_merge(state, packets).await?)
    }

    /// The first changes that are settled, at most `limit`.
    async fn settled_changes(&self, limit: usize) -> Result<Vec<Arc<Change>>> {
        let settled = keys::recent_changes_after(self.ambient.now().plus_seconds(-SETTLED));
        let (mut changes, mut from) = (Vec::new(), keys::RECENT_CHANGES.to_owned());
        loop {
            let range = Range { pk: keys::RECENT, bound: Bound::Between(&from, &settled), ascending: true };
            let wanted = limit - changes.len();
            let items = self.query(range, wanted).await?;
            changes.extend(items.iter().filter_map(change_in));
            // Malformed ones stay where they are.
            match items.last().filter(|_| items.len() == wanted && changes.len() < limit) {
                Some(last) => from = format!("{}!", key_of(last).sk),
                None => return Ok(changes),
            }
        }
    }

    /// The headers of all packets, oldest first.
    async fn headers(&self) -> Result<Vec<(String, PacketHeader)>> {
        let (first, last) = keys::PACKET_HEADERS;
        let range = Range { pk: keys::RECENT, bound: Bound::Between(first, last), ascending: true };
        let mut packets = Vec::new();
        for item in self.query(range, usize::MAX).await? {
            let key = key_of(&item);
            if let Some(id) = keys::packet_id(&key.sk).map(str::to_owned) {
                packets.push((id, from_item(&key, item)?));
            }
        }
        Ok(packets)
    }

    /// Removes changes that are in packets already, where somebody has stopped in between.
    async fn remove_packed_changes(&self) -> Result<()> {
        let headers = self.headers().await?;
        let made: Vec<&(String, PacketHeader)> = headers.iter().filter(|(_, header)| !header.through.is_empty()).collect();
        let Some(through) = made.iter().map(|(_, header)| &header.through).max() else { return Ok(()) };
        let range = Range { pk: keys::RECENT, bound: Bound::Between(keys::RECENT_CHANGES, through), ascending: true };
        let left: BTreeSet<Key> = self.query(range, usize::MAX).await?.iter().map(key_of).collect();
        if left.is_empty() {
            return Ok(());
        }
        let ids: Vec<&String> = made.iter().map(|(id, _)| id).collect();
        let packets = self.packets(&ids).await?.unwrap_or_default();
        let packed = packets.values().flat_map(|packet| packet.iter()).filter_map(|change| change.key());
        self.remove_all(&packed.filter(|key| left.contains(key)).collect::<Vec<_>>()).await
    }

    /// Makes a packet of the first changes; `false` if a later merge has begun.
    async fn pack_some(&self, state: &IndexState, changes: &[Arc<Change>]) -> Result<bool> {
        let changes = first_packet(changes);
        let names: Vec<Key> = changes.iter().filter_map(|change| change.key()).collect();
        let (Some(first), Some(last)) = (names.first(), names.last()) else { return Ok(false) };
        let id = first.sk.trim_start_matches(keys::RECENT_CHANGES);
        let mut transaction = packet(id, changes, &last.sk)?;
        // Whoever has been overtaken makes no packet of changes that are merged already.
        transaction.check(keys::index_state(), is_begun(state), ());
        if self.transact(&transaction).await?.is_err() {
            return Ok(false);
        }
        self.remove_all(&names).await?;
        Ok(true)
    }

    /// Adds users of whom nothing certain is known since `at`.
    pub(super) async fn announce(&self, entries: Vec<Entry>, at: Timestamp) -> Result<()> {
        let now = self.ambient.now();
        let announced = |new| Change { at: at.ordinal(), version: 1, is_certain: false, old: None, new: Some(new) };
        let changes: Vec<Arc<Change>> = entries.into_iter().map(announced).map(Arc::new).collect();
        let mut rest = &changes[..];
        while !rest.is_empty() {
            let some = first_packet(rest);
            let random = u64::from_be_bytes(random(&*self.ambient));
            let id = format!("{:015x}#{random:016x}", now.ordinal());
            let _ = self.transact(&packet(&id, some, "")?).await?;
            rest = &rest[some.len()..];
        }
        Ok(())
    }

    /// Begins a merge, unless another one is in progress.
    async fn begin_merge(&self) -> Result<Option<IndexState>> {
        let before: Option<IndexState> = self.get(keys::index_state()).await?;
        let now = self.ambient.now();
        if before.as_ref().is_some_and(|before| before.busy_until > now.micros()) {
            return Ok(None);
        }
        let was = before.clone().unwrap_or_default();
        let state = IndexState { begun: was.begun + 1, busy_until: now.plus_seconds(BUSY).micros(), ..was };
        Ok(self.write_state(before.as_ref(), &state).await?.then_some(state))
    }

    /// Counts the merge of some packets, removes them, and lets others begin; `false` if a later merge has begun.
    async fn end_merge(&self, state: IndexState, packets: Vec<(String, PacketHeader)>) -> Result<bool> {
        let mut merged = state.clone();
        if !packets.is_empty() {
            let through = packets.iter().map(|(_, header)| header.through.clone()).max().unwrap_or_default();
            merged.merges += 1;
            merged.through = merged.through.max(through);
            if !self.write_state(Some(&state), &merged).await? {
                return Ok(false);
            }
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
        let condition = before.map_or(Condition::Absent, is_begun);
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
            match changed_block(term, block, some, merge) {
                Ok(changed) => write.changed.extend(changed),
                // One bad block stops no other.
                Err(error) => tracing::error!(error = %error, "search index: skipping a block"),
            }
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

/// Whether the state is that of the same merge.
fn is_begun(state: &IndexState) -> Condition {
    Condition::Is("begun", AttributeValue::N(state.begun.to_string()))
}

/// Writes a packet and its header.
fn packet(id: &str, changes: &[Arc<Change>], through: &str) -> Result<Transaction<()>> {
    let bytes = changes.iter().map(|change| change.size() as u64).sum();
    let header = PacketHeader { changes: changes.len() as u64, bytes, through: through.to_owned() };
    let mut transaction = Transaction::new();
    transaction.put(to_item(&keys::packet_header(id), &header)?);
    transaction.put(packet_item(id, changes)?);
    Ok(transaction)
}

/// Whether packets are worth a merge.
fn is_worth(packets: &[(String, PacketHeader)], worth: u64) -> bool {
    let changes: u64 = packets.iter().map(|(_, header)| header.changes).sum();
    let bytes: u64 = packets.iter().map(|(_, header)| header.bytes).sum();
    changes >= worth || bytes >= MOST_BYTES
}

/// As many of the first packets as one merge takes, at least one.
fn first_packets(mut packets: Vec<(String, PacketHeader)>) -> Vec<(String, PacketHeader)> {
    let (mut changes, mut bytes) = (0, 0);
    let fits = |(_, header): &&(String, PacketHeader)| {
        let is_first = changes == 0;
        changes += header.changes;
        bytes += header.bytes;
        is_first || changes <= MOST && bytes <= MOST_BYTES
    };
    let count = packets.iter().take_while(fits).count();
    packets.truncate(count);
    packets
}

/// As many of the first changes as a packet holds, at least one.
fn first_packet(changes: &[Arc<Change>]) -> &[Arc<Change>] {
    let mut bytes = 0;
    let fits = |change: &&Arc<Change>| {
        bytes += change.size();
        bytes <= PACKED_BYTES
    };
    let count = changes.iter().take(PACKED).take_while(fits).count();
    &changes[..count.max(1).min(changes.len())]
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
