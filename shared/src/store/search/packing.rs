//! Packing: moves recent changes to packets, and merges packets into the lists.
//!
//! One process merges at a time, and may stop anywhere. It holds a lease of [`LEASE`] seconds, stops writing a little before the lease
//! ends, and gives it up when it is done. A process that outlives its lease does no harm:
//!
//! - *A merge* has a number, which the state counts.
//! - *A packet* of recent changes is written only while its maker's merge is the latest. Its changes are removed afterwards, at the
//!   latest by the merge that takes the packet.
//! - *A block* names the merge that wrote it last. It is written only if nobody has written it since it was read, and a merge ends
//!   when it meets a block of a later one. (The embedded engine writes many blocks at once, without that condition.) What is in a list
//!   already is not written again, so a merge that another one repeats changes nothing.
//! - When all blocks are written, the state counts that a merge has ended, and then the packets are removed. Readers look at packets
//!   first and at the state after them; so whoever misses a packet knows that the lists have changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_recursion::async_recursion as boxed;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::batch::{Batch, BlockWrite, ListWrite, changed_block, new_blocks};
use super::blocks::{MERGE, merge_of};
use super::changes::{Change, IndexState, PACKET_MAX_CHANGES, PacketHeader, change_in, header_in, packet_item, shifts};
use super::list::BEFORE_PLACES;
use super::recent::MARKED;
use super::terms::{Entry, place_of};
use crate::error::Result;
use crate::model::Timestamp;
use crate::model::ambient::random;
use crate::store::item::{key_of, to_item};
use crate::store::keys::{self, Key, SETTLED};
use crate::store::requests::{Bound, Range};
use crate::store::transaction::{Condition, Transaction};
use crate::store::{Item, Store};

/// The most bytes of changes in a packet, which is one item.
const PACKET_MAX_BYTES: usize = 300_000;
/// The fewest changes that are merged.
const MERGE_MIN_CHANGES: u64 = 3_000;
/// The most changes of one merge.
pub(super) const MERGE_MAX_CHANGES: u64 = 20_000;
/// The most bytes of these changes; their postings, which are in memory, take fifty times as much. With that many,
/// fewer changes are merged too.
const MERGE_MAX_BYTES: u64 = 2_000_000;
/// How long a merge keeps others from beginning, in seconds, unless it ends before: more than a function in Lambda may take.
const LEASE: i64 = 20 * 60;
/// How long before the end of its lease a merge stops writing, in seconds: more than a request may take.
const LEASE_MARGIN: i64 = 60;
/// How long a change waits at most, in seconds, until it is merged even if it is alone.
const MAX_AGE: i64 = 24 * 60 * 60;
/// The most blocks into which a block is split in one transaction.
const MAX_SPLIT: usize = 80;
/// How many blocks of a list are read at once; about one read unit.
const BLOCKS_AT_ONCE: usize = 4;
/// How many lists are changed at once.
const AT_ONCE: usize = 16;
/// How many lists are written together where a whole batch is one write.
const LISTS_AT_ONCE: usize = 2_000;

impl Store {
    /// Packs and merges recent changes if there are enough of them to be worth it, or `all` of them that are settled.
    ///
    /// # Errors
    /// When the store is unavailable. The next call continues where this one stopped.
    #[boxed]
    pub async fn search_pack(&self, all: bool) -> Result<()> {
        let purged = self.item(&keys::purged_mark()).await?;
        let has_begun = if all || purged.is_some() || self.has_old_changes().await? {
            self.pack(1, 1).await?
        } else {
            self.pack(PACKET_MAX_CHANGES, MERGE_MIN_CHANGES).await?
        };
        if let Some(mark) = purged {
            self.end_purge(&mark).await?;
        }
        if (all || has_begun)
            && let Err(error) = self.check_ranks(all).await
        {
            tracing::warn!(error = %error, "could not check the rank index of users");
        }
        Ok(())
    }

    /// Whether a change waits since [`MAX_AGE`].
    async fn has_old_changes(&self) -> Result<bool> {
        let old = self.ambient.now().plus_seconds(-MAX_AGE);
        if self.settled_changes(1).await?.first().is_some_and(|change| change.at < old.ordinal()) {
            return Ok(true);
        }
        let until = keys::packet_headers_before(old);
        Ok(self.headers().await?.first().is_some_and(|(id, _)| keys::packet_header(id).sk < until))
    }

