//! Settings: environment variables, read once.

use std::net::SocketAddr;
use std::path::PathBuf;

use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::model::{AsciiAddress, EmailAddress, Username, is_url};
use crate::model::{Networks, TrustedProxies};
use crate::secret::Secret;

/// The variable for the keys of a process that signs.
pub const SIGNING_KEYS: &str = "ROLLCALL_SIGNING_KEYS";
/// The variable for the keys of a process that only verifies.
pub const VERIFYING_KEYS: &str = "ROLLCALL_VERIFYING_KEYS";
/// The expected value of both.
pub const KEY_LOCATION: &str = "a file, or ssm:NAME for an AWS Systems Manager parameter";

/// A setting with an invalid value.
#[derive(Debug, PartialEq, Eq)]
pub struct BadSetting {
    /// The variable.
    pub name: &'static str,
    /// Its value, unless that is a secret.
    pub value: Option<String>,
    /// The expected value.
    pub expected: &'static str,
}

/// How long a token is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenTtl {
    /// A number of seconds, at least 1.
    Seconds(i64),
    /// For ever.
    Never,
}

/// Where the keys are, according to the setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyLocation {
    /// `ssm:NAME`: a parameter of AWS Systems Manager.
    Parameter(String),
    /// Any other text: a file.
    File(PathBuf),
}

/// Who may read the API documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocsAccess {
    /// Users with an account.
    Users,
    /// Everybody.
    Everybody,
}

/// All settings. The table in `docs/operating.md` describes each of them.
#[derive(Clone)]
#[expect(missing_docs, reason = "the table in docs/operating.md describes each")]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Config {
    pub listen: SocketAddr,
    pub data: PathBuf,
    pub table: String,
    pub admin_username: Username,
    pub admin_password: Option<Secret>,
    pub public_url: Option<String>,
    pub site_name: String,
    pub mail_from: AsciiAddress,
    pub smtp_url: Option<String>,
    pub signing_keys: Option<KeyLocation>,
    pub verifying_keys: Option<KeyLocation>,
    pub token_ttl: TokenTtl,
    pub throttle: bool,
    /// Whether mails report changes of passwords and e-mails.
    pub notices: bool,
    pub cost_header: bool,
    pub docs_access: DocsAccess,
    pub trusted_proxies: TrustedProxies,
    /// How long events are kept, in seconds.
    pub event_retention: i64,
    /// How long deleted users can be restored, in seconds.
    pub deleted_retention: i64,
    pub webhook_networks: Networks,
    pub endpoint: Option<String>,
    pub ses_endpoint: Option<String>,
    pub ssm_endpoint: Option<String>,
    pub region: Option<String>,
    pub access_keys: Option<AccessKeys>,
    /// Whether the process runs as a Lambda function, according to the runtime.
    pub in_lambda: bool,
    pub log: Targets,
}

/// The seconds of a day.
const DAY: i64 = 24 * 60 * 60;

/// AWS access keys from the environment.
#[derive(Clone)]
#[expect(missing_docs, reason = "AWS's own names")]
pub struct AccessKeys {
    pub id: String,
    pub secret: String,
    pub session: Option<String>,
}

