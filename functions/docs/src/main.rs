//! Starts the `docs` function in Lambda.

fn main() -> Result<(), shared::error::Cause> {
    docs::run()
}
