//! `rollcall import` and `rollcall export`: users who come from elsewhere, and the way to elsewhere.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use rollcall::embedded::{Engine, STORE};
use rollcall::import::{Format, Source, first_line, last_line, line_of, read};
use shared::Directory;
use shared::config::Config;
use shared::directory::moving::{Arrivals, Record, Report, Tally, Trouble};
use shared::error::Cause;

use crate::commands::Import;
use crate::connection::{Opened, open};

/// How many entries are taken in at once: several of the lots in which the store makes users.
const PIECE: usize = 4000;

/// Takes a file in, or, for a dry run, tells what would become of it.
///
/// # Errors
/// When the file is not whole or the store does not answer; the same command then goes on where this one ended.
pub async fn take_in(config: &Config, options: Import) -> Result<(), Cause> {
    let Import { format, file: path, dry_run, aws } = options;
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let total = if format == Format::Rollcall { Some(lines_in(&path).map_err(|error| named(&error))?) } else { None };
    let file = BufReader::new(File::open(&path).map_err(|error| named(&error))?);
    let source = read(format, file).map_err(|error| named(&error))?;
    let mut opened = if dry_run { open_to_look(config, aws).await? } else { open(config, aws).await? };
    if !dry_run && let Some(engine) = &mut opened.engine {
        engine.hurry()?;
    }
    let directory = opened.directory_without_keys(config);
    if opened.engine.is_some() {
        directory.store().table_create().await?;
    }
    let taken = take_all(&directory, source, total, dry_run).await;
    let settled = if dry_run { Ok(()) } else { opened.engine.as_ref().map_or(Ok(()), Engine::settle) };
    let report = taken?;
    settled?;
    for line in summary(&report, dry_run) {
        // Who does not listen any more is no reason to fail.
        let _ = writeln!(std::io::stdout(), "{line}");
    }
    if dry_run {
        let _ = writeln!(std::io::stdout(), "Nothing was changed in {}.", opened.place);
    }
    Ok(())
}

/// Writes everything down, to `file` or to standard output.
///
/// # Errors
/// When it cannot be written, or the store does not answer.
pub async fn write_down(config: &Config, file: Option<&Path>, aws: bool) -> Result<(), Cause> {
    let opened = open(config, aws).await?;
    let directory = opened.directory_without_keys(config);
    match file {
        Some(path) => write_file(&directory, path).await,
        None => write_all(&directory, BufWriter::new(std::io::stdout())).await,
    }
}

/// Writes everything to a new file, which is removed again if it cannot be whole.
async fn write_file(directory: &Directory, path: &Path) -> Result<(), Cause> {
    // Hashes stand in it, so it is its owner's alone.
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let file = made.map_err(|error| format!("{}: {error}", path.display()))?;
    let written = write_all(directory, BufWriter::new(file)).await;
    if written.is_err() {
        std::fs::remove_file(path)?;
    }
    written
}

/// As [`open`], but an empty store in memory where there is none on disk yet.
async fn open_to_look(config: &Config, aws: bool) -> Result<Opened, Cause> {
    let elsewhere = aws || config.endpoint.is_some();
    if elsewhere || config.data.join(STORE).exists() {
        return open(config, aws).await;
    }
    let place = format!("{}, which does not exist yet", config.data.display());
    Ok(Opened::embedded(Engine::in_memory()?, place))
}

async fn take_all(directory: &Directory, source: Source, total: Option<u64>, dry_run: bool) -> Result<Report, Cause> {
    let Source { mut entries, total: known, brings_groups, brings_organizations, passed_over } = source;
    let bar = bar(known.or(total))?;
    for (model, count) in passed_over {
        bar.suspend(|| eprintln!("passed over: {count} of {model}"));
    }
    let mut arrivals = directory.arrivals(brings_groups, brings_organizations, dry_run).await?;
    loop {
        let piece: Vec<_> = entries.by_ref().take(PIECE).collect();
        if piece.is_empty() {
            break;
        }
        let count = u64::try_from(piece.len()).unwrap_or_default();
        let taken = arrivals.take(piece).await;
        bar.suspend(|| tell(&mut arrivals));
        taken?;
        bar.inc(count);
    }
    bar.finish_and_clear();
    Ok(arrivals.report().clone())
}

/// A bar where there is somebody to look at it.
fn bar(total: Option<u64>) -> Result<ProgressBar, Cause> {
    let shape = "{bar:40} {pos}/{len} entries, {per_sec}, {eta} to go";
    Ok(match total {
        Some(total) => ProgressBar::new(total).with_style(ProgressStyle::with_template(shape)?),
        None => ProgressBar::new_spinner(),
    })
}

/// Tells of troubles on standard error, one a line.
fn tell(arrivals: &mut Arrivals<'_>) {
    for Trouble { origin, kind, reason } in arrivals.troubles() {
        eprintln!("{}: {origin}: {reason}", kind.name());
    }
}

fn summary(report: &Report, dry_run: bool) -> Vec<String> {
    let made = if dry_run { "to be made" } else { "made" };
    let kinds = [
        ("groups", report.groups),
        ("organizations", report.organizations),
        ("users", report.users),
        ("memberships", report.memberships),
        ("API tokens", report.tokens),
        ("sign-in attempts", report.attempts),
    ];
    let told = |(name, Tally { made: new, here, refused }): (&str, Tally)| {
        (new + here + refused > 0)
            .then(|| format!("{name:<16} {new:>8} {made}, {here} here already, {refused} left out"))
    };
    let mut lines: Vec<String> = kinds.into_iter().filter_map(told).collect();
    if report.unusable > 0 {
        lines.push(format!("unusable entries {:>8}", report.unusable));
    }
    lines
}

async fn write_all(directory: &Directory, mut output: impl Write) -> Result<(), Cause> {
    let total = directory.store().user_counts().await?.total();
    let bar = bar(Some(total))?;
    let mut departures = directory.departures().await?;
    writeln!(output, "{}", first_line()?)?;
    while let Some(records) = departures.next().await? {
        for record in &records {
            writeln!(output, "{}", line_of(record)?)?;
            bar.inc(u64::from(matches!(record, Record::User(_))));
        }
    }
    writeln!(output, "{}", last_line()?)?;
    output.flush()?;
    bar.finish_and_clear();
    Ok(())
}

fn lines_in(path: &Path) -> std::io::Result<u64> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut count, mut line) = (0, Vec::new());
    while file.read_until(b'\n', &mut line)? > 0 {
        count += 1;
        line.clear();
    }
    Ok(count)
}
