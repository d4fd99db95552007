//! One function per operation.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use futures_util::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Uri};
use serde::Serialize;
use shared::Directory;
use shared::dialect::event::EventResponse;
use shared::dialect::openwisp::OpenWisp;
use shared::directory::{Caller, EventPage, EventRequest};
use shared::model::LogPosition;
use shared::web::negotiation::Representation;
use shared::web::{Authenticated, BaseUrl, Failure};

use crate::query::event_request;

type Result<T> = std::result::Result<T, Failure<OpenWisp>>;

/// A page of events.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct EventList {
    /// Where the list continues, if more events may follow now.
    next: Option<String>,
    /// The cursor to continue from, also later: `after` it if the oldest event comes first, `before` it otherwise.
    cursor: Option<String>,
    results: Vec<EventResponse>,
}

/// `GET /api/rollcall/v1/events/`
pub async fn list(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Extension(representation): Extension<Representation>,
    base: BaseUrl,
    uri: Uri,
) -> Result<Response> {
    let request = event_request(&uri)?;
    let page = directory.events(&caller, &request).await?;
    if representation == Representation::Lines {
        return Ok(lines(directory, caller, request, page));
    }
    let cursor = page.reached.or(if request.range.ascending { request.range.after } else { request.range.before });
    let next = cursor.filter(|_| page.has_more).map(|cursor| link(&base, &uri, &request, cursor));
    let results = page.events.into_iter().map(EventResponse::from).collect();
    Ok(Json(EventList { next, cursor: cursor.map(|cursor| cursor.to_string()), results }).into_response())
}

/// The same list from a cursor on.
fn link(base: &BaseUrl, uri: &Uri, request: &EventRequest, cursor: LogPosition) -> String {
    let name = if request.range.ascending { "after" } else { "before" };
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs.filter(|(key, _)| key != name));
    query.append_pair(name, &cursor.to_string());
    format!("{}{}?{}", base.0, uri.path(), query.finish())
}

/// All events from a page on, one JSON object in each line, as long as the transport has room.
fn lines(directory: Arc<Directory>, caller: Caller, request: EventRequest, page: EventPage) -> Response {
    // As a JSON string, which Lambda makes of it, a body may be twice as long.
    let room = directory.settings().answer_limit.map_or(usize::MAX, |limit| limit / 2);
    let start = Some((request, Some(page), room));
    let chunks = stream::try_unfold(start, move |state| {
        let (directory, caller) = (directory.clone(), caller.clone());
        async move {
            let Some((mut request, page, mut room)) = state else { return Ok(None) };
            let page = match page {
                Some(page) => page,
                None => directory.events(&caller, &request).await?,
            };
            let mut chunk = String::new();
            for event in page.events {
                let line = serde_json::to_string(&EventResponse::from(event)).unwrap_or_default();
                if line.len() >= room {
                    return Ok::<_, shared::Error>(Some((chunk, None)));
                }
                room -= line.len() + 1;
                chunk.push_str(&line);
                chunk.push('\n');
            }
            let bound = if request.range.ascending { &mut request.range.after } else { &mut request.range.before };
            *bound = page.reached.or(*bound);
            Ok(Some((chunk, page.has_more.then_some((request, None, room)))))
        }
    });
    let mut response = Body::from_stream(chunks).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}
