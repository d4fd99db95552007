//! The whole API in process: real routers, the real SDK, an embedded engine in memory, scripted time.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that meets something unexpected should fail there")]

mod access;
mod access_others;
mod account;
mod budgets;
mod bulk;
mod cleanup;
mod conditional;
mod crash;
mod deleted;
mod docs;
mod domains;
mod edge;
mod event_log;
mod events;
mod expiry;
mod faults;
mod fuzz;
mod guessing;
mod http_server;
mod import;
mod inputs;
mod invariants;
mod layers;
mod limits;
mod lists;
mod lost_rights;
mod managed;
mod notices;
mod openl2m;
mod openwisp;
mod outbox;
mod poison;
mod policies;
mod program;
mod races;
mod rights;
mod rotation;
mod routes;
mod rows;
mod scim;
mod search;
mod search_budgets;
mod smtp;
mod webhooks;

use testing as support;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
