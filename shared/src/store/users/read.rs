//! Reading users, their list rows and the register of superusers.

use std::collections::BTreeMap;

use super::ClaimItem;
use super::items::{MembershipItem, UserItem};
use super::rows::row_from_item;
use crate::error::Result;
use crate::model::{Membership, Sequence, User, UserId, UserNumber, UserRow};
use crate::store::item::{from_item, key_of};
use crate::store::keys::{self, Key, Position};
use crate::store::lists::Counts;
use crate::store::requests::{Bound, Range};
use crate::store::{Direction, Item, Store};

/// The register of superusers, read in pieces.
#[derive(Debug)]
pub struct Superusers {
    /// Some of them.
    pub ids: Vec<UserId>,
    /// Where the next piece begins, if there is one.
    pub after: Option<String>,
}

impl Store {
    /// The user with that id.
    ///
    /// # Errors
    /// When the store is unavailable, or the record is malformed.
    pub async fn user(&self, id: UserId) -> Result<Option<User>> {
        let item: Option<UserItem> = self.get(keys::user(id)).await?;
        item.map(User::try_from).transpose()
    }

    /// At most `limit` users with larger OpenL2M ids than `after`, sorted by these.
    ///
    /// # Errors
    /// When the store is unavailable, or a record is malformed.
    pub async fn users_after(&self, after: UserNumber, limit: usize) -> Result<Vec<User>> {
        // The sequence has returned all numbers in use.
        let end = UserNumber(self.sequence_given(Sequence::Users).await?);
        let mut users = Vec::new();
        let mut from = UserNumber(after.0.saturating_add(1));
        // Numbers of deleted users are claimed too, so there may be fewer users than claims.
        while from <= end && users.len() < limit {
            let mut ids = Vec::new();
            while from <= end && users.len() + ids.len() < limit {
                let (pk, next) = keys::numbers(from);
                let first = keys::number(from).sk;
                let bound = Bound::Between(&first, keys::LAST_NUMBER);
                let wanted = limit - users.len() - ids.len();
                let items = self.query(Range { pk: &pk, bound, ascending: true }, wanted).await?;
                let last = items.last().filter(|_| items.len() == wanted).map(key_of);
                let last = last.and_then(|key| Some(UserNumber(key.sk.parse::<u64>().ok()? + 1)));
                for item in items {
                    ids.push(keys::user(from_item::<ClaimItem>(&key_of(&item), item)?.user));
                }
                from = last.unwrap_or(next);
            }
            users.extend(self.users_in_partition(&ids).await?);
        }
        users.sort_by_key(|user| user.number);
        Ok(users)
    }

    /// The existing ones of these users, in no order.
    pub(in crate::store) async fn users_in_partition(&self, keys: &[Key]) -> Result<Vec<User>> {
        let items = self.batch(keys).await?.into_iter();
        items.map(|item| User::try_from(from_item::<UserItem>(&key_of(&item), item)?)).collect()
    }

    /// The user with that id and the memberships, sorted by organization id.
    ///
    /// # Errors
    /// When the store is unavailable, or a record is malformed.
    pub async fn user_with_memberships(&self, id: UserId) -> Result<Option<(User, Vec<Membership>)>> {
        let pk = keys::user(id).pk;
        let range = Range { pk: &pk, bound: Bound::Whole, ascending: true };
        let mut user = None;
        let mut memberships = Vec::new();
        for item in self.query(range, usize::MAX).await? {
            let key = key_of(&item);
            if key.sk == keys::USER {
                user = Some(User::try_from(from_item::<UserItem>(&key, item)?)?);
            } else {
                memberships.push(Membership::from(from_item::<MembershipItem>(&key, item)?));
            }
        }
        Ok(user.map(|user| (user, memberships)))
    }

