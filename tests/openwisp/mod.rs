//! The OpenWISP Users API.

mod tokens;
