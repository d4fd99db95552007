//! What tests and benchmarks share: a directory of its own for every test, clients, scripted time, faults and policies.

#![expect(
    clippy::expect_used,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "a test that meets something unexpected should fail there"
)]

mod app;
mod browser;
mod bulk;
pub mod census;
mod client;
mod deletion;
mod engine;
mod environment;
mod event_log;
mod faults;
mod functions;
pub mod gateway;
pub mod index;
pub mod invariants;
pub mod lambda;
pub mod parameters;
pub mod people;
pub mod policies;
pub mod receiver;
mod seed;
mod signed_in;
pub mod smtp;

pub use app::{CHEAP, Options, PASSWORD, TestApp, with_links};
pub use browser::{Browser, form};
pub use bulk::{insert_index, insert_many, insert_members, insert_named, insert_rows, is_entry, key};
pub use client::{Answer, Client, request};
pub use engine::{Engine, item_of, items_in};
pub use environment::FakeEnvironment;
pub use faults::{Fault, Faults, Plan};
pub use functions::{FUNCTIONS, router_of};
pub use invariants::Table;
pub use seed::{insert, plain_user};

/// The list of users.
pub const USERS: &str = "/api/v1/users/user/";
/// Where tokens are obtained.
pub const TOKEN: &str = "/api/v1/users/token/";
/// An id that nobody has.
pub const NOBODY: &str = "11111111-1111-4111-8111-111111111111";

/// Whether measurements of large directories were opted in to.
#[expect(clippy::disallowed_methods, reason = "opting in is a matter of the environment")]
pub fn is_large() -> bool {
    std::env::var("ROLLCALL_LARGE").is_ok_and(|value| value == "1")
}
