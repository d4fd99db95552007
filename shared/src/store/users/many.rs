//! Many users at once, for those who move in: each is made as [`Store::user_write`] makes one, several in a transaction.

use std::collections::{BTreeSet, HashMap};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::items::UserItem;
use super::{Claim, ClaimItem, Guard, Taken, UserWrite, Written, claims, meaning, row_from_item};
use crate::error::{Error, Refusal, Result};
use crate::model::{Membership, User, UserId, UserNumber};
use crate::store::keys::{self, Key, List, Place};
use crate::store::search::EntryChange;
use crate::store::transaction::{Broken, Transaction};
use crate::store::{Bound, Item, Loader, Range, Store, from_item, key_of};

/// How many items one transaction may be about.
const MOST_ITEMS: usize = 100;
/// How many bytes of items one transaction may put, of the 4 MB that DynamoDB allows it.
const MOST_BYTES_AT_ONCE: usize = 3_500_000;
/// How many transactions are under way at once.
const AT_ONCE: usize = 4;
/// How many users are made together.
const TOGETHER: usize = 500;
/// How many such lots of a sole writer are under way at once: entries of one are made ready while those of another are
/// written.
const LOTS_AT_ONCE: usize = 3;

/// Claims that are known to be taken, in the store or by users who are about to be made.
#[derive(Debug, Default)]
pub struct Claimed(HashMap<Key, (UserId, String)>);

/// Users who are made in one transaction, by their place among all.
struct Pack {
    transaction: Transaction<(usize, Guard)>,
    users: Vec<usize>,
}

/// What a user claims whose number is not known if it is 0.
fn known_claims(user: &User) -> impl Iterator<Item = (Key, (Claim, String))> {
    let is_numbered = user.number != UserNumber(0);
    claims(user).into_iter().filter(move |(_, (claim, _))| is_numbered || *claim != Claim::Number)
}

impl Claimed {
    /// What others have of what the user would get.
    pub fn by_others(&self, user: &User) -> Vec<Taken> {
        let taken = |(key, (claim, _))| {
            let (owner, text) = self.0.get(&key).filter(|(owner, _)| *owner != user.id)?;
            Some(Taken { claim, text: text.clone(), user: *owner })
        };
        known_claims(user).filter_map(taken).collect()
    }

    /// Notes that the user gets what it claims.
    pub fn add(&mut self, user: &User) {
        self.0.extend(known_claims(user).map(|(key, (_, text))| (key, (user.id, text))));
    }
}