    /// Removes the mark for purged users when everything older is merged, unless another user was purged meanwhile.
    async fn end_purge(&self, mark: &Item) -> Result<()> {
        let Some(purged) = mark.get(MARKED) else { return Ok(()) };
        let time = purged.as_n().ok().and_then(|micros| micros.parse().ok()).map(Timestamp::from_micros);
        let until = keys::recent_changes_before(time.unwrap_or_else(|| self.ambient.now()).plus_seconds(1));
        let range = Range { pk: keys::RECENT, bound: Bound::Between(keys::RECENT_CHANGES, &until), ascending: true };
        if self.query(range, 1).await?.is_empty() && self.headers().await?.is_empty() {
            let mut transaction = Transaction::new();
            transaction.delete_if(keys::purged_mark(), Condition::Is(MARKED, purged.clone()), ());
            let _ = self.transact(&transaction).await?;
        }
        Ok(())
    }

    /// Makes packets of `fewest` changes or more, and merges packets with `worth` changes or more. Returns whether it has begun to do so.
    pub(super) async fn pack(&self, fewest: usize, worth: u64) -> Result<bool> {
        let mut has_begun = false;
        while self.settled_changes(fewest).await?.len() >= fewest || is_worth(&self.headers().await?, worth) {
            let Some(state) = self.begin_merge().await? else { return Ok(has_begun) };
            has_begun = true;
            if !self.pack_and_merge(state, fewest, worth).await? {
                break;
            }
        }
        Ok(has_begun)
    }