    /// Some of the superusers, active or not.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn superusers(&self, after: Option<&str>) -> Result<Superusers> {
        const PIECE: usize = 20;
        let bound = after.map_or(Bound::Whole, Bound::After);
        let items = self.query(Range { pk: keys::SUPERUSERS, bound, ascending: true }, PIECE).await?;
        let names: Vec<String> = items.iter().map(|item| key_of(item).sk).collect();
        let after = if names.len() < PIECE { None } else { names.last().cloned() };
        Ok(Superusers { ids: names.iter().filter_map(|name| UserId::parse(name)).collect(), after })
    }

    /// The exact number of users.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn user_counts(&self) -> Result<Counts> {
        self.counts(keys::List::Users).await
    }

    /// At most `limit` list rows after the newest `offset`, newest first.
    ///
    /// # Errors
    /// When the store is unavailable, or a row is malformed.
    pub async fn user_rows(&self, counts: &Counts, offset: u64, limit: usize) -> Result<Vec<UserRow>> {
        self.rows(counts, offset, limit).await?.into_iter().map(row_from_item).collect()
    }

    /// At most `limit` list rows after a position, or the newest ones, newest first.
    ///
    /// # Errors
    /// When the store is unavailable, or a row is malformed.
    pub async fn user_rows_after(&self, counts: &Counts, position: Option<&str>, limit: usize) -> Result<Vec<UserRow>> {
        let rows = self.items_of_years(counts, keys::List::rows, position, Direction::ToOlder, limit).await?;
        rows.into_iter().map(row_from_item).collect()
    }

    /// At most `limit` items after a position, from the partitions of users that each year has. An invalid position is
    /// ignored.
    pub(in crate::store) async fn items_of_years(
        &self,
        counts: &Counts,
        partition: fn(keys::List, i32) -> String,
        after: Option<&str>,
        way: Direction,
        limit: usize,
    ) -> Result<Vec<Item>> {
        let after = after.and_then(|sk| Position::parse(keys::List::Users, sk));
        let mut years: Vec<i32> = counts.years().collect();
        if way == Direction::ToOlder {
            years.reverse();
        }
        let mut items = Vec::new();
        for year in years {
            let bound = match (&after, way) {
                (Some(after), Direction::ToOlder) if year > after.year => continue,
                (Some(after), Direction::ToNewer) if year < after.year => continue,
                (Some(after), Direction::ToOlder) if year == after.year => Bound::Before(&after.sk),
                (Some(after), Direction::ToNewer) if year == after.year => Bound::After(&after.sk),
                _ => Bound::Whole,
            };
            let pk = partition(keys::List::Users, year);
            let range = Range { pk: &pk, bound, ascending: way == Direction::ToNewer };
            items.extend(self.query(range, limit - items.len()).await?);
            if items.len() >= limit {
                break;
            }
        }
        Ok(items)
    }

    /// The position of a user in lists.
    pub fn position_of(row: &UserRow) -> String {
        Position::new(keys::List::Users, row.date_joined, row.id.0).sk
    }

    /// The list rows at those positions, in the same order; positions that are empty by now are omitted.
    ///
    /// # Errors
    /// When the store is unavailable, or a row is malformed.
    pub async fn rows_in_places(&self, positions: &[String]) -> Result<Vec<(String, UserRow)>> {
        let wanted: Vec<Key> = positions
            .iter()
            .filter_map(|sk| Position::parse(keys::List::Users, sk))
            .map(|position| position.row())
            .collect();
        let rows = self.batch(&wanted).await?.into_iter().map(|item| Ok((key_of(&item).sk, row_from_item(item)?)));
        let rows = rows.collect::<Result<Vec<_>>>()?;
        Ok(positions.iter().filter_map(|position| rows.iter().find(|(sk, _)| sk == position).cloned()).collect())
    }

    /// The users at those positions, in the same order; positions that are empty by now are omitted.
    ///
    /// # Errors
    /// When the store is unavailable, or a record is malformed.
    pub async fn users_in_places(&self, positions: &[String]) -> Result<Vec<(String, User)>> {
        let wanted: Vec<Key> =
            positions.iter().filter_map(|position| Position::id(position)).map(|id| keys::user(UserId(id))).collect();
        let users = self.users_in_partition(&wanted).await?.into_iter();
        let mut users: BTreeMap<String, User> = users.map(|user| (Position::of_user(&user).sk, user)).collect();
        Ok(positions.iter().filter_map(|position| users.remove_entry(position)).collect())
    }
}
