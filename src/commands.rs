//! What can be said on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use rollcall::import::Format;

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
    /// Take in users, groups and organizations from a file that another directory has written.
    ///
    /// Ids, password hashes, dates and memberships are kept. What is here already is left as it is, what contradicts it is
    /// told and left out, so the same file may be taken in again, after a crash too.
    Import(Import),
    /// Write down everything, one JSON record a line, for `rollcall import rollcall`.
    ///
    /// Hashes of passwords and API tokens stand in it: keep it as secret as the directory.
    Export {
        /// Where to; without it, standard output.
        file: Option<PathBuf>,
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

/// What to take in.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// What wrote the file.
    #[arg(value_enum)]
    pub format: Format,
    /// The file.
    pub file: PathBuf,
    /// Tell what would become of it, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Use DynamoDB in AWS (or at `AWS_ENDPOINT_URL_DYNAMODB`) in place of the store on disk.
    #[arg(long)]
    pub aws: bool,
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
