//! API tokens: a record for each, found by the hash of its text, and a list of them for each user.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, ReturnValue};
use serde::{Deserialize, Serialize};

use super::keys::{self, Key};
use super::lists::SHARDS;
use super::transaction::{Condition, Transaction};
use super::{Bound, Item, Range, Store, cost, from_item, key_of, to_item};
use crate::ambient::random;
use crate::error::Result;
use crate::model::{ApiToken, Timestamp, TokenId, UserId};

#[derive(Serialize, Deserialize)]
struct TokenItem {
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
}

#[derive(Serialize, Deserialize)]
struct EntryItem {
    hash: String,
    good_until: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct HeadItem {
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct CountItem {
    tokens: i64,
}

/// What became of the making of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenWritten {
    /// It was made.
    Done,
    /// The user's tokens have changed since they were read; nothing was written.
    Stale,
    /// The user is gone; nothing was written.
    UserGone,
}

/// The tokens of a user, as they lead to their records.
#[derive(Debug)]
pub struct TokenList {
    /// Oldest first.
    entries: Vec<TokenEntry>,
    /// How often they have changed; 0 if never.
    version: u64,
}

/// One token of a user, as it leads to its record.
#[derive(Debug, Clone)]
pub struct TokenEntry {
    /// Its id.
    pub id: TokenId,
    hash: String,
    good_until: Timestamp,
}

impl TokenList {
    /// Oldest first.
    pub fn entries(&self) -> &[TokenEntry] {
        &self.entries
    }

    /// How many have not run out at that moment.
    pub fn live(&self, now: Timestamp) -> usize {
        self.entries.iter().filter(|entry| now < entry.good_until).count()
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
    /// When the store does not answer, or the record is damaged.
    pub async fn token(&self, hash: &str) -> Result<Option<ApiToken>> {
        let key = keys::token(hash);
        let item: Option<TokenItem> = self.get(key.clone()).await?;
        item.map(|item| token_from(&key, item)).transpose()
    }

    /// Those of the tokens that exist, by the hashes of their texts.
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

    /// The token of that id, if it is the user's, and the hash of its text.
    ///
    /// # Errors
    /// As [`Store::token`].
    pub async fn token_of_user(&self, user: UserId, id: TokenId) -> Result<Option<(String, ApiToken)>> {
        let entry: Option<EntryItem> = self.get(keys::token_of_user(user, id)).await?;
        let Some(EntryItem { hash, .. }) = entry else { return Ok(None) };
        Ok(self.token(&hash).await?.map(|token| (hash, token)))
    }

    /// All tokens of a user, oldest first, each with the hash of its text.
    ///
    /// # Errors
    /// When the store does not answer, or a record is damaged.
    pub async fn tokens_with_hashes(&self, user: UserId) -> Result<Vec<(String, ApiToken)>> {
        let list = self.tokens(user).await?;
        let records = self.token_records(list.entries()).await?;
        let hash = |token: &ApiToken| list.entries().iter().find(|entry| entry.id == token.id).map(|e| e.hash.clone());
        Ok(records.into_iter().filter_map(|token| Some((hash(&token)?, token))).collect())
    }

    /// All tokens of a user.
    ///
    /// # Errors
    /// When the store does not answer, or an item is damaged.
    pub async fn tokens(&self, user: UserId) -> Result<TokenList> {
        let pk = keys::tokens(user);
        let mut list = TokenList { entries: Vec::new(), version: 0 };
        for item in self.query(Range { pk: &pk, bound: Bound::Whole, ascending: true }, usize::MAX).await? {
            let key = key_of(&item);
            match key.sk.strip_prefix(keys::TOKEN).and_then(TokenId::parse) {
                Some(id) => {
                    let EntryItem { hash, good_until } = from_item(&key, item)?;
                    list.entries.push(TokenEntry { id, hash, good_until });
                }
                None => list.version = from_item::<HeadItem>(&key, item)?.version,
            }
        }
        Ok(list)
    }

    /// The records of some tokens, in the order given; of a token that is gone meanwhile, none.
    ///
    /// # Errors
    /// When the store does not answer, or a record is damaged.
    pub async fn token_records(&self, entries: &[TokenEntry]) -> Result<Vec<ApiToken>> {
        let wanted: Vec<Key> = entries.iter().map(|entry| keys::token(&entry.hash)).collect();
        let found = self.batch(&wanted).await?.into_iter().map(|item| {
            let key = key_of(&item);
            token_from(&key, from_item(&key, item)?)
        });
        let found = found.collect::<Result<Vec<_>>>()?;
        Ok(entries.iter().filter_map(|entry| found.iter().find(|token| token.id == entry.id).cloned()).collect())
    }

    /// Makes a token whose text has that hash, in one transaction; with `list`, if the user's tokens are still those.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn token_insert(&self, token: &ApiToken, hash: &str, list: Option<&TokenList>) -> Result<TokenWritten> {
        let mut transaction = Transaction::new();
        let entry = EntryItem { hash: hash.to_owned(), good_until: token.good_until };
        transaction.put(to_item(&keys::token(hash), &TokenItem::from(token))?);
        transaction.put(to_item(&keys::token_of_user(token.user, token.id), &entry)?);
        transaction.check(keys::user(token.user), Condition::Present, Guard::User);
        let head = keys::tokens_head(token.user);
        match list {
            None => transaction.add(head, &[("version", 1)]),
            Some(list) => {
                let item = to_item(&head, &HeadItem { version: list.version + 1 })?;
                let unchanged = match list.version {
                    0 => Condition::Absent,
                    version => Condition::Is("version", AttributeValue::N(version.to_string())),
                };
                transaction.put_if(item, unchanged, Guard::Tokens);
            }
        }
        self.count_tokens(&mut transaction, 1);
        let Err(broken) = self.transact(&transaction).await? else { return Ok(TokenWritten::Done) };
        let gone = broken.iter().any(|broken| broken.guard == Guard::User);
        Ok(if gone { TokenWritten::UserGone } else { TokenWritten::Stale })
    }

