//! Groups, and the mark of the installation that makes the first two.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity};
use serde::{Deserialize, Serialize};

use super::transaction::{Condition, Transaction};
use super::{Store, cost, from_item, key_of, keys, to_item, unavailable};
use crate::error::{Error, Result};
use crate::model::{Group, GroupId, PermissionId};

/// How many items one `BatchGetItem` may ask for.
const BATCH: usize = 100;
/// How often what a batch left unprocessed is asked for again.
const TRIES: u32 = 5;

#[derive(Serialize, Deserialize)]
struct GroupItem {
    id: GroupId,
    name: String,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    permissions: BTreeSet<PermissionId>,
}

impl Store {
    /// Those of the groups that exist.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn groups(&self, ids: &BTreeSet<GroupId>) -> Result<Vec<Group>> {
        let mut groups = Vec::new();
        let all: Vec<_> = ids.iter().map(|&id| keys::group(id).attributes()).collect();
        for batch in all.chunks(BATCH) {
            let mut asked = Some(batch.to_vec());
            let mut tries = 0;
            while let Some(keys) = asked.take() {
                tries += 1;
                if tries > TRIES {
                    return Err(Error::Unavailable("DynamoDB leaves keys of a batch unprocessed".into()));
                }
                let request = KeysAndAttributes::builder()
                    .set_keys(Some(keys))
                    .consistent_read(true)
                    .build()
                    .map_err(unavailable)?;
                let mut output = self
                    .client
                    .batch_get_item()
                    .request_items(&*self.table, request)
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .send()
                    .await
                    .map_err(unavailable)?;
                output.consumed_capacity().iter().for_each(|capacity| cost::read(Some(capacity)));
                for item in output.responses.as_mut().and_then(|r| r.remove(&*self.table)).unwrap_or_default() {
                    let key = key_of(&item);
                    let GroupItem { id, name, permissions } = from_item(&key, item)?;
                    groups.push(Group { id, name, permissions });
                }
                asked = output
                    .unprocessed_keys
                    .as_mut()
                    .and_then(|keys| keys.remove(&*self.table))
                    .map(|rest| rest.keys)
                    .filter(|keys| !keys.is_empty());
            }
        }
        Ok(groups)
    }

    /// Marks the directory as installed and makes its first groups. `false` when it was marked before.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn installation_insert(&self, groups: &[Group]) -> Result<bool> {
        if self.get::<serde::de::IgnoredAny>(keys::installation()).await?.is_some() {
            return Ok(false);
        }
        let mut transaction = Transaction::new();
        let mut mark = keys::installation().attributes();
        mark.insert("layout".to_owned(), AttributeValue::N("1".to_owned()));
        transaction.put_if(&self.table, mark, Condition::Absent, ())?;
        for Group { id, name, permissions } in groups {
            let record = GroupItem { id: *id, name: name.clone(), permissions: permissions.clone() };
            transaction.put(&self.table, to_item(&keys::group(*id), &record)?)?;
        }
        Ok(self.transact(&transaction).await?.is_ok())
    }
}
