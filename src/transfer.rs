//! `rollcall import` and `rollcall export`.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use ::deleted::PersonResponse;
use indicatif::{ProgressBar, ProgressStyle};
use rollcall::embedded::{Engine, STORE};
use rollcall::import::{Format, Source, first_line, last_line, line_of, read, text_of};
use shared::config::Config;
use shared::directory::SystemCaller;
use shared::directory::transfer::Damaged;
use shared::directory::transfer::{Exporter, ImportCounts, ImportEntry, Importer, Issue, IssueKind, Record, Report};
use shared::error::{Cause, Error};
use shared::model::Username;
use shared::model::ambient::{Ambient as _, System};

use crate::commands::{Export, Import};
use crate::connection::{OpenStore, open};
use crate::output::{say, warn};

/// How many entries are imported at once: several of the store's batches.
const PIECE: usize = 4000;

/// The exit status if something was skipped.
const LEFT_OUT: u8 = 2;

/// Imports a file, or with a dry run reports what an import would do. The status shows whether anything was skipped.
///
/// # Errors
/// When the file is incomplete or nothing in it is usable: then nothing is done. When the store is unavailable: then
/// the same command resumes where this one ended.
pub async fn import(config: &Config, options: Import) -> Result<ExitCode, Cause> {
    let Import { format, file: path, dry_run, events, event_per_record, aws } = options;
    if events && format != Format::Rollcall {
        return Err("only exports of Rollcall have events: leave out --events".into());
    }
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let total = if format == Format::Rollcall { lines_in(&path).map_err(|error| named(&error))? } else { None };
    let file = BufReader::new(File::open(&path).map_err(|error| named(&error))?);
    let source = read(format, file, System.now()).map_err(|error| named(&error))?;
    if !source.is_usable {
        let mut count = 0_u64;
        for ImportEntry { origin, record, .. } in source.entries {
            count += 1;
            warn(format_args!("{}: {origin}: {}", IssueKind::Unusable.name(), record.err().unwrap_or_default()));
        }
        let reason = format!("no usable records: {}; nothing was changed", told_above(count));
        return Err(named(&reason).into());
    }
    let mut opened = if dry_run { open_to_look(config, aws).await? } else { open(config, aws).await? };
    if !dry_run && let Some(engine) = &mut opened.engine {
        engine.begin_bulk_load()?;
    }
    let directory = opened.directory_without_keys(config);
    if opened.engine.is_some() {
        directory.store().table_create().await?;
    }
    let taken = async {
        let brings = (source.brings_groups, source.brings_organizations);
        let mut importer = directory.importer(SystemCaller::Operator, brings.0, brings.1, dry_run).await?;
        if events {
            importer = importer.with_events();
        }
        if event_per_record {
            importer = importer.with_event_per_record();
        }
        take_all(importer, source, total).await
    };
    let taken = taken.await;
    let settled = if dry_run { Ok(()) } else { opened.engine.as_ref().map_or(Ok(()), Engine::finish_bulk_load) };
    let report = taken?;
    settled?;
    let mut lines = summary(&report, dry_run);
    if dry_run {
        lines.push(format!("Nothing was changed in {}.", opened.place));
    }
    if report.left_out > 0 {
        let moved = if dry_run { "would be imported" } else { "was imported" };
        lines.push(format!("Not everything {moved}: {}.", told_above(report.left_out)));
    }
    for line in lines {
        say(line);
    }
    Ok(if report.left_out > 0 { ExitCode::from(LEFT_OUT) } else { ExitCode::SUCCESS })
}

