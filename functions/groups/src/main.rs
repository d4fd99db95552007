//! Starts the `groups` function in Lambda.

use shared::dialect::openwisp::OpenWisp;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::serve::<OpenWisp>(groups::router).await
}
