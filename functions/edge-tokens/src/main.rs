//! Starts the `edge-tokens` function in Lambda.

use shared::dialect::edge::Edge;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::serve::<Edge>(edge_tokens::router).await
}
