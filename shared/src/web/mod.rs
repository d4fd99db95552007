//! Glue between axum and the directory, the same for every dialect.

pub mod body;
pub mod failure;
pub mod fields;
pub mod negotiation;
pub mod pagination;
pub mod surroundings;

pub use self::body::{Input, RawBody};
pub use self::failure::Failure;
pub use self::surroundings::{Base, ClientAddress};
