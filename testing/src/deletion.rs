//! What must hold of deleted users, and of restored ones whose memberships are not all back.

use std::collections::BTreeMap;

use shared::model::Timestamp;

use super::invariants::{Item, Table};

/// Each deleted user has one list row, unless it is being purged, and is no user. Where memberships are to return, work
/// waits.
pub fn deletion_complaints(table: &Table) -> Vec<String> {
    let purged = table.work("PURGE");
    let mut complaints = Vec::new();
    let mut rows: BTreeMap<&str, &Item> = table.partition("DELETED").collect();
    for (id, item) in table.deleted() {
        let at = item["deleted_at"].as_i64().expect("a time");
        let row = rows.remove(&format!("{:015x}#{id}", Timestamp::from_micros(at).ordinal())[..]);
        if row.is_some() == purged.contains(id) {
            complaints.push(format!("whether the deleted user {id} waits is not clear"));
        }
        if row.is_some_and(|row| row["username"] != item["username"] || row["id"] != item["id"] || item["id"] != id) {
            complaints.push(format!("the row of the deleted user {id} is {row:?}"));
        }
        if table.user(id).is_some() {
            complaints.push(format!("{id} is a user and deleted"));
        }
    }
    complaints.extend(rows.into_keys().map(|key| format!("{key} is a row of nobody")));
    let returning = table.work("RETURNING");
    let to_return = table.users().filter(|user| user.contains_key("returning"));
    let forgotten = to_return.filter_map(|user| user["id"].as_str()).filter(|id| !returning.contains(id));
    complaints.extend(forgotten.map(|id| format!("memberships of {id} are to return and no work waits")));
    complaints
}
