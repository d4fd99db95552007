//! Which engine a command talks to, and with which signing keys.

use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_dynamodb::config::ProvideCredentials as _;
use rollcall::embedded::{Engine, STORE};
use shared::Directory;
use shared::ambient::System;
use shared::config::{Config, KeyLocation};
use shared::error::Cause;
use shared::runtime::{Parameters, directory, http_client, system_http_client};
use shared::sign_in::keys::{KeySource, rotated};
use shared::store::{Connection, Patience};

/// An engine in this process loses no request, but may keep one waiting until it has written thousands of items.
const UNHURRIED: Patience = Patience { pause: Duration::from_millis(20), deadline: Duration::from_mins(1) };

/// A connection, and the engine behind it if this process runs one.
pub struct Opened {
    /// How to reach the table.
    pub connection: Connection,
    /// The embedded engine, unless another one is used.
    pub engine: Option<Engine>,
    /// In words.
    pub place: String,
}

impl Opened {
    /// An engine of this process.
    pub fn embedded(engine: Engine, place: String) -> Self {
        Self { connection: engine.connection(), engine: Some(engine), place }
    }

    /// A directory on that engine.
    pub fn directory(&self, config: &Config, keys: KeySource) -> Directory {
        let connection = self.connection.clone();
        match &self.engine {
            Some(engine) => directory(config, connection, keys, UNHURRIED).with_loader(engine.loader()),
            None => directory(config, connection, keys, Patience::default()),
        }
    }

    /// The same, for what signs no token and makes no link.
    pub fn directory_without_keys(&self, config: &Config) -> Directory {
        self.directory(config, KeySource::Inline(String::new()))
    }
}

/// Opens the store on disk; with `aws`, or when an endpoint is set, DynamoDB.
///
/// # Errors
/// When the store cannot be opened, or no AWS credentials are found.
pub async fn open(config: &Config, aws: bool) -> Result<Opened, Cause> {
    if aws || config.endpoint.is_some() {
        let (connection, place) = to_aws(config).await?;
        return Ok(Opened { connection, engine: None, place });
    }
    let place = config.data.join(STORE).display().to_string();
    Ok(Opened::embedded(Engine::open(&config.data)?, place))
}

/// Where the signing keys are: where the setting says, else in the data folder, made if missing.
///
/// # Errors
/// When the file cannot be made, or no AWS credentials are found.
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
    Ok(KeySource::File(file))
}

/// Writes a file that only its owner may read, whole or not at all.
fn write_secret(path: &PathBuf, text: &str) -> Result<(), Cause> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let unfinished = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    Ok(())
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

/// Region and credentials as every AWS tool finds them: environment, profiles, single sign-on.
async fn aws_config(config: &Config) -> Result<Loaded, Cause> {
    let loaded =
        aws_config::defaults(aws_config::BehaviorVersion::latest()).http_client(system_http_client()).load().await;
    let region = loaded.region().map(ToString::to_string).or_else(|| config.region.clone());
    let credentials = loaded.credentials_provider().ok_or("no AWS credentials were found")?;
    credentials.provide_credentials().await.map_err(|error| format!("no AWS credentials were found: {error}"))?;
    Ok(Loaded { region: region.ok_or("no AWS region was found; set AWS_REGION")?, credentials })
}
