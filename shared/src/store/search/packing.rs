//! Packing: moves recent changes to packets, and merges packets into the lists.
//!
//! Any number of processes may do this at once, and each may stop anywhere.
//!
//! - *A merge* has a number, which the state counts. It begins when no other has begun within [`BUSY`], and stops writing a little
//!   before another one may begin. Whoever has been overtaken nevertheless makes no packet, and is noticed by most blocks:
//! - *A packet* is made while the state has the number of the merge. Its changes are removed afterwards, at the latest by the merge
//!   that takes the packet.
//! - *A block* names the merge that wrote it last. A merge writes a block only if nobody has written it since it was read, and ends
//!   if a later merge has. What is in a list already is not written again, so a merge that another one repeats changes nothing.
//! - When all blocks are written, the state counts that a merge has ended, and then the packets are removed. Readers look at packets
//!   first and at the state after them; so whoever misses a packet knows that the lists have changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_recursion::async_recursion as boxed;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::batch::{Batch, BlockWrite, ListWrite, changed_block, new_blocks};
use super::blocks::{MERGE, merge_of};
use super::changes::{Change, IndexState, PACKED, PacketHeader, change_in, header_in, packet_item};
use super::list::BEFORE_PLACES;
use super::terms::{Entry, place_of};
use crate::error::Result;
use crate::model::Timestamp;
use crate::model::ambient::random;
use crate::store::item::{key_of, to_item};
use crate::store::keys::{self, Key, SETTLED};
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
/// How long a merge keeps others from beginning, in seconds: more than a function in Lambda may take.
const BUSY: i64 = 20 * 60;
/// How long before that a merge stops writing, in seconds: more than a request may take.
const MARGIN: i64 = 60;
/// Changes that are older than this, in seconds, are merged even if they are few.
const OLD: i64 = 24 * 60 * 60;
/// The most blocks that take postings from one block in one transaction.
const DIVIDED: usize = 80;
/// How many blocks of a list are read at once; about one read unit.
const BLOCKS: usize = 4;
/// Attribute of the packing task.
const PURGED: &str = "purged";
/// How many lists are changed at once.
const AT_ONCE: usize = 16;
/// How many lists are written together where a whole batch is one write.
const BATCH: usize = 2_000;

impl Store {
    /// Packs and merges recent changes if there are enough of them to be worth it, or `all` of them that are settled.
    ///
    /// # Errors
    /// When the store is unavailable. The next call continues where this one stopped.
    #[boxed]
    pub async fn search_pack(&self, all: bool) -> Result<()> {
        if all || self.has_old_changes().await? { self.pack(1, 1).await } else { self.pack(PACKED, WORTH).await }
    }

    /// Whether a change waits since [`OLD`], or somebody was purged, of whom nothing is to stay.
    async fn has_old_changes(&self) -> Result<bool> {
        let task = self.item(&keys::packing_task()).await?;
        if task.is_some_and(|task| task.contains_key(PURGED)) {
            return Ok(true);
        }
        let old = keys::recent_changes_after(self.ambient.now().plus_seconds(-OLD));
        let range = |first, last| Range { pk: keys::RECENT, bound: Bound::Between(first, last), ascending: true };
        let old_packets = keys::packet_headers_before(self.ambient.now().plus_seconds(-OLD));
        let changes = self.query(range(keys::RECENT_CHANGES, &old), 1).await?;
        Ok(!changes.is_empty() || !self.query(range(keys::PACKET_HEADERS.0, &old_packets), 1).await?.is_empty())
    }

