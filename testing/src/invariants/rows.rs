//! List rows as they are written: JSON with short names.

use serde_json::{Value, json};

use super::{Item, text};

/// The short name of each field in a row.
const NAMES: &[(&str, &str)] = &[
    ("i", "id"),
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
    ("j", "date_joined"),
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

/// The item with the fields of its row, if it has one, as attributes.
pub(super) fn with_fields_of_row(mut item: Item) -> Item {
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
    if is_whole {
        item.insert("is_whole".to_owned(), Value::Bool(true));
    }
    item
}
