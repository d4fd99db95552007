//! What must exist because a user, a membership or an organization does.

use serde_json::{Map, Value, json};
use shared::model::Timestamp;
use uuid::Uuid;

use super::{Item, Key, MOST_EXTRAS, NOT_IN_ROW, bare, claim, list, number, text};

/// What must exist because a user does; the list row without memberships.
pub(super) fn wanted_by_user(user: &Item) -> Vec<(Key, Item)> {
    let id = text(&user["id"]);
    let mine = || Item::from_iter([("user".to_owned(), json!(id))]);
    let mine_as = |text: &str| Item::from_iter([("user".to_owned(), json!(id)), ("text".to_owned(), json!(text))]);
    let (year, place) = place(number(&user["date_joined"]), id);
    let mut wanted = claims_on_ids(user);
    if user.get("is_active") != Some(&json!(true)) {
        wanted.push((("ACTIVE#false".to_owned(), format!("{place}#00000000")), Item::new()));
    }
    wanted.extend(vec![
        (claim(format!("USERNAME#{}", text(&user["username"]))), mine()),
        ((format!("USERS#{year}"), place.clone()), row_of_user(user)),
        ((format!("PLACES#USERS#{year}"), place), Item::new()),
    ]);
    let name = text(&user["username"]);
    let folded = name.to_lowercase().replace('ς', "σ");
    if user.get("has_caseless_name") == Some(&json!(true)) {
        wanted.push(((format!("USERNAME#{folded}"), "CASELESS".to_owned()), mine()));
    } else if folded != name {
        wanted.push(((format!("USERNAME#{folded}"), id.to_owned()), Item::new()));
    }
    if let Some(external_id) = user.get("external_id") {
        wanted.push(((format!("EXTERNAL#{}", text(external_id)), id.to_owned()), Item::new()));
    }
    if let Some(email) = user.get("email").filter(|_| user.get("email_is_shared").is_none()) {
        wanted.push((claim(format!("EMAIL#{}", text(email).to_lowercase())), mine_as(text(email))));
    }
    if let Some(phone) = user.get("phone_number") {
        wanted.push((claim(format!("PHONE#{}", text(phone))), mine()));
    }
    for address in list(user, "addresses").iter().filter(|address| address["verified"] == true) {
        wanted.push((claim(format!("ADDRESS#{}", text(&address["email"]).to_lowercase())), mine()));
    }
    if user.get("is_superuser") == Some(&json!(true)) {
        wanted.push((("SUPERUSERS".to_owned(), id.to_owned()), Item::new()));
    }
    if let Some(due) = expiry_due(user) {
        wanted.push((("EXPIRY".to_owned(), format!("{due}#{id}")), Item::new()));
    }
    for group in list(user, "groups") {
        wanted.push(((format!("GROUP#{group}#USERS"), id.to_owned()), Item::new()));
    }
    wanted
}

/// What a user claims as long as its ids are not free.
pub(super) fn claims_on_ids(user: &Item) -> Vec<(Key, Item)> {
    let mine = || Item::from_iter([("user".to_owned(), user["id"].clone())]);
    let serial = number(&user["number"]);
    vec![
        (claim(format!("EDGE#{}", text(&user["edge_id"]))), mine()),
        ((format!("NUMBERS#{}", serial / 1000), format!("{serial:020}")), mine()),
    ]
}

/// The list row of a user, without memberships: no free text stands in it.
pub(super) fn row_of_user(user: &Item) -> Item {
    let mut row = bare(user, NOT_IN_ROW);
    if has_details(user) {
        row.remove("extras");
    } else {
        row.insert("is_whole".to_owned(), json!(true));
    }
    let Some(Value::Object(sharing)) = row.get_mut("sharing") else { return row };
    if sharing.insert("description".to_owned(), json!("")) != Some(json!("")) {
        let default = json!({
            "description": "", "can_inbox": true, "allow_rest_access": false, "organization": null, "memberships": ["WHITE"],
        });
        if Value::Object(sharing.clone()) == default {
            row.remove("sharing");
        }
        row.insert("lacks_description".to_owned(), json!(true));
    }
    row
}

/// Whether something about a user stands in its record alone.
pub(super) fn has_details(user: &Item) -> bool {
    let extras = user.get("extras").and_then(Value::as_object);
    let size: usize = extras.into_iter().flat_map(Map::values).map(|part| text(part).len()).sum();
    let has_url = user.get("url").is_some_and(|url| url != "");
    has_url || size > MOST_EXTRAS
}

/// The day on which an active user's expiration date asks for something: a week before it, or the day after it
/// when it was reminded of.
pub(super) fn expiry_due(user: &Item) -> Option<String> {
    let last = user.get("expiration_date").filter(|_| user.get("is_active") == Some(&json!(true)))?;
    let days = if user.get("reminded_of") == Some(last) { 1 } else { -7 };
    let shape = time::macros::format_description!("[year]-[month]-[day]");
    let last = time::Date::parse(text(last), &shape).expect("a day");
    Some((last + time::Duration::days(days)).format(&shape).expect("a day"))
}

/// What must exist because a membership does.
pub(super) fn wanted_by_membership((user, membership): (&str, &Item)) -> Vec<(Key, Item)> {
    let organization = text(&membership["organization"]);
    let leads = Item::from_iter([("user".to_owned(), json!(user)), ("text".to_owned(), json!(organization))]);
    let member = (format!("MEMBERS#{organization}"), text(&membership["place"]).to_owned());
    let mut wanted = vec![(member, Item::new()), (claim(format!("MEMBERSHIP#{}", text(&membership["id"]))), leads)];
    if membership.get("is_admin") == Some(&json!(true)) {
        wanted.push(((format!("MANAGERS#{organization}"), user.to_owned()), Item::new()));
    }
    wanted
}

/// What must exist because an organization does.
pub(super) fn wanted_by_organization(organization: &Item) -> Vec<(Key, Item)> {
    let id = text(&organization["id"]);
    let (year, place) = place(number(&organization["created"]), id);
    let has = Item::from_iter([("organization".to_owned(), json!(id))]);
    let mut row = bare(organization, &["version", "owner", "description"]);
    if organization.contains_key("description") {
        row.insert("lacks_description".to_owned(), json!(true));
    }
    vec![
        (claim(format!("SLUG#{}", text(&organization["slug"]))), has),
        ((format!("ORGANIZATIONS#{year}"), place.clone()), row),
        ((format!("PLACES#ORGANIZATIONS#{year}"), place), Item::new()),
    ]
}

/// Where a user stands in lists.
pub fn place_of_user(user: &Item) -> String {
    place(number(&user["date_joined"]), text(&user["id"])).1
}

/// Year and place in the list of what began to exist then.
pub(super) fn place(micros: i64, id: &str) -> (String, String) {
    let moment = Timestamp::from_micros(micros);
    let id = Uuid::parse_str(id).expect("an id").simple();
    (format!("{:04}", moment.year()), format!("{:015x}#{id}", moment.ordinal()))
}
