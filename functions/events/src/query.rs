//! The parameters of the list of events.

use std::collections::BTreeSet;

use http::Uri;
use shared::directory::{EventFilter, EventRequest, LogRange};
use shared::error::{Error, Result, Rule};
use shared::model::{EventAction, LogPosition, OrganizationId, TargetKind, UserId, WebhookId};
use shared::web::Input;
use shared::web::fields::{Field, FieldKind, Reader};

/// How many events a page has, unless the client says so, and at most.
const DEFAULT_LIMIT: usize = 100;
const MOST: usize = 1000;

const TARGET: Field = Field::text("target", "Target")
    .at_most(60)
    .help("What they happened to: user:<id>, group:<number>, organization:<id>, webhook:<id> or directory.");
const ACTOR: Field = Field::text("actor", "Actor").at_most(36).help("The id of the user who caused them.");
const ACTION: Field =
    Field::text("action", "Action").at_most(500).help("What happened, such as user.created; several with commas.");
const SINCE: Field = Field::new("since", "Since", FieldKind::DateTime).help("They happened then or later.");
const UNTIL: Field = Field::new("until", "Until", FieldKind::DateTime).help("They happened earlier.");
const AFTER: Field = Field::text("after", "After").at_most(30).help("A cursor: later events only.");
pub(crate) const BEFORE: Field = Field::text("before", "Before").at_most(30).help("A cursor: earlier events only.");
const ORDER: Field = Field::text("order", "Order").at_most(10).help("newest or oldest first; newest if not given.");
pub(crate) const LIMIT: Field = Field::text("limit", "Limit").at_most(10).help("At most 1000; 100 if not given.");

/// The parameters, in the order of the page.
pub const FILTERS: &[&Field] = &[&TARGET, &ACTOR, &ACTION, &SINCE, &UNTIL, &AFTER, &BEFORE, &ORDER, &LIMIT];

/// Reads them. Empty ones are ignored; of a repeated parameter the last one counts.
///
/// # Errors
/// [`Error::Invalid`] with all violations.
pub fn event_request(uri: &Uri) -> Result<EventRequest> {
    let input = Input::of_query(uri);
    let mut reader = Reader::new(&input, true);
    let filter = EventFilter {
        target: optional(&mut reader, &TARGET, target),
        actor: optional(&mut reader, &ACTOR, UserId::parse),
        actions: optional(&mut reader, &ACTION, actions).unwrap_or_default(),
        since: reader.moment(&SINCE).value(),
        until: reader.moment(&UNTIL).value(),
    };
    let position = |text: &str| text.parse::<LogPosition>().ok();
    let range = LogRange {
        after: optional(&mut reader, &AFTER, position),
        before: optional(&mut reader, &BEFORE, position),
        ascending: optional(&mut reader, &ORDER, order).unwrap_or_default(),
    };
    let limit = optional(&mut reader, &LIMIT, |text| text.parse().ok().filter(|limit| *limit > 0));
    let violations = reader.finish();
    if violations.is_empty() {
        Ok(EventRequest { filter, range, limit: limit.unwrap_or(DEFAULT_LIMIT).min(MOST) })
    } else {
        Err(Error::Invalid(violations))
    }
}

/// A parameter that may be missing or empty, and that `parse` understands otherwise.
pub(crate) fn optional<T>(reader: &mut Reader<'_>, field: &Field, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let read = reader.text_that(field, |text| {
        if text.is_empty() {
            return Ok(None);
        }
        parse(text).map(Some).ok_or_else(|| Rule::NotChoice(text.to_owned()))
    });
    read.value().flatten()
}

fn target(text: &str) -> Option<(TargetKind, String)> {
    if text == "directory" {
        return Some((TargetKind::Directory, String::new()));
    }
    let (kind, id) = text.split_once(':')?;
    let is_number = !id.is_empty() && id.len() <= 20 && id.bytes().all(|b| b.is_ascii_digit());
    let (kind, is_id) = match kind {
        "user" => (TargetKind::User, UserId::parse(id).is_some()),
        "group" => (TargetKind::Group, is_number),
        "webhook" => (TargetKind::Webhook, WebhookId::parse(id).is_some()),
        "organization" => (TargetKind::Organization, OrganizationId::parse(id).is_some()),
        _ => return None,
    };
    is_id.then(|| (kind, id.to_owned()))
}

fn actions(text: &str) -> Option<BTreeSet<EventAction>> {
    text.split(',').map(|action| action.trim().parse().ok()).collect()
}

fn order(text: &str) -> Option<bool> {
    match text {
        "oldest" => Some(true),
        "newest" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<EventRequest> {
        event_request(&format!("/api/rollcall/v1/events/?{query}").parse().expect("a URI"))
    }

    #[test]
    fn parameters_are_read() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let request = read(&format!(
            "target=user:{id}&actor={id}&action=user.created,%20user.deleted&after=3.7&order=oldest&limit=5000&before="
        ));
        let request = request.expect("parameters");
        assert_eq!(request.filter.target, Some((TargetKind::User, id.to_owned())));
        assert_eq!(request.filter.actions, [EventAction::UserCreated, EventAction::UserDeleted].into());
        assert_eq!(request.range.after, Some(LogPosition { segment: 3, index: 7 }));
        assert_eq!((request.range.before, request.range.ascending, request.limit), (None, true, MOST));
        assert_eq!(read("").expect("nothing").limit, DEFAULT_LIMIT);
    }

    #[test]
    fn what_is_none_is_refused() {
        for query in [
            "target=user",
            "target=user:1",
            "target=group:",
            "target=group:-1",
            "target=robot:1",
            "actor=ada",
            "action=user.exploded",
            "action=,",
            "after=1",
            "before=1.2.3",
            "since=yesterday",
            "order=random",
            "limit=0",
            "limit=-1",
            "limit=many",
        ] {
            assert!(matches!(read(query), Err(Error::Invalid(_))), "{query}");
        }
    }
}
