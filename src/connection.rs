//! The engine that a command uses, and its signing keys.

use std::path::Path;
use std::time::Duration;

use aws_sdk_dynamodb::config::ProvideCredentials as _;
use rollcall::embedded::{Engine, STORE, keep_private};
use shared::Directory;
use shared::auth::keys::{KeySource, rotated};
use shared::aws::{Parameters, http_client, system_http_client};
use shared::bootstrap::directory;
use shared::config::{Config, KeyLocation};
use shared::error::Cause;
use shared::model::ambient::{System, random};
use shared::store::{Connection, RetryPolicy};

/// An engine in this process loses no request, but may delay one until it has written thousands of items. With its last attempt,
/// which may take as long again, a write ends before it counts as settled.
const EMBEDDED_RETRIES: RetryPolicy =
    RetryPolicy { pause: Duration::from_millis(20), deadline: Duration::from_secs(14) };

/// A connection, and the engine behind it if it runs in this process.
pub struct OpenStore {
    /// How to reach the table.
    pub connection: Connection,
    /// The embedded engine, unless another one is used.
    pub engine: Option<Engine>,
    /// Its location, in words.
    pub place: String,
}

impl OpenStore {
    /// An engine of this process.
    pub fn embedded(engine: Engine, place: String) -> Self {
        Self { connection: engine.connection(), engine: Some(engine), place }
    }

    /// A directory on that engine.
    pub fn directory(&self, config: &Config, keys: KeySource) -> Directory {
        let connection = self.connection.clone();
        match &self.engine {
            Some(engine) => directory(config, connection, keys, EMBEDDED_RETRIES).with_bulk_writer(engine.loader()),
            None => directory(config, connection, keys, RetryPolicy::default()),
        }
    }

    /// The same without keys, for commands that sign no tokens and make no links.
    pub fn directory_without_keys(&self, config: &Config) -> Directory {
        self.directory(config, KeySource::Nowhere)
    }
}

/// Opens the store on disk; with `aws`, or when an endpoint is set, DynamoDB.
///
/// # Errors
/// When the store cannot be opened, or no AWS credentials are found.
pub async fn open(config: &Config, aws: bool) -> Result<OpenStore, Cause> {
    if aws || config.endpoint.is_some() {
        let (connection, place) = to_aws(config).await?;
        return Ok(OpenStore { connection, engine: None, place });
    }
    let place = config.data.join(STORE).display().to_string();
    Ok(OpenStore::embedded(Engine::open(&config.data)?, place))
}

/// The location of the signing keys: the setting, or else the data folder, where they are created if missing. Verifying
/// keys are for processes that only verify, so they are ignored here.
///
/// # Errors
/// When the file cannot be created, or no AWS credentials are found.
pub async fn key_source(config: &Config) -> Result<KeySource, Cause> {
    let file = match &config.signing_keys {
        Some(KeyLocation::Parameter(name)) => {
            let loaded = aws_config(config).await?;
            let parameters =
                Parameters::new(&loaded.region, loaded.credentials, system_http_client(), config.ssm_endpoint.clone());
            return Ok(KeySource::Parameter(name.clone(), parameters));
        }
        Some(KeyLocation::File(path)) => path.clone(),
        None => config.data.join("signing-keys.json"),
    };
    if !file.exists() {
        write_secret(&file, &rotated(None, &System)?)?;
    }
    if config.signing_keys.is_none() {
        keep_private(&file).map_err(|error| format!("cannot make {} private: {error}", file.display()))?;
    }
    Ok(KeySource::File(file))
}

/// Writes a file readable only by its owner, completely or not at all. If another process was faster, its file stays.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_secret(path: &Path, text: &str) -> Result<(), Cause> {
    use std::io::{ErrorKind, Write as _};
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let unfinished = path.with_extension(format!("{:x}", u128::from_ne_bytes(random(&System))));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // Unlike a rename, a hard link overwrites no existing file.
    let linked = std::fs::hard_link(&unfinished, path);
    std::fs::remove_file(&unfinished)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

async fn to_aws(config: &Config) -> Result<(Connection, String), Cause> {
    let place = config.endpoint.clone();
    if let Some(endpoint) = &config.endpoint
        && config.access_keys.is_none()
        && is_loopback(endpoint)
    {
        return Ok((Connection::local(endpoint.clone()), endpoint.clone()));
    }
    let loaded = aws_config(config).await?;
    let plain = config.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let connection = Connection {
        endpoint: config.endpoint.clone(),
        region: loaded.region.clone(),
        credentials: loaded.credentials,
        http: if plain { http_client(true) } else { system_http_client() },
        is_signed: true,
    };
    Ok((connection, place.unwrap_or_else(|| format!("DynamoDB in {}", loaded.region))))
}

fn is_loopback(endpoint: &str) -> bool {
    let host = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| host.starts_with(name))
}

struct Loaded {
    region: String,
    credentials: aws_sdk_dynamodb::config::SharedCredentialsProvider,
}

/// Region and credentials from the usual sources of AWS tools: environment, profiles, single sign-on.
async fn aws_config(config: &Config) -> Result<Loaded, Cause> {
    let loaded =
        aws_config::defaults(aws_config::BehaviorVersion::latest()).http_client(system_http_client()).load().await;
    let region = loaded.region().map(ToString::to_string).or_else(|| config.region.clone());
    let credentials = loaded.credentials_provider().ok_or("no AWS credentials found")?;
    credentials.provide_credentials().await.map_err(|error| format!("no AWS credentials found: {error}"))?;
    Ok(Loaded { region: region.ok_or("no AWS region found; set AWS_REGION")?, credentials })
}
