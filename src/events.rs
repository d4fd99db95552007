//! `rollcall events`: prints the log of events, or verifies it.

use std::process::ExitCode;
use std::time::Duration;

use events::event_request;
use shared::Directory;
use shared::config::Config;
use shared::dialect::event::EventResponse;
use shared::directory::{LogFault, LogReport, SystemCaller};
use shared::error::{Cause, Error};
use shared::model::Field;

use crate::commands::Events;
use crate::connection::open;
use crate::output::{say, warn};

/// The interval of looking for further events.
const PAUSE: Duration = Duration::from_secs(1);
/// The exit status if the log is not as it was written.
const NOT_INTACT: u8 = 2;

/// Prints events, or verifies the log.
///
/// # Errors
/// When an argument is invalid, or the store is unavailable.
pub async fn run(config: &Config, options: Events) -> Result<ExitCode, Cause> {
    let directory = open(config, options.aws).await?.directory_without_keys(config);
    if options.verify {
        return Ok(told(&directory.verify_events(SystemCaller::Operator).await?));
    }
    print(&directory, options).await?;
    Ok(ExitCode::SUCCESS)
}

async fn print(directory: &Directory, options: Events) -> Result<(), Cause> {
    let Events { after, target, actor, action, since, until, follow, .. } = options;
    let mut query = form_urlencoded::Serializer::new(String::new());
    let given = [
        ("after", after),
        ("target", target),
        ("actor", actor),
        ("action", action),
        ("since", since),
        ("until", until),
        ("order", Some("oldest".to_owned())),
        ("limit", Some("1000".to_owned())),
    ];
    query.extend_pairs(given.into_iter().filter_map(|(name, value)| Some((name, value?))));
    // The parameters of the API, so that both understand the same.
    let mut request = event_request(&format!("/?{}", query.finish()).parse()?).map_err(|error| match error {
        Error::Invalid(violations) => {
            let named = violations.iter().map(|violation| match violation.field {
                Field::Sent(name) => format!("the value of --{name} is invalid; see rollcall events --help"),
                _ => "an argument is invalid; see rollcall events --help".to_owned(),
            });
            Cause::from(named.collect::<Vec<_>>().join("; "))
        }
        other => other.into(),
    })?;
    loop {
        let page = directory.all_events(SystemCaller::Operator, &request).await?;
        for event in page.events {
            say(serde_json::to_string(&EventResponse::from(event))?);
        }
        request.range.after = page.reached.or(request.range.after);
        if !page.has_more {
            if !follow {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Prints what a verification has found.
fn told(report: &LogReport) -> ExitCode {
    let LogReport { segments, events, erased, days, faults } = report;
    say(format_args!("{events} events in {segments} segments; personal values were erased from {erased}"));
    for (day, digest) in days {
        say(format_args!("{day} was closed with {digest}"));
    }
    for fault in faults {
        warn(match fault {
            LogFault::Missing { first, last } => format!("segments {first} to {last} are missing"),
            LogFault::Changed(number) => format!("segment {number} was changed, or events were added or removed"),
            LogFault::ErasedWithoutPurge(at) => {
                format!("event {at} was erased, but no event says that a person was purged")
            }
            LogFault::Day(day) => format!("the log until {day} is not the one that was closed"),
            LogFault::Malformed(reason) => reason.clone(),
        });
    }
    if faults.is_empty() {
        say("The log is intact.");
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOT_INTACT)
    }
}
