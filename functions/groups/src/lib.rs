//! OpenWISP groups: `/api/v1/users/group/…` (`contracts/openwisp.md` section 11).

mod handlers;
mod wire;

pub use wire::GroupResponse;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use shared::Directory;
use shared::dialect::{
    openwisp::endpoint::Access, openwisp::endpoint::Endpoint, openwisp::endpoint::Endpoints,
    openwisp::endpoint::mount_all,
};
use shared::model::Model;

const LIST: Endpoint = Endpoint {
    path: "/api/v1/users/group/",
    name: "Group List Create",
    about: "The groups, sorted by name. A group grants its permissions to its users.",
    allow: "GET, POST, HEAD, OPTIONS",
    access: Access::Model(Model::Group),
    below_user: false,
    filters: &[],
    fields: wire::fields,
};

const DETAIL: Endpoint = Endpoint {
    path: "/api/v1/users/group/{number}/",
    name: "Group Detail",
    about: "A group and its permissions.",
    allow: "GET, PUT, PATCH, DELETE, HEAD, OPTIONS",
    access: Access::Model(Model::Group),
    below_user: false,
    filters: &[],
    fields: wire::fields,
};

/// The paths that this function serves, and their methods.
pub fn endpoints() -> Endpoints {
    vec![
        (&LIST, get(handlers::list).post(handlers::create)),
        (&DETAIL, get(handlers::read).put(handlers::change).patch(handlers::change).delete(handlers::delete)),
    ]
}

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    mount_all(&directory, endpoints()).with_state(directory)
}
