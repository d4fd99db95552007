//! The embedded engine: DynamoDB in this process, the data in a file or in memory.
//!
//! The SDK calls it as it calls DynamoDB, only that its requests are not sent anywhere. So nobody else reaches the data.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

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
use shared::store::{Connection, Item, Loader};

/// An engine of this process; clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    database: Database,
    /// What is on the disk, if anything is.
    folder: Option<Arc<Folder>>,
    /// Whether no other process has the store open.
    is_alone: bool,
}

/// A store on the disk.
struct Folder {
    path: PathBuf,
    /// Whether the store is older than this process.
    has_store: bool,
    /// Locked by all who have the store open: for themselves, or together with others.
    lock: File,
    /// The store itself. It must not be closed before the engine has closed it, whose locks would go with it.
    store: File,
}

impl Folder {
    fn open(path: &Path) -> Result<Self, Cause> {
        let cannot = |what: &str, error: &dyn std::fmt::Display| Cause::from(format!("cannot {what}: {error}"));
        // Password hashes lie there, so the folder is its owner's alone.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| cannot(&format!("make the folder {}", path.display()), &error))?;
        let open = |name: &str| {
            let file = path.join(name);
            let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&file);
            opened.map_err(|error| cannot(&format!("open {}", file.display()), &error))
        };
        let lock = open("rollcall.lock")?;
        taken(lock.try_lock_shared(), || format!("users move in to {}; wait for the end of that", path.display()))?;
        let store = open(STORE)?;
        let folder = Self { path: path.to_owned(), has_store: store.metadata()?.len() > 0, lock, store };
        // An import that was killed may have left that to be done.
        folder.sync()?;
        Ok(folder)
    }

    /// Brings everything to the disk.
    fn sync(&self) -> std::io::Result<()> {
        self.store.sync_all()?;
        // What was written last is in the log beside it, unless that is in the store already.
        match File::open(self.path.join(format!("{STORE}-wal"))) {
            Ok(log) => log.sync_all(),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// A lock that was asked for; if others have it, what they do.
fn taken(asked: Result<(), TryLockError>, others: impl FnOnce() -> String) -> Result<(), Cause> {
    match asked {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(others().into()),
        Err(TryLockError::Error(error)) => Err(format!("cannot lock the store: {error}").into()),
    }
}

/// The file that holds the store.
pub const STORE: &str = "rollcall.db";

impl Engine {
    /// Opens the store in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process has the store for itself.
    pub fn open(folder: &Path) -> Result<Self, Cause> {
        let folder = Folder::open(folder)?;
        let file = folder.path.join(STORE);
        let path = file.to_str().ok_or("ROLLCALL_DATA should be a path in UTF-8")?;
        let opened = Database::new(path).map_err(|error| format!("cannot open the store {}: {error}", file.display()));
        Ok(Self { database: opened?, folder: Some(Arc::new(folder)), is_alone: false })
    }

    /// An empty engine that keeps everything in memory.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn in_memory() -> Result<Self, Cause> {
        Ok(Self { database: Database::memory()?, folder: None, is_alone: false })
    }

    /// For many writes in a row, until [`Engine::settle`], by a process that alone has the store, and does one thing after
    /// another. A new store is brought to the disk at the end, another one now and then, in place of at every write:
    /// a process that is killed loses nothing; a loss of power costs the last writes, and may spoil a store that was new.
    ///
    /// # Errors
    /// When another process has the store open.
    pub fn hurry(&mut self) -> Result<(), Cause> {
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
        // Of the engine's two settings, the one that it calls the end of loading: `synchronous = NORMAL`.
        Ok(self.database.disable_bulk_loading()?)
    }

    /// Brings everything to the disk.
    ///
    /// # Errors
    /// When that fails.
    pub fn settle(&self) -> Result<(), Cause> {
        self.database.disable_bulk_loading()?;
        match &self.folder {
            Some(folder) => Ok(folder.sync()?),
            None => Ok(()),
        }
    }

    /// How the store reaches it.
    pub fn connection(&self) -> Connection {
        let connector = SharedHttpConnector::new(self.clone());
        let http = SharedHttpClient::new(http_client_fn(move |_, _| connector.clone()));
        Connection { http, ..Connection::local("http://embedded".to_owned()) }
    }

    /// Its way to take many items at once.
    pub fn loader(&self) -> Arc<dyn Loader> {
        Arc::new(self.clone())
    }

    /// The engine itself, for what is not asked of it through the SDK.
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
            // The engine answers on the thread that asks, after it has waited for all others.
            let answered = tokio::task::spawn_blocking(move || answer(&engine.database, &request)).await;
            let (status, body) = answered.map_err(|error| ConnectorError::other(error.into(), None))?;
            let status = StatusCode::try_from(status).map_err(|error| ConnectorError::other(error.into(), None))?;
            Ok(HttpResponse::new(status, SdkBody::from(body)))
        })
    }
}

/// Status and body that DynamoDB would send.
fn answer(database: &Database, request: &HttpRequest) -> (u16, String) {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let operation = target.rsplit_once('.').map_or(target, |(_, operation)| operation);
    match carry_out(database, operation, request.body().bytes().unwrap_or_default()) {
        Ok(body) => (200, body),
        Err(error) => (error.status_code(), error.to_json()),
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
        _ => Err(DynoxideError::ValidationException(format!("{operation} is not asked of the engine here"))),
    }
}

/// Reads a request, has it carried out, and writes the answer down.
fn with<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    carry_out: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Result<String, DynoxideError> {
    let request =
        serde_json::from_slice(body).map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
    let answer = carry_out(request)?;
    serde_json::to_string(&answer).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// Many items in one transaction of the engine, which carries out each item of a `BatchWriteItem` in one of its own.
impl Loader for Engine {
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

    fn is_sole_writer(&self) -> bool {
        self.is_alone
    }
}

/// One for each KB that is begun.
fn write_units(item: &dynoxide::Item) -> f64 {
    let kilobytes = item_size(item).div_ceil(1024).max(1);
    u32::try_from(kilobytes).map_or(f64::MAX, f64::from)
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};
    use shared::ambient::{System, random};

    use super::*;

    #[test]
    fn who_moves_users_in_has_the_store_alone() {
        let folder = std::env::temp_dir().join(format!("rollcall-{:x}", u128::from_ne_bytes(random(&System))));
        let mut first = Engine::open(&folder).expect("an engine");
        let second = Engine::open(&folder).expect("another one");
        let refused = first.hurry().expect_err("the other is open").to_string();
        assert!(refused.contains("open in another process"), "{refused}");
        assert!(!first.is_alone);
        drop(second);
        first.hurry().expect("nobody else");
        assert!(first.is_alone);
        assert!(Engine::open(&folder).is_err(), "nobody comes in between");
        first.settle().expect("a disk");
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
        // `pk` and `sk` take two bytes and what they hold, `text` four.
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
