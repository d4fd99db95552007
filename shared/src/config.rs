//! Settings: environment variables, read once.

use std::net::SocketAddr;
use std::path::PathBuf;

use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::model::{EmailAddress, Username, is_url};

/// A setting that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct BadSetting {
    /// The variable.
    pub name: &'static str,
    /// What it holds, unless that is a secret.
    pub value: Option<String>,
    /// What it should be.
    pub expected: &'static str,
}

/// How long a token is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenLife {
    /// So many seconds, at least 1.
    Seconds(i64),
    /// For ever.
    Never,
}

/// Where the signing keys are, as the setting says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyLocation {
    /// `ssm:NAME`: a parameter of AWS Systems Manager.
    Parameter(String),
    /// Any other text: a file.
    File(PathBuf),
}

/// Who may read the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Who has an account.
    Users,
    /// Everybody.
    Everybody,
}

/// Everything that can be set. The README's table says what each means.
#[derive(Clone)]
#[expect(missing_docs, reason = "the README's table of settings describes each")]
pub struct Config {
    pub listen: SocketAddr,
    pub data: PathBuf,
    pub table: String,
    pub admin_username: Username,
    pub admin_password: Option<String>,
    pub public_url: Option<String>,
    pub site_name: String,
    pub mail_from: EmailAddress,
    pub smtp_url: Option<String>,
    pub signing_keys: Option<KeyLocation>,
    pub token_life: TokenLife,
    pub throttle: bool,
    pub cost_header: bool,
    pub docs_readers: Readers,
    pub endpoint: Option<String>,
    pub ses_endpoint: Option<String>,
    pub ssm_endpoint: Option<String>,
    pub region: Option<String>,
    pub access_keys: Option<AccessKeys>,
    /// Whether the process runs as a Lambda function, which the runtime says.
    pub in_lambda: bool,
    pub log: Targets,
}

/// AWS access keys from the environment.
#[derive(Clone)]
#[expect(missing_docs, reason = "AWS's own names")]
pub struct AccessKeys {
    pub id: String,
    pub secret: String,
    pub session: Option<String>,
}

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// The first variable whose value cannot be used.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn from_environment() -> Result<Self, BadSetting> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads settings from wherever `variable` finds them. An empty value counts as none.
    ///
    /// # Errors
    /// The first variable whose value cannot be used.
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
            admin_password: get("ROLLCALL_ADMIN_PASSWORD"),
            public_url: parsed(&get, "ROLLCALL_PUBLIC_URL", "a URL, such as https://users.example.org", public_url)?,
            site_name: parsed(&get, "ROLLCALL_SITE_NAME", "one line of text", one_line)?
                .unwrap_or_else(|| "Rollcall".to_owned()),
            mail_from: parsed(&get, "ROLLCALL_MAIL_FROM", "an e-mail address", EmailAddress::parse)?
                .or_else(|| EmailAddress::parse("rollcall@localhost"))
                .ok_or_else(|| bad("ROLLCALL_MAIL_FROM", None, "an e-mail address"))?,
            smtp_url: parsed(&get, "ROLLCALL_SMTP_URL", "a URL, such as smtp://127.0.0.1:1025", |text| {
                ["smtp://", "smtps://"].iter().any(|scheme| text.starts_with(scheme)).then(|| text.to_owned())
            })
            // It may hold a password.
            .map_err(|error| BadSetting { value: None, ..error })?,
            signing_keys: get("ROLLCALL_SIGNING_KEYS").map(|text| match text.strip_prefix("ssm:") {
                Some(name) => KeyLocation::Parameter(name.to_owned()),
                None => KeyLocation::File(text.into()),
            }),
            token_life: parsed(&get, "ROLLCALL_TOKEN_TTL", "a time such as 30d, 12h, 15m, 90s, or never", token_life)?
                .unwrap_or(TokenLife::Seconds(30 * 24 * 60 * 60)),
            throttle: parsed(&get, "ROLLCALL_THROTTLE", "on or off", switch)?.unwrap_or(true),
            cost_header: parsed(&get, "ROLLCALL_COST_HEADER", "on or off", switch)?.unwrap_or(false),
            docs_readers: parsed(&get, "ROLLCALL_DOCS", "users or public", |text| match text {
                "users" => Some(Readers::Users),
                "public" => Some(Readers::Everybody),
                _ => None,
            })?
            .unwrap_or(Readers::Users),
            endpoint: parsed(&get, "AWS_ENDPOINT_URL_DYNAMODB", "a URL, such as http://127.0.0.1:8000", public_url)?,
            ses_endpoint: parsed(&get, "AWS_ENDPOINT_URL_SESV2", "a URL, such as http://127.0.0.1:8555", public_url)?,
            ssm_endpoint: parsed(&get, "AWS_ENDPOINT_URL_SSM", "a URL, such as http://127.0.0.1:8555", public_url)?,
            region: get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION")),
            access_keys,
            in_lambda: get("AWS_LAMBDA_RUNTIME_API").is_some(),
            log: parsed(&get, "RUST_LOG", "levels such as info or shared=debug,info", |text| text.parse().ok())?
                .unwrap_or_else(|| {
                    // The embedded engine warns of every refused condition, which here is no trouble.
                    Targets::new().with_default(LevelFilter::INFO).with_target("dynoxide", LevelFilter::ERROR)
                }),
        })
    }
}

