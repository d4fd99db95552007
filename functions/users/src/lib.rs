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
use shared::Directory;
use shared::dialect::openwisp::OpenWisp;
use shared::error::Cause;
use shared::model::Model;
use shared::web::endpoint::{Access, Endpoint, Reads, Route, mount_all};

const LIST: Endpoint = Endpoint {
    path: "/api/v1/users/user/",
    name: "Users List Create",
    about: "The users that you can see, newest first.",
    access: Access::Model(Model::User),
    reads: Reads::UserCount(&["format", "page", "page_size"]),
    filters: filter::FILTERS,
    fields: wire::row_fields,
    ..Endpoint::PLAIN
};

const DETAIL: Endpoint = Endpoint {
    path: "/api/v1/users/user/{id}/",
    name: "User Detail",
    about: "A user with all fields.",
    access: Access::Model(Model::User),
    reads: Reads::User,
    fields: wire::detail_fields,
    ..Endpoint::PLAIN
};

const PASSWORD: Endpoint = Endpoint {
    path: "/api/v1/users/user/{id}/password/",
    name: "Change Password",
    about: "Sets the password of a user.",
    access: Access::Oneself,
    fields: password::fields,
    ..Endpoint::PLAIN
};

const MEMBERSHIPS: Endpoint = Endpoint {
    path: "/api/v1/users/user/{id}/organization/",
    name: "Organization User List Create",
    about: "The organizations of a user.",
    access: Access::Model(Model::OrganizationUser),
    below_user: true,
    fields: memberships::new_fields,
    ..Endpoint::PLAIN
};

const MEMBERSHIP: Endpoint = Endpoint {
    path: "/api/v1/users/user/{id}/organization/{organization}/",
    name: "Organization User Detail",
    about: "A user's membership in an organization.",
    access: Access::Model(Model::OrganizationUser),
    below_user: true,
    fields: memberships::fields,
    ..Endpoint::PLAIN
};

const UNLOCK: Endpoint = Endpoint {
    path: "/api/rollcall/v1/users/{id}/unlock/",
    name: "Unlock User",
    about: "Lets a user sign in from every network again after too many consecutive failures.",
    ..Endpoint::PLAIN
};

/// The endpoints that this function serves, with their handlers.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(&LIST).get(handlers::list).post(handlers::create),
        Route::new(&DETAIL).get(handlers::read).put(handlers::change).patch(handlers::change).delete(handlers::delete),
        Route::new(&PASSWORD).put(password::set),
        Route::new(&MEMBERSHIPS).get(memberships::list).post(memberships::create),
        Route::new(&UNLOCK).post(unlock::unlock),
        Route::new(&MEMBERSHIP).get(memberships::read).patch(memberships::change).delete(memberships::delete),
    ]
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
