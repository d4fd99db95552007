//! The engines that tests run on: one embedded in memory for every test, or Amazon's own.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, TimeToLiveSpecification, WriteRequest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::{Database, ImportOptions, Item};
use rollcall::dynamodb_endpoint::{self, AccessKey};
use rollcall::embedded;
use rollcall::http_server::{self, Limits};
use serde_json::{Value, json};
use shared::Directory;
use shared::model::ambient::{System, random};
use shared::store::Connection;

/// Names a DynamoDB Local on which the tests shall run.
const AMAZONS: &str = "ROLLCALL_TEST_DYNAMODB";

/// An engine that no other test uses.
#[derive(Clone)]
pub enum Engine {
    /// In this process and in memory; ends with the test.
    Embedded(embedded::Engine),
    /// Amazon's, on which each test has a table of its own.
    Amazons {
        /// Its address.
        endpoint: String,
        /// The table, removed when no part of the test needs it any more.
        table: Arc<OwnTable>,
    },
}

/// The name of a table on Amazon's engine.
pub struct OwnTable {
    name: String,
    endpoint: String,
}

impl Drop for OwnTable {
    fn drop(&mut self) {
        // Not every test makes its table.
        let removal = async {
            client(Connection::local(self.endpoint.clone())).delete_table().table_name(&self.name).send().await.is_ok()
        };
        apart(removal);
    }
}

impl Engine {
    /// An empty one, of the kind that the environment names.
    #[expect(clippy::disallowed_methods, reason = "asked of whoever runs the tests")]
    pub fn start() -> Self {
        if let Ok(endpoint) = std::env::var(AMAZONS) {
            let name = format!("rollcall-{:x}", u128::from_ne_bytes(random(&System)));
            return Self::Amazons { table: Arc::new(OwnTable { name, endpoint: endpoint.clone() }), endpoint };
        }
        Self::Embedded(embedded::Engine::in_memory().expect("an engine"))
    }

    /// An address where it listens, for other processes.
    pub async fn listen(&self) -> String {
        match self {
            Self::Embedded(engine) => {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
                let address = listener.local_addr().expect("an address");
                let local = || "local".to_owned();
                let key = AccessKey { id: local(), secret: local() };
                let app = dynamodb_endpoint::router(engine.clone(), key, address);
                let ever = std::future::pending::<()>();
                tokio::spawn(http_server::serve(listener, app, Limits::of_network(), |_| true, ever));
                format!("http://{address}")
            }
            Self::Amazons { endpoint, .. } => endpoint.clone(),
        }
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        match self {
            Self::Embedded(_) => "rollcall",
            Self::Amazons { table, .. } => &table.name,
        }
    }

    /// Where the scripted randomness begins. Amazon's engine knows the transactions of all tests by their tokens, so no
    /// two may draw the same.
    pub fn seed(&self) -> u64 {
        match self {
            Self::Embedded(_) => 0,
            Self::Amazons { .. } => u64::from_ne_bytes(random(&System)),
        }
    }

    /// How the store reaches it.
    pub fn connection(&self) -> Connection {
        match self {
            Self::Embedded(engine) => engine.connection(),
            Self::Amazons { endpoint, .. } => Connection::local(endpoint.clone()),
        }
    }

    /// A directory as a process has it that alone writes to the embedded engine; Amazon's has no such way.
    pub fn alone(&self, directory: &Directory) -> Option<Directory> {
        let Self::Embedded(engine) = self else { return None };
        let mut engine = engine.clone();
        engine.begin_bulk_load().expect("nobody else");
        Some(directory.clone().with_bulk_writer(engine.loader()))
    }

    /// A client of the SDK, for what the store does not do.
    pub fn client(&self) -> Client {
        client(self.connection())
    }

    /// Everything that is stored.
    pub fn items(&self) -> Vec<Item> {
        match self {
            Self::Embedded(engine) => items_in(engine.database()),
            Self::Amazons { .. } => apart(async {
                let pages = self.client().scan().table_name(self.table()).consistent_read(true).into_paginator();
                let items = pages.items().send().try_collect().await.expect("a scan");
                items.into_iter().map(item_of).collect()
            }),
        }
    }

    /// Puts items into the table behind the store's back.
    pub fn put(&self, items: Vec<Item>) {
        match self {
            Self::Embedded(engine) => {
                engine.database().import_items(self.table(), items, ImportOptions::default()).expect("an import");
            }
            Self::Amazons { .. } => apart(async {
                let client = self.client();
                for some in items.chunks(25) {
                    let put = |item: &Item| PutRequest::builder().set_item(Some(attributes(item))).build();
                    let put = |item| WriteRequest::builder().put_request(put(item).expect("a put")).build();
                    let write = client.batch_write_item().request_items(self.table(), some.iter().map(put).collect());
                    let left = write.send().await.expect("writes").unprocessed_items.unwrap_or_default();
                    assert!(left.is_empty(), "not all was written");
                }
            }),
        }
    }

