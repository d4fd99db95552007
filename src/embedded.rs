//! The embedded engine: DynamoDB in this process, the data in a file or in memory.
//!
//! The SDK uses it like DynamoDB, but its requests stay in this process. So nobody else can access the data.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue as Sent;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use dynoxide::errors::DynoxideError;
use dynoxide::types::item_size;
use dynoxide::{AttributeValue, Database, ImportOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::error::Cause;
use shared::store::{BulkWriter, Connection, Item};

/// An engine of this process; clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    database: Database,
    /// The files on disk, if there are any.
    folder: Option<Arc<Folder>>,
    /// Whether no other process has the store open.
    is_alone: bool,
}

/// A store on disk.
struct Folder {
    path: PathBuf,
    /// Whether the store is older than this process.
    has_store: bool,
    /// Locked by every process that has the store open, exclusively or shared.
    lock: File,
    /// The store file. It must be closed after the engine's own handle, because closing it would release the engine's
    /// locks.
    store: File,
}

impl Folder {
    fn open(path: &Path) -> Result<Self, Cause> {
        let cannot = |what: &str, error: &dyn std::fmt::Display| Cause::from(format!("cannot {what}: {error}"));
        // The folder contains password hashes, so only its owner has access.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| cannot(&format!("create the folder {}", path.display()), &error))?;
        let open = |name: &str| {
            let file = path.join(name);
            let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&file);
            opened.map_err(|error| cannot(&format!("open {}", file.display()), &error))
        };
        // The engine creates its other files with the mode of the store.
        for name in [LOCK, STORE, &format!("{STORE}-wal"), &format!("{STORE}-shm")] {
            let file = path.join(name);
            keep_private(&file).map_err(|error| cannot(&format!("make {} private", file.display()), &error))?;
        }
        let lock = open(LOCK)?;
        taken(lock.try_lock_shared(), || format!("an import into {} is running; wait until it ends", path.display()))?;
        let store = open(STORE)?;
        let folder = Self { path: path.to_owned(), has_store: store.metadata()?.len() > 0, lock, store };
        // An interrupted import may have left unsynced data.
        folder.sync()?;
        Ok(folder)
    }

    /// Syncs everything to disk.
    fn sync(&self) -> std::io::Result<()> {
        self.store.sync_all()?;
        // The latest writes are in the log file, unless they are in the store already.
        match File::open(self.path.join(format!("{STORE}-wal"))) {
            Ok(log) => log.sync_all(),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Checks a lock attempt; `others` describes the process that holds the lock.
fn taken(asked: Result<(), TryLockError>, others: impl FnOnce() -> String) -> Result<(), Cause> {
    match asked {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(others().into()),
        Err(TryLockError::Error(error)) => Err(format!("cannot lock the store: {error}").into()),
    }
}

/// How long opening waits for another process that is opening the same store.
const LONGEST_OPENING: Duration = Duration::from_secs(10);
/// The file with the store.
pub const STORE: &str = "rollcall.db";
/// The lock file of the store.
const LOCK: &str = "rollcall.lock";

/// Makes an existing file accessible only to its owner.
///
/// # Errors
/// When others have access, and that cannot be changed.
pub fn keep_private(file: &Path) -> std::io::Result<()> {
    match std::fs::metadata(file) {
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            std::fs::set_permissions(file, Permissions::from_mode(0o600))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

impl Engine {
    /// Opens the store in `folder`, which is created if it does not exist.
    ///
    /// # Errors
    /// When the folder is not usable, or another process has exclusive access.
    pub fn open(folder: &Path) -> Result<Self, Cause> {
        let folder = Folder::open(folder)?;
        let file = folder.path.join(STORE);
        let path = file.to_str().ok_or("ROLLCALL_DATA is not valid UTF-8")?;
        let began = Instant::now();
        let database = loop {
            match Database::new(path) {
                Ok(database) => break database,
                // Another process is just creating the store.
                Err(error) if error.to_string().contains("locked") && began.elapsed() < LONGEST_OPENING => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(error) => return Err(format!("cannot open the store {}: {error}", file.display()).into()),
            }
        };
        Ok(Self { database, folder: Some(Arc::new(folder)), is_alone: false })
    }

    /// An empty engine in memory.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn in_memory() -> Result<Self, Cause> {
        Ok(Self { database: Database::memory()?, folder: None, is_alone: false })
    }

    /// Optimizes for many writes in a row, until [`Engine::finish_bulk_load`], by a process with exclusive access that does one
    /// thing after another. A new store is synced to disk at the end, an existing one now and then, instead of after
    /// every write. A killed process loses nothing; a power failure loses the last writes, and may corrupt a new store.
    ///
    /// # Errors
    /// When another process has the store open.
    pub fn begin_bulk_load(&mut self) -> Result<(), Cause> {
        let is_new = match &self.folder {
            None => true,
            Some(folder) => {
                let others = || format!("{} is open in another process; stop that first", folder.path.display());
                taken(folder.lock.try_lock(), others)?;
                !folder.has_store
            }
        };
        self.is_alone = true;
        if is_new {
            return Ok(self.database.enable_bulk_loading()?);
        }
        // The engine has two settings; this is the one after loading: `synchronous = NORMAL`.
        Ok(self.database.disable_bulk_loading()?)
    }

    /// Syncs everything to disk.
    ///
    /// # Errors
    /// When that fails.
    pub fn finish_bulk_load(&self) -> Result<(), Cause> {
        self.database.disable_bulk_loading()?;
        match &self.folder {
            Some(folder) => Ok(folder.sync()?),
            None => Ok(()),
        }
    }

    /// The store's connection to it.
    pub fn connection(&self) -> Connection {
        let connector = SharedHttpConnector::new(self.clone());
        let http = SharedHttpClient::new(http_client_fn(move |_, _| connector.clone()));
        Connection { http, is_signed: false, ..Connection::local("http://embedded".to_owned()) }
    }

    /// Its bulk write.
    pub fn loader(&self) -> Arc<dyn BulkWriter> {
        Arc::new(self.clone())
    }

    /// Status and body of DynamoDB's response to a request; `target` names the operation, like the header
    /// `X-Amz-Target`. Call it only on threads that may block.
    pub fn respond(&self, target: &str, body: &[u8]) -> (u16, String) {
        let operation = target.rsplit_once('.').map_or(target, |(_, operation)| operation);
        match carry_out(&self.database, operation, body) {
            Ok(body) => (200, body),
            Err(error) => (error.status_code(), error.to_json()),
        }
    }

    /// Deletes expired items, as DynamoDB itself does, and returns how many. It scans the whole table, in small steps
    /// so that other calls can run in between.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn expire(&self) -> Result<usize, Cause> {
        let engine = self.clone();
        Ok(tokio::task::spawn_blocking(move || engine.database.sweep_ttl()).await??)
    }

    /// The engine itself, for direct access.
    pub fn database(&self) -> &Database {
        &self.database
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Engine")
    }
}

impl HttpConnector for Engine {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let engine = self.clone();
        HttpConnectorFuture::new(async move {
            // Calls that are made together begin together, even if the engine needs no time.
            tokio::task::yield_now().await;
            // The engine works on the calling thread, after waiting for all other calls.
            let answered = tokio::task::spawn_blocking(move || {
                let target = request.headers().get("x-amz-target").unwrap_or_default();
                engine.respond(target, request.body().bytes().unwrap_or_default())
            });
            let (status, body) = answered.await.map_err(|error| ConnectorError::other(error.into(), None))?;
            let status = StatusCode::try_from(status).map_err(|error| ConnectorError::other(error.into(), None))?;
            Ok(HttpResponse::new(status, SdkBody::from(body)))
        })
    }
}

fn carry_out(database: &Database, operation: &str, body: &[u8]) -> Result<String, DynoxideError> {
    match operation {
        "BatchGetItem" => with(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => with(body, |request| database.batch_write_item(request)),
        "CreateTable" => with(body, |request| database.create_table(request)),
        "DeleteItem" => with(body, |request| database.delete_item(request)),
        "DescribeTable" => with(body, |request| database.describe_table(request)),
        "DescribeTimeToLive" => with(body, |request| database.describe_time_to_live(request)),
        "GetItem" => with(body, |request| database.get_item(request)),
        "PutItem" => with(body, |request| database.put_item(request)),
        "Query" => with(body, |request| database.query(request)),
        "TransactWriteItems" => with(body, |request| database.transact_write_items(request)),
        "UpdateItem" => with(body, |request| database.update_item(request)),
        "UpdateTimeToLive" => with(body, |request| database.update_time_to_live(request)),
        _ => Err(DynoxideError::ValidationException(format!("{operation} is not supported here"))),
    }
}

/// Parses a request, executes it, and serializes the response.
fn with<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    carry_out: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Result<String, DynoxideError> {
    let request =
        serde_json::from_slice(body).map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
    let response = carry_out(request)?;
    serde_json::to_string(&response).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// Many items in one transaction of the engine, which uses one for each item of a `BatchWriteItem`.
impl BulkWriter for Engine {
    fn load(&self, table: &str, items: Vec<Item>) -> Pin<Box<dyn Future<Output = Result<f64, Cause>> + Send>> {
        let (engine, table) = (self.clone(), table.to_owned());
        Box::pin(async move {
            let loaded = tokio::task::spawn_blocking(move || {
                let items = items.into_iter().map(engine_item).collect::<Result<Vec<_>, _>>()?;
                let units = items.iter().map(write_units).sum();
                engine.database.import_items(&table, items, ImportOptions::default())?;
                Ok(units)
            });
            loaded.await?
        })
    }

    fn has_exclusive_access(&self) -> bool {
        self.is_alone
    }
}

/// One for each started KB.
fn write_units(item: &dynoxide::Item) -> f64 {
    let kilobytes = item_size(item).div_ceil(1024).max(1);
    u32::try_from(kilobytes).map_or(f64::MAX, f64::from)
}

/// Converts an item of the SDK to the engine's form.
fn engine_item(item: Item) -> Result<dynoxide::Item, Cause> {
    item.into_iter().map(|(name, value)| Ok((name, engine_value(value)?))).collect()
}

fn engine_value(value: Sent) -> Result<AttributeValue, Cause> {
    Ok(match value {
        Sent::S(text) => AttributeValue::S(text),
        Sent::N(digits) => AttributeValue::N(digits),
        Sent::B(blob) => AttributeValue::B(blob.into_inner()),
        Sent::Bool(flag) => AttributeValue::BOOL(flag),
        Sent::Null(flag) => AttributeValue::NULL(flag),
        Sent::L(list) => AttributeValue::L(list.into_iter().map(engine_value).collect::<Result<_, _>>()?),
        Sent::M(map) => AttributeValue::M(
            map.into_iter().map(|(name, value)| Ok((name, engine_value(value)?))).collect::<Result<_, Cause>>()?,
        ),
        _ => return Err("unsupported attribute type".into()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};
    use shared::model::ambient::{System, random};

    use super::*;

    #[test]
    fn who_moves_users_in_has_the_store_alone() {
        let folder = std::env::temp_dir().join(format!("rollcall-{:x}", u128::from_ne_bytes(random(&System))));
        let mut first = Engine::open(&folder).expect("an engine");
        let second = Engine::open(&folder).expect("another one");
        let refused = first.begin_bulk_load().expect_err("the other is open").to_string();
        assert!(refused.contains("open in another process"), "{refused}");
        assert!(!first.is_alone);
        drop(second);
        first.begin_bulk_load().expect("nobody else");
        assert!(first.is_alone);
        assert!(Engine::open(&folder).is_err(), "nobody comes in between");
        first.finish_bulk_load().expect("a disk");
        drop(first);
        Engine::open(&folder).expect("an engine again");
        std::fs::remove_dir_all(&folder).expect("a removal");
    }

    #[tokio::test]
    async fn items_cost_what_a_batch_of_them_costs() {
        let engine = Engine::in_memory().expect("an engine");
        let table = json!({
            "TableName": "table",
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }, { "AttributeName": "sk", "KeyType": "RANGE" }],
            "AttributeDefinitions": [
                { "AttributeName": "pk", "AttributeType": "S" }, { "AttributeName": "sk", "AttributeType": "S" },
            ],
            "BillingMode": "PAY_PER_REQUEST",
        });
        engine.database.create_table(from_value(table).expect("a request")).expect("a table");
        // `pk` and `sk` take two bytes plus their content, `text` four.
        let texts = [0, 1, 1014, 1015, 3000].map(|length| "x".repeat(length));
        let keys = ["a", "b", "c", "d", "e"];
        let item = |(key, text): (&str, &String)| {
            let attributes = [("pk", "p"), ("sk", key), ("text", text)];
            attributes.map(|(name, text)| (name.to_owned(), Sent::S(text.to_owned()))).into_iter().collect()
        };
        let units =
            engine.loader().load("table", keys.into_iter().zip(&texts).map(item).collect()).await.expect("units");
        assert!((units - 8.0).abs() < f64::EPSILON, "{units}");

        let put = |(key, text): (&str, &String)| -> Value {
            json!({ "PutRequest": { "Item": { "pk": { "S": "q" }, "sk": { "S": key }, "text": { "S": text } } } })
        };
        let puts: Vec<Value> = keys.into_iter().zip(&texts).map(put).collect();
        let batch = json!({ "RequestItems": { "table": puts }, "ReturnConsumedCapacity": "TOTAL" });
        let told = engine.database.batch_write_item(from_value(batch).expect("a request")).expect("an answer");
        let capacity = told.consumed_capacity.expect("what it cost");
        assert!((capacity[0].capacity_units - units).abs() < f64::EPSILON, "{capacity:?}");
    }
}
