//! Starts the `admin-users` function in Lambda.

use shared::dialect::openl2m::OpenL2m;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::serve::<OpenL2m>(admin_users::router).await
}
