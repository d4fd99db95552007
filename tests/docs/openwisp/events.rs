//! Events.

use crate::docs::operations::{Answer, Operation, Shape, of};

pub const LIST_EVENTS: Operation = Operation {
    method: "GET",
    path: "/api/rollcall/v1/events/",
    id: "listEvents",
    tag: "Events",
    summary: "List events",
    description: "Newest first. With `order=oldest` it is a feed: keep the response's `cursor` and send it as `after` next time, and you get every event exactly once. With `Accept: application/x-ndjson`, the response has one event in each line, and all of them.",
    queries: &["target", "actor", "action", "since", "until", "after_of_events", "before", "order", "limit_of_events"],
    body: None,
    answer: Answer { status: 200, says: "Events.", shape: Shape::One("EventList", of::<events::EventList>) },
    refuses: &[400],
    at: "/api/rollcall/v1/events/?limit=1",
    keeps: &[],
};
