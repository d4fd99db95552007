//! The functions that answer requests, as each runs in Lambda.

use std::sync::Arc;

use axum::Router;
use shared::Directory;
use shared::dialect::edge::Edge;
use shared::dialect::openl2m::OpenL2m;
use shared::dialect::openwisp::OpenWisp;
use shared::dialect::scim::Scim;
use shared::web::middleware::with_fallback;

use super::TestApp;
use super::policies::under_policy;

/// Makes all that a function serves.
type Serves = fn(Arc<Directory>) -> Router;

/// Every function with routes: its name and what it serves.
pub const FUNCTIONS: &[(&str, Serves)] = &[
    ("admin-users", |directory| with_fallback::<OpenL2m>(admin_users::router(directory.clone()), directory)),
    ("auth", |directory| with_fallback::<OpenWisp>(auth::router(directory.clone()), directory)),
    ("deleted", |directory| with_fallback::<OpenWisp>(deleted::router(directory.clone()), directory)),
    ("docs", |directory| with_fallback::<OpenWisp>(docs::router(directory.clone()), directory)),
    ("edge-tokens", |directory| with_fallback::<Edge>(edge_tokens::router(directory.clone()), directory)),
    ("edge-users", |directory| with_fallback::<Edge>(edge_users::router(directory.clone()), directory)),
    ("emails", |directory| with_fallback::<OpenWisp>(emails::router(directory.clone()), directory)),
    ("events", |directory| with_fallback::<OpenWisp>(events::router(directory.clone()), directory)),
    ("groups", |directory| with_fallback::<OpenWisp>(groups::router(directory.clone()), directory)),
    ("organizations", |directory| with_fallback::<OpenWisp>(organizations::router(directory.clone()), directory)),
    ("scim", |directory| with_fallback::<Scim>(scim::router(directory.clone()), directory)),
    ("users", |directory| with_fallback::<OpenWisp>(users::router(directory.clone()), directory)),
];

/// What the function of that name serves, under its policy and with the keys that it gets.
pub fn router_of(function: &str, app: &TestApp) -> Router {
    let found = FUNCTIONS.iter().find(|(name, _)| *name == function);
    let (name, serves) = found.unwrap_or_else(|| panic!("no function {function}"));
    under_policy(serves(app.directory_of(name)), name)
}
