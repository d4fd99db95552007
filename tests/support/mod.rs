//! A directory of its own for every test, and clients that ask it.

mod app;
mod client;
mod functions;
pub mod gateway;
mod script;

pub use app::{Options, PASSWORD, TestApp};
pub use client::{Answer, Client};
pub use functions::{FUNCTIONS, router_of};
pub use script::Script;
