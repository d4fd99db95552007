//! Starts the `housekeeping` function in Lambda.

fn main() -> Result<(), shared::error::Cause> {
    housekeeping::run()
}
