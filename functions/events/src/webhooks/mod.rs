//! Webhooks: `/api/rollcall/v1/webhooks/…` (`docs/webhooks.md`).

mod handlers;
mod wire;

use shared::web::endpoint::{Endpoint, Route};

pub use self::wire::{DeliveryList, DeliveryResponse, WebhookResponse, WebhookWithSecret};

const LIST: Endpoint = Endpoint {
    path: "/api/rollcall/v1/webhooks/",
    name: "Webhooks",
    about: "Where events are sent, oldest first. A new one gets the events from now on; its secret is shown only once.",
    fields: wire::fields,
    ..Endpoint::PLAIN
};

const DETAIL: Endpoint = Endpoint {
    path: "/api/rollcall/v1/webhooks/{webhook}/",
    name: "Webhook",
    about: "Where events are sent. While it is paused, they wait.",
    fields: wire::fields,
    ..Endpoint::PLAIN
};

const SECRET: Endpoint = Endpoint {
    path: "/api/rollcall/v1/webhooks/{webhook}/secret/",
    name: "Secret of a Webhook",
    about: "A new secret, shown only once. For a day, requests have signatures by both the new and the old one.",
    ..Endpoint::PLAIN
};

const DELIVERIES: Endpoint = Endpoint {
    path: "/api/rollcall/v1/webhooks/{webhook}/deliveries/",
    name: "Deliveries of a Webhook",
    about: "What was sent and what waits, the newest events first.",
    filters: wire::FILTERS,
    ..Endpoint::PLAIN
};

const REDELIVERY: Endpoint = Endpoint {
    path: "/api/rollcall/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver/",
    name: "Redelivery",
    about: "Sends an event again, or at once if it waits for its next attempt.",
    ..Endpoint::PLAIN
};

/// The endpoints of this module, with their handlers.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(&LIST).get(handlers::list).post(handlers::create),
        Route::new(&DETAIL).get(handlers::read).patch(handlers::change).delete(handlers::delete),
        Route::new(&SECRET).post(handlers::rotate),
        Route::new(&DELIVERIES).get(handlers::deliveries),
        Route::new(&REDELIVERY).post(handlers::redeliver),
    ]
}
