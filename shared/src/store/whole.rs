//! All records of the table, for exports. Malformed ones stop nothing: they are reported and skipped.

use std::collections::BTreeSet;

use super::groups::group_from_item;
use super::item::{from_item, key_of};
use super::keys::{self, Key, List, Position};
use super::organizations::organization_from_item;
use super::requests::{Bound, Range};
use super::tokens::{EntryItem, TokenItem, token_from};
use super::users::{MembershipItem, UserItem};
use super::{Item, Store, history};
use crate::error::{Error, Result};
use crate::model::{ApiToken, Group, Membership, Organization, OrganizationId, SignInAttempt, TokenId, User, UserId};
use crate::secret::Secret;

/// The readable and the malformed records.
#[derive(Debug)]
pub struct Readable<T> {
    /// The readable ones.
    pub records: Vec<T>,
    /// The malformed ones.
    pub damaged: Vec<Damaged>,
}

/// A malformed item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// Its key.
    pub key: String,
    /// Why, for the operator.
    pub reason: String,
}

/// A user who may be partly readable.
#[derive(Debug)]
pub struct ReadableUser {
    /// The user; `None` if deleted or malformed.
    pub user: Option<User>,
    /// The memberships.
    pub memberships: Readable<Membership>,
}

impl<T> Readable<T> {
    pub(super) fn of(items: Vec<Item>, read: impl Fn(Key, Item) -> Result<T>) -> Self {
        let mut all = Self { records: Vec::new(), damaged: Vec::new() };
        for item in items {
            let key = key_of(&item);
            all.add(&key.clone(), read(key, item));
        }
        all
    }

    fn add(&mut self, key: &Key, read: Result<T>) {
        match read {
            Ok(record) => self.records.push(record),
            Err(error) => self.damaged.push(Damaged { key: key.to_string(), reason: error.to_string() }),
        }
    }
}

impl Store {
    /// Every readable group, sorted by id.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn groups_readable(&self) -> Result<Readable<Group>> {
        let range = Range { pk: keys::GROUPS, bound: Bound::Whole, ascending: true };
        Ok(Readable::of(self.query(range, usize::MAX).await?, |_, item| group_from_item(item)))
    }

    /// Every readable organization, oldest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn organizations_readable(&self) -> Result<Readable<Organization>> {
        let counts = self.organization_counts().await?;
        let mut wanted = Vec::new();
        for year in counts.years() {
            let pk = List::Organizations.positions(year);
            let positions = self.query(Range { pk: &pk, bound: Bound::Whole, ascending: true }, usize::MAX).await?;
            let ids = positions.iter().filter_map(|position| Position::id(&key_of(position).sk));
            wanted.extend(ids.map(|id| keys::organization(OrganizationId(id))));
        }
        let mut all = Readable::of(self.batch_at_once(&wanted).await?, |_, item| organization_from_item(item));
        all.records.sort_by_key(|organization| (organization.created, organization.id));
        Ok(all)
    }

    /// At most `limit` user ids after a position, in list order, oldest first; and the position of the last one.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn users_page(&self, after: Option<&str>, limit: usize) -> Result<(Vec<UserId>, Option<String>)> {
        let counts = self.user_counts().await?;
        let reached = after.and_then(|sk| Position::parse(List::Users, sk)).map(|position| position.year);
        for year in counts.years().filter(|&year| reached.is_none_or(|reached| year >= reached)) {
            let pk = List::Users.positions(year);
            let bound = after.filter(|_| reached == Some(year)).map_or(Bound::Whole, Bound::After);
            let items: Vec<Item> = self.query(Range { pk: &pk, bound, ascending: true }, limit).await?;
            let Some(last) = items.last().map(|item| key_of(item).sk) else { continue };
            let ids = items.iter().filter_map(|item| Position::id(&key_of(item).sk)).map(UserId);
            return Ok((ids.collect(), Some(last)));
        }
        Ok((Vec::new(), None))
    }

    /// A user and the memberships, as far as they are readable.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn user_readable(&self, id: UserId) -> Result<ReadableUser> {
        let pk = keys::user(id).pk;
        let items = self.query(Range { pk: &pk, bound: Bound::Whole, ascending: true }, usize::MAX).await?;
        let (user, memberships): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| key_of(item).sk == keys::USER);
        let user = Readable::of(user, |key, item| User::try_from(from_item::<UserItem>(&key, item)?));
        let mut memberships =
            Readable::of(memberships, |key, item| from_item::<MembershipItem>(&key, item).map(Membership::from));
        memberships.damaged.extend(user.damaged);
        Ok(ReadableUser { user: user.records.into_iter().next(), memberships })
    }

    /// The readable tokens of a user that have not ended, oldest first, each with the hash of its text.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn tokens_readable(&self, owner: &User) -> Result<Readable<(Secret, ApiToken)>> {
        let pk = keys::tokens(owner.id);
        let range = Range { pk: &pk, bound: Bound::Prefix(keys::TOKEN), ascending: true };
        let entries = Readable::of(self.query(range, usize::MAX).await?, |key, item| {
            let id = key.sk.strip_prefix(keys::TOKEN).and_then(TokenId::parse);
            let id = id.ok_or_else(|| Error::internal(format!("malformed item {key}: not a token")))?;
            Ok((id, from_item::<EntryItem>(&key, item)?))
        });
        let live: Vec<_> =
            entries.records.into_iter().filter(|(_, entry)| !entry.is_ended(owner)).map(|(_, e)| e.hash).collect();
        let wanted: Vec<Key> = live.iter().map(|hash| keys::token(hash)).collect();
        let mut tokens = Readable::of(self.batch(&wanted).await?, |key, item| {
            let hash = key.pk.strip_prefix(keys::TOKEN).unwrap_or_default().into();
            Ok((hash, token_from(&key, from_item::<TokenItem>(&key, item)?)?))
        });
        tokens.records.sort_by_key(|(_, token): &(Secret, ApiToken)| token.id);
        tokens.damaged.extend(entries.damaged);
        Ok(tokens)
    }

    /// All readable attempts of a user, each with its id, oldest first; either the successful or the refused ones.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn attempts_readable(&self, user: UserId, accepted: bool) -> Result<Readable<(u64, SignInAttempt)>> {
        let pk = keys::attempts(user, accepted);
        let items = self.query(Range { pk: &pk, bound: Bound::Whole, ascending: true }, usize::MAX).await?;
        Ok(Readable::of(items, |_, item| history::attempt_of(item, accepted).map(|(_, name, attempt)| (name, attempt))))
    }

    /// The existing, readable ones of these users; and the ids of unreadable ones.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn users_readable(&self, ids: &BTreeSet<UserId>) -> Result<(Vec<User>, BTreeSet<UserId>)> {
        let wanted: Vec<Key> = ids.iter().map(|&id| keys::user(id)).collect();
        let items = self.batch_at_once(&wanted).await?;
        let met: BTreeSet<Key> = items.iter().map(key_of).collect();
        let users = Readable::of(items, |key, item| User::try_from(from_item::<UserItem>(&key, item)?)).records;
        let read: BTreeSet<UserId> = users.iter().map(|user| user.id).collect();
        let damaged = ids.iter().filter(|&&id| met.contains(&keys::user(id)) && !read.contains(&id));
        Ok((users, damaged.copied().collect()))
    }
}
