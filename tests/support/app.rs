//! The API on an engine in memory.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::{Database, Item};
use shared::Directory;
use shared::ambient::Ambient as _;
use shared::config::TokenLife;
use shared::directory::Settings;
use shared::model::Username;
use shared::sign_in::keys::{KeyRing, KeySource, rotated};
use shared::sign_in::password::{HashCost, Hasher};
use shared::store::{Connection, Patience, Store};

use super::{Client, Script};

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
    /// How long the store tries again.
    pub patience: Patience,
    /// What the engine's connection is put through, for faults.
    pub connection: fn(Connection) -> Connection,
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
    /// Where the engine listens.
    pub engine: SocketAddr,
    /// The engine itself.
    pub database: Database,
    /// The key set that signs tokens.
    pub keys: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            throttle: false,
            token_life: TokenLife::Seconds(30 * 24 * 60 * 60),
            patience: Patience { pause: Duration::from_millis(1), deadline: Duration::from_secs(20) },
            connection: |connection| connection,
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
        let Options { throttle, token_life, patience, connection } = options;
        let (engine, database) = engine().await;
        let script = Arc::new(Script::new());
        let connection = connection(Connection::local(format!("http://{engine}")));
        let keys = rotated(None, &*script).expect("signing keys");
        let settings = Settings { token_life, throttle, public_url: None, cost_header: true };
        let store = Store::new(connection, "rollcall", script.clone(), patience);
        let directory = assembled(store, &script, &keys, CHEAP, settings);
        directory.store().table_create().await.expect("the table");
        directory.install().await.expect("an installation");
        let admin = Username::parse("admin").expect("a name");
        directory.create_superuser(admin, None, PASSWORD.to_owned()).await.expect("a superuser");
        Self { router: rollcall::app(directory.clone()), directory, script, engine, database, keys }
    }

    /// Another process on the same table, which remembers nothing, with a hasher of that cost.
    pub fn restarted(&self, cost: HashCost) -> Self {
        let connection = Connection::local(format!("http://{}", self.engine));
        let store = Store::new(connection, "rollcall", self.script.clone(), Patience::default());
        let settings = self.directory.settings().clone();
        let directory = assembled(store, &self.script, &self.keys, cost, settings);
        Self { router: rollcall::app(directory.clone()), directory, ..self.clone() }
    }

    /// Everything that is stored.
    pub fn items(&self) -> Vec<Item> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let request = ScanRequest {
                table_name: "rollcall".to_owned(),
                consistent_read: Some(true),
                exclusive_start_key: start,
                ..ScanRequest::default()
            };
            let page = self.database.scan(request).expect("a scan");
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() {
                return items;
            }
        }
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
        let body = serde_json::json!({"username": username, "password": PASSWORD});
        let answer = self.anonymous().post("/api/v1/users/token/", &body).await;
        self.bearer(answer.json()["token"].as_str().unwrap_or_else(|| panic!("no token: {answer:?}")))
    }

    /// Today, as dates are written, moved by so many days.
    pub fn day(&self, offset: i64) -> String {
        shared::model::date_text(self.script.now().plus_seconds(offset * 24 * 60 * 60).date())
    }
}

fn assembled(store: Store, script: &Arc<Script>, keys: &str, cost: HashCost, settings: Settings) -> Arc<Directory> {
    let keys = KeyRing::new(KeySource::Inline(keys.to_owned()), script.clone());
    Arc::new(Directory::new(store, script.clone(), keys, Hasher::new(cost, script.clone(), 4), settings))
}

/// An engine of its own in memory, which ends with the test.
async fn engine() -> (SocketAddr, Database) {
    let database = Database::memory().expect("an engine");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
    (address, database)
}
