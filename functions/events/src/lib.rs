//! Events: `/api/rollcall/v1/events/` (`docs/events.md`), and webhooks: `/api/rollcall/v1/webhooks/…` (`docs/webhooks.md`).

mod handlers;
mod query;
mod webhooks;

pub use handlers::EventList;
pub use query::{FILTERS, event_request};
pub use webhooks::{DeliveryList, DeliveryResponse, WebhookResponse, WebhookWithSecret};

use std::sync::Arc;

use axum::Router;
use shared::Directory;
use shared::dialect::openwisp::OpenWisp;
use shared::error::Cause;
use shared::model::Model;
use shared::web::endpoint::{Access, Endpoint, Route, mount_all};

const LIST: Endpoint = Endpoint {
    path: "/api/rollcall/v1/events/",
    name: "Events",
    about: "What happened, newest first: who changed what, when, and through what. As application/x-ndjson, all of it.",
    access: Access::Model(Model::User),
    has_lines: true,
    filters: FILTERS,
    ..Endpoint::PLAIN
};

/// The endpoints that this function serves, with their handlers.
pub fn routes() -> Vec<Route> {
    [vec![Route::new(&LIST).get(handlers::list)], webhooks::routes()].into_iter().flatten().collect()
}

/// Serves this function's routes in Lambda until the process ends.
///
/// # Errors
/// When a setting is missing or invalid, or the Lambda runtime is not available.
pub fn run() -> Result<(), Cause> {
    shared::lambda::serve::<OpenWisp>(router)
}

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    mount_all::<OpenWisp>(&directory, routes()).with_state(directory)
}