    /// The same with the lists in the hands of this merge; `false` if a later one has begun.
    async fn pack_and_merge(&self, state: IndexState, fewest: usize, worth: u64) -> Result<bool> {
        self.remove_packed_changes().await?;
        loop {
            let changes = self.settled_changes(PACKET_MAX_CHANGES).await?;
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
        let changes = || contents.values().flat_map(|packet| packet.iter());
        if !self.change_lists(&Batch::of(changes().cloned()), &state).await? {
            return Ok(false);
        }
        let ranks = self.ranks_after(&state, &shifts(changes(), &state.through)).await?;
        self.end_merge(&state, packets, ranks).await
    }

    /// The first changes that are settled, at most `limit`.
    async fn settled_changes(&self, limit: usize) -> Result<Vec<Arc<Change>>> {
        let settled = keys::recent_changes_before(self.ambient.now().plus_seconds(-SETTLED));
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
        transaction.check(keys::index_state(), same_merge(state), ());
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
    pub(super) async fn begin_merge(&self) -> Result<Option<IndexState>> {
        let now = self.ambient.now();
        let is_busy = |state: &IndexState| state.lease_until > now.micros();
        let begin = |state: &mut IndexState| {
            state.last_merge += 1;
            state.lease_until = now.plus_seconds(LEASE).micros();
        };
        self.change_state(|state| !is_busy(state), begin, None).await
    }

    /// Counts the merge of some packets, with which the rank index changes, removes them, and lets others begin; `false` if a later
    /// merge has begun.
    pub(super) async fn end_merge(
        &self,
        merge: &IndexState,
        packets: Vec<(String, PacketHeader)>,
        ranks: Option<Item>,
    ) -> Result<bool> {
        let is_ours = |state: &IndexState| state.last_merge == merge.last_merge;
        if let Some(through) = packets.iter().map(|(_, header)| header.through.clone()).max() {
            let count = |state: &mut IndexState| {
                state.merges += 1;
                state.through = state.through.clone().max(through.clone());
            };
            if self.change_state(is_ours, count, ranks).await?.is_none() {
                return Ok(false);
            }
        }
        for (id, _) in &packets {
            let mut transaction = Transaction::<()>::new();
            transaction.delete(keys::packet_header(id));
            transaction.delete(keys::packet(id));
            let _ = self.transact(&transaction).await?;
        }
        Ok(self.change_state(is_ours, |state| state.lease_until = 0, None).await?.is_some())
    }

    /// Changes the state if it is as it must be, together with another item, and returns it.
    pub(super) async fn change_state(
        &self,
        is_right: impl Fn(&IndexState) -> bool,
        change: impl Fn(&mut IndexState),
        other: Option<Item>,
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
            other.iter().cloned().for_each(|item| transaction.put(item));
            if self.transact(&transaction).await?.is_ok() {
                return Ok(Some(state));
            }
        }
    }

    /// Whether a merge may not write any more, since another one may begin.
    fn is_over(&self, merge: &IndexState) -> bool {
        self.ambient.now().plus_seconds(LEASE_MARGIN).micros() >= merge.lease_until
    }

    /// Changes lists; `false` if a later merge has begun, or may begin.
    async fn change_lists(&self, batch: &Batch, merge: &IndexState) -> Result<bool> {
        let lists = batch.lists();
        if self.bulk_writer.is_some() {
            // The engine is in this process, whose merges take turns.
            let _turn = self.turn.lock().await;
            for some in lists.chunks(LISTS_AT_ONCE) {
                let writes = stream::iter(some.to_vec()).map(|list| self.list_write(batch, list, merge, usize::MAX));
                let writes: Vec<Option<ListWrite>> = writes.buffered(AT_ONCE).try_collect().await?;
                let Some(writes) = writes.into_iter().collect::<Option<Vec<_>>>() else { return Ok(false) };
                let blocks = writes.into_iter().flat_map(|write| write.blocks);
                let items: Vec<Item> =
                    blocks.flat_map(|block| block.split_off.into_iter().chain([block.item])).collect();
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
                let Some(write) = self.list_write(batch, list.clone(), merge, MAX_SPLIT).await? else {
                    return Ok(false);
                };
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
        for BlockWrite { item, read, split_off } in write.blocks {
            if self.is_over(merge) {
                return Ok(None);
            }
            let condition = match read {
                None => Condition::Absent,
                Some(merge) => Condition::Is(MERGE, AttributeValue::N(merge.to_string())),
            };
            let is_written = if split_off.is_empty() {
                self.put(item, Some(&condition)).await?
            } else {
                let mut transaction = Transaction::new();
                transaction.put_if(item, condition, ());
                for item in split_off {
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

    /// What must be written for changes of one list; `None` if a later merge has written one of its blocks.
    async fn list_write(
        &self,
        batch: &Batch,
        list: std::ops::Range<usize>,
        merge: &IndexState,
        max_split: usize,
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
            let blocks = self.query(range, BLOCKS_AT_ONCE).await?;
            if blocks.is_empty() {
                write.blocks.extend(new_blocks(term, rest, merge.last_merge)?);
                break;
            }
            for block in blocks {
                let first = place_of(&prefix, &key_of(&block).sk)?;
                let (before, within) = rest.split_at(rest.partition_point(|change| change.place < first));
                if within.is_empty() {
                    continue;
                }
                rest = before;
                if merge_of(&block) > merge.last_merge {
                    return Ok(None);
                }
                match changed_block(term, &block, within, merge.last_merge, max_split) {
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
pub(super) fn same_merge(state: &IndexState) -> Condition {
    Condition::Is("last_merge", AttributeValue::N(state.last_merge.to_string()))
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

/// Whether packets hold enough to be merged.
fn is_worth(packets: &[(String, PacketHeader)], worth: u64) -> bool {
    let changes: u64 = packets.iter().map(|(_, header)| header.changes).sum();
    let bytes: u64 = packets.iter().map(|(_, header)| header.bytes).sum();
    changes >= worth || bytes >= MERGE_MAX_BYTES
}

/// As many of the first packets as one merge takes, at least one. They are in the order of what they are made of, so that no other
/// packet has a change up to the last one of these.
fn first_packets(mut packets: Vec<(String, PacketHeader)>) -> Vec<(String, PacketHeader)> {
    packets.sort_by(|(_, one), (_, other)| one.through.cmp(&other.through));
    let (mut changes, mut bytes) = (0, 0);
    let fits = |(_, header): &&(String, PacketHeader)| {
        let is_first = changes == 0;
        changes += header.changes;
        bytes += header.bytes;
        is_first || changes <= MERGE_MAX_CHANGES && bytes <= MERGE_MAX_BYTES
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
        bytes <= PACKET_MAX_BYTES
    };
    let count = changes.iter().take(PACKET_MAX_CHANGES).take_while(fits).count();
    &changes[..count.max(1).min(changes.len())]
}
