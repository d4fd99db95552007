//! What can be said on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// A user directory that speaks the APIs of OpenWISP Users, OpenL2M and Soltra Edge.
///
/// Settings are environment variables; the README lists them.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Arguments {
    /// What to do; without it, `serve`.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the whole API on one port, from a store on disk.
    Serve {
        /// Use DynamoDB in AWS (or at `AWS_ENDPOINT_URL_DYNAMODB`) in place of the store on disk.
        #[arg(long)]
        aws: bool,
    },
    /// Run the store on disk alone, as a DynamoDB endpoint for functions under `cargo lambda watch`.
    Dynamodb {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:8000")]
        listen: SocketAddr,
    },
    /// Make a superuser, in the store on disk or, with --aws, in DynamoDB.
    CreateSuperuser(CreateSuperuser),
    /// Write the search index again, from the users; stopped, it goes on where it was.
    Reindex {
        /// Use DynamoDB in AWS (or at `AWS_ENDPOINT_URL_DYNAMODB`) in place of the store on disk.
        #[arg(long)]
        aws: bool,
    },
    /// Print a new set of signing keys (a secret!), to be kept where `ROLLCALL_SIGNING_KEYS` says.
    SigningKeys {
        /// A file with the present keys: the newest stays good for verifying.
        #[arg(long, value_name = "FILE")]
        rotate: Option<PathBuf>,
    },
}

/// Whom to make.
#[derive(Debug, clap::Args)]
pub struct CreateSuperuser {
    /// User name.
    pub username: String,
    /// E-mail address, which counts as verified.
    #[arg(long)]
    pub email: Option<String>,
    /// Use DynamoDB in AWS (or at `AWS_ENDPOINT_URL_DYNAMODB`) in place of the store on disk.
    #[arg(long)]
    pub aws: bool,
}

impl Default for Command {
    fn default() -> Self {
        Self::Serve { aws: false }
    }
}
