//! Starts the `edge-tokens` function in Lambda.

fn main() -> Result<(), shared::error::Cause> {
    edge_tokens::run()
}
