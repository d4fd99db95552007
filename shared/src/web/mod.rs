//! Glue between axum and the directory, the same for every dialect.

pub mod body;
mod caller;
mod charset;
pub mod conditional;
pub mod cookies;
pub mod csrf;
pub mod dialect;
pub mod endpoint;
pub mod failure;
pub mod fields;
mod form;
mod input;
pub mod json;
pub mod middleware;
pub mod negotiation;
pub mod pagination;
pub mod path;
pub mod rejection;
pub mod request_context;
mod route;

pub use self::body::RawBody;
pub use self::caller::{Authenticated, Parent};
pub use self::conditional::{IfMatch, Versioned};
pub use self::failure::Failure;
pub use self::input::Input;
pub use self::rejection::Rejection;
pub use self::request_context::{BaseUrl, ClientIp, LinkBaseUrl};
