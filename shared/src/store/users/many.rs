//! Bulk creation for imports: each user is created as by [`Store::user_write`], several in one transaction.

use std::collections::{BTreeSet, HashMap};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::items::UserItem;
use super::{Claim, ClaimConflict, ClaimItem, Guard, UserWrite, WriteOutcome, claims, outcome_of};
use crate::error::{Error, Result};
use crate::model::{User, UserId, UserNumber};
use crate::store::item::{from_item, key_of};
use crate::store::keys::{self, Key};
use crate::store::transaction::{FailedConditions, MOST_ITEMS, MOST_SIZE, Transaction};
use crate::store::{BulkWriter, Item, Store};

/// How many transactions run concurrently.
const AT_ONCE: usize = 4;
/// How many users are created together.
const TOGETHER: usize = 500;
/// How many such batches of a sole writer are in progress: one is prepared while another is
/// written.
const LOTS_AT_ONCE: usize = 3;

/// Claims known to be taken, in the store or by users about to be created.
#[derive(Debug, Default)]
pub struct ClaimIndex(HashMap<Key, (UserId, String)>);

/// Users created in one transaction, by their index.
struct Pack {
    transaction: Transaction<(usize, Guard)>,
    users: Vec<usize>,
}

/// The claims of a user; a number of 0 is unknown.
fn known_claims(user: &User) -> impl Iterator<Item = (Key, (Claim, String))> {
    let is_numbered = user.number != UserNumber(0);
    claims(user).into_iter().filter(move |(_, (claim, _))| is_numbered || *claim != Claim::Number)
}

impl ClaimIndex {
    /// The claims of the user that others have.
    pub fn by_others(&self, user: &User) -> Vec<ClaimConflict> {
        let taken = |(key, (claim, _))| {
            let (owner, text) = self.0.get(&key).filter(|(owner, _)| *owner != user.id)?;
            Some(ClaimConflict { claim, text: text.clone(), user: *owner })
        };
        known_claims(user).filter_map(taken).collect()
    }

    /// Adds the claims of the user.
    pub fn add(&mut self, user: &User) {
        self.0.extend(known_claims(user).map(|(key, (_, text))| (key, (user.id, text))));
    }
}

