//! OpenWISP users: `/api/v1/users/user/…` (`contracts/openwisp.md` section 7), and `/api/rollcall/v1/users/{id}/unlock/`.

mod filter;
mod handlers;
mod membership;
mod memberships;
mod password;
mod unlock;
mod wire;

pub use memberships::OrganizationUserResponse;
pub use password::PasswordSet;
pub use unlock::Unlocked;
pub use wire::{UserDetailResponse, UserRowResponse};

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post, put};
use shared::Directory;
use shared::dialect::{
    openwisp::endpoint::Access, openwisp::endpoint::Endpoint, openwisp::endpoint::Endpoints,
    openwisp::endpoint::mount_all,
};
use shared::model::Model;

const LIST: Endpoint = Endpoint {
    path: "/api/v1/users/user/",
    name: "Users List Create",
    about: "The users that you can see, newest first.",
    allow: "GET, POST, HEAD, OPTIONS",
    access: Access::Model(Model::User),
    below_user: false,
    filters: filter::FILTERS,
    fields: wire::row_fields,
};

const DETAIL: Endpoint = Endpoint {
    path: "/api/v1/users/user/{id}/",
    name: "User Detail",
    about: "A user with all fields.",
    allow: "GET, PUT, PATCH, DELETE, HEAD, OPTIONS",
    access: Access::Model(Model::User),
    below_user: false,
    filters: &[],
    fields: wire::detail_fields,
};

const PASSWORD: Endpoint = Endpoint {
    path: "/api/v1/users/user/{id}/password/",
    name: "Change Password",
    about: "Sets the password of a user.",
    allow: "PUT, OPTIONS",
    access: Access::Oneself,
    below_user: false,
    filters: &[],
    fields: password::fields,
};

const MEMBERSHIPS: Endpoint = Endpoint {
    path: "/api/v1/users/user/{id}/organization/",
    name: "Organization User List Create",
    about: "The organizations of a user.",
    allow: "GET, POST, HEAD, OPTIONS",
    access: Access::Model(Model::OrganizationUser),
    below_user: true,
    filters: &[],
    fields: memberships::new_fields,
};

const MEMBERSHIP: Endpoint = Endpoint {
    path: "/api/v1/users/user/{id}/organization/{organization}/",
    name: "Organization User Detail",
    about: "A user's membership in an organization.",
    allow: "GET, PATCH, DELETE, HEAD, OPTIONS",
    access: Access::Model(Model::OrganizationUser),
    below_user: true,
    filters: &[],
    fields: memberships::fields,
};

const UNLOCK: Endpoint = Endpoint {
    path: "/api/rollcall/v1/users/{id}/unlock/",
    name: "Unlock User",
    about: "Lets a user sign in from every network again after too many consecutive failures. For superusers.",
    allow: "POST, OPTIONS",
    access: Access::User,
    below_user: false,
    filters: &[],
    fields: |_| Vec::new(),
};

/// The paths that this function serves, and their methods.
pub fn endpoints() -> Endpoints {
    vec![
        (&LIST, get(handlers::list).post(handlers::create)),
        (&DETAIL, get(handlers::read).put(handlers::change).patch(handlers::change).delete(handlers::delete)),
        (&PASSWORD, put(password::set)),
        (&MEMBERSHIPS, get(memberships::list).post(memberships::create)),
        (&UNLOCK, post(unlock::unlock)),
        (&MEMBERSHIP, get(memberships::read).patch(memberships::change).delete(memberships::delete)),
    ]
}

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    mount_all(&directory, endpoints()).with_state(directory)
}
