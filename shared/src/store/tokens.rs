//! API tokens: a record for each, found by the hash of its text, and a list of them for each user.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use serde::{Deserialize, Serialize};

use super::item::{from_item, key_of, to_item};
use super::keys::{self, Key};
use super::lists::SHARDS;
use super::requests::{Bound, Range};
use super::transaction::{Condition, Transaction};
use super::users::is_zero;
use super::{Basis, NewEvent, Store, cost};
use crate::error::Result;
use crate::model::ambient::random;
use crate::model::{ApiToken, Timestamp, TokenId, User, UserId};
use crate::secret::Secret;

#[derive(Serialize, Deserialize)]
pub(super) struct TokenItem {
    id: String,
    user: UserId,
    title: String,
    #[serde(default)]
    is_active: bool,
    created: Timestamp,
    updated: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used: Option<Timestamp>,
    good_until: Timestamp,
    #[serde(flatten)]
    origin: Origin,
}

#[derive(Serialize, Deserialize)]
pub(super) struct EntryItem {
    pub(super) hash: Secret,
    good_until: Timestamp,
    #[serde(flatten)]
    origin: Origin,
}

/// What determines which tokens end together. For tokens created before this attribute existed, the creator is unknown.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Origin {
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    made_by_other: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    version: u64,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires this signature")]
fn is_true(flag: &bool) -> bool {
    *flag
}

#[derive(Serialize, Deserialize)]
struct HeadItem {
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct CountItem {
    tokens: i64,
}

/// The result of creating a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenWriteOutcome {
    /// It was created.
    Done,
    /// The user's tokens, or a record that the decision depends on, have changed since they were read; nothing was
    /// written.
    Stale,
    /// The user was deleted; nothing was written.
    UserGone,
}

/// The tokens of a user, as references to their records.
#[derive(Debug)]
pub struct TokenList {
    /// Oldest first.
    entries: Vec<TokenEntry>,
    /// How often they have changed; 0 if never.
    version: u64,
}

/// A reference to a token of a user.
#[derive(Debug, Clone)]
pub struct TokenEntry {
    /// Its id.
    pub id: TokenId,
    hash: Secret,
    good_until: Timestamp,
    origin: Origin,
}

impl Origin {
    /// Whether a password reset or a promotion has ended tokens of that origin.
    fn is_ended(self, owner: &User) -> bool {
        self.version != owner.api_token_version(self.made_by_other)
    }
}

impl EntryItem {
    /// Whether a password reset or a promotion has ended it.
    pub(super) fn is_ended(&self, owner: &User) -> bool {
        self.origin.is_ended(owner)
    }
}

impl TokenEntry {
    /// The same.
    fn is_ended(&self, owner: &User) -> bool {
        self.origin.is_ended(owner)
    }
}

impl TokenList {
    /// Oldest first.
    pub fn entries(&self) -> &[TokenEntry] {
        &self.entries
    }

    /// The same without ended tokens.
    #[must_use]
    pub fn without_ended(mut self, owner: &User) -> Self {
        self.entries.retain(|entry| !entry.is_ended(owner));
        self
    }

    /// How many more tokens the user may have.
    pub fn room(&self, owner: &User) -> usize {
        let kept = self.entries.iter().filter(|entry| !entry.is_ended(owner)).count();
        ApiToken::MAX_PER_USER.saturating_sub(kept)
    }

    /// The same list with a new token.
    #[must_use]
    pub fn with(mut self, token: &ApiToken, hash: &Secret) -> Self {
        let (hash, origin) = (hash.clone(), Origin::of(token));
        self.entries.push(TokenEntry { id: token.id, hash, good_until: token.good_until, origin });
        self.version += 1;
        self
    }

    /// How many tokens have neither ended nor expired at that time.
    pub fn live(&self, owner: &User, now: Timestamp) -> usize {
        self.entries.iter().filter(|entry| !entry.is_ended(owner) && now < entry.good_until).count()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    User,
    Tokens,
}

impl Store {
    /// The token whose text has that hash.
    ///
    /// # Errors
    /// When the store is unavailable, or the record is malformed.
    pub async fn token(&self, hash: &str) -> Result<Option<ApiToken>> {
        let key = keys::token(hash);
        let item: Option<TokenItem> = self.get(key.clone()).await?;
        item.map(|item| token_from(&key, item)).transpose()
    }

    /// The existing tokens, by the hashes of their texts.
    ///
    /// # Errors
    /// As [`Store::token`].
    pub async fn tokens_of_hashes(&self, hashes: &BTreeSet<&str>) -> Result<HashMap<String, ApiToken>> {
        let wanted: Vec<Key> = hashes.iter().map(|hash| keys::token(hash)).collect();
        let found = self.batch(&wanted).await?.into_iter().map(|item| {
            let key = key_of(&item);
            let hash = key.pk.strip_prefix(keys::TOKEN).unwrap_or_default().to_owned();
            Ok((hash, token_from(&key, from_item(&key, item)?)?))
        });
        found.collect()
    }

