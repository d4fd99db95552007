//! The OpenWISP Users API.

pub mod confirmation;
mod differences;
mod finding;
mod forged_tokens;
mod forms;
mod home;
mod http;
mod memberships;
mod page_forms;
mod pages;
mod paging;
mod password_hashes;
mod session;
mod throttle;
mod tokens;
mod users;
mod validation;
