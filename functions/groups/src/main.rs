//! Starts the `groups` function in Lambda.

fn main() -> Result<(), shared::error::Cause> {
    groups::run()
}
