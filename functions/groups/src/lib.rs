//! OpenWISP groups: `/api/v1/users/group/…` (`contracts/openwisp.md` section 11).

mod handlers;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use shared::Directory;
use shared::dialect::openwisp::endpoint::{Access, Endpoint, mount};
use shared::model::Model;

const LIST: Endpoint = Endpoint {
    path: "/api/v1/users/group/",
    name: "Group List Create",
    allow: "GET, POST, HEAD, OPTIONS",
    access: Access::Model(Model::Group),
    below_user: false,
    fields: wire::fields,
};

const DETAIL: Endpoint = Endpoint {
    path: "/api/v1/users/group/{number}/",
    name: "Group Detail",
    allow: "GET, PUT, PATCH, DELETE, HEAD, OPTIONS",
    access: Access::Model(Model::Group),
    below_user: false,
    fields: wire::fields,
};

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    let router = mount(Router::new(), &directory, &LIST, get(handlers::list).post(handlers::create));
    let detail = get(handlers::read).put(handlers::replace).patch(handlers::update).delete(handlers::delete);
    mount(router, &directory, &DETAIL, detail).with_state(directory)
}
