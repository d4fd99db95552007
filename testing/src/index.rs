//! What the search index must hold, spelled again from the users alone.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use serde_json::Value;
use shared::model::Timestamp;

use super::invariants::{Item, Table, place_of_user};

/// A place, and the folded values of the four fields.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    place: String,
    values: Vec<String>,
}

/// What a recent change says.
struct Change {
    order: (u64, u64),
    is_certain: bool,
    old: Option<Entry>,
    new: Option<Entry>,
}

/// What users need and that is not there. More may be there: the rows of a page are checked.
pub fn index_complaints(table: &Table) -> Vec<String> {
    let mut held = BTreeSet::new();
    let mut changes: BTreeMap<String, Vec<Change>> = BTreeMap::new();
    for ((pk, sk), item) in &table.items {
        if pk.starts_with("TERM#") {
            let prefix = &sk[..sk.len() - 48];
            let mut bytes = Bytes::of(item, "b");
            let mut moment = 0;
            for _ in 0..bytes.number() {
                moment += bytes.number();
                held.insert((pk.clone(), format!("{prefix}{}", bytes.short_place(moment)), bytes.text()));
            }
        } else if pk.starts_with("GRAM#") || pk.starts_with("GROUPED#") {
            let (place, _) = sk.rsplit_once('#').expect("a mark");
            held.insert((pk.replace("GRAM#", "TERM#"), place.to_owned(), text(item, "v").to_owned()));
        }
    }
    for_changes(table, |change| note(&mut changes, change));
    let mut complaints = Vec::new();
    for user in table.users() {
        let wanted = entry(user);
        let name = &user["username"];
        let changes = changes.get(&wanted.place[16..]).map(Vec::as_slice).unwrap_or_default();
        let certain = changes.iter().filter(|change| change.is_certain).map(|change| change.order).max();
        let mut newest = changes.iter().filter(|change| Some(change.order) >= certain);
        if newest.any(|change| change.new.as_ref() == Some(&wanted)) {
            // The lists need not contain it.
        } else if certain.is_some() {
            complaints.push(format!("the recent changes of {name} do not lead to {wanted:?}"));
        } else {
            let missing = postings(&wanted).into_iter().filter(|posting| !held.contains(posting));
            complaints.extend(missing.map(|posting| format!("{posting:?} is missing for {name}")));
        }
        for group in user.get("groups").and_then(Value::as_array).into_iter().flatten() {
            if !held.contains(&(format!("GROUPED#{group}"), wanted.place.clone(), String::new())) {
                complaints.push(format!("{name} is not in the list of group {group}"));
            }
        }
    }
    complaints
}

/// Where the rank index of users is wrong, and how many of its stretches are right. It is not used for years of which it counts
/// another number of users than there are.
pub fn ranks(table: &Table) -> (Vec<String>, usize) {
    let state = table.items.get(&("RECENT".to_owned(), "STATE".to_owned()));
    let Some(item) = table.items.get(&("RANKS".to_owned(), "RANKS".to_owned())) else { return (Vec::new(), 0) };
    let mut bytes = Bytes::of(item, "r");
    if state.is_none_or(|state| state["merges"] != bytes.number()) {
        return (Vec::new(), 0);
    }
    // When all users were counted.
    bytes.number();
    // The beginning and the number of users of each stretch.
    let stretches: Vec<(String, i64)> = (0..bytes.number())
        .map(|_| {
            let moment = bytes.number();
            (bytes.place(moment), i64::try_from(bytes.number()).expect("small"))
        })
        .collect();
    let through = state.map_or("", |state| text(state, "through"));
    // Each change once, though it may also be in a packet.
    let mut since = BTreeMap::new();
    for_changes(table, |change| {
        let user = &change.new.as_ref().or(change.old.as_ref()).expect("an entry").place[16..];
        let sk = format!("CHANGE#{:015x}#{user}#{}", change.order.0, change.order.1);
        // What withdraws an announcement is no removal.
        let is_made = change.is_certain && (change.new.is_some() || change.order.1 > 1);
        if is_made && sk.as_str() > through {
            since.insert(sk, change);
        }
    });
    let mut counted: BTreeMap<String, i64> = BTreeMap::new();
    for (pk, sk) in table.items.keys() {
        if pk.starts_with("PLACES#USERS#") {
            *counted.entry(sk.clone()).or_default() += 1;
        }
    }
    for change in since.values() {
        for (entry, by) in [(&change.old, 1), (&change.new, -1)] {
            if let Some(entry) = entry {
                *counted.entry(entry.place.clone()).or_default() += by;
            }
        }
    }
    let year = |place: &str| {
        let moment = u64::from_str_radix(&place[..15], 16).expect("a moment");
        Timestamp::from_ordinal(moment).year()
    };
    let mut years: BTreeMap<i32, [i64; 2]> = BTreeMap::new();
    for (place, users) in &counted {
        years.entry(year(place)).or_default()[0] += users;
    }
    for (place, users) in &stretches {
        years.entry(year(place)).or_default()[1] += users;
    }
    let (mut complaints, mut right) = (Vec::new(), 0);
    for (index, (first, users)) in stretches.iter().enumerate() {
        let end = stretches.get(index + 1).map_or("g", |(next, _)| next.as_str());
        let there: i64 = counted.range(first.clone()..end.to_owned()).map(|(_, users)| users).sum();
        let [wanted, told] = years[&year(first)];
        if wanted != told {
            continue;
        }
        if there == *users {
            right += 1;
        } else {
            complaints.push(format!("{there} users from {first} on, not {users}"));
        }
    }
    (complaints, right)
}