impl std::fmt::Display for BadSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} is {value:?}; it should be {}", self.name, self.expected),
            None => write!(f, "{} should be {}", self.name, self.expected),
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

fn switch(text: &str) -> Option<bool> {
    match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn token_life(text: &str) -> Option<TokenLife> {
    if text == "never" {
        return Some(TokenLife::Never);
    }
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    let number: u32 = number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok()).flatten()?;
    (number > 0).then(|| TokenLife::Seconds(i64::from(number) * seconds))
}

fn table_name(text: &str) -> Option<String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    ((3..=255).contains(&text.len()) && text.bytes().all(good)).then(|| text.to_owned())
}

/// A URL without its final slash, so that a path can follow.
fn public_url(text: &str) -> Option<String> {
    let http = text.starts_with("http://") || text.starts_with("https://");
    (http && is_url(text) && !text.contains(['?', '#'])).then(|| text.trim_end_matches('/').to_owned())
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
        assert_eq!(config.token_life, TokenLife::Seconds(2_592_000));
        assert!(config.throttle);
        assert!(!config.cost_header);
        assert_eq!(config.docs_readers, Readers::Users);
    }

    #[test]
    fn a_bad_value_is_refused_with_its_name_and_what_it_should_be() {
        for (name, value) in [
            ("ROLLCALL_LISTEN", "9000"),
            ("ROLLCALL_TABLE", "a b"),
            ("ROLLCALL_ADMIN_USERNAME", "a b"),
            ("ROLLCALL_PUBLIC_URL", "users.example.org"),
            ("ROLLCALL_SITE_NAME", "two\nlines"),
            ("ROLLCALL_MAIL_FROM", "nobody"),
            ("ROLLCALL_TOKEN_TTL", "soon"),
            ("ROLLCALL_TOKEN_TTL", "0d"),
            ("ROLLCALL_TOKEN_TTL", "é"),
            ("ROLLCALL_THROTTLE", "no"),
            ("ROLLCALL_COST_HEADER", "1"),
            ("ROLLCALL_DOCS", "everybody"),
            ("RUST_LOG", "shared=loud"),
        ] {
            let error = read(name, value).err().expect(name);
            assert_eq!((error.name, error.value.as_deref()), (name, Some(value)));
            assert!(error.to_string().contains(name) && error.to_string().contains("should be"));
        }
    }

    #[test]
    fn a_bad_mail_server_is_refused_without_showing_its_password() {
        let error = read("ROLLCALL_SMTP_URL", "user:secret@host").err().expect("an error");
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn times_are_read_in_their_unit() {
        for (text, life) in [
            ("90s", TokenLife::Seconds(90)),
            ("15m", TokenLife::Seconds(900)),
            ("12h", TokenLife::Seconds(43_200)),
            ("30d", TokenLife::Seconds(2_592_000)),
            ("never", TokenLife::Never),
        ] {
            assert_eq!(token_life(text), Some(life));
        }
    }
}
