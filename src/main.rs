//! The command line.

// These panic if the output is closed; `output` does not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod commands;
mod connection;
mod create_superuser;
mod create_token;
mod deleted;
mod dynamodb;
mod edge_staff;
mod events;
mod housekeeping;
mod output;
mod reindex;
mod serve;
mod signing_keys;
mod transfer;
mod unlock;
mod webhooks;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use shared::config::Config;
use shared::error::Cause;

use self::commands::{Arguments, Command};

/// The store allocates many small strings on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the shutdown waits for the store's threads. Nothing that they leave undone was acknowledged.
const FAREWELL: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed output is no reason to fail.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let ended =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Cause::from).and_then(|runtime| {
            let ended = runtime.block_on(run(arguments));
            runtime.shutdown_timeout(FAREWELL);
            ended
        });
    match ended {
        Ok(status) => status,
        Err(error) => {
            output::warn(format_args!("rollcall: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, Cause> {
    let config = Config::from_environment()?;
    log_for_people(&config);
    let done = match arguments.command.unwrap_or_default() {
        Command::Serve { aws } => serve::run(&config, aws).await,
        Command::Dynamodb { listen } => dynamodb::run(&config, listen).await,
        Command::CreateSuperuser(options) => create_superuser::run(&config, options).await,
        Command::CreateToken(options) => create_token::run(&config, options).await,
        Command::EdgeStaff(options) => edge_staff::run(&config, options).await,
        Command::Unlock(options) => unlock::run(&config, options).await,
        Command::Events(options) => return events::run(&config, options).await,
        Command::Deleted(options) => deleted::run(&config, options).await,
        Command::Reindex { aws } => reindex::run(&config, aws).await,
        Command::Import(options) => return Box::pin(transfer::import(&config, options)).await,
        Command::Export(options) => return transfer::export(&config, options).await,
        Command::SigningKeys { rotate, public } => signing_keys::run(rotate.as_deref(), public.as_deref()),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Human-readable lines on standard error; `RUST_LOG` sets the levels.
fn log_for_people(config: &Config) {
    use std::io::IsTerminal as _;

    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;
    // Standard output is for the results of commands.
    let colours = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let _ = tracing_subscriber::registry().with(lines).with(config.log.clone()).try_init();
}
