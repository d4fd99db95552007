//! OpenL2M users: `/api/admin/users/…`, and the first requests of its clients (`contracts/openl2m.md`).

mod compressed_json;
mod discovery;
mod handlers;
mod profile;
mod wire;

pub use wire::{UserResponse, fields};

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use shared::Directory;
use shared::dialect::openl2m::OpenL2m;
use shared::web::endpoint::{Access, Endpoint, Endpoints, mount_all};

const LIST: Endpoint = Endpoint {
    path: "/api/admin/users/",
    name: "Api Admin Users",
    allow: "GET, POST, HEAD, OPTIONS",
    access: Access::Superuser,
};

const DETAIL: Endpoint = Endpoint {
    path: "/api/admin/users/{number}/",
    name: "Api Admin User Detail",
    allow: "GET, POST, PATCH, HEAD, OPTIONS",
    access: Access::Superuser,
};

const ROOT: Endpoint = Endpoint { path: "/api/", name: "Api Root", allow: "GET, HEAD, OPTIONS", access: Access::User };

const ADMIN: Endpoint =
    Endpoint { path: "/api/admin/", name: "Api Admin", allow: "GET, HEAD, OPTIONS", access: Access::Superuser };

const SWITCHES: Endpoint =
    Endpoint { path: "/api/switches/", name: "Api Switches", allow: "GET, HEAD, OPTIONS", access: Access::User };

const ENVIRONMENT: Endpoint =
    Endpoint { path: "/api/environment/", name: "Api Environment", allow: "GET, HEAD, OPTIONS", access: Access::User };

const STATS: Endpoint =
    Endpoint { path: "/api/stats/", name: "Api Stats", allow: "GET, HEAD, OPTIONS", access: Access::User };

/// The paths that this function serves, and their methods.
pub fn endpoints() -> Endpoints {
    vec![
        (&LIST, get(handlers::list).post(handlers::create)),
        (&DETAIL, get(handlers::read).post(handlers::update).patch(handlers::update)),
        (&ROOT, get(discovery::root)),
        (&ADMIN, get(discovery::admin)),
        (&SWITCHES, get(discovery::switches)),
        (&ENVIRONMENT, get(discovery::environment)),
        (&STATS, get(discovery::stats)),
    ]
}

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    mount_all::<OpenL2m>(&directory, endpoints()).with_state(directory)
}