/// Gives the recent changes, and those in packets.
fn for_changes(table: &Table, mut each: impl FnMut(Change)) {
    for ((pk, sk), item) in &table.items {
        if pk == "RECENT" && sk.starts_with("CHANGE#") {
            each(Bytes::of(item, "c").change());
        } else if pk.starts_with("PACKET#") {
            let mut unpacked = Vec::new();
            let packed = Bytes::of(item, "c").0;
            DeflateDecoder::new(&packed[..]).read_to_end(&mut unpacked).expect("a packet");
            let mut bytes = Bytes(unpacked);
            for _ in 0..bytes.number() {
                each(bytes.change());
            }
        }
    }
}

fn note(changes: &mut BTreeMap<String, Vec<Change>>, change: Change) {
    let entry = change.new.as_ref().or(change.old.as_ref()).expect("an entry");
    changes.entry(entry.place[16..].to_owned()).or_default().push(change);
}

fn entry(user: &Item) -> Entry {
    let fold = |attribute| text(user, attribute).chars().flat_map(char::to_lowercase).collect();
    Entry { place: place_of_user(user), values: ["username", "first_name", "last_name", "email"].map(fold).into() }
}

/// Partition key, sort key as it would be for one user, and value of every posting that an entry needs.
fn postings(entry: &Entry) -> Vec<(String, String, String)> {
    let mut wanted = Vec::new();
    for (name, value) in ["U", "F", "L", "E"].iter().zip(&entry.values) {
        let letters: Vec<u32> = value.chars().map(u32::from).collect();
        for (index, &letter) in letters.iter().enumerate() {
            wanted.push((format!("TERM#{name}#{letter:06x}"), entry.place.clone(), value.clone()));
            if let Some(&second) = letters.get(index + 1) {
                let third = letters.get(index + 2).copied().unwrap_or_default();
                let pk = format!("TERM#{name}#{letter:06x}{second:06x}");
                wanted.push((pk, format!("{third:06x}#{}", entry.place), value.clone()));
            }
        }
    }
    wanted
}

/// Bytes that are read from the front.
struct Bytes(Vec<u8>);

impl Bytes {
    fn of(item: &Item, name: &str) -> Self {
        Self(STANDARD.decode(text(item, name)).expect("base64"))
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        self.0.drain(..count).collect()
    }

    /// Seven bits in each byte, the lowest first.
    fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = u64::from(self.take(1)[0]);
            number |= (byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return number;
            }
        }
    }

    fn text(&mut self) -> String {
        let length = usize::try_from(self.number()).expect("small");
        String::from_utf8(self.take(length)).expect("UTF-8")
    }

    fn place(&mut self, moment: u64) -> String {
        self.take(16).into_iter().fold(format!("{moment:015x}#"), |place, byte| format!("{place}{byte:02x}"))
    }

    /// With the time in the id as the difference to the moment, in milliseconds; the lowest bit is the sign.
    fn short_place(&mut self, moment: u64) -> String {
        let difference = self.number();
        let difference =
            i64::try_from(difference >> 1).expect("small") ^ -i64::try_from(difference & 1).expect("a bit");
        let time = Timestamp::from_ordinal(moment).micros().div_euclid(1000) + difference;
        self.take(10).into_iter().fold(format!("{moment:015x}#{time:012x}"), |place, byte| format!("{place}{byte:02x}"))
    }

    fn entry(&mut self) -> Option<Entry> {
        (self.number() == 1).then(|| {
            let moment = self.number();
            Entry { place: self.place(moment), values: (0..4).map(|_| self.text()).collect() }
        })
    }

    fn change(&mut self) -> Change {
        let order = (self.number(), self.number());
        Change { order, is_certain: self.number() == 1, old: self.entry(), new: self.entry() }
    }
}

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).and_then(Value::as_str).unwrap_or_default()
}
