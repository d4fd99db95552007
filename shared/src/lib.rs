//! What every Rollcall function stands on.
//!
//! | module | what it owns |
//! |---|---|
//! | [`model`] | what users, groups, organizations are; knows nobody |
//! | [`store`] | the only code that knows DynamoDB |
//! | [`sign_in`] | credential in, user out |
//! | [`directory`] | what may happen: the rules, once for all dialects |
//! | [`dialect`] | how each API speaks |
//! | [`web`] | glue between axum and the directory |
//! | [`runtime`] | how a function starts, and what surrounds each request |
//!
//! Dependencies point one way: functions → web, dialect → directory, `sign_in` → store → model.

pub mod ambient;
pub mod config;
pub mod dialect;
pub mod directory;
pub mod error;
pub mod model;
pub mod runtime;
pub mod sign_in;
pub mod store;
pub mod web;

pub use directory::Directory;
pub use error::{Error, Result};
