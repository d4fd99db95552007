//! Starts the `admin-users` function in Lambda.

fn main() -> Result<(), shared::error::Cause> {
    admin_users::run()
}
