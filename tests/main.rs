//! The whole API in process: real routers, the real SDK, an embedded engine in memory, scripted time.

mod access;
mod budgets;
mod fuzz;
mod lists;
mod openwisp;
mod support;
