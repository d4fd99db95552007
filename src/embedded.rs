//! The embedded engine: DynamoDB's wire on a loopback port, the data in a file.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue as Sent;
use dynoxide::types::item_size;
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
    fn load(&self, table: &str, items: Vec<Item>) -> Pin<Box<dyn Future<Output = Result<f64, Cause>> + Send>> {
        let (database, table) = (self.0.clone(), table.to_owned());
        Box::pin(async move {
            let loaded = tokio::task::spawn_blocking(move || {
                let mut items = items.into_iter().map(engine_item).collect::<Result<Vec<_>, _>>()?;
                // Neighbours lie on the same pages of the file.
                items.sort_by_cached_key(keys_of);
                let units = items.iter().map(write_units).sum();
                database.import_items(&table, items, ImportOptions::default())?;
                Ok(units)
            });
            loaded.await?
        })
    }
}

/// One for each KB that is begun.
fn write_units(item: &dynoxide::Item) -> f64 {
    let kilobytes = item_size(item).div_ceil(1024).max(1);
    u32::try_from(kilobytes).map_or(f64::MAX, f64::from)
}

fn keys_of(item: &dynoxide::Item) -> [Option<String>; 2] {
    ["pk", "sk"].map(|name| match item.get(name) {
        Some(AttributeValue::S(text)) => Some(text.clone()),
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    #[tokio::test]
    async fn items_cost_what_a_batch_of_them_costs() {
        let engine = Engine::in_memory().await.expect("an engine");
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
