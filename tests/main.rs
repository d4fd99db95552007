//! The whole API in process: real routers, the real SDK, an embedded engine in memory, scripted time.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that meets something unexpected shall fail there")]

mod access;
mod access_others;
mod budgets;
mod bulk;
mod crash;
mod docs;
mod edge;
mod events;
mod expiry;
mod faults;
mod follow_up;
mod fuzz;
mod import;
mod invariants;
mod lists;
mod mailer;
mod managed;
mod openl2m;
mod openwisp;
mod policies;
mod races;
mod routes;
mod search;
mod search_budgets;
mod support;
