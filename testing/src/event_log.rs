//! What must hold in the log of events.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::invariants::Table;

/// Every event is once in the log, or pending; indexed segments have their copies, and none of their events is pending.
pub fn log_complaints(table: &Table) -> Vec<String> {
    let mut complaints = Vec::new();
    let through = table.item("EVENTLOG#INDEXED", "INDEXED").and_then(|mark| mark["through"].as_u64()).unwrap_or(0);
    let pending: BTreeSet<&str> =
        table.items.keys().filter(|(pk, _)| pk.starts_with("PENDING#")).map(|(_, sk)| sk.as_str()).collect();
    let mut logged = BTreeMap::new();
    let mut copies = BTreeMap::new();
    let mut last = None;
    for (sk, segment) in table.partition("EVENTLOG") {
        let number: u64 = sk.parse().expect("a number");
        if last.is_some_and(|last| last + 1 != number) {
            complaints.push(format!("segment {number} follows {last:?}"));
        }
        last = Some(number);
        for (index, event) in segment["events"].as_array().expect("events").iter().enumerate() {
            let text = event["event"].as_str().expect("an event");
            let event: Value = serde_json::from_str(text).expect("JSON");
            let id = event["id"].as_str().expect("an id").to_owned();
            if number <= through {
                let at = format!("{number:012}.{index:03}");
                let (kind, of) = (&event["target"]["kind"], event["target"]["id"].as_str().expect("an id"));
                copies.insert((format!("EVENTS#{}:{of}", kind.as_str().expect("a kind")), at.clone()), text.to_owned());
                if let Some(by) = event["actor"]["id"].as_str() {
                    copies.insert((format!("EVENTSBY#{by}"), at), text.to_owned());
                }
                if pending.contains(&id[..]) {
                    complaints.push(format!("event {id} is in the log and still pending"));
                }
            }
            if let Some(before) = logged.insert(id.clone(), number) {
                complaints.push(format!("event {id} is twice in the log, in {before} and {number}"));
            }
        }
    }
    if last.is_some_and(|last| last > through + 1) {
        complaints.push(format!("segments are indexed up to {through} and there are {last:?}"));
    }
    for ((pk, sk), item) in table.items.iter().filter(|((pk, _), _)| pk.starts_with("EVENTS")) {
        let number: u64 = sk.split('.').next().and_then(|number| number.parse().ok()).expect("a number");
        match copies.remove(&(pk.clone(), sk.clone())) {
            Some(text) if item["event"] == text => {}
            Some(text) => complaints.push(format!("{pk} {sk} should be {text} and is {item:?}")),
            // The copies of a segment that is being indexed.
            None if number > through => {}
            None => complaints.push(format!("{pk} {sk} is the copy of nothing")),
        }
    }
    complaints.extend(copies.keys().map(|key| format!("the copy {key:?} is missing")));
    complaints
}
