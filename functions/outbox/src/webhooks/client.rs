//! One request to a webhook: to an address that was checked, within seconds, and no further.
//!
//! The host is resolved once, and the connection goes to an address of that answer which may be reached, so a name that
//! changes its mind between check and connection gains nothing. No redirect is followed, no proxy is used, and of the
//! response only the head is read.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::{Either, select};
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use shared::directory::DeliverySignature;
use shared::model::{AttemptOutcome, DeliveryFailure, Networks, WebhookUrl};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one connection may take.
const CONNECTING: Duration = Duration::from_secs(2);
/// How many addresses of a host are tried.
const ADDRESSES: usize = 3;
/// The most bytes of a response's head; hyper allows no less.
const HEAD: usize = 8 * 1024;

/// Finds the addresses of a host.
pub trait Resolve: Send + Sync {
    /// Its addresses, the preferred ones first.
    ///
    /// # Errors
    /// If it has none.
    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;
}

/// The resolver of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// Sends requests to webhooks.
pub struct WebhookClient<R = SystemResolver> {
    networks: Networks,
    resolver: R,
    patience: Duration,
    /// Made with the first request that needs it.
    tls: OnceLock<Option<TlsConnector>>,
}

/// A message to a webhook.
#[derive(Debug)]
pub struct WebhookRequest<'a> {
    /// Where it goes.
    pub url: &'a WebhookUrl,
    /// Its id, the same at each attempt.
    pub id: String,
    /// What proves who sends it.
    pub signature: DeliverySignature,
    /// Its content, JSON.
    pub body: Vec<u8>,
}

impl<R: Resolve> WebhookClient<R> {
    /// A client that reaches public addresses, and the networks that the operator has named.
    pub fn new(networks: Networks, resolver: R) -> Self {
        Self { networks, resolver, patience: PATIENCE, tls: OnceLock::new() }
    }

    /// The same, but a request may take only so long.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Sends a message, and waits for the status of the response.
    pub async fn send(&self, request: WebhookRequest<'_>) -> AttemptOutcome {
        match timeout(self.patience, self.exchange(request)).await {
            Ok(Ok(status)) => AttemptOutcome::Status(status.as_u16()),
            Ok(Err(failure)) => AttemptOutcome::Failure(failure),
            Err(_) => AttemptOutcome::Failure(DeliveryFailure::TimedOut),
        }
    }

    async fn exchange(&self, request: WebhookRequest<'_>) -> Result<StatusCode, DeliveryFailure> {
        let url = request.url;
        let stream = self.connect(url).await?;
        let message = message(request).ok_or(DeliveryFailure::InvalidResponse)?;
        if !url.is_https() {
            return status(stream, message).await;
        }
        let tls = self.tls.get_or_init(connector).as_ref().ok_or(DeliveryFailure::TlsFailed)?;
        let name = ServerName::try_from(url.host()).map_err(|_| DeliveryFailure::TlsFailed)?;
        let stream = tls.connect(name, stream).await.map_err(|_| DeliveryFailure::TlsFailed)?;
        status(stream, message).await
    }

    /// A connection to an address of the host that may be reached.
    async fn connect(&self, url: &WebhookUrl) -> Result<TcpStream, DeliveryFailure> {
        let found = self.resolver.resolve(&url.host(), url.port()).await;
        let mut addresses = found.map_err(|_| DeliveryFailure::NameNotResolved)?;
        if addresses.is_empty() {
            return Err(DeliveryFailure::NameNotResolved);
        }
        addresses.retain(|address| url.may_reach(address.ip(), &self.networks));
        if addresses.is_empty() {
            return Err(DeliveryFailure::AddressRefused);
        }
        for address in addresses.into_iter().take(ADDRESSES) {
            if let Ok(Ok(stream)) = timeout(CONNECTING, TcpStream::connect(address)).await {
                return Ok(stream);
            }
        }
        Err(DeliveryFailure::NotConnected)
    }
}

/// The request, as Standard Webhooks says.
fn message(request: WebhookRequest<'_>) -> Option<Request<Full<Bytes>>> {
    let WebhookRequest { url, id, signature, body } = request;
    Request::post(url.path())
        .header(HOST, url.authority())
        .header(USER_AGENT, concat!("Rollcall/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", signature.timestamp)
        .header("webhook-signature", signature.signatures)
        .body(Full::from(body))
        .ok()
}

/// Sends a request on a connection of its own. The response's body is not read.
async fn status<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    message: Request<Full<Bytes>>,
) -> Result<StatusCode, DeliveryFailure> {
    let invalid = |_: hyper::Error| DeliveryFailure::InvalidResponse;
    let handshake = http1::Builder::new().max_buf_size(HEAD).handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(invalid)?;
    let response = std::pin::pin!(sender.send_request(message));
    let response = match select(response, std::pin::pin!(connection)).await {
        Either::Left((response, _)) => response,
        // The connection has ended; the response may have come before.
        Either::Right((_, response)) => response.await,
    };
    Ok(response.map_err(invalid)?.status())
}

/// Encrypts to receivers whose certificates the system trusts.
fn connector() -> Option<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    Some(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}
