//! The API on an engine of its own.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use base64::Engine as _;
use dynoxide::Item;
use shared::ambient::Ambient as _;
use shared::config::{Readers, TokenLife};
use shared::directory::Settings;
use shared::model::Username;
use shared::sign_in::keys::{KeyRing, rotated};
use shared::sign_in::password::{HashCost, Hasher};
use shared::store::{Connection, Patience, Store};
use shared::{Directory, Result};

use super::policies::{Watch, acting, under_policy};
use super::{Client, Engine, Script};

/// The password of every user that tests make.
pub const PASSWORD: &str = "Orchid-lantern-42";

/// What a hash costs in tests.
pub const CHEAP: HashCost = HashCost { memory: 8, passes: 1 };

/// What a test may want otherwise.
pub struct Options {
    /// Whether failed logins are limited.
    pub throttle: bool,
    /// How long tokens are good.
    pub token_life: TokenLife,
    /// How many bytes an answer may have.
    pub answer_limit: Option<usize>,
    /// Who may read the documentation.
    pub docs_readers: Readers,
    /// How long the store tries again.
    pub patience: Patience,
    /// What the engine's connection is put through, for faults.
    pub connection: Box<dyn FnOnce(Connection) -> Connection + Send>,
}

/// A directory of its own with the superuser `admin`.
#[derive(Clone)]
pub struct TestApp {
    /// The routes of all functions.
    pub router: Router,
    /// What they stand on.
    pub directory: Arc<Directory>,
    /// The clock, which tests move.
    pub script: Arc<Script>,
    /// What is below them.
    pub engine: Engine,
    /// The key set that signs tokens.
    pub keys: String,
    /// What functions do with the table, each under its policy.
    pub watch: Arc<Watch>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            throttle: false,
            answer_limit: None,
            docs_readers: Readers::Users,
            token_life: TokenLife::Seconds(30 * 24 * 60 * 60),
            patience: Patience { pause: Duration::from_millis(1), deadline: Duration::from_secs(20) },
            connection: Box::new(|connection| connection),
        }
    }
}

impl TestApp {
    /// An empty directory but for `admin`.
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    /// The same, but for what `options` says.
    pub async fn with(options: Options) -> Self {
        let app = Self::bare(options);
        app.directory.store().table_create().await.expect("the table");
        app.directory.install().await.expect("an installation");
        let admin = Username::parse("admin").expect("a name");
        app.directory.create_superuser(admin, None, PASSWORD.to_owned()).await.expect("a superuser");
        app
    }

    /// Without even a table.
    pub fn bare(options: Options) -> Self {
        let engine = Engine::start();
        let script = Arc::new(Script::new(engine.seed()));
        // The same for all: the documentation shows one of them.
        let keys = rotated(None, &Script::new(0)).expect("signing keys");
        Self::on(engine, script, keys, CHEAP, options)
    }

    /// Another process on the same table, which remembers nothing of what the first one did.
    pub fn another(&self, options: Options) -> Self {
        let (script, keys) = (self.script.clone(), self.keys.clone());
        Self::on(self.engine.clone(), script, keys, CHEAP, options)
    }

    /// Another process on the same table, with a hasher of that cost.
    pub fn restarted(&self, cost: HashCost) -> Self {
        let settings = self.directory.settings();
        let options = Options { throttle: settings.throttle, token_life: settings.token_life, ..Options::default() };
        Self::on(self.engine.clone(), self.script.clone(), self.keys.clone(), cost, options)
    }

    fn on(engine: Engine, script: Arc<Script>, keys: String, cost: HashCost, options: Options) -> Self {
        let Options { throttle, token_life, patience, connection, answer_limit, docs_readers } = options;
        let watch = Arc::new(Watch::default());
        let connection = watch.over(connection(engine.connection()));
        let directory = Directory::new(
            Store::new(connection, engine.table(), script.clone(), patience),
            script.clone(),
            KeyRing::new(watch.key_source(&keys), script.clone()),
            Hasher::new(cost, script.clone(), 4),
            Settings { token_life, throttle, public_url: None, cost_header: true, answer_limit, docs_readers },
        );
        let directory = Arc::new(directory);
        let router = under_policy(rollcall::app(directory.clone()), None);
        Self { router, directory, script, engine, keys, watch }
    }

    /// Does what `housekeeping` does, under its policy.
    pub async fn keep_house(&self) -> Result<()> {
        acting("housekeeping", self.directory.keep_house()).await
    }

    /// The first half of it: finishes what removals have left.
    pub async fn follow_up(&self) -> Result<()> {
        acting("housekeeping", self.directory.follow_up()).await
    }

    /// The second half: does what expiration dates ask for.
    pub async fn expire_accounts(&self) -> Result<()> {
        acting("housekeeping", self.directory.expire_accounts()).await
    }

    /// Everything that is stored.
    pub fn items(&self) -> Vec<Item> {
        self.engine.items()
    }

    /// A client without credentials.
    pub fn anonymous(&self) -> Client {
        Client::new(self.router.clone(), None)
    }

    /// A client with that token.
    pub fn bearer(&self, token: &str) -> Client {
        Client::new(self.router.clone(), Some(format!("Bearer {token}")))
    }

    /// The superuser `admin`, signed in.
    pub async fn admin(&self) -> Client {
        self.signed_in("admin").await
    }

    /// A user with the tests' password, signed in.
    pub async fn signed_in(&self, username: &str) -> Client {
        self.bearer(&self.token(username).await)
    }

    /// The token of a user with the tests' password.
    pub async fn token(&self, username: &str) -> String {
        let body = serde_json::json!({"username": username, "password": PASSWORD});
        let answer = self.anonymous().post("/api/v1/users/token/", &body).await;
        answer.json()["token"].as_str().unwrap_or_else(|| panic!("no token: {answer:?}")).to_owned()
    }

    /// A client with the text of an API token alone, as OpenL2M's clients show it.
    pub fn keyed(&self, token: &str) -> Client {
        Client::new(self.router.clone(), Some(format!("Token {token}")))
    }

    /// A client that shows a user name and a password with every request.
    pub fn basic(&self, username: &str, password: &str) -> Client {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
        Client::new(self.router.clone(), Some(format!("Basic {pair}")))
    }

    /// An API token of a user with the tests' password.
    pub async fn api_token(&self, username: &str) -> String {
        let body = serde_json::json!({"username": username, "password": PASSWORD});
        let answer = self.anonymous().post("/api/users/token/", &body).await;
        answer.json()["token"].as_str().unwrap_or_else(|| panic!("no token: {answer:?}")).to_owned()
    }

    /// Today, as dates are written, moved by so many days.
    pub fn day(&self, offset: i64) -> String {
        shared::model::date_text(self.script.now().plus_seconds(offset * 24 * 60 * 60).date())
    }
}
