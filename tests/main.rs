//! The whole API in process: real routers, the real SDK, an embedded engine in memory, scripted time.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that meets something unexpected shall fail there")]

mod access;
mod budgets;
mod events;
mod follow_up;
mod fuzz;
mod lists;
mod mailer;
mod openwisp;
mod routes;
mod support;
