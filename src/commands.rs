//! Command-line arguments.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use rollcall::import::Format;

/// A user directory that speaks the APIs of OpenWISP Users, OpenL2M and Soltra Edge.
///
/// Settings are environment variables; `docs/operating.md` lists them.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Arguments {
    /// The command to run; `serve` by default.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the whole API on one port, with a store on disk.
    Serve {
        /// Use DynamoDB in AWS (or at `AWS_ENDPOINT_URL_DYNAMODB`) instead of the store on disk.
        #[arg(long)]
        aws: bool,
    },
    /// Serve only the store on disk, as a DynamoDB endpoint for functions under `cargo lambda watch`.
    Dynamodb {
        /// Address and port to listen on.
        #[arg(long, default_value = "127.0.0.1:8000")]
        listen: SocketAddr,
    },
    /// Create a superuser in the store on disk or, with --aws, in DynamoDB.
    CreateSuperuser(CreateSuperuser),
    /// Give users the staff role of the Edge API, which lets them manage its users.
    ///
    /// The role is separate from the staff flag of OpenWISP and OpenL2M. Superusers and Edge staff grant it through the Edge
    /// API; use this command for the first one.
    EdgeStaff(EdgeStaff),
    /// Let users sign in from every network again.
    ///
    /// After 100 consecutive failures, a user can sign in only from networks used successfully in the last 90 days.
    Unlock(Unlock),
    /// Rebuild the search index; safe while servers run, and resumes if interrupted.
    Reindex {
        /// Use DynamoDB in AWS (or at `AWS_ENDPOINT_URL_DYNAMODB`) instead of the store on disk.
        #[arg(long)]
        aws: bool,
    },
    /// Import users, groups and organizations from a file written by another directory.
    ///
    /// Ids, password hashes, dates and memberships are kept. Existing records are never overwritten; conflicting rows are
    /// reported and skipped. You can import the same file again, for example after a crash.
    ///
    /// Exit status: 0 if everything in the file is here now, 2 if something was skipped (each with a message), 1 if nothing
    /// was done or the store failed. --dry-run returns the status that the import would have.
    Import(Import),
    /// Export everything, one JSON record per line, for `rollcall import rollcall`.
    ///
    /// The export contains hashes of passwords and API tokens: keep it as secret as the directory.
    Export {
        /// File to create; standard output by default.
        file: Option<PathBuf>,
        /// Use DynamoDB in AWS (or at `AWS_ENDPOINT_URL_DYNAMODB`) instead of the store on disk.
        #[arg(long)]
        aws: bool,
    },
    /// Print a new set of signing keys (a secret!); store it where `ROLLCALL_SIGNING_KEYS` points to.
    SigningKeys {
        /// File with the current keys; the newest of them stays valid for verification.
        #[arg(long, value_name = "FILE")]
        rotate: Option<PathBuf>,
        /// File to create with the public keys (not a secret); store it where `ROLLCALL_VERIFYING_KEYS` points to. If the file
        /// exists, it is not changed and no keys are printed.
        #[arg(long, value_name = "FILE")]
        public: Option<PathBuf>,
    },
}

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// The system that wrote the file.
    #[arg(value_enum)]
    pub format: Format,
    /// The file to import.
    pub file: PathBuf,
    /// Report what an import would do, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Use DynamoDB in AWS (or at `AWS_ENDPOINT_URL_DYNAMODB`) instead of the store on disk.
    #[arg(long)]
    pub aws: bool,
}

/// Arguments of `create-superuser`.
#[derive(Debug, clap::Args)]
pub struct CreateSuperuser {
    /// User name.
    pub username: String,
    /// E-mail address; it counts as verified.
    #[arg(long)]
    pub email: Option<String>,
    /// Use DynamoDB in AWS (or at `AWS_ENDPOINT_URL_DYNAMODB`) instead of the store on disk.
    #[arg(long)]
    pub aws: bool,
}

/// Arguments of `edge-staff`.
#[derive(Debug, clap::Args)]
pub struct EdgeStaff {
    /// User names.
    #[arg(required = true)]
    pub usernames: Vec<String>,
    /// Remove the role instead of giving it.
    #[arg(long)]
    pub revoke: bool,
    /// Use DynamoDB in AWS (or at `AWS_ENDPOINT_URL_DYNAMODB`) instead of the store on disk.
    #[arg(long)]
    pub aws: bool,
}

/// Arguments of `unlock`.
#[derive(Debug, clap::Args)]
pub struct Unlock {
    /// User names.
    #[arg(required = true)]
    pub usernames: Vec<String>,
    /// Use DynamoDB in AWS (or at `AWS_ENDPOINT_URL_DYNAMODB`) instead of the store on disk.
    #[arg(long)]
    pub aws: bool,
}

impl Default for Command {
    fn default() -> Self {
        Self::Serve { aws: false }
    }
}
