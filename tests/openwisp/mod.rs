//! The OpenWISP Users API.

pub mod confirmation;
mod differences;
mod forged_tokens;
mod forms;
mod http;
mod page_forms;
mod pages;
mod paging;
mod password_hashes;
mod session;
mod throttle;
mod tokens;
mod users;
mod validation;
