//! Starts the `deleted` function in Lambda.

fn main() -> Result<(), shared::error::Cause> {
    deleted::run()
}
