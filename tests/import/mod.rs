//! Files of other directories move in, and everything moves out and in again.

mod alone;
mod crash;
mod events;
mod formats;
mod lines;
mod shapes;
mod spellings;
mod statuses;
mod units;

use std::collections::BTreeMap;
use std::io::Cursor;

use rollcall::import::{Format, Source, first_line, last_line, line_of, read};
use shared::Directory;
use shared::directory::SystemCaller;
use shared::directory::transfer::{Exporter, Importer, IssueKind, Report};
use shared::model::Timestamp;

use crate::support::invariants::{Item, Key};
use crate::support::{Options, Table, TestApp, is_entry};

const OPENWISP: &str = include_str!("openwisp.json");
const OPENL2M: &str = include_str!("openl2m.json");
const EDGE: &str = include_str!("edge.json");
const EDGE_LINES: &str = include_str!("edge.jsonl");

/// The moment of everything that a file gives no other one.
fn now() -> Timestamp {
    Timestamp::parse("2026-11-22T01:02:03Z").expect("a moment")
}

/// A directory that was never installed.
async fn new_directory() -> TestApp {
    let app = TestApp::bare(Options::default());
    app.directory.store().table_create().await.expect("the table");
    app
}

/// Takes a file in, in pieces of that many entries.
async fn take(directory: &Directory, format: Format, text: &str, dry: bool, piece: usize) -> shared::Result<Report> {
    take_with(directory, format, text, dry, piece, |importer| importer).await
}

/// The same by an importer with further options.
async fn take_with<'a>(
    directory: &'a Directory,
    format: Format,
    text: &str,
    dry: bool,
    piece: usize,
    options: fn(Importer<'a>) -> Importer<'a>,
) -> shared::Result<Report> {
    let source = read(format, Cursor::new(text.as_bytes().to_vec()), now()).expect("a whole file");
    let Source { mut entries, brings_groups, brings_organizations, .. } = source;
    let importer = directory.importer(SystemCaller::Operator, brings_groups, brings_organizations, dry).await?;
    let mut importer = options(importer);
    loop {
        let entries: Vec<_> = entries.by_ref().take(piece).collect();
        if entries.is_empty() {
            return Ok(importer.report().clone());
        }
        importer.take(entries).await?;
    }
}

/// Takes a whole file in.
async fn take_in(app: &TestApp, format: Format, text: &str) -> Report {
    take(&app.directory, format, text, false, 1000).await.expect("an import")
}

/// Takes in what [`exported`] has written.
pub async fn take_text(app: &TestApp, text: &str) -> Report {
    take_in(app, Format::Rollcall, text).await
}

/// What a dry run tells.
async fn look(app: &TestApp, format: Format, text: &str) -> Report {
    take(&app.directory, format, text, true, 1000).await.expect("a dry run")
}

/// Everything, as `rollcall export` writes it.
pub async fn exported(app: &TestApp) -> String {
    written(app.directory.exporter(SystemCaller::Operator).expect("an export")).await
}

async fn written(mut exporter: Exporter<'_>) -> String {
    let mut text = first_line().expect("a line") + "\n";
    while let Some(records) = exporter.next().await.expect("records") {
        for record in records {
            text.push_str(&line_of(&record).expect("a line"));
            text.push('\n');
        }
    }
    text + &last_line().expect("a line") + "\n"
}

/// The table, which must be sound.
fn table(app: &TestApp) -> Table {
    let table = Table::read(&app.engine);
    table.assert_sound();
    table
}

/// What two directories of the same content have alike: all but how often records have changed, which shards count,
/// and what passes by itself.
fn content(table: &Table) -> BTreeMap<Key, Item> {
    let passing = ["COUNT", "EVENT", "MEMBERCOUNT#", "OUTBOX", "PENDING#", "RETRIES", "THROTTLE#"];
    let items = table.items.iter().filter(|((pk, sk), _)| {
        !passing.iter().any(|kind| pk.starts_with(kind))
            && !is_entry(pk)
            && !["PURGED", "SEARCH"].contains(&sk.as_str())
    });
    let without_versions = |(key, item): (&Key, &Item)| {
        let mut item = item.clone();
        item.remove("version");
        (key.clone(), item)
    };
    items.map(without_versions).collect()
}

/// The troubles of that kind, as lines.
fn told(report: &Report, kind: IssueKind) -> Vec<String> {
    let of_kind = report.troubles.iter().filter(|trouble| trouble.kind == kind);
    of_kind.map(|trouble| format!("{}: {}", trouble.origin, trouble.reason)).collect()
}
