//! The common code of all Rollcall functions.
//!
//! | module | what it owns |
//! |---|---|
//! | [`model`] | what users, groups and organizations are; depends on no other module |
//! | [`aws`] | HTTP clients and parameters of AWS |
//! | [`store`] | the only code that knows DynamoDB |
//! | [`auth`] | secrets by themselves: passwords, tokens, keys, links |
//! | [`directory`] | the rules, written once for all dialects |
//! | [`web`] | glue between axum and the directory |
//! | [`dialect`] | how each API speaks |
//! | [`secret`] | texts that are never printed |
//! | [`lambda`] | how a function starts |
//!
//! Dependencies point one way: functions → lambda → dialect → web → directory → store, auth → aws → model.

pub mod auth;
pub mod aws;
pub mod bootstrap;
pub mod config;
pub mod dialect;
pub mod directory;
pub mod error;
pub mod lambda;
pub mod model;
pub mod secret;
pub mod store;
pub mod web;

pub use directory::Directory;
pub use error::{Error, Result};
pub use secret::Secret;
