//! The functions that answer requests, as each runs in Lambda.

use std::sync::Arc;

use axum::Router;
use shared::Directory;
use shared::dialect::edge::Edge;
use shared::dialect::openl2m::OpenL2m;
use shared::dialect::openwisp::OpenWisp;
use shared::runtime::complete;

use super::policies::under_policy;

/// Makes all that a function serves.
type Serves = fn(Arc<Directory>) -> Router;

/// Every function with routes: its name and what it serves.
pub const FUNCTIONS: [(&str, Serves); 9] = [
    ("admin-users", |directory| complete::<OpenL2m>(admin_users::router(directory.clone()), directory)),
    ("auth", |directory| complete::<OpenWisp>(auth::router(directory.clone()), directory)),
    ("docs", |directory| complete::<OpenWisp>(docs::router(directory.clone()), directory)),
    ("edge-tokens", |directory| complete::<Edge>(edge_tokens::router(directory.clone()), directory)),
    ("edge-users", |directory| complete::<Edge>(edge_users::router(directory.clone()), directory)),
    ("emails", |directory| complete::<OpenWisp>(emails::router(directory.clone()), directory)),
    ("groups", |directory| complete::<OpenWisp>(groups::router(directory.clone()), directory)),
    ("organizations", |directory| complete::<OpenWisp>(organizations::router(directory.clone()), directory)),
    ("users", |directory| complete::<OpenWisp>(users::router(directory.clone()), directory)),
];

/// What the function of that name serves, under its policy.
pub fn router_of(function: &str, directory: Arc<Directory>) -> Router {
    let found = FUNCTIONS.iter().find(|(name, _)| *name == function);
    let (name, serves) = found.unwrap_or_else(|| panic!("no function {function}"));
    under_policy(serves(directory), Some(name))
}