/// Exports everything to `file` or to standard output. Returns [`LEFT_OUT`] if some of it was unreadable.
///
/// # Errors
/// When it cannot be written, or the store is unavailable.
pub async fn export(config: &Config, options: Export) -> Result<ExitCode, Cause> {
    let Export { file, user, events, event_per_record, aws } = options;
    if let Some(name) = user {
        export_person(config, &name, file.as_deref(), aws).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let opened = open(config, aws).await?;
    let directory = opened.directory_without_keys(config);
    let mut exporter = directory.exporter(SystemCaller::Operator)?;
    if events {
        exporter = exporter.with_events().await?;
    }
    if event_per_record {
        exporter = exporter.with_event_per_record();
    }
    let total = directory.store().user_counts().await?.total();
    let left_out = match file {
        Some(path) => write_file(exporter, total, &path).await,
        None => write_all(exporter, total, BufWriter::new(std::io::stdout())).await,
    }?;
    if left_out == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    warn(format_args!("rollcall: {left_out} unreadable records were skipped; all others were written"));
    Ok(ExitCode::from(LEFT_OUT))
}

/// Exports everything that is stored about the user of that name to `file` or to standard output.
///
/// # Errors
/// When there is no such user, it cannot be written, or the store is unavailable.
async fn export_person(config: &Config, name: &str, file: Option<&Path>, aws: bool) -> Result<(), Cause> {
    let opened = open(config, aws).await?;
    let directory = opened.directory_without_keys(config);
    let unknown = || format!("no such user: {name} in {}", opened.place);
    let username = Username::of_existing(name).ok_or_else(unknown)?;
    let person = match directory.export_named(SystemCaller::Operator, &username).await {
        Err(Error::NotFound(_)) => return Err(unknown().into()),
        person => PersonResponse::from(person?),
    };
    let mut output: Box<dyn Write> = match file {
        Some(path) => Box::new(new_file(path)?),
        None => Box::new(std::io::stdout()),
    };
    writeln!(output, "{}", serde_json::to_string_pretty(&person)?)?;
    Ok(output.flush()?)
}

/// Creates a file that only its owner can read.
fn new_file(path: &Path) -> Result<File, Cause> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Exports to a new file, which is deleted if it would be incomplete.
async fn write_file(exporter: Exporter<'_>, total: u64, path: &Path) -> Result<usize, Cause> {
    let written = write_all(exporter, total, BufWriter::new(new_file(path)?)).await;
    if written.is_err() {
        std::fs::remove_file(path)?;
    }
    written
}

/// As [`open`], but an empty store in memory if there is none on disk yet.
async fn open_to_look(config: &Config, aws: bool) -> Result<OpenStore, Cause> {
    let elsewhere = aws || config.endpoint.is_some();
    if elsewhere || config.data.join(STORE).exists() {
        return open(config, aws).await;
    }
    let place = format!("{}, which does not exist yet", config.data.display());
    Ok(OpenStore::embedded(Engine::in_memory()?, place))
}

async fn take_all(mut importer: Importer<'_>, source: Source, total: Option<u64>) -> Result<Report, Cause> {
    let Source { mut entries, total: known, passed_over, .. } = source;
    let bar = bar(known.or(total))?;
    for (model, count) in passed_over {
        bar.suspend(|| warn(format_args!("ignored: {count} of {model}")));
    }
    loop {
        let (mut piece, mut weight) = (Vec::new(), 0);
        while weight < PIECE
            && let Some(entry) = entries.next()
        {
            weight += if let Ok(Record::Segment(segment)) = &entry.record { 1 + segment.events() } else { 1 };
            piece.push(entry);
        }
        if piece.is_empty() {
            break;
        }
        let count = u64::try_from(piece.len()).unwrap_or_default();
        let taken = importer.take(piece).await;
        bar.suspend(|| tell(&mut importer));
        taken?;
        bar.inc(count);
    }
    bar.finish_and_clear();
    importer.finish().await?;
    Ok(importer.report().clone())
}

fn told_above(count: u64) -> String {
    match count {
        1 => "1 of the lines above names what was skipped".to_owned(),
        count => format!("{count} of the lines above name what was skipped"),
    }
}

/// A progress bar, if somebody can see it.
fn bar(total: Option<u64>) -> Result<ProgressBar, Cause> {
    let shape = "{bar:40} {pos}/{len} entries, {per_sec}, {eta} left";
    Ok(match total {
        Some(total) => ProgressBar::new(total).with_style(ProgressStyle::with_template(shape)?),
        None => ProgressBar::new_spinner(),
    })
}

/// Reports problems on standard error, one per line.
fn tell(importer: &mut Importer<'_>) {
    for Issue { origin, kind, reason } in importer.troubles() {
        warn(format_args!("{}: {origin}: {reason}", kind.name()));
    }
}

fn summary(report: &Report, dry_run: bool) -> Vec<String> {
    let made = if dry_run { "to create" } else { "created" };
    let kinds = [
        ("groups", report.groups),
        ("organizations", report.organizations),
        ("users", report.users),
        ("memberships", report.memberships),
        ("API tokens", report.tokens),
        ("login attempts", report.attempts),
        ("events", report.events),
    ];
    let told = |(name, ImportCounts { made: new, here, refused }): (&str, ImportCounts)| {
        (new + here + refused > 0)
            .then(|| format!("{name:<16} {new:>8} {made}, {here} already here, {refused} skipped"))
    };
    let mut lines: Vec<String> = kinds.into_iter().filter_map(told).collect();
    if report.events_ignored > 0 {
        lines.push(format!("{:<16} {:>8} ignored; --events imports them", "events", report.events_ignored));
    }
    if report.unusable > 0 {
        lines.push(format!("unusable entries {:>8}", report.unusable));
    }
    lines
}

/// Exports everything and returns the number of unreadable records, each of which is reported on standard error.
async fn write_all(mut exporter: Exporter<'_>, total: u64, mut output: impl Write) -> Result<usize, Cause> {
    let bar = bar(Some(total))?;
    let mut left_out = 0;
    writeln!(output, "{}", first_line()?)?;
    while let Some(records) = exporter.next().await? {
        for record in &records {
            writeln!(output, "{}", line_of(record)?)?;
            bar.inc(u64::from(matches!(record, Record::User(_))));
        }
        for Damaged { key, reason } in exporter.left_out() {
            left_out += 1;
            bar.suspend(|| warn(format_args!("skipped: {key}: {reason}")));
        }
    }
    writeln!(output, "{}", last_line()?)?;
    output.flush()?;
    exporter.finish().await?;
    bar.finish_and_clear();
    Ok(left_out)
}

/// The number of lines of a file, if it can be read twice.
fn lines_in(path: &Path) -> Result<Option<u64>, Cause> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let (_, mut text) = text_of(BufReader::new(file))?;
    let mut count = 0;
    loop {
        let piece = text.fill_buf()?;
        if piece.is_empty() {
            return Ok(Some(count));
        }
        count += piece.iter().map(|sign| u64::from(*sign == b'\n')).sum::<u64>();
        let length = piece.len();
        text.consume(length);
    }
}