impl Config {
    /// Reads the environment of the process.
    ///
    /// # Errors
    /// The first variable whose value is invalid.
    #[expect(clippy::disallowed_methods, reason = "the only function that reads the environment")]
    pub fn from_environment() -> Result<Self, BadSetting> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads settings through `variable`. An empty value counts as unset.
    ///
    /// # Errors
    /// The first variable whose value is invalid.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, BadSetting> {
        let get = |name: &'static str| variable(name).filter(|value| !value.is_empty());
        let access_keys = get("AWS_ACCESS_KEY_ID").zip(get("AWS_SECRET_ACCESS_KEY")).map(|(id, secret)| AccessKeys {
            id,
            secret,
            session: get("AWS_SESSION_TOKEN"),
        });
        Ok(Self {
            listen: parsed(&get, "ROLLCALL_LISTEN", "an address and a port, such as 127.0.0.1:9000", |text| {
                text.parse().ok()
            })?
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9000))),
            data: get("ROLLCALL_DATA").unwrap_or_else(|| ".rollcall".to_owned()).into(),
            table: parsed(&get, "ROLLCALL_TABLE", "3 to 255 letters, digits, `_`, `-`, `.`", table_name)?
                .unwrap_or_else(|| "rollcall".to_owned()),
            admin_username: parsed(&get, "ROLLCALL_ADMIN_USERNAME", "a user name", Username::parse)?
                .or_else(|| Username::parse("admin"))
                .ok_or_else(|| bad("ROLLCALL_ADMIN_USERNAME", None, "a user name"))?,
            admin_password: get("ROLLCALL_ADMIN_PASSWORD").map(Secret::from),
            public_url: parsed(&get, "ROLLCALL_PUBLIC_URL", "a URL, such as https://users.example.org", public_url)?,
            site_name: parsed(&get, "ROLLCALL_SITE_NAME", "one line of text", one_line)?
                .unwrap_or_else(|| "Rollcall".to_owned()),
            mail_from: parsed(&get, "ROLLCALL_MAIL_FROM", "an e-mail address", mail_address)?
                .or_else(|| mail_address("rollcall@localhost"))
                .ok_or_else(|| bad("ROLLCALL_MAIL_FROM", None, "an e-mail address"))?,
            smtp_url: parsed(&get, "ROLLCALL_SMTP_URL", "a URL, such as smtp://127.0.0.1:1025", |text| {
                ["smtp://", "smtps://"].iter().any(|scheme| text.starts_with(scheme)).then(|| text.to_owned())
            })
            // It may hold a password.
            .map_err(|error| BadSetting { value: None, ..error })?,
            signing_keys: key_location(&get, SIGNING_KEYS)?,
            verifying_keys: key_location(&get, VERIFYING_KEYS)?,
            token_ttl: parsed(
                &get,
                "ROLLCALL_TOKEN_TTL",
                "a duration such as 30d, 12h, 15m or 90s, or never",
                token_ttl,
            )?
            .unwrap_or(TokenTtl::Seconds(30 * DAY)),
            throttle: parsed(&get, "ROLLCALL_THROTTLE", "on or off", switch)?.unwrap_or(true),
            notices: parsed(&get, "ROLLCALL_NOTICES", "on or off", switch)?.unwrap_or(false),
            cost_header: parsed(&get, "ROLLCALL_COST_HEADER", "on or off", switch)?.unwrap_or(false),
            docs_access: parsed(&get, "ROLLCALL_DOCS", "users or public", |text| match text {
                "users" => Some(DocsAccess::Users),
                "public" => Some(DocsAccess::Everybody),
                _ => None,
            })?
            .unwrap_or(DocsAccess::Users),
            trusted_proxies: parsed(
                &get,
                "ROLLCALL_TRUSTED_PROXIES",
                "networks separated by commas, such as 10.0.0.0/8,2001:db8::/32",
                TrustedProxies::parse,
            )?
            .unwrap_or_default(),
            event_retention: parsed(
                &get,
                "ROLLCALL_EVENT_RETENTION",
                "a duration of at least 90d, such as 400d",
                |text| duration(text).filter(|seconds| *seconds >= 90 * DAY),
            )?
            .unwrap_or(400 * DAY),
            deleted_retention: parsed(&get, "ROLLCALL_DELETED_RETENTION", "a duration such as 30d or 12h", duration)?
                .unwrap_or(30 * DAY),
            webhook_networks: parsed(
                &get,
                "ROLLCALL_WEBHOOK_NETWORKS",
                "networks separated by commas, such as 10.0.0.0/8,2001:db8::/32",
                Networks::parse,
            )?
            .unwrap_or_default(),
            endpoint: parsed(&get, "AWS_ENDPOINT_URL_DYNAMODB", "a URL, such as http://127.0.0.1:8000", public_url)?,
            ses_endpoint: parsed(&get, "AWS_ENDPOINT_URL_SESV2", "a URL, such as http://127.0.0.1:8555", public_url)?,
            ssm_endpoint: parsed(&get, "AWS_ENDPOINT_URL_SSM", "a URL, such as http://127.0.0.1:8555", public_url)?,
            region: get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION")),
            access_keys,
            in_lambda: get("AWS_LAMBDA_RUNTIME_API").is_some(),
            log: parsed(&get, "RUST_LOG", "levels such as info or shared=debug,info", |text| text.parse().ok())?
                .unwrap_or_else(|| {
                    // The embedded engine warns of every failed condition, which is normal here.
                    Targets::new().with_default(LevelFilter::INFO).with_target("dynoxide", LevelFilter::ERROR)
                }),
        })
    }
}

