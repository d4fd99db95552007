//! SCIM 2.0 for identity providers: `/scim/v2/…` (`contracts/scim.md`).

mod answer;
mod body;
mod bulk;
mod changes;
mod context;
mod discovery;
mod extras;
pub mod filter;
mod groups;
mod index;
mod list;
mod me;
mod patch;
mod query;
mod schema;
mod search;
mod user;
mod users;

use std::sync::Arc;

use axum::Router;
use shared::Directory;
use shared::dialect::scim::Scim;
use shared::error::Cause;
use shared::model::Model;
use shared::web::endpoint::{Access, Endpoint, Reads, Route, mount_all};

const CONFIGURATION: Endpoint = Endpoint {
    path: "/scim/v2/ServiceProviderConfig/",
    name: "Service Provider Configuration",
    access: Access::Anyone,
    ..Endpoint::PLAIN
};

const RESOURCE_TYPES: Endpoint =
    Endpoint { path: "/scim/v2/ResourceTypes/", name: "Resource Types", access: Access::Anyone, ..Endpoint::PLAIN };

const RESOURCE_TYPE: Endpoint =
    Endpoint { path: "/scim/v2/ResourceTypes/{id}/", name: "Resource Type", access: Access::Anyone, ..Endpoint::PLAIN };

const SCHEMAS: Endpoint =
    Endpoint { path: "/scim/v2/Schemas/", name: "Schemas", access: Access::Anyone, ..Endpoint::PLAIN };

const SCHEMA: Endpoint =
    Endpoint { path: "/scim/v2/Schemas/{id}/", name: "Schema", access: Access::Anyone, ..Endpoint::PLAIN };

const USERS: Endpoint = Endpoint {
    path: "/scim/v2/Users/",
    name: "Users",
    access: Access::Model(Model::User),
    reads: Reads::UserCount(&["attributes", "count", "cursor", "excludedAttributes", "startIndex"]),
    ..Endpoint::PLAIN
};

const USERS_SEARCH: Endpoint = Endpoint {
    path: "/scim/v2/Users/.search/",
    name: "Search of Users",
    access: Access::Model(Model::User),
    ..Endpoint::PLAIN
};

const USER: Endpoint = Endpoint {
    path: "/scim/v2/Users/{id}/",
    name: "User",
    access: Access::Model(Model::User),
    reads: Reads::User,
    ..Endpoint::PLAIN
};

const GROUPS: Endpoint =
    Endpoint { path: "/scim/v2/Groups/", name: "Groups", access: Access::Model(Model::Group), ..Endpoint::PLAIN };

const GROUPS_SEARCH: Endpoint = Endpoint {
    path: "/scim/v2/Groups/.search/",
    name: "Search of Groups",
    access: Access::Model(Model::Group),
    ..Endpoint::PLAIN
};

const GROUP: Endpoint =
    Endpoint { path: "/scim/v2/Groups/{id}/", name: "Group", access: Access::Model(Model::Group), ..Endpoint::PLAIN };

const SEARCH: Endpoint =
    Endpoint { path: "/scim/v2/.search/", name: "Search", access: Access::User, ..Endpoint::PLAIN };

const ME: Endpoint = Endpoint { path: "/scim/v2/Me/", name: "Me", access: Access::User, ..Endpoint::PLAIN };

const BULK: Endpoint = Endpoint { path: "/scim/v2/Bulk/", name: "Bulk", access: Access::User, ..Endpoint::PLAIN };

/// The endpoints that this function serves, with their handlers.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(&CONFIGURATION).get(discovery::configuration),
        Route::new(&RESOURCE_TYPES).get(discovery::resource_types),
        Route::new(&RESOURCE_TYPE).get(discovery::resource_type),
        Route::new(&SCHEMAS).get(discovery::schemas),
        Route::new(&SCHEMA).get(discovery::schema),
        Route::new(&USERS).get(users::list).post(users::create),
        Route::new(&USERS_SEARCH).post(users::search),
        Route::new(&USER).get(users::read).put(users::replace).patch(users::change).delete(users::delete),
        Route::new(&GROUPS).get(groups::list_groups).post(groups::create),
        Route::new(&GROUPS_SEARCH).post(groups::search),
        Route::new(&GROUP).get(groups::read).put(groups::replace).patch(groups::change).delete(groups::delete),
        Route::new(&SEARCH).post(search::search),
        Route::new(&ME).get(me::read).put(me::replace).patch(me::change),
        Route::new(&BULK).post(bulk::bulk),
    ]
}

/// Serves this function's routes in Lambda until the process ends.
///
/// # Errors
/// When a setting is missing or invalid, or the Lambda runtime is not available.
pub fn run() -> Result<(), Cause> {
    shared::lambda::serve::<Scim>(router)
}

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    mount_all::<Scim>(&directory, routes()).with_state(directory)
}
