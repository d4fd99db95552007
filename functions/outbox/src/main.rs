//! Starts the `outbox` function in Lambda.

fn main() -> Result<(), shared::error::Cause> {
    outbox::run()
}
