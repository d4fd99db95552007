//! Records as items, and their sizes.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keys::{self, Key};
use crate::error::{Error, Refusal, Result};

/// An item in the SDK's form.
pub type Item = HashMap<String, AttributeValue>;

/// The largest record that is written; DynamoDB's limit of 400 KB includes names and keys.
pub(super) const MOST_BYTES: usize = 380_000;
/// Converts a record to an item with its key.
pub(super) fn to_item<T: Serialize>(key: &Key, record: &T) -> Result<Item> {
    let mut item: Item = serde_dynamo::aws_sdk_dynamodb_1::to_item(record).map_err(|e| Error::Internal(e.into()))?;
    item.extend(key.attributes());
    Ok(item)
}

/// An item with bytes in an attribute.
pub(super) fn item_of_bytes(key: &Key, name: &str, bytes: Vec<u8>) -> Item {
    let mut item = key.attributes();
    item.insert(name.to_owned(), AttributeValue::B(Blob::new(bytes)));
    item
}

/// The bytes in an attribute.
pub(super) fn bytes_in<'a>(item: &'a Item, name: &str) -> Option<&'a [u8]> {
    item.get(name)?.as_b().ok().map(AsRef::as_ref)
}

/// As [`to_item`], unless the item would be too large.
pub(super) fn to_bounded_item<T: Serialize>(key: &Key, record: &T) -> Result<Item> {
    let item = to_item(key, record)?;
    if size(&item) > MOST_BYTES { Err(Error::Refused(Refusal::TooLargeToStore)) } else { Ok(item) }
}

/// The approximate size of an item as DynamoDB counts it.
pub(super) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

pub(super) fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::B(blob) => blob.as_ref().len(),
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + value_size(value)).sum::<usize>(),
        AttributeValue::M(map) => 3 + map.iter().map(|(name, value)| 1 + name.len() + value_size(value)).sum::<usize>(),
        _ => 1,
    }
}

/// Converts an item to its record.
pub(super) fn from_item<T: DeserializeOwned>(key: &Key, item: Item) -> Result<T> {
    serde_dynamo::aws_sdk_dynamodb_1::from_item(item)
        .map_err(|error| Error::internal(format!("malformed item {key}: {error}")))
}

/// The key of an item.
pub(super) fn key_of(item: &Item) -> Key {
    let text = |name| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
    Key { pk: text(keys::PK), sk: text(keys::SK) }
}