impl Store {
    /// Looks up which claims of these users are taken; a user without a number has 0.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn claims_look_up(&self, users: &[User], claimed: &mut ClaimIndex) -> Result<()> {
        let wanted: BTreeSet<Key> = users.iter().flat_map(known_claims).map(|(key, _)| key).collect();
        let wanted: Vec<Key> = wanted.into_iter().filter(|key| !claimed.0.contains_key(key)).collect();
        for item in self.batch_at_once(&wanted).await? {
            let key = key_of(&item);
            // A malformed claim is detected when its user is created.
            if let Ok(ClaimItem { user, text }) = from_item(&key, item) {
                claimed.0.insert(key, (user, text));
            }
        }
        Ok(())
    }

    /// The existing ones of these users.
    ///
    /// # Errors
    /// When the store is unavailable, or a record is malformed.
    pub async fn users_by_ids(&self, ids: &BTreeSet<UserId>) -> Result<HashMap<UserId, User>> {
        let keys: Vec<Key> = ids.iter().map(|&id| keys::user(id)).collect();
        let user = |item: Item| User::try_from(from_item::<UserItem>(&key_of(&item), item)?);
        self.batch_at_once(&keys).await?.into_iter().map(|item| user(item).map(|user| (user.id, user))).collect()
    }

    /// Creates users and returns the result of each, in the given order.
    ///
    /// No two of them may have the same claims, and none may become the owner of an organization.
    ///
    /// # Errors
    /// When the store is unavailable; some of them may have been created then. A user who cannot be written for
    /// individual reasons has an individual error.
    pub async fn users_insert(&self, writes: &[UserWrite<'_>]) -> Result<Vec<Result<WriteOutcome>>> {
        let at_once = if self.sole_writer().is_some() { LOTS_AT_ONCE } else { 1 };
        let lots = stream::iter(writes.chunks(TOGETHER)).map(|lot| self.lot_insert(lot)).buffered(at_once);
        Ok(lots.try_collect::<Vec<_>>().await?.into_iter().flatten().collect())
    }

    /// The same for one batch.
    async fn lot_insert(&self, writes: &[UserWrite<'_>]) -> Result<Vec<Result<WriteOutcome>>> {
        let announced =
            self.search_announce(&writes.iter().filter_map(|write| write.after).collect::<Vec<_>>()).await?;
        let mut told: Vec<Option<Result<WriteOutcome>>> = writes.iter().map(|_| None).collect();
        let mut waiting: Vec<usize> = (0..writes.len()).collect();
        // If a transaction fails, the user who caused it is unknown; then each user is tried separately.
        let mut alone = false;
        while !waiting.is_empty() {
            let mut transactions = Vec::new();
            for index in std::mem::take(&mut waiting) {
                match self.user_transaction(&writes[index], self.ambient.now()) {
                    Ok(transaction) => match transaction.check_size() {
                        Ok(()) => transactions.push((index, transaction)),
                        Err(error) => told[index] = Some(Err(error)),
                    },
                    Err(error) => told[index] = Some(Err(error)),
                }
            }
            if let Some(bulk_writer) = self.sole_writer() {
                let (users, transactions): (Vec<usize>, Vec<_>) = transactions.into_iter().unzip();
                for (index, done) in users.into_iter().zip(self.transact_alone(bulk_writer, &transactions).await?) {
                    told[index] = Some(done.map_or_else(outcome_of, |()| Ok(WriteOutcome::Done)));
                }
                continue;
            }
            let mut packs = Vec::new();
            for (index, transaction) in transactions {
                add_to_packs(&mut packs, index, transaction, alone);
            }
            let sent = stream::iter(packs).map(async |pack| (self.transact(&pack.transaction).await, pack.users));
            let mut sent = std::pin::pin!(sent.buffer_unordered(AT_ONCE));
            while let Some((response, users)) = sent.next().await {
                let mut broken: HashMap<usize, Vec<_>> = HashMap::new();
                let outcome = match response {
                    Ok(outcome) => outcome,
                    Err(Error::Unavailable(cause)) => return Err(Error::Unavailable(cause)),
                    Err(error) => {
                        if let [index] = users[..] {
                            told[index] = Some(Err(error));
                        } else {
                            alone = true;
                            waiting.extend(users);
                        }
                        continue;
                    }
                };
                for FailedConditions { guard: (index, guard), item } in outcome.err().unwrap_or_default() {
                    broken.entry(index).or_default().push(FailedConditions { guard, item });
                }
                let is_done = broken.is_empty();
                for index in users {
                    match broken.remove(&index) {
                        Some(broken) => told[index] = Some(outcome_of(broken)),
                        None if is_done => told[index] = Some(Ok(WriteOutcome::Done)),
                        // Users who failed together with another one are retried without it.
                        None => waiting.push(index),
                    }
                }
            }
        }
        let told: Vec<Result<WriteOutcome>> =
            told.into_iter().map(|told| told.unwrap_or(Ok(WriteOutcome::Stale))).collect();
        // Entries of existing users are kept.
        let refused =
            writes.iter().zip(&told).filter(|(_, told)| !matches!(told, Ok(WriteOutcome::Done | WriteOutcome::Stale)));
        self.search_withdraw(&refused.filter_map(|(write, _)| write.after).collect::<Vec<_>>(), announced).await;
        Ok(told)
    }

    /// The engine's bulk write, if only this process writes to it.
    fn sole_writer(&self) -> Option<&dyn BulkWriter> {
        self.bulk_writer.as_deref().filter(|bulk_writer| bulk_writer.has_exclusive_access())
    }
}

/// Adds a user to the last pack, or to a new one if that is full or if each user is to be `alone`.
fn add_to_packs(packs: &mut Vec<Pack>, index: usize, transaction: Transaction<Guard>, alone: bool) {
    let fits = packs.last().is_some_and(|Pack { transaction: others, .. }| {
        !alone && others.len() + transaction.len() <= MOST_ITEMS && others.size() + transaction.size() <= MOST_SIZE
    });
    if !fits {
        packs.push(Pack { transaction: Transaction::new(), users: Vec::new() });
    }
    if let Some(pack) = packs.last_mut() {
        pack.transaction.absorb(transaction, |guard| (index, guard));
        pack.users.push(index);
    }
}