impl Store {
    /// Looks up who has what these users would get; a user without a number has 0.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn claims_look_up(&self, users: &[User], claimed: &mut Claimed) -> Result<()> {
        let wanted: BTreeSet<Key> = users.iter().flat_map(known_claims).map(|(key, _)| key).collect();
        let wanted: Vec<Key> = wanted.into_iter().filter(|key| !claimed.0.contains_key(key)).collect();
        for item in self.batch_at_once(&wanted).await? {
            let key = key_of(&item);
            let ClaimItem { user, text } = from_item(&key, item)?;
            claimed.0.insert(key, (user, text));
        }
        Ok(())
    }

    /// Those of the users who exist.
    ///
    /// # Errors
    /// When the store does not answer, or a record is damaged.
    pub async fn users_of(&self, ids: &BTreeSet<UserId>) -> Result<HashMap<UserId, User>> {
        let keys: Vec<Key> = ids.iter().map(|&id| keys::user(id)).collect();
        let user = |item: Item| User::try_from(from_item::<UserItem>(&key_of(&item), item)?);
        self.batch_at_once(&keys).await?.into_iter().map(|item| user(item).map(|user| (user.id, user))).collect()
    }

    /// Makes users and tells of each, in the order given, what became of it.
    ///
    /// No two of them may claim the same, and none may become the owner of an organization.
    ///
    /// # Errors
    /// When the store does not answer; some of them may have been made then. A user who alone cannot be written has an error
    /// of its own.
    pub async fn users_insert(&self, writes: &[UserWrite<'_>]) -> Result<Vec<Result<Written>>> {
        let at_once = if self.sole_writer().is_some() { LOTS_AT_ONCE } else { 1 };
        let lots = stream::iter(writes.chunks(TOGETHER)).map(|lot| self.lot_insert(lot)).buffered(at_once);
        Ok(lots.try_collect::<Vec<_>>().await?.into_iter().flatten().collect())
    }

    /// The same for as many as are made together.
    async fn lot_insert(&self, writes: &[UserWrite<'_>]) -> Result<Vec<Result<Written>>> {
        let changes: Vec<EntryChange> = writes.iter().map(|write| EntryChange::new(None, write.after)).collect();
        self.search_prepare(&changes.iter().collect::<Vec<_>>()).await?;
        let mut told: Vec<Option<Result<Written>>> = writes.iter().map(|_| None).collect();
        let mut waiting: Vec<usize> = (0..writes.len()).collect();
        while !waiting.is_empty() {
            let mut transactions = Vec::new();
            for index in std::mem::take(&mut waiting) {
                match self.user_transaction(&writes[index]) {
                    Ok(transaction) if transaction.len() > MOST_ITEMS => {
                        told[index] = Some(Err(Error::Refused(Refusal::TooLargeToStore)));
                    }
                    Ok(transaction) => transactions.push((index, transaction)),
                    Err(error) => told[index] = Some(Err(error)),
                }
            }
            if let Some(loader) = self.sole_writer() {
                let (users, transactions): (Vec<usize>, Vec<_>) = transactions.into_iter().unzip();
                for (index, done) in users.into_iter().zip(self.transact_alone(loader, &transactions).await?) {
                    told[index] = Some(done.map_or_else(meaning, |()| Ok(Written::Done)));
                }
                continue;
            }
            let mut packs = Vec::new();
            for (index, transaction) in transactions {
                add_to_packs(&mut packs, index, transaction);
            }
            let sent = stream::iter(packs).map(async |pack| (self.transact(&pack.transaction).await, pack.users));
            let mut sent = std::pin::pin!(sent.buffer_unordered(AT_ONCE));
            while let Some((answer, users)) = sent.next().await {
                let mut broken: HashMap<usize, Vec<_>> = HashMap::new();
                for Broken { guard: (index, guard), item } in answer?.err().unwrap_or_default() {
                    broken.entry(index).or_default().push(Broken { guard, item });
                }
                let is_done = broken.is_empty();
                for index in users {
                    match broken.remove(&index) {
                        Some(broken) => told[index] = Some(meaning(broken)),
                        None if is_done => told[index] = Some(Ok(Written::Done)),
                        // Those who stood beside somebody who could not be made are tried again without.
                        None => waiting.push(index),
                    }
                }
            }
        }
        let told: Vec<Result<Written>> = told.into_iter().map(|told| told.unwrap_or(Ok(Written::Stale))).collect();
        for (change, told) in changes.into_iter().zip(&told) {
            // Entries of who is there already stay.
            if !matches!(told, Ok(Written::Done | Written::Stale)) {
                self.search_undo(change).await;
            }
        }
        Ok(told)
    }

    /// The engine's way to take many items at once, if this process alone writes to it.
    fn sole_writer(&self) -> Option<&dyn Loader> {
        self.loader.as_deref().filter(|loader| loader.is_sole_writer())
    }

    /// Some users with their memberships, in list order, oldest first, after that place; and the place of the last one.
    ///
    /// # Errors
    /// When the store does not answer, or a record is damaged.
    pub async fn users_some(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<(User, Vec<Membership>)>, Option<String>)> {
        let counts = self.user_counts().await?;
        let reached = after.and_then(|sk| Place::parse(List::Users, sk)).map(|place| place.year);
        for year in counts.years().filter(|&year| reached.is_none_or(|reached| year >= reached)) {
            let pk = List::Users.rows(year);
            let bound = after.filter(|_| reached == Some(year)).map_or(Bound::Whole, Bound::After);
            let items: Vec<Item> = self.query(Range { pk: &pk, bound, ascending: true }, limit).await?;
            let Some(last) = items.last().map(|item| key_of(item).sk) else { continue };
            let rows = items.into_iter().map(row_from_item).collect::<Result<Vec<_>>>()?;
            let mut users = self.users_of(&rows.iter().map(|row| row.id).collect()).await?;
            // Who goes meanwhile is left out.
            let users = rows.into_iter().filter_map(|row| Some((users.remove(&row.id)?, row.memberships)));
            return Ok((users.collect(), Some(last)));
        }
        Ok((Vec::new(), None))
    }
}

/// Puts a user into the last pack, or, where that is full, into a new one.
fn add_to_packs(packs: &mut Vec<Pack>, index: usize, transaction: Transaction<Guard>) {
    let fits = packs.last().is_some_and(|Pack { transaction: others, .. }| {
        others.len() + transaction.len() <= MOST_ITEMS && others.size() + transaction.size() <= MOST_BYTES_AT_ONCE
    });
    if !fits {
        packs.push(Pack { transaction: Transaction::new(), users: Vec::new() });
    }
    if let Some(pack) = packs.last_mut() {
        pack.transaction.absorb(transaction, |guard| (index, guard));
        pack.users.push(index);
    }
}
