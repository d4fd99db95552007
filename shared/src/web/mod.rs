//! Glue between axum and the directory, the same for every dialect.

pub mod body;
mod caller;
pub mod cookies;
pub mod csrf;
pub mod endpoint;
pub mod failure;
pub mod fields;
pub mod links;
pub mod negotiation;
pub mod pagination;
pub mod surroundings;

pub use self::body::{Input, RawBody};
pub use self::caller::Admitted;
pub use self::failure::Failure;
pub use self::surroundings::{Base, ClientAddress};