    /// Switches a token on or off. `None` when it is gone.
    ///
    /// # Errors
    /// When the store does not answer, or the record is damaged.
    pub async fn token_switch(&self, hash: &str, is_active: bool, now: Timestamp) -> Result<Option<ApiToken>> {
        let set = [("is_active", AttributeValue::Bool(is_active)), ("updated", moment(now))];
        let Some(item) = self.token_update(hash, set).await? else { return Ok(None) };
        let key = keys::token(hash);
        Ok(Some(token_from(&key, from_item(&key, item)?)?))
    }

    /// Notes that a token was used. Nothing happens when it is gone.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn token_used(&self, hash: &str, now: Timestamp) -> Result<()> {
        self.token_update(hash, [("last_used", moment(now))]).await?;
        Ok(())
    }

    /// Removes a token. Nothing happens when it is gone.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn token_remove(&self, user: UserId, id: TokenId, hash: &str) -> Result<()> {
        let mut transaction = Transaction::new();
        transaction.delete_if(keys::token(hash), Condition::Present, ());
        transaction.delete(keys::token_of_user(user, id));
        self.count_tokens(&mut transaction, -1);
        // The one condition breaks when somebody else has removed it.
        let _ = self.transact(&transaction).await?;
        Ok(())
    }

    /// How many API tokens there are, of all users.
    ///
    /// # Errors
    /// When the store does not answer.
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

    /// Removes some tokens of a removed user, at most `limit`; `true` when there were no more.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn tokens_remove_some(&self, user: UserId, limit: usize) -> Result<bool> {
        let pk = keys::tokens(user);
        let range = Range { pk: &pk, bound: Bound::Prefix(keys::TOKEN), ascending: true };
        let items = self.query(range, limit).await?;
        let last = items.len() < limit;
        for item in items {
            let key = key_of(&item);
            let EntryItem { hash, .. } = from_item(&key, item)?;
            if let Some(id) = key.sk.strip_prefix(keys::TOKEN).and_then(TokenId::parse) {
                self.token_remove(user, id, &hash).await?;
            }
        }
        if last {
            self.remove(&keys::tokens_head(user)).await?;
        }
        Ok(last)
    }

    /// Sets attributes of a token that is there; gives the new record.
    async fn token_update<const N: usize>(&self, hash: &str, set: [(&str, AttributeValue); N]) -> Result<Option<Item>> {
        let mut update = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(keys::token(hash).attributes()))
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#pk", keys::PK)
            .return_values(ReturnValue::AllNew)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let mut terms = Vec::new();
        for (index, (name, value)) in set.into_iter().enumerate() {
            terms.push(format!("#n{index} = :n{index}"));
            update = update
                .expression_attribute_names(format!("#n{index}"), name)
                .expression_attribute_values(format!(":n{index}"), value);
        }
        let update = update.update_expression(format!("SET {}", terms.join(", ")));
        let Some(output) = self.write_if(|| update.clone().send()).await? else { return Ok(None) };
        cost::wrote(output.consumed_capacity());
        Ok(output.attributes)
    }
}

fn moment(now: Timestamp) -> AttributeValue {
    AttributeValue::N(now.micros().to_string())
}

fn token_from(key: &Key, item: TokenItem) -> Result<ApiToken> {
    let TokenItem { id, user, title, is_active, created, updated, last_used, good_until } = item;
    let damaged = || crate::error::Error::internal(format!("the item {key} has a damaged id"));
    let id = TokenId::parse(&id).ok_or_else(damaged)?;
    Ok(ApiToken { id, user, title, is_active, created, updated, last_used, good_until })
}

impl From<&ApiToken> for TokenItem {
    fn from(token: &ApiToken) -> Self {
        let ApiToken { id, user, title, is_active, created, updated, last_used, good_until } = token.clone();
        Self { id: id.to_string(), user, title, is_active, created, updated, last_used, good_until }
    }
}
