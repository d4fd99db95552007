//! Who is active. The inactive users, who are few, have a list in the order of the list of users, written in the transaction of
//! each change. Active users are all others.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::model::User;
use crate::store::item::key_of;
use crate::store::keys::{self, Key, List, Position};
use crate::store::lists::Counts;
use crate::store::requests::{Bound, Range};
use crate::store::transaction::Transaction;
use crate::store::{Direction, Item, Member, Store};

/// How many entries of the list one read unit reads.
const ENTRIES_PER_UNIT: u64 = 50;

impl Store {
    /// Removes inactive users. Reads the list from the oldest to the newest user if it is short, and otherwise an entry of each
    /// user.
    pub(in crate::store) async fn active_among(&self, counts: &Counts, users: Vec<Member>) -> Result<Vec<Member>> {
        if counts.switched(false) / ENTRIES_PER_UNIT < users.len() as u64 {
            return self.without_inactive(users).await;
        }
        let keys: Vec<Key> = users.iter().map(|user| keys::inactive(&user.position)).collect();
        Ok(without(users, &self.batch_at_once(&keys).await?))
    }

    /// Removes inactive users. Reads the list from the oldest to the newest user, who should be close together.
    async fn without_inactive(&self, users: Vec<Member>) -> Result<Vec<Member>> {
        let positions = || users.iter().map(|user| &user.position);
        let (Some(oldest), Some(newest)) = (positions().min(), positions().max()) else { return Ok(users) };
        let (from, to) = (keys::inactive(oldest).sk, keys::inactive(newest).sk);
        let range = Range { pk: keys::INACTIVE, bound: Bound::Between(&from, &to), ascending: true };
        let inactive = self.query(range, usize::MAX).await?;
        Ok(without(users, &inactive))
    }

    /// At most `limit` active users after a position.
    pub(in crate::store) async fn active_users(
        &self,
        counts: &Counts,
        after: Option<&str>,
        way: Direction,
        limit: usize,
    ) -> Result<Vec<Member>> {
        let (mut active, mut after, mut at_once) = (Vec::new(), after.map(str::to_owned), limit);
        loop {
            let items = self.items_of_years(counts, List::positions, after.as_deref(), way, at_once).await?;
            let users = items.iter().map(|item| Member::of(&key_of(item), "")).collect::<Result<Vec<_>>>()?;
            let is_last = users.len() < at_once;
            after = users.last().map(|user| user.position.clone()).or(after);
            active.extend(self.without_inactive(users).await?);
            if is_last || active.len() >= limit {
                active.truncate(limit);
                return Ok(active);
            }
            at_once = at_once.saturating_mul(2);
        }
    }

    /// Corrects the list for some users. Earlier releases did not write it in the transaction of a change.
    pub(in crate::store) async fn correct_inactive(&self, users: &[User]) -> Result<()> {
        let key = |user: &User| keys::inactive(&Position::of_user(user).sk);
        let listed = self.batch(&users.iter().map(key).collect::<Vec<_>>()).await?;
        let listed: BTreeSet<Key> = listed.iter().map(key_of).collect();
        for user in users.iter().filter(|user| listed.contains(&key(user)) == user.flags.is_active) {
            let mut attempts = self.attempts();
            loop {
                attempts.next().await?;
                let Some(user) = self.user(user.id).await? else { break };
                let mut transaction = Transaction::new();
                transaction.require_version(keys::user(user.id), user.version, ());
                if user.flags.is_active {
                    transaction.delete(key(&user));
                } else {
                    transaction.put(key(&user).attributes());
                }
                if self.transact(&transaction).await?.is_ok() {
                    break;
                }
            }
        }
        Ok(())
    }
}

fn without(mut users: Vec<Member>, inactive: &[Item]) -> Vec<Member> {
    let inactive: BTreeSet<Key> = inactive.iter().map(key_of).collect();
    users.retain(|user| !inactive.contains(&keys::inactive(&user.position)));
    users
}
