//! The API on an engine of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::map_request;
use base64::Engine as _;
use dynoxide::Item;
use shared::auth::keys::KeyRing;
use shared::auth::password::{HashCost, Hasher};
use shared::config::{DocsAccess, TokenTtl};
use shared::directory::Settings;
use shared::model::Mail;
use shared::model::Username;
use shared::model::ambient::Ambient as _;
use shared::model::{Networks, TrustedProxies};
use shared::store::{Connection, RetryPolicy, Store};
use shared::web::LinkBaseUrl;
use shared::{Directory, Result};

use super::environment::Glance;
use super::parameters::{ParameterStore, SIGNING, VERIFYING};
use super::policies::{Watch, acting, parameter_of, under_policies};
use super::{Client, Engine, FakeEnvironment};

/// The password of every user that tests make.
pub const PASSWORD: &str = "Orchid-lantern-42";

/// What a hash costs in tests.
pub const CHEAP: HashCost = HashCost { memory: 8, passes: 1 };

/// What a test may want otherwise.
pub struct Options {
    /// Whether failed logins are limited.
    pub throttle: bool,
    /// Whether users get mails about changes of their password and e-mail address.
    pub notices: bool,
    /// How long tokens are good.
    pub token_ttl: TokenTtl,
    /// How many bytes an answer may have.
    pub answer_limit: Option<usize>,
    /// Who may read the documentation.
    pub docs_access: DocsAccess,
    /// Who is believed when it says for whom it asks.
    pub trusted_proxies: TrustedProxies,
    /// How long events are kept, in seconds.
    pub event_retention: i64,
    /// How long deleted users can be restored, in seconds.
    pub deleted_retention: i64,
    /// Networks that webhooks may reach although they are not public.
    pub webhook_networks: Networks,
    /// How long the store tries again.
    pub retry_policy: RetryPolicy,
    /// What the engine's connection is put through, for faults.
    pub connection: Box<dyn FnOnce(Connection) -> Connection + Send>,
}

