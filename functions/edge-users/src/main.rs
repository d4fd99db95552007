//! Starts the `edge-users` function in Lambda.

fn main() -> Result<(), shared::error::Cause> {
    edge_users::run()
}
