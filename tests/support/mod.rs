//! A directory of its own for every test, and clients that ask it.

mod app;
mod browser;
mod bulk;
pub mod census;
mod client;
mod engine;
mod faults;
mod functions;
pub mod gateway;
mod index;
pub mod invariants;
pub mod lambda;
pub mod policies;
mod script;
mod seed;
mod signed_in;

pub use app::{CHEAP, Options, PASSWORD, TestApp};
pub use browser::{Browser, form};
pub use bulk::{import_entries, insert_many, insert_members, insert_named, key};
pub use client::{Answer, Client, request};
pub use engine::{Engine, items_in};
pub use faults::{Fault, Faults, Plan};
pub use functions::{FUNCTIONS, router_of};
pub use invariants::Table;
pub use script::Script;
pub use seed::{insert, plain_user};

/// The list of users.
pub const USERS: &str = "/api/v1/users/user/";
/// Where tokens are obtained.
pub const TOKEN: &str = "/api/v1/users/token/";
/// An id that nobody has.
pub const NOBODY: &str = "11111111-1111-4111-8111-111111111111";