/// A directory of its own with the superuser `admin`.
#[derive(Clone)]
pub struct TestApp {
    /// The routes of all functions.
    pub router: Router,
    /// What those stand on who sign, and the command line.
    pub directory: Arc<Directory>,
    /// The same with the keys of each parameter, and with none.
    directories: BTreeMap<Option<&'static str>, Arc<Directory>>,
    /// The clock, which tests move.
    pub environment: Arc<FakeEnvironment>,
    /// What is below them.
    pub engine: Engine,
    /// Where the keys are.
    pub parameters: ParameterStore,
    /// What functions do with the table, each under its policy.
    pub watch: Arc<Watch>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            throttle: false,
            notices: false,
            answer_limit: None,
            docs_access: DocsAccess::Users,
            trusted_proxies: TrustedProxies::default(),
            event_retention: 400 * 24 * 60 * 60,
            deleted_retention: 30 * 24 * 60 * 60,
            webhook_networks: Networks::parse("127.0.0.0/8").expect("networks"),
            token_ttl: TokenTtl::Seconds(30 * 24 * 60 * 60),
            retry_policy: RetryPolicy { pause: Duration::from_millis(1), deadline: Duration::from_secs(20) },
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
        app.engine.keep_expired().await;
        app.directory.install(shared::directory::SystemCaller::Operator).await.expect("an installation");
        let admin = Username::parse("admin").expect("a name");
        app.directory
            .create_superuser(shared::directory::SystemCaller::Operator, admin, None, PASSWORD.into())
            .await
            .expect("a superuser");
        app
    }

    /// Has all changes of users in the lists of the search index.
    pub async fn pack_search(&self) {
        self.environment.advance(60);
        let directory = self.directory_of("housekeeping");
        let packed = directory.pack_search(shared::directory::SystemCaller::Housekeeping, true);
        acting("housekeeping", packed).await.expect("lists");
    }

    /// Without even a table.
    pub fn bare(options: Options) -> Self {
        let engine = Engine::start();
        let environment = Arc::new(FakeEnvironment::new(engine.seed()));
        // The same for all: the documentation shows one of them.
        let parameters = ParameterStore::new(&FakeEnvironment::new(0));
        Self::on(engine, environment, parameters, CHEAP, options)
    }

    /// Another process on the same table, which remembers nothing of what the first one did.
    #[must_use]
    pub fn another(&self, options: Options) -> Self {
        Self::on(self.engine.clone(), self.environment.clone(), self.parameters.clone(), CHEAP, options)
    }

    /// Another process on the same table, with a hasher of that cost.
    #[must_use]
    pub fn restarted(&self, cost: HashCost) -> Self {
        let settings = self.directory.settings();
        let options = Options {
            throttle: settings.throttle,
            notices: settings.notices,
            token_ttl: settings.token_ttl,
            ..Options::default()
        };
        Self::on(self.engine.clone(), self.environment.clone(), self.parameters.clone(), cost, options)
    }

    fn on(
        engine: Engine,
        environment: Arc<FakeEnvironment>,
        parameters: ParameterStore,
        cost: HashCost,
        options: Options,
    ) -> Self {
        let Options {
            throttle,
            notices,
            token_ttl,
            retry_policy,
            connection,
            answer_limit,
            docs_access,
            trusted_proxies,
            event_retention,
            deleted_retention,
            webhook_networks,
        } = options;
        let watch = Arc::new(Watch::default());
        let connection = watch.over(connection(engine.connection()));
        let directory = Directory::new(
            Store::new(connection, engine.table(), environment.clone(), retry_policy),
            environment.clone(),
            KeyRing::new(watch.key_source(Some(SIGNING), &parameters), environment.clone()),
            Hasher::new(cost, environment.clone(), 4),
            Settings {
                token_ttl,
                throttle,
                notices,
                public_url: None,
                cost_header: true,
                answer_limit,
                docs_access,
                trusted_proxies,
                event_retention,
                deleted_retention,
                webhook_networks,
            },
        );
        let with_keys =
            |source| Arc::new(directory.clone().with_keys(KeyRing::new(source, Arc::new(Glance(environment.clone())))));
        let others = [Some(VERIFYING), None].map(|name| (name, with_keys(watch.key_source(name, &parameters))));
        let directory = Arc::new(directory);
        let directories: BTreeMap<_, _> = others.into_iter().chain([(Some(SIGNING), directory.clone())]).collect();
        let routers = directories.iter().map(|(name, directory)| (*name, rollcall::app(directory.clone())));
        let router = under_policies(routers.collect()).layer(map_request(with_links));
        Self { router, directory, directories, environment, engine, parameters, watch }
    }

    /// What a function stands on: the same as all others, with the keys that it gets.
    pub fn directory_of(&self, function: &str) -> Arc<Directory> {
        self.directories[&parameter_of(function)].clone()
    }

    /// Does what `housekeeping` does, under its policy.
    pub async fn run_housekeeping(&self) -> Result<()> {
        acting(
            "housekeeping",
            self.directory_of("housekeeping").run_housekeeping(shared::directory::SystemCaller::Housekeeping),
        )
        .await
    }

    /// The first half of it: finishes what removals have left.
    pub async fn cleanup(&self) -> Result<()> {
        acting("housekeeping", self.directory_of("housekeeping").cleanup(shared::directory::SystemCaller::Housekeeping))
            .await
    }

    /// The second half: does what expiration dates ask for.
    pub async fn expire_accounts(&self) -> Result<()> {
        acting(
            "housekeeping",
            self.directory_of("housekeeping").expire_accounts(shared::directory::SystemCaller::Housekeeping),
        )
        .await
    }

    /// Takes all mails that are due from the outbox, as if they had been sent.
    pub async fn forget_mails(&self) {
        for mail in self.directory.due_mails(1000).await.expect("the outbox") {
            self.directory
                .forget_mail(shared::directory::SystemCaller::Outbox, &mail)
                .await
                .expect("an emptier outbox");
        }
    }

    /// The mails that wait, when all requests for new passwords are looked at, which `housekeeping` does.
    pub async fn mails(&self) -> Vec<Mail> {
        let by = shared::directory::SystemCaller::Housekeeping;
        acting("housekeeping", self.directory_of("housekeeping").mail_resets(by))
            .await
            .expect("mails for new passwords");
        self.directory.waiting_mails(1000).await.expect("the outbox")
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
        shared::model::date_text(self.environment.now().plus_seconds(offset * 24 * 60 * 60).date())
    }
}

/// Mailed links begin as `serve` would have it, unless a gateway says otherwise.
pub async fn with_links(mut request: Request) -> Request {
    if request.extensions().get::<LinkBaseUrl>().is_none() {
        request.extensions_mut().insert(LinkBaseUrl("http://rollcall.example".to_owned()));
    }
    request
}
