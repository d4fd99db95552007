//! Starts the `users` function in Lambda.

fn main() -> Result<(), shared::error::Cause> {
    users::run()
}
