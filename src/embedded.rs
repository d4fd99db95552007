//! The embedded engine: DynamoDB's wire on a loopback port, the data in a file.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use shared::error::Cause;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running engine.
pub struct Engine {
    /// Where it listens.
    pub address: SocketAddr,
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
        let database = dynoxide::Database::new(path)
            .map_err(|error| cannot(&format!("open the store {}", file.display()), &error))?;
        let listener =
            TcpListener::bind(listen).await.map_err(|error| cannot(&format!("listen on {listen}"), &error))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, async {
            // An engine whose owner is gone stops too.
            let _ = stopped.await;
        }));
        Ok(Self { address, task, stop })
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
