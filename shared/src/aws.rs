//! What this process needs of AWS besides DynamoDB: HTTP clients, and parameters.

use std::time::Duration;

use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore, rustls_provider::CryptoMode};

use crate::error::Cause;

/// The roots of the certificates of AWS's endpoints. The system's 145 roots would cost 5 ms of every cold start.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// Reads parameters from AWS Systems Manager Parameter Store.
#[derive(Debug, Clone)]
pub struct Parameters(aws_sdk_ssm::Client);

impl Parameters {
    /// A reader with this configuration.
    pub fn new(
        region: &str,
        credentials: SharedCredentialsProvider,
        http: SharedHttpClient,
        endpoint: Option<String>,
    ) -> Self {
        let mut config = aws_sdk_ssm::Config::builder()
            .behavior_version(aws_sdk_ssm::config::BehaviorVersion::latest())
            .region(aws_sdk_ssm::config::Region::new(region.to_owned()))
            .credentials_provider(credentials)
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(2))
                    .operation_attempt_timeout(Duration::from_secs(3))
                    .operation_timeout(Duration::from_secs(8))
                    .build(),
            )
            .http_client(http);
        config.set_endpoint_url(endpoint);
        Self(aws_sdk_ssm::Client::from_conf(config.build()))
    }

    /// The value of a parameter, decrypted if it is a secret.
    ///
    /// # Errors
    /// When it does not exist, may not be read, or the service is unavailable.
    pub async fn value(&self, name: &str) -> Result<String, Cause> {
        let output = self.0.get_parameter().name(name).with_decryption(true).send().await?;
        let value = output.parameter.and_then(|parameter| parameter.value);
        value.ok_or_else(|| format!("the parameter {name} has no value").into())
    }
}

/// The HTTP client for AWS, or, if `plain`, for a local engine without TLS.
pub fn http_client(plain: bool) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new();
    if plain {
        return builder.build_http();
    }
    let roots = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
    match TlsContext::builder().with_trust_store(roots).build() {
        Ok(context) => builder.tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).tls_context(context).build_https(),
        Err(_) => system_http_client(),
    }
}

/// The HTTP client for an AWS service, or for the endpoint that replaces it.
pub fn http_client_for(endpoint: Option<&str>) -> SharedHttpClient {
    match endpoint {
        None => http_client(false),
        Some(url) if url.starts_with("http://") => http_client(true),
        Some(_) => system_http_client(),
    }
}

/// The HTTP client for a server whose certificate the system trusts.
pub fn system_http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).build_https()
}