    /// The user's token with that id, and the hash of its text.
    ///
    /// # Errors
    /// As [`Store::token`].
    pub async fn token_of_user(&self, user: UserId, id: TokenId) -> Result<Option<(Secret, ApiToken)>> {
        let entry: Option<EntryItem> = self.get(keys::token_of_user(user, id)).await?;
        let Some(EntryItem { hash, .. }) = entry else { return Ok(None) };
        Ok(self.token(&hash).await?.map(|token| (hash, token)))
    }

    /// All tokens of a user.
    ///
    /// # Errors
    /// When the store is unavailable, or an item is malformed.
    pub async fn tokens(&self, user: UserId) -> Result<TokenList> {
        let pk = keys::tokens(user);
        let mut list = TokenList { entries: Vec::new(), version: 0 };
        for item in self.query(Range { pk: &pk, bound: Bound::Whole, ascending: true }, usize::MAX).await? {
            let key = key_of(&item);
            match key.sk.strip_prefix(keys::TOKEN).and_then(TokenId::parse) {
                Some(id) => {
                    let EntryItem { hash, good_until, origin } = from_item(&key, item)?;
                    list.entries.push(TokenEntry { id, hash, good_until, origin });
                }
                None => list.version = from_item::<HeadItem>(&key, item)?.version,
            }
        }
        Ok(list)
    }

    /// The records of some tokens, in the given order; deleted ones are omitted.
    ///
    /// # Errors
    /// When the store is unavailable, or a record is malformed.
    pub async fn token_records(&self, entries: &[TokenEntry]) -> Result<Vec<ApiToken>> {
        let wanted: Vec<Key> = entries.iter().map(|entry| keys::token(&entry.hash)).collect();
        let found = self.batch(&wanted).await?.into_iter().map(|item| {
            let key = key_of(&item);
            token_from(&key, from_item(&key, item)?).map(|token| (token.id, token))
        });
        let mut found = found.collect::<Result<HashMap<TokenId, ApiToken>>>()?;
        Ok(entries.iter().filter_map(|entry| found.remove(&entry.id)).collect())
    }

    /// Creates a token whose text has that hash, in one transaction, if the user's tokens are still those of `list`.
    /// With an `event`, the transaction writes it too.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn token_insert(
        &self,
        token: &ApiToken,
        hash: &str,
        list: &TokenList,
        basis: &Basis,
        event: Option<NewEvent>,
    ) -> Result<TokenWriteOutcome> {
        let mut transaction = Transaction::new();
        let entry = EntryItem { hash: hash.into(), good_until: token.good_until, origin: Origin::of(token) };
        transaction.put(to_item(&keys::token(hash), &TokenItem::from(token))?);
        transaction.put(to_item(&keys::token_of_user(token.user, token.id), &entry)?);
        transaction.check(keys::user(token.user), Condition::Present, Guard::User);
        let item = to_item(&keys::tokens_head(token.user), &HeadItem { version: list.version + 1 })?;
        let unchanged = match list.version {
            0 => Condition::Absent,
            version => Condition::Is("version", AttributeValue::N(version.to_string())),
        };
        transaction.put_if(item, unchanged, Guard::Tokens);
        self.count_tokens(&mut transaction, 1);
        if let Some(event) = event {
            self.write_event(&mut transaction, event)?;
        }
        basis.require_in(&mut transaction, &Guard::Tokens);
        let Err(broken) = self.transact(&transaction).await? else { return Ok(TokenWriteOutcome::Done) };
        let gone = broken.iter().any(|broken| broken.guard == Guard::User);
        Ok(if gone { TokenWriteOutcome::UserGone } else { TokenWriteOutcome::Stale })
    }