impl Config {
    /// The keys of a process: the signing keys, or without them the verifying keys.
    pub fn keys(&self) -> Option<&KeyLocation> {
        self.signing_keys.as_ref().or(self.verifying_keys.as_ref())
    }
}

impl std::fmt::Display for BadSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} is {value:?}; expected {}", self.name, self.expected),
            None => write!(f, "{} must be {}", self.name, self.expected),
        }
    }
}

impl std::error::Error for BadSetting {}

fn bad(name: &'static str, value: Option<String>, expected: &'static str) -> BadSetting {
    BadSetting { name, value, expected }
}

fn parsed<T>(
    get: &impl Fn(&'static str) -> Option<String>,
    name: &'static str,
    expected: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, BadSetting> {
    let Some(value) = get(name) else { return Ok(None) };
    match parse(&value) {
        Some(parsed) => Ok(Some(parsed)),
        None => Err(bad(name, Some(value), expected)),
    }
}

fn key_location(
    get: &impl Fn(&'static str) -> Option<String>,
    name: &'static str,
) -> Result<Option<KeyLocation>, BadSetting> {
    let location = |text: &str| match text.strip_prefix("ssm:") {
        // Names, or ARNs instead of them.
        Some(name) => {
            let good = |b: u8| b.is_ascii_alphanumeric() || b"/_-.:".contains(&b);
            (!name.is_empty() && name.bytes().all(good)).then(|| KeyLocation::Parameter(name.to_owned()))
        }
        None => (!text.contains(['{', '\n'])).then(|| KeyLocation::File(text.into())),
    };
    // The value may be the keys themselves.
    parsed(get, name, KEY_LOCATION, location).map_err(|error| BadSetting { value: None, ..error })
}

fn switch(text: &str) -> Option<bool> {
    match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn token_ttl(text: &str) -> Option<TokenTtl> {
    if text == "never" { Some(TokenTtl::Never) } else { duration(text).map(TokenTtl::Seconds) }
}

/// The seconds, at least 1, of a duration such as `30d` or `15m`.
fn duration(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => DAY,
        _ => return None,
    };
    let number: u32 = number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok()).flatten()?;
    (number > 0).then(|| i64::from(number) * seconds)
}

fn table_name(text: &str) -> Option<String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    ((3..=255).contains(&text.len()) && text.bytes().all(good)).then(|| text.to_owned())
}

fn mail_address(text: &str) -> Option<AsciiAddress> {
    EmailAddress::parse(text)?.to_ascii()
}

/// A URL without a final slash, so that a path can be appended.
fn public_url(text: &str) -> Option<String> {
    let http = text.starts_with("http://") || text.starts_with("https://");
    let is_good = is_url(text) || has_host_name(text);
    (http && is_good && !text.contains(['?', '#'])).then(|| text.trim_end_matches('/').to_owned())
}

/// Whether its host is a name without a dot, as in a container network: `http://rollcall:9000`.
fn has_host_name(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let end = rest.find(['/', ':']).unwrap_or(rest.len());
    let (host, tail) = rest.split_at(end);
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    let is_name = host.len() <= 63 && host.starts_with(|c: char| c.is_ascii_alphanumeric()) && host.bytes().all(inner);
    // The rest is valid if it would be valid with another name.
    is_name && !host.ends_with('-') && is_url(&format!("{scheme}://localhost{tail}"))
}

fn one_line(text: &str) -> Option<String> {
    (!text.contains(char::is_control)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &'static str, value: &str) -> Result<Config, BadSetting> {
        Config::read(|asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn nothing_needs_to_be_set() {
        let config = Config::read(|_| None).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.listen.to_string(), "127.0.0.1:9000");
        assert_eq!(config.token_ttl, TokenTtl::Seconds(2_592_000));
        assert!(config.throttle && !config.notices);
        assert!(!config.cost_header);
        assert_eq!(config.docs_access, DocsAccess::Users);
        assert_eq!(config.deleted_retention, 2_592_000);
    }

    #[test]
    fn a_bad_value_is_refused_with_its_name_and_what_it_should_be() {
        for (name, value) in [
            ("ROLLCALL_LISTEN", "9000"),
            ("ROLLCALL_TABLE", "a b"),
            ("ROLLCALL_ADMIN_USERNAME", "a b"),
            ("ROLLCALL_PUBLIC_URL", "users.example.org"),
            ("ROLLCALL_PUBLIC_URL", "http://"),
            ("ROLLCALL_PUBLIC_URL", "http://-rollcall"),
            ("ROLLCALL_PUBLIC_URL", "http://rollcall:port"),
            ("ROLLCALL_PUBLIC_URL", "http://roll call"),
            ("ROLLCALL_PUBLIC_URL", "http://user@rollcall"),
            ("ROLLCALL_PUBLIC_URL", "http://rollcall/?page=1"),
            ("ROLLCALL_SITE_NAME", "two\nlines"),
            ("ROLLCALL_MAIL_FROM", "nobody"),
            ("ROLLCALL_TOKEN_TTL", "soon"),
            ("ROLLCALL_TOKEN_TTL", "0d"),
            ("ROLLCALL_TOKEN_TTL", "é"),
            ("ROLLCALL_THROTTLE", "no"),
            ("ROLLCALL_COST_HEADER", "1"),
            ("ROLLCALL_NOTICES", "yes"),
            ("ROLLCALL_DOCS", "everybody"),
            ("ROLLCALL_TRUSTED_PROXIES", "the proxy"),
            ("ROLLCALL_WEBHOOK_NETWORKS", "the intranet"),
            ("ROLLCALL_EVENT_RETENTION", "30d"),
            ("ROLLCALL_EVENT_RETENTION", "long"),
            ("ROLLCALL_DELETED_RETENTION", "never"),
            ("ROLLCALL_DELETED_RETENTION", "0d"),
            ("ROLLCALL_DELETED_RETENTION", "30"),
            ("RUST_LOG", "shared=loud"),
        ] {
            let error = read(name, value).err().expect(name);
            assert_eq!((error.name, error.value.as_deref()), (name, Some(value)));
            assert!(error.to_string().contains(name) && error.to_string().contains("; expected "));
        }
    }

    #[test]
    fn a_public_url_may_name_a_host_without_a_dot() {
        for (value, expected) in [
            ("http://rollcall:9000", "http://rollcall:9000"),
            ("http://rollcall/", "http://rollcall"),
            ("https://my_host-2/users/", "https://my_host-2/users"),
            ("https://users.example.org/", "https://users.example.org"),
        ] {
            let config = read("ROLLCALL_PUBLIC_URL", value).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(config.public_url.as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_bad_mail_server_is_refused_without_showing_its_password() {
        let error = read("ROLLCALL_SMTP_URL", "user:secret@host").err().expect("an error");
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn keys_are_named_and_those_to_sign_with_come_first() {
        let parameter = KeyLocation::Parameter("/rollcall/verifying-keys".to_owned());
        let file = KeyLocation::File("keys.json".into());
        let verifying = read(VERIFYING_KEYS, "ssm:/rollcall/verifying-keys").expect("settings");
        assert_eq!((verifying.keys(), &verifying.signing_keys), (Some(&parameter), &None));
        let both = |name: &str| match name {
            SIGNING_KEYS => Some("keys.json".to_owned()),
            VERIFYING_KEYS => Some("ssm:/rollcall/verifying-keys".to_owned()),
            _ => None,
        };
        let both = Config::read(both).expect("settings");
        assert_eq!((both.keys(), &both.verifying_keys), (Some(&file), &Some(parameter)));
        assert_eq!(Config::read(|_| None).expect("settings").keys(), None);
    }

    #[test]
    fn keys_in_place_of_their_name_are_refused_without_being_shown() {
        for name in [SIGNING_KEYS, VERIFYING_KEYS] {
            for value in ["ssm:", "ssm:two words", r#"{"keys":[]}"#, r#"ssm:{"keys":[]}"#] {
                let error = read(name, value).err().expect(name).to_string();
                assert_eq!(error, format!("{name} must be {KEY_LOCATION}"));
            }
        }
    }

    #[test]
    fn times_are_read_in_their_unit() {
        for (text, life) in [
            ("90s", TokenTtl::Seconds(90)),
            ("15m", TokenTtl::Seconds(900)),
            ("12h", TokenTtl::Seconds(43_200)),
            ("30d", TokenTtl::Seconds(2_592_000)),
            ("never", TokenTtl::Never),
        ] {
            assert_eq!(token_ttl(text), Some(life));
        }
    }
}
