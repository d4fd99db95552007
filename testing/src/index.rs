//! What the search index must hold, spelled again from the users alone.

use std::collections::BTreeSet;

use serde_json::Value;

use super::bulk::is_entry;
use super::invariants::{Item, Table, place_of_user};

/// Entries that users need and that are not there. Others may be there: entries are hints.
pub fn index_complaints(table: &Table) -> Vec<String> {
    let held: BTreeSet<(&str, &str, &str)> = table
        .items
        .iter()
        .filter(|((pk, _), _)| is_entry(pk))
        .map(|((pk, sk), item)| (&pk[..], without_mark(sk), text(item, "v")))
        .collect();
    let mut complaints = Vec::new();
    for user in table.users() {
        for (pk, sk, value) in wanted(user) {
            if !held.contains(&(&pk[..], &sk[..], &value[..])) {
                complaints.push(format!("{pk} {sk} is missing for {value:?} of {}", user["username"]));
            }
        }
    }
    complaints
}

/// Partition key, sort key without its mark, and value of every entry that a user needs.
fn wanted(user: &Item) -> Vec<(String, String, String)> {
    let place = place_of_user(user);
    let mut wanted = Vec::new();
    for group in user.get("groups").and_then(Value::as_array).into_iter().flatten() {
        wanted.push((format!("GROUPED#{group}"), place.clone(), String::new()));
    }
    for (name, attribute) in [("U", "username"), ("F", "first_name"), ("L", "last_name"), ("E", "email")] {
        let value: String = text(user, attribute).chars().flat_map(char::to_lowercase).collect();
        let letters: Vec<u32> = value.chars().map(u32::from).collect();
        for (index, &letter) in letters.iter().enumerate() {
            wanted.push((format!("GRAM#{name}#{letter:06x}"), place.clone(), value.clone()));
            if let Some(&second) = letters.get(index + 1) {
                let third = letters.get(index + 2).copied().unwrap_or_default();
                let pk = format!("GRAM#{name}#{letter:06x}{second:06x}");
                wanted.push((pk, format!("{third:06x}#{place}"), value.clone()));
            }
        }
    }
    wanted
}

fn without_mark(sk: &str) -> &str {
    sk.rsplit_once('#').expect("a mark").0
}

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).and_then(Value::as_str).unwrap_or_default()
}