    /// Activates or deactivates a token, and writes the event of that. `false`, and no change, if it was deleted or `basis` has changed.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn token_switch(
        &self,
        hash: &str,
        is_active: bool,
        now: Timestamp,
        basis: &Basis,
        event: NewEvent,
    ) -> Result<bool> {
        let mut transaction = Transaction::new();
        self.write_event(&mut transaction, event)?;
        let set = vec![("is_active", AttributeValue::Bool(is_active)), ("updated", moment(now))];
        transaction.set(keys::token(hash), set, ());
        basis.require_in(&mut transaction, &());
        Ok(self.transact(&transaction).await?.is_ok())
    }

    /// Records the use of a token. Nothing happens if the token was deleted.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn token_used(&self, hash: &str, now: Timestamp) -> Result<()> {
        let update = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(keys::token(hash).attributes()))
            .update_expression("SET #used = :now")
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#used", "last_used")
            .expression_attribute_names("#pk", keys::PK)
            .expression_attribute_values(":now", moment(now))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some(output) = self.write_if(|| update.clone().send()).await? {
            cost::wrote(output.consumed_capacity());
        }
        Ok(())
    }

    /// Deletes a token, and writes the `event` of that; nothing happens if it does not exist. `false`, and no deletion,
    /// if `basis` has changed.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn token_remove(
        &self,
        user: UserId,
        id: TokenId,
        hash: &str,
        basis: &Basis,
        event: Option<NewEvent>,
    ) -> Result<bool> {
        let mut transaction = Transaction::new();
        if let Some(event) = event {
            self.write_event(&mut transaction, event)?;
        }
        transaction.delete_if(keys::token(hash), Condition::Present, Guard::Tokens);
        transaction.delete(keys::token_of_user(user, id));
        self.count_tokens(&mut transaction, -1);
        basis.require_in(&mut transaction, &Guard::User);
        let Err(broken) = self.transact(&transaction).await? else { return Ok(true) };
        // The other condition fails if somebody else has deleted the token.
        Ok(broken.iter().all(|broken| broken.guard == Guard::Tokens))
    }

    /// Deletes some ended tokens of a user, at most `limit`; `true` if there are no more.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn ended_tokens_remove_some(&self, owner: &User, limit: usize) -> Result<bool> {
        let list = self.tokens(owner.id).await?;
        let ended: Vec<_> = list.entries().iter().filter(|entry| entry.is_ended(owner)).collect();
        // A failure does not stop the others.
        let mut removed = Ok(());
        for entry in ended.iter().take(limit) {
            let done = self.token_remove(owner.id, entry.id, &entry.hash, &Basis::default(), None).await;
            removed = removed.and(done.map(drop));
        }
        removed.map(|()| ended.len() <= limit)
    }

    /// The number of API tokens of all users.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn token_total(&self) -> Result<u64> {
        let range = Range { pk: keys::COUNT, bound: Bound::Prefix(keys::TOKEN_COUNTS), ascending: true };
        let mut total = 0;
        for item in self.query(range, usize::MAX).await? {
            total += from_item::<CountItem>(&key_of(&item), item)?.tokens;
        }
        Ok(u64::try_from(total).unwrap_or_default())
    }

    fn count_tokens<G: Clone>(&self, transaction: &mut Transaction<G>, change: i64) {
        let [byte] = random(&*self.ambient);
        transaction.add(keys::token_count(byte % SHARDS), &[("tokens", change)]);
    }

    /// Deletes some tokens of a deleted user, at most `limit`; `true` if there are no more. Those of a user who was
    /// restored meanwhile stay.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn tokens_remove_some(&self, user: UserId, limit: usize) -> Result<bool> {
        let pk = keys::tokens(user);
        let items = self.query(Range { pk: &pk, bound: Bound::Whole, ascending: true }, limit).await?;
        let last = items.len() < limit;
        let has_head = !items.is_empty();
        let mut gone = Basis::default();
        gone.rest_on_absence(user);
        // A failure does not stop the others.
        let mut removed = Ok(());
        for item in items {
            let key = key_of(&item);
            let Some(id) = key.sk.strip_prefix(keys::TOKEN).and_then(TokenId::parse) else { continue };
            let done = match from_item::<EntryItem>(&key, item) {
                Ok(EntryItem { hash, .. }) => self.token_remove(user, id, &hash, &gone, None).await.map(drop),
                Err(error) => Err(error),
            };
            removed = removed.and(done);
        }
        removed?;
        if last && has_head {
            let mut transaction = Transaction::new();
            transaction.delete(keys::tokens_head(user));
            gone.require_in(&mut transaction, &());
            let _ = self.transact(&transaction).await?;
        }
        Ok(last)
    }
}

fn moment(now: Timestamp) -> AttributeValue {
    AttributeValue::N(now.micros().to_string())
}

pub(super) fn token_from(key: &Key, item: TokenItem) -> Result<ApiToken> {
    let TokenItem { id, user, title, is_active, created, updated, last_used, good_until, origin } = item;
    let Origin { made_by_other, version } = origin;
    let damaged = || crate::error::Error::internal(format!("malformed item {key}: bad id"));
    let id = TokenId::parse(&id).ok_or_else(damaged)?;
    Ok(ApiToken { id, user, title, is_active, created, updated, last_used, good_until, made_by_other, version })
}

impl Origin {
    fn of(token: &ApiToken) -> Self {
        Self { made_by_other: token.made_by_other, version: token.version }
    }
}

impl From<&ApiToken> for TokenItem {
    fn from(token: &ApiToken) -> Self {
        let origin = Origin::of(token);
        let ApiToken { id, user, title, is_active, created, updated, last_used, good_until, .. } = token.clone();
        Self { id: id.to_string(), user, title, is_active, created, updated, last_used, good_until, origin }
    }
}
