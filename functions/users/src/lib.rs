//! OpenWISP users: `/api/v1/users/user/…` (`contracts/openwisp.md` section 7).

mod handlers;
mod membership;
mod password;
mod wire;

pub use password::Done;
pub use wire::{UserDetailOut, UserRowOut};

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, put};
use shared::Directory;
use shared::dialect::openwisp::endpoint::{Access, Endpoint, Endpoints, mount_all};
use shared::model::Model;

const LIST: Endpoint = Endpoint {
    path: "/api/v1/users/user/",
    name: "Users List Create",
    about: "The users that you can see, newest first.",
    allow: "GET, POST, HEAD, OPTIONS",
    access: Access::Model(Model::User),
    below_user: false,
    fields: wire::row_fields,
};

const DETAIL: Endpoint = Endpoint {
    path: "/api/v1/users/user/{id}/",
    name: "User Detail",
    about: "A user with all that belongs to it.",
    allow: "GET, PUT, PATCH, DELETE, HEAD, OPTIONS",
    access: Access::Model(Model::User),
    below_user: false,
    fields: wire::detail_fields,
};

const PASSWORD: Endpoint = Endpoint {
    path: "/api/v1/users/user/{id}/password/",
    name: "Change Password",
    about: "Sets the password of a user.",
    allow: "PUT, OPTIONS",
    access: Access::Oneself,
    below_user: false,
    fields: password::fields,
};

/// The addresses that this function serves, and their methods.
pub fn endpoints() -> Endpoints {
    vec![
        (&LIST, get(handlers::list).post(handlers::create)),
        (&DETAIL, get(handlers::read).put(handlers::change).patch(handlers::change).delete(handlers::delete)),
        (&PASSWORD, put(password::set)),
    ]
}

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    mount_all(&directory, endpoints()).with_state(directory)
}
