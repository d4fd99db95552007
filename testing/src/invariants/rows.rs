//! List rows as they are written: JSON with short names.

use serde_json::{Value, json};
use shared::model::Timestamp;

use super::{Item, text};

/// The short name of each field in a row.
const NAMES: &[(&str, &str)] = &[
    ("n", "number"),
    ("x", "edge_id"),
    ("u", "username"),
    ("e", "email"),
    ("f", "first_name"),
    ("l", "last_name"),
    ("p", "phone_number"),
    ("b", "birth_date"),
    ("t", "expiration_date"),
    ("a", "last_login"),
    ("g", "groups"),
    ("r", "permissions"),
    ("h", "sharing"),
    ("v", "has_signed_in"),
    ("m", "memberships"),
    ("y", "external_id"),
    ("z", "extras"),
    ("ld", "lacks_description"),
    ("lm", "lacks_memberships"),
];

/// The item with the fields of its row, if it has one, as attributes; id and date are in the sort key.
pub(super) fn with_fields_of_row(position: &str, mut item: Item) -> Item {
    let Some(row) = item.remove("row") else { return item };
    let row: Item = serde_json::from_str(text(&row)).expect("a row in JSON");
    let is_whole = !row.contains_key("lx");
    for (short, value) in row {
        match (&*short, NAMES.iter().find(|(name, _)| *name == short)) {
            (_, Some((_, long))) => drop(item.insert((*long).to_owned(), value)),
            ("s", None) => item.extend(value.as_object().expect("flags").clone()),
            ("lx", None) => assert_eq!(value, json!(true)),
            _ => panic!("a row has no {short}"),
        }
    }
    let (ordinal, id) = position.split_once('#').expect("a position");
    let ordinal = u64::from_str_radix(ordinal, 16).expect("a moment");
    let id: uuid::Uuid = id.parse().expect("an id");
    item.insert("id".to_owned(), json!(id.to_string()));
    item.insert("date_joined".to_owned(), json!(Timestamp::from_ordinal(ordinal).micros()));
    if is_whole {
        item.insert("is_whole".to_owned(), Value::Bool(true));
    }
    item
}
