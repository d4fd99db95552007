//! Starts the `organizations` function in Lambda.

fn main() -> Result<(), shared::error::Cause> {
    organizations::run()
}
