//! Starts the `scim` function in Lambda.

fn main() -> Result<(), shared::error::Cause> {
    scim::run()
}
