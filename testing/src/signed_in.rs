//! What must hold between API tokens, attempts to sign in, and users.

use std::collections::BTreeSet;

use serde_json::Value;

use super::invariants::{Item, Table};

/// Tokens lead to their records and back, are counted, and belong to users, as attempts do, unless work waits.
pub fn sign_in_complaints(table: &Table) -> Vec<String> {
    let mut complaints = Vec::new();
    let going: BTreeSet<&str> = table.partition("WORK").filter_map(|(sk, _)| sk.strip_prefix("USER#")).collect();
    let belongs = |user: &str| table.user(user).is_some() || going.contains(user);
    // Attempts stay until the purge.
    let deleted: BTreeSet<&str> = table.deleted().map(|(id, _)| id).collect();
    let of_kind = |kind: &'static str| {
        table.items.iter().filter_map(move |((pk, sk), item)| Some((pk.strip_prefix(kind)?, &sk[..], item)))
    };
    let mut records = 0;
    for (hash, _, token) in of_kind("TOKEN#") {
        records += 1;
        let (id, user) = (text(token, "id"), text(token, "user"));
        let entry = table.item(&format!("TOKENS#{user}"), &format!("TOKEN#{id}"));
        if entry.is_none_or(|entry| text(entry, "hash") != hash || entry["good_until"] != token["good_until"]) {
            complaints.push(format!("the token {id} of {user} is not in its user's list"));
        }
        if !belongs(user) {
            complaints.push(format!("the token {id} belongs to nobody"));
        }
    }
    for (user, sk, _) in of_kind("SESSIONS#").filter(|(user, ..)| !belongs(user)) {
        complaints.push(format!("the session {sk} of {user} belongs to nobody"));
    }
    for (user, sk, entry) in of_kind("TOKENS#") {
        if !belongs(user) {
            complaints.push(format!("{sk} of {user} belongs to nobody"));
        }
        if sk != "HEAD" && table.item(&format!("TOKEN#{}", text(entry, "hash")), "TOKEN").is_none() {
            complaints.push(format!("{sk} of {user} leads to no record"));
        }
    }
    // What is tried with a name that is nobody's is noted too, for an id of a kind (version 8) that users do not get.
    let is_nobodys = |kind: &str, id: &str| kind == "REFUSED#" && id.get(14..15) == Some("8");
    for kind in ["ACCEPTED#", "REFUSED#"] {
        complaints.extend(
            of_kind(kind)
                .filter(|(user, ..)| !belongs(user) && !deleted.contains(user) && !is_nobodys(kind, user))
                .map(|(user, sk, _)| format!("{kind}{user} {sk} belongs to nobody")),
        );
    }
    let counted: i64 = table
        .partition("COUNT")
        .filter(|(sk, _)| sk.starts_with("TOKENS#"))
        .filter_map(|(_, item)| item["tokens"].as_i64())
        .sum();
    if counted != records {
        complaints.push(format!("{counted} tokens are counted and {records} are there"));
    }
    complaints
}

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).and_then(Value::as_str).unwrap_or_default()
}