    /// Has everything merged soon that is known of a purged user.
    pub(super) async fn ask_for_merging(&self) -> Result<()> {
        let mut item = keys::packing_task().attributes();
        item.insert(PURGED.to_owned(), AttributeValue::N(self.ambient.now().micros().to_string()));
        self.put(item, None).await?;
        Ok(())
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
        Ok(self.change_lists(&batch, &state).await? && self.end_merge(&state, packets).await?)
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
            let id = keys::packet_id(&key_of(&item).sk).map(str::to_owned);
            packets.extend(id.zip(header_in(item)));
        }
        Ok(packets)
    }

    /// Removes changes that are in packets already, where somebody has stopped in between.
    async fn remove_packed_changes(&self) -> Result<()> {
        let headers = self.headers().await?;
        let made: Vec<&(String, PacketHeader)> =
            headers.iter().filter(|(_, header)| !header.through.is_empty()).collect();
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
        let now = self.ambient.now();
        let is_busy = |state: &IndexState| state.busy_until > now.micros();
        let begin = |state: &mut IndexState| {
            state.begun += 1;
            state.busy_until = now.plus_seconds(BUSY).micros();
        };
        self.change_state(|state| !is_busy(state), begin).await
    }

    /// Counts the merge of some packets, removes them, and lets others begin; `false` if a later merge has begun.
    async fn end_merge(&self, merge: &IndexState, packets: Vec<(String, PacketHeader)>) -> Result<bool> {
        let is_ours = |state: &IndexState| state.begun == merge.begun;
        if let Some(through) = packets.iter().map(|(_, header)| header.through.clone()).max() {
            let count = |state: &mut IndexState| {
                state.merges += 1;
                state.through = state.through.clone().max(through.clone());
            };
            if self.change_state(is_ours, count).await?.is_none() {
                return Ok(false);
            }
        }
        for (id, _) in &packets {
            let mut transaction = Transaction::<()>::new();
            transaction.delete(keys::packet_header(id));
            transaction.delete(keys::packet(id));
            let _ = self.transact(&transaction).await?;
        }
        Ok(self.change_state(is_ours, |state| state.busy_until = 0).await?.is_some())
    }

    /// Changes the state if it is as it must be, and returns it.
    pub(super) async fn change_state(
        &self,
        is_right: impl Fn(&IndexState) -> bool,
        change: impl Fn(&mut IndexState),
    ) -> Result<Option<IndexState>> {
        let mut attempts = self.attempts();
        loop {
            attempts.next().await?;
            let before: Option<IndexState> = self.get(keys::index_state()).await?;
            let condition = match &before {
                None => Condition::Absent,
                Some(before) => Condition::Is("revision", AttributeValue::N(before.revision.to_string())),
            };
            let mut state = before.unwrap_or_default();
            if !is_right(&state) {
                return Ok(None);
            }
            change(&mut state);
            state.revision += 1;
            let mut transaction = Transaction::new();
            transaction.put_if(to_item(&keys::index_state(), &state)?, condition, ());
            if self.transact(&transaction).await?.is_ok() {
                return Ok(Some(state));
            }
        }
    }

    /// Whether a merge may not write any more, since another one may begin.
    fn is_over(&self, merge: &IndexState) -> bool {
        self.ambient.now().plus_seconds(MARGIN).micros() >= merge.busy_until
    }

    /// Changes lists; `false` if a later merge has begun, or may begin.
    async fn change_lists(&self, batch: &Batch, merge: &IndexState) -> Result<bool> {
        let lists = batch.lists();
        if self.bulk_writer.is_some() {
            // The engine is in this process, whose merges take turns.
            let _turn = self.turn.lock().await;
            for some in lists.chunks(BATCH) {
                let writes = stream::iter(some.to_vec()).map(|list| self.list_write(batch, list, merge, usize::MAX));
                let writes: Vec<Option<ListWrite>> = writes.buffered(AT_ONCE).try_collect().await?;
                let Some(writes) = writes.into_iter().collect::<Option<Vec<_>>>() else { return Ok(false) };
                let blocks = writes.into_iter().flat_map(|write| write.blocks);
                let items: Vec<Item> = blocks.flat_map(|block| block.divided.into_iter().chain([block.item])).collect();
                if self.is_over(merge) {
                    return Ok(false);
                }
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

    /// Changes one list; `false` if a later merge has begun, or may begin.
    async fn change_list(&self, batch: &Batch, list: std::ops::Range<usize>, merge: &IndexState) -> Result<bool> {
        let mut attempts = self.attempts();
        loop {
            attempts.next().await?;
            loop {
                let Some(write) = self.list_write(batch, list.clone(), merge, DIVIDED).await? else { return Ok(false) };
                let has_more = write.has_more;
                match self.write_list(write, merge).await? {
                    None => return Ok(false),
                    Some(true) if !has_more => return Ok(true),
                    Some(true) => {}
                    Some(false) => break,
                }
            }
        }
    }

    /// Writes blocks in order; `Some(false)` if somebody has written one since it was read, `None` if a later merge may begin.
    async fn write_list(&self, write: ListWrite, merge: &IndexState) -> Result<Option<bool>> {
        for BlockWrite { item, read, divided } in write.blocks {
            if self.is_over(merge) {
                return Ok(None);
            }
            let condition = match read {
                None => Condition::Absent,
                Some(merge) => Condition::Is(MERGE, AttributeValue::N(merge.to_string())),
            };
            let is_written = if divided.is_empty() {
                self.put(item, Some(&condition)).await?
            } else {
                let mut transaction = Transaction::new();
                transaction.put_if(item, condition, ());
                for item in divided {
                    transaction.put_if(item, Condition::Absent, ());
                }
                self.transact(&transaction).await?.is_ok()
            };
            if !is_written {
                return Ok(Some(false));
            }
        }
        Ok(Some(true))
    }

    /// Writes an item; `false` if the condition fails.
    pub(super) async fn put(&self, item: Item, condition: Option<&Condition>) -> Result<bool> {
        let (expression, names, values) = condition.map(Condition::expression).unwrap_or_default();
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
    async fn list_write(
        &self,
        batch: &Batch,
        list: std::ops::Range<usize>,
        merge: &IndexState,
        most_divided: usize,
    ) -> Result<Option<ListWrite>> {
        let (term, changes) = batch.list(list);
        let (pk, prefix) = (term.partition(), term.prefix());
        let lowest = format!("{prefix}{BEFORE_PLACES}");
        let mut write = ListWrite::default();
        // From the newest on: mostly, all changes are in the last block or after it.
        let mut rest = &changes[..];
        while let Some(newest) = rest.last() {
            let to = format!("{prefix}{}", newest.place.position());
            let range = Range { pk: &pk, bound: Bound::Between(&lowest, &to), ascending: false };
            let blocks = self.query(range, BLOCKS).await?;
            if blocks.is_empty() {
                write.blocks.extend(new_blocks(term, rest, merge.begun)?);
                break;
            }
            for block in blocks {
                let first = place_of(&prefix, &key_of(&block).sk)?;
                let (before, within) = rest.split_at(rest.partition_point(|change| change.place < first));
                if within.is_empty() {
                    continue;
                }
                rest = before;
                if merge_of(&block) > merge.begun {
                    return Ok(None);
                }
                match changed_block(term, &block, within, merge.begun, most_divided) {
                    Ok(changed) => {
                        write.blocks.extend(changed.blocks);
                        write.has_more |= changed.has_more;
                    }
                    // One bad block stops no other.
                    Err(error) => tracing::error!(error = %error, "search index: skipping a block"),
                }
            }
        }
        Ok(Some(write))
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
