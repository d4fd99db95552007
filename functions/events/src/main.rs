//! Starts the `events` function in Lambda.

fn main() -> Result<(), shared::error::Cause> {
    events::run()
}
