//! The conventions of the OpenWISP Users API (`contracts/openwisp.md` section 4).

mod browser;
mod dialect;
mod metadata;
pub mod page;
mod session;

pub use self::session::{session, session_cookie};

/// The OpenWISP Users API.
#[derive(Debug, Clone, Copy)]
pub enum OpenWisp {}
