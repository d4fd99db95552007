//! Starts the `emails` function in Lambda.

fn main() -> Result<(), shared::error::Cause> {
    emails::run()
}
