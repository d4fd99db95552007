//! The whole API in process: real routers, the real SDK, an embedded engine in memory, scripted time.

mod events;
mod openwisp;
mod routes;
mod support;
