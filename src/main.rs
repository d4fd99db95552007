//! The command line.

mod commands;
mod connection;
mod create_superuser;
mod dynamodb;
mod housekeeping;
mod mail;
mod moving;
mod reindex;
mod serve;
mod signing_keys;

use std::process::ExitCode;

use clap::Parser as _;
use shared::config::Config;
use shared::error::Cause;

use self::commands::{Arguments, Command};

/// The store makes and drops many small texts, on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rollcall: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Cause> {
    let config = Config::from_environment()?;
    log_for_people(&config);
    match arguments.command.unwrap_or_default() {
        Command::Serve { aws } => serve::run(&config, aws).await,
        Command::Dynamodb { listen } => dynamodb::run(&config, listen).await,
        Command::CreateSuperuser(options) => create_superuser::run(&config, options).await,
        Command::Reindex { aws } => reindex::run(&config, aws).await,
        Command::Import(options) => moving::take_in(&config, options).await,
        Command::Export { file, aws } => moving::write_down(&config, file.as_deref(), aws).await,
        Command::SigningKeys { rotate } => signing_keys::run(rotate.as_deref()),
    }
}

/// Readable lines on standard error; `RUST_LOG` chooses what.
fn log_for_people(config: &Config) {
    use std::io::IsTerminal as _;

    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;
    // Standard output belongs to what commands answer.
    let colours = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let _ = tracing_subscriber::registry().with(lines).with(config.log.clone()).try_init();
}