    /// Takes an item out behind the store's back.
    pub fn delete(&self, key: HashMap<String, AttributeValue>) {
        match self {
            Self::Embedded(engine) => {
                let request = json!({ "TableName": self.table(), "Key": item_of(key) });
                engine.database().delete_item(serde_json::from_value(request).expect("a request")).expect("a removal");
            }
            Self::Amazons { .. } => apart(async {
                let delete = self.client().delete_item().table_name(self.table()).set_key(Some(key));
                delete.send().await.expect("a removal");
            }),
        }
    }

    /// Has Amazon's engine keep what has expired: it goes by the real clock, and the tests' clock stands elsewhere.
    pub async fn keep_expired(&self) {
        if let Self::Amazons { .. } = self {
            let off = TimeToLiveSpecification::builder().enabled(false).attribute_name("expires").build();
            let update = self.client().update_time_to_live().table_name(self.table());
            update.time_to_live_specification(off.expect("a setting")).send().await.expect("a table that keeps all");
        }
    }

    /// The attribute after which items expire.
    pub async fn expiry_attribute(&self) -> Option<String> {
        let described = self.client().describe_time_to_live().table_name(self.table()).send().await;
        described.expect("a description").time_to_live_description?.attribute_name
    }
}

/// Everything in an embedded engine.
pub fn items_in(database: &Database) -> Vec<Item> {
    let mut items = Vec::new();
    let mut start = None;
    loop {
        let request = ScanRequest {
            table_name: "rollcall".to_owned(),
            consistent_read: Some(true),
            exclusive_start_key: start,
            ..ScanRequest::default()
        };
        let page = database.scan(request).expect("a scan");
        items.extend(page.items.unwrap_or_default());
        start = page.last_evaluated_key;
        if start.is_none() {
            return items;
        }
    }
}

/// An item of the SDK in the engine's form.
#[expect(clippy::implicit_hasher, reason = "maps of the SDK use the default hasher")]
pub fn item_of(attributes: HashMap<String, AttributeValue>) -> Item {
    let attributes = attributes.into_iter().map(|(name, attribute)| (name, value_of(attribute)));
    serde_json::from_value(attributes.collect::<serde_json::Map<_, _>>().into()).expect("an item")
}

fn value_of(attribute: AttributeValue) -> Value {
    match attribute {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(digits) => json!({ "N": digits }),
        AttributeValue::B(blob) => json!({ "B": STANDARD.encode(blob.as_ref()) }),
        AttributeValue::Bool(flag) => json!({ "BOOL": flag }),
        AttributeValue::Null(_) => json!({ "NULL": true }),
        AttributeValue::Ss(texts) => json!({ "SS": texts }),
        AttributeValue::L(list) => json!({ "L": list.into_iter().map(value_of).collect::<Vec<_>>() }),
        AttributeValue::M(map) => {
            let map = map.into_iter().map(|(name, attribute)| (name, value_of(attribute)));
            json!({ "M": map.collect::<serde_json::Map<_, _>>() })
        }
        other => panic!("{other:?} is not expected"),
    }
}

/// The SDK's form of an item.
fn attributes(item: &Item) -> HashMap<String, AttributeValue> {
    item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

fn attribute(value: &dynoxide::AttributeValue) -> AttributeValue {
    match value {
        dynoxide::AttributeValue::S(text) => AttributeValue::S(text.clone()),
        dynoxide::AttributeValue::N(digits) => AttributeValue::N(digits.clone()),
        dynoxide::AttributeValue::B(bytes) => AttributeValue::B(Blob::new(bytes.clone())),
        dynoxide::AttributeValue::BOOL(flag) => AttributeValue::Bool(*flag),
        dynoxide::AttributeValue::NULL(_) => AttributeValue::Null(true),
        dynoxide::AttributeValue::SS(texts) => AttributeValue::Ss(texts.clone()),
        dynoxide::AttributeValue::L(list) => AttributeValue::L(list.iter().map(attribute).collect()),
        dynoxide::AttributeValue::M(map) => AttributeValue::M(attributes(map)),
        other => panic!("{other:?} is not expected"),
    }
}

fn client(connection: Connection) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(connection.region))
        .credentials_provider(connection.credentials)
        .endpoint_url(connection.endpoint.expect("an endpoint"))
        .http_client(connection.http)
        .build();
    Client::from_conf(config)
}

/// Waits for work with Amazon's engine where nothing can be awaited. The embedded one would wait for this thread.
fn apart<T: Send>(work: impl Future<Output = T> + Send) -> T {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    std::thread::scope(|scope| scope.spawn(|| runtime().block_on(work)).join().expect("no panic"))
}
