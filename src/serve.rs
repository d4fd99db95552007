//! `rollcall serve`: the whole API on one port.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http_body_util::BodyExt as _;
use mailer::Sender;
use shared::Directory;
use shared::ambient::{System, random};
use shared::config::Config;
use shared::error::Cause;
use shared::web::ClientAddress;
use shared::web::body::MOST_BYTES;
use tokio::net::TcpListener;

use crate::connection::{key_source, open};
use crate::housekeeping::keep_house;
use crate::mail::{Post, empty_outbox};

/// Serves until told to stop.
///
/// # Errors
/// When the store, the keys or the port cannot be used.
pub async fn run(config: &Config, aws: bool) -> Result<(), Cause> {
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| format!("ROLLCALL_LISTEN is {}: cannot listen there: {error}", config.listen))?;
    let address = listener.local_addr()?;
    let post = Post::new(config)?;
    let opened = open(config, aws).await?;
    let keys = key_source(config).await?;
    let directory = Arc::new(opened.directory(config, keys));
    let made = prepare(config, &directory).await?;
    welcome(config, address, &opened.place, made);

    let sender = Sender { from: config.mail_from.clone(), site_name: config.site_name.clone() };
    let postman = tokio::spawn(empty_outbox(directory.clone(), post, sender));
    let housekeeper = tokio::spawn(keep_house(directory.clone()));
    let app = rollcall::app(directory).layer(from_fn(client_address)).layer(from_fn(whole_request));
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(stopped())
        .await?;
    postman.abort();
    housekeeper.abort();
    Ok(())
}

/// The superuser that a first start has made.
pub struct FirstSuperuser {
    /// The password, if it was made up here and is to be shown.
    made_up: Option<String>,
}

/// Makes the table, the default groups and, in an empty directory, the first superuser.
///
/// # Errors
/// When the store does not answer.
pub async fn prepare(config: &Config, directory: &Directory) -> Result<Option<FirstSuperuser>, Cause> {
    directory.store().table_create().await?;
    directory.install().await?;
    if !directory.is_empty().await? {
        return Ok(None);
    }
    let made_up = config.admin_password.is_none().then(password);
    let password = config.admin_password.clone().or_else(|| made_up.clone()).unwrap_or_default();
    directory.create_superuser(config.admin_username.clone(), None, password).await?;
    Ok(Some(FirstSuperuser { made_up }))
}

/// Ends when the process is asked to stop.
pub async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupted = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
        }
        Err(_) => {
            let _ = interrupted.await;
        }
    }
}

/// 20 letters and digits that are not mistaken for one another: over 100 bits.
fn password() -> String {
    const SIGNS: &[u8] = b"abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let bytes: [u8; 20] = random(&System);
    bytes.iter().map(|byte| char::from(SIGNS[usize::from(*byte) % SIGNS.len()])).collect()
}

fn welcome(config: &Config, address: SocketAddr, place: &str, made: Option<FirstSuperuser>) {
    let url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let name = &config.admin_username;
    println!("Rollcall is ready at {url}");
    println!("Data:       {place}");
    match made {
        Some(FirstSuperuser { made_up: Some(password) }) => {
            println!("Superuser:  {name}, password {password} (shown this once)");
        }
        Some(FirstSuperuser { made_up: None }) => println!("Superuser:  {name}, password as set"),
        None => {}
    }
    println!("Try:        curl -d 'username={name}' -d 'password=...' {url}/api/v1/users/token/");
}

/// Notes the address that a connection came from.
async fn client_address(mut request: Request, next: Next) -> Response {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_string());
    request.extensions_mut().insert(ClientAddress(address));
    next.run(request).await
}

/// Hands a request on once all of it is there, as API Gateway does. An answer before the body came would end the connection,
/// and with it what the client sends next.
async fn whole_request(request: Request, next: Next) -> Response {
    let (parts, mut body) = request.into_parts();
    let mut bytes = Vec::new();
    // What is larger is refused by who reads it.
    while bytes.len() <= MOST_BYTES {
        match body.frame().await {
            Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            Some(Err(_)) => return StatusCode::BAD_REQUEST.into_response(),
            None => break,
        }
    }
    next.run(Request::from_parts(parts, Body::from(bytes))).await
}
