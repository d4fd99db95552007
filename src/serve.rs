//! `rollcall serve`: the whole API on one port.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use outbox::{Sender, SystemResolver, WebhookClient};
use rollcall::http_server::{self, Limits, raise_descriptors};
use rollcall::mail::{MailTransport, empty_outbox};
use shared::Directory;
use shared::config::Config;
use shared::directory::SystemCaller;
use shared::error::{Cause, Error};
use shared::model::ambient::{System, random};
use shared::secret::Secret;
use shared::web::{ClientIp, LinkBaseUrl};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::connection::{key_source, open};
use crate::housekeeping::{expire, mail_resets, run_housekeeping, sequence_events};
use crate::output::say;
use crate::webhooks::deliver_webhooks;

/// Serves until stopped.
///
/// # Errors
/// When the store, the keys or the port cannot be used.
pub async fn run(config: &Config, aws: bool) -> Result<(), Cause> {
    must_know_links(config)?;
    let descriptors = raise_descriptors();
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| format!("cannot listen on ROLLCALL_LISTEN {}: {error}", config.listen))?;
    let address = listener.local_addr()?;
    let post = MailTransport::new(config)?;
    let opened = open(config, aws).await?;
    let keys = key_source(config).await?;
    let directory = Arc::new(opened.directory(config, keys));
    let made = prepare(config, &directory).await?;
    welcome(config, address, &opened.place, made);

    let sender = Sender { from: config.mail_from.clone(), site_name: config.site_name.clone() };
    let sweeper = opened.engine.clone().map(|engine| tokio::spawn(expire(engine)));
    let postman = tokio::spawn(empty_outbox(directory.clone(), post, sender));
    let housekeeper = tokio::spawn(run_housekeeping(directory.clone()));
    let resets = tokio::spawn(mail_resets(directory.clone()));
    let sequencer = tokio::spawn(sequence_events(directory.clone()));
    let webhooks = WebhookClient::new(config.webhook_networks.clone(), SystemResolver);
    let webhooks = tokio::spawn(deliver_webhooks(directory.clone(), webhooks));
    let links = LinkBaseUrl(format!("http://{address}"));
    let app = rollcall::app(directory).layer(Extension(links)).layer(from_fn(client_address));
    let limits = if opened.engine.is_some() { Limits::of_processors() } else { Limits::of_network() };
    let limits = limits.with_descriptors(descriptors);
    let is_proxy = |peer| config.trusted_proxies.trusts(peer);
    http_server::serve(listener, app, limits, is_proxy, stopped()).await;
    postman.abort();
    housekeeper.abort();
    resets.abort();
    sequencer.abort();
    webhooks.abort();
    sweeper.inspect(JoinHandle::abort);
    Ok(())
}

/// Fails if others can reach the server but its public URL is not set: mailed links would lead nowhere, or wherever a
/// request says.
fn must_know_links(config: &Config) -> Result<(), Cause> {
    if config.public_url.is_some() || config.listen.ip().is_loopback() {
        return Ok(());
    }
    let listen = config.listen;
    Err(format!(
        "ROLLCALL_LISTEN is {listen}, which other machines can reach: set ROLLCALL_PUBLIC_URL to the URL that users open, \
         such as https://users.example.org; links in mails begin with it"
    )
    .into())
}

/// The superuser created by the first start.
pub struct FirstSuperuser {
    /// The password, if it was generated here and must be shown.
    made_up: Option<String>,
}

/// Creates the table, the default groups and, in an empty directory, the first superuser.
///
/// # Errors
/// When the store is unavailable.
pub async fn prepare(config: &Config, directory: &Directory) -> Result<Option<FirstSuperuser>, Cause> {
    directory.store().table_create().await?;
    directory.install(SystemCaller::Operator).await?;
    if !directory.is_empty().await? {
        return Ok(None);
    }
    let made_up = config.admin_password.is_none().then(password);
    let password = config.admin_password.clone().or_else(|| made_up.clone().map(Secret::from)).unwrap_or_default();
    let made = directory.create_superuser(SystemCaller::Operator, config.admin_username.clone(), None, password).await;
    match made {
        Ok(_) => Ok(Some(FirstSuperuser { made_up })),
        // Another process that started at the same time has created one.
        Err(Error::Invalid(_)) if !directory.is_empty().await? => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Completes when the process is asked to stop.
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

/// 20 unambiguous letters and digits: over 100 bits.
fn password() -> String {
    const SIGNS: &[u8] = b"abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let bytes: [u8; 20] = random(&System);
    bytes.iter().map(|byte| char::from(SIGNS[usize::from(*byte) % SIGNS.len()])).collect()
}

fn welcome(config: &Config, address: SocketAddr, place: &str, made: Option<FirstSuperuser>) {
    let url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let name = &config.admin_username;
    say(format_args!("Rollcall is ready at {url}"));
    say(format_args!("Data:       {place}"));
    match made {
        Some(FirstSuperuser { made_up: Some(password) }) => {
            say(format_args!("Superuser:  {name}, password {password} (shown only once)"));
        }
        Some(FirstSuperuser { made_up: None }) => {
            say(format_args!("Superuser:  {name}, password from ROLLCALL_ADMIN_PASSWORD"));
        }
        None => {}
    }
    say(format_args!("Try:        curl -d 'username={name}' -d 'password=...' {url}/api/v1/users/token/"));
}

/// Records the client IP of a connection.
async fn client_address(mut request: Request, next: Next) -> Response {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_string());
    request.extensions_mut().insert(ClientIp(address));
    next.run(request).await
}
