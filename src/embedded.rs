//! The embedded engine: DynamoDB's wire on a loopback port, the data in a file.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue as Sent;
use dynoxide::{AttributeValue, Database, ImportOptions};
use shared::error::Cause;
use shared::store::{Item, Loader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running engine.
pub struct Engine {
    /// Where it listens.
    pub address: SocketAddr,
    database: Database,
    task: JoinHandle<Result<(), String>>,
    stop: tokio::sync::oneshot::Sender<()>,
}

impl Engine {
    /// Opens the store in `folder`, which is made if it is not there, and listens.
    ///
    /// # Errors
    /// When the folder or the port cannot be used.
    pub async fn start(folder: &Path, listen: SocketAddr) -> Result<Self, Cause> {
        let cannot = |what: &str, error: &dyn std::fmt::Display| Cause::from(format!("cannot {what}: {error}"));
        // Password hashes lie there, so the folder is its owner's alone.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| cannot(&format!("make the folder {}", folder.display()), &error))?;
        let file = folder.join("rollcall.db");
        let path = file.to_str().ok_or("ROLLCALL_DATA should be a path in UTF-8")?;
        let database =
            Database::new(path).map_err(|error| cannot(&format!("open the store {}", file.display()), &error))?;
        Self::serve(database, listen).await
    }

    /// An empty engine that keeps everything in memory.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn in_memory() -> Result<Self, Cause> {
        Self::serve(Database::memory()?, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    async fn serve(database: Database, listen: SocketAddr) -> Result<Self, Cause> {
        let listener =
            TcpListener::bind(listen).await.map_err(|error| format!("cannot listen on {listen}: {error}"))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database.clone(), async {
            // An engine whose owner is gone stops too.
            let _ = stopped.await;
        }));
        Ok(Self { address, database, task, stop })
    }

    /// For many writes in a row: from now on the file is brought to the disk now and then, in place of at every write.
    /// A killed process loses nothing, and a loss of power the last writes alone.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn hurry(&self) -> Result<(), Cause> {
        // Of the engine's two settings, the one that it calls the end of loading: `synchronous = NORMAL`.
        Ok(self.database.disable_bulk_loading()?)
    }

    /// Its way to take many items at once.
    pub fn loader(&self) -> Arc<dyn Loader> {
        Arc::new(Direct(self.database.clone()))
    }

    /// `http://127.0.0.1:8000`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening, after the requests that are under way.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// Many items in one transaction of the engine, which carries out each item of a `BatchWriteItem` in one of its own.
struct Direct(Database);

impl Loader for Direct {
    fn load(&self, table: &str, items: Vec<Item>) -> std::pin::Pin<Box<dyn Future<Output = Result<(), Cause>> + Send>> {
        let (database, table) = (self.0.clone(), table.to_owned());
        Box::pin(async move {
            let loaded = tokio::task::spawn_blocking(move || {
                let mut items = items.into_iter().map(engine_item).collect::<Result<Vec<_>, _>>()?;
                // Neighbours lie on the same pages of the file.
                items.sort_by(|a, b| keys_of(a).cmp(&keys_of(b)));
                database.import_items(&table, items, ImportOptions::default()).map(drop).map_err(Cause::from)
            });
            loaded.await?
        })
    }
}

fn keys_of(item: &dynoxide::Item) -> [Option<&String>; 2] {
    ["pk", "sk"].map(|name| match item.get(name) {
        Some(AttributeValue::S(text)) => Some(text),
        _ => None,
    })
}

/// An item of the SDK in the engine's form.
fn engine_item(item: Item) -> Result<dynoxide::Item, Cause> {
    item.into_iter().map(|(name, value)| Ok((name, engine_value(value)?))).collect()
}

fn engine_value(value: Sent) -> Result<AttributeValue, Cause> {
    Ok(match value {
        Sent::S(text) => AttributeValue::S(text),
        Sent::N(digits) => AttributeValue::N(digits),
        Sent::Bool(flag) => AttributeValue::BOOL(flag),
        Sent::Null(flag) => AttributeValue::NULL(flag),
        Sent::L(list) => AttributeValue::L(list.into_iter().map(engine_value).collect::<Result<_, _>>()?),
        Sent::M(map) => AttributeValue::M(
            map.into_iter().map(|(name, value)| Ok((name, engine_value(value)?))).collect::<Result<_, Cause>>()?,
        ),
        _ => return Err("an attribute of a kind that no item here has".into()),
    })
}
