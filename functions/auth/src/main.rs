//! Starts the `auth` function in Lambda.

fn main() -> Result<(), shared::error::Cause> {
    auth::run()
}
