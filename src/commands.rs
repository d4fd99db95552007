//! Command-line arguments.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use rollcall::import::Format;

/// The version, and how the program was built: development builds are slower.
const VERSION: &str = if cfg!(debug_assertions) {
    concat!(env!("CARGO_PKG_VERSION"), " (development build)")
} else {
    concat!(env!("CARGO_PKG_VERSION"), " (release build)")
};

/// A user directory that speaks the APIs of OpenWISP Users, OpenL2M and Soltra Edge, and SCIM 2.0.
///
/// Settings are environment variables; `docs/operating.md` lists them.
#[derive(Debug, Parser)]
#[command(version = VERSION)]
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
    /// Create an API token for a user, for a program that keeps it for long, and print it.
    CreateToken(CreateToken),
    /// Give users the staff role of the Edge API, which lets them manage its users.
    ///
    /// The role is separate from the staff flag of OpenWISP and OpenL2M. Superusers and Edge staff grant it through the Edge
    /// API; use this command for the first one.
    EdgeStaff(EdgeStaff),
    /// Let users sign in from every network again.
    ///
    /// After 100 consecutive failures, a user can sign in only from networks used successfully in the last 90 days.
    Unlock(Unlock),
    /// Print events (who changed what, when, and through what), one JSON object per line, oldest first.
    Events(Events),
    /// List deleted users, restore or purge them.
    ///
    /// A deleted user can be restored for `ROLLCALL_DELETED_RETENTION`, unless purged before.
    Deleted(Deleted),
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
    /// The export contains hashes of passwords and API tokens: keep it as secret as the directory. It does not contain
    /// deleted users.
    Export(Export),
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

/// Arguments of `events`.
#[derive(Debug, clap::Args)]
pub struct Events {
    /// Only events after this cursor, which every event has.
    #[arg(long)]
    pub after: Option<String>,
    /// Only events that happened to this: `user:<id>`, `group:<number>`, `organization:<id>` or `directory`.
    #[arg(long)]
    pub target: Option<String>,
    /// Only events that the user with this id caused.
    #[arg(long)]
    pub actor: Option<String>,
    /// Only these actions, separated by commas, such as `user.created`.
    #[arg(long)]
    pub action: Option<String>,
    /// Only events that happened at this time or later, such as `2026-01-31T00:00:00Z`.
    #[arg(long)]
    pub since: Option<String>,
    /// Only events that happened before this time.
    #[arg(long)]
    pub until: Option<String>,
    /// Wait for further events.
    #[arg(long)]
    pub follow: bool,
    /// Check instead that nothing was changed, removed or added in the log since it was written.
    ///
    /// Exit status: 0 if the log is intact, 2 if not.
    #[arg(long, conflicts_with_all = ["after", "target", "actor", "action", "since", "until", "follow"])]
    pub verify: bool,
    /// Use DynamoDB in AWS (or at `AWS_ENDPOINT_URL_DYNAMODB`) instead of the store on disk.
    #[arg(long)]
    pub aws: bool,
}

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "options of the command line")]
pub struct Import {
    /// The system that wrote the file.
    #[arg(value_enum)]
    pub format: Format,
    /// The file to import.
    pub file: PathBuf,
    /// Report what an import would do, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Import the event log too, if the export has one and the directory has no events yet.
    #[arg(long)]
    pub events: bool,
    /// Record an event for each created record, beside the one of the import.
    #[arg(long)]
    pub event_per_record: bool,
    /// Use DynamoDB in AWS (or at `AWS_ENDPOINT_URL_DYNAMODB`) instead of the store on disk.
    #[arg(long)]
    pub aws: bool,
}

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// File to create; standard output by default.
    pub file: Option<PathBuf>,
    /// Export everything that is stored about the user of that name, without secrets, as one JSON document.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["events", "event_per_record"])]
    pub user: Option<String>,
    /// Export the event log too.
    #[arg(long)]
    pub events: bool,
    /// Record an event for each exported user, beside the one of the export.
    #[arg(long)]
    pub event_per_record: bool,
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

/// Arguments of `create-token`.
#[derive(Debug, clap::Args)]
pub struct CreateToken {
    /// User name.
    pub username: String,
    /// What the token is for.
    #[arg(long)]
    pub title: String,
    /// The last day on which it works, YYYY-MM-DD; in 365 days by default.
    #[arg(long, value_name = "DAY")]
    pub expires: Option<String>,
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

/// Arguments of `deleted`.
#[derive(Debug, clap::Args)]
pub struct Deleted {
    /// What to do; `list` by default.
    #[command(subcommand)]
    pub act: Option<DeletedAct>,
    /// Use DynamoDB in AWS (or at `AWS_ENDPOINT_URL_DYNAMODB`) instead of the store on disk.
    #[arg(long, global = true)]
    pub aws: bool,
}

/// What `deleted` does.
#[derive(Debug, Subcommand)]
pub enum DeletedAct {
    /// List deleted users, the last deleted first.
    List,
    /// Bring a deleted user back. Tokens and sessions stay ended.
    Restore {
        /// The id, as `list` shows it.
        id: String,
    },
    /// Delete everything that is left of a deleted user, for good.
    Purge {
        /// The id, as `list` shows it.
        id: String,
    },
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
