//! Reads files of other directories, or of Rollcall itself, as records to import.
//!
//! Each format has a module; none of them knows the store. An error in a row affects only that row, and limits of a
//! user are never lost: a user with unreadable limits is skipped.

mod django;
mod edge;
mod fields;
mod kinds;
mod lines;
mod openl2m;
mod openwisp;
mod rows;
mod text;
mod users;

use std::collections::BTreeMap;
use std::io::BufRead;

use clap::ValueEnum;
use shared::directory::transfer::{ImportEntry, Record};
use shared::error::Cause;
use shared::model::Timestamp;

pub use self::lines::{first_line, last_line, line_of};
pub use self::text::text_of;

/// The system that wrote a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `manage.py dumpdata` of OpenWISP, or pages of its user list.
    #[value(name = "openwisp")]
    OpenWisp,
    /// `manage.py dumpdata` of OpenL2M.
    #[value(name = "openl2m")]
    OpenL2m,
    /// The response of Edge to `GET /api/users/`, or `mongoexport` of its users.
    Edge,
    /// `rollcall export`.
    Rollcall,
}

/// A file to import.
pub struct Source {
    /// Its entries, in an order in which they can be imported.
    pub entries: Box<dyn Iterator<Item = ImportEntry> + Send>,
    /// Whether any of it can be imported.
    pub is_usable: bool,
    /// How many entries there are, if that is known before reading them.
    pub total: Option<u64>,
    /// Whether it contains groups.
    pub brings_groups: bool,
    /// Whether it contains organizations.
    pub brings_organizations: bool,
    /// How many rows of other models it has, which are ignored.
    pub passed_over: BTreeMap<String, u64>,
}

/// Reads a file: UTF-8 or UTF-16, gzipped or not; a JSON array, JSON objects one after another, or pages of a list with
/// their `results`. `now` replaces missing timestamps.
///
/// # Errors
/// When it is unreadable, incomplete, or of another kind; the reason says what it seems to be.
pub fn read(format: Format, file: impl BufRead + Send + 'static, now: Timestamp) -> Result<Source, Cause> {
    match format {
        Format::OpenWisp => openwisp::read(file, now),
        Format::OpenL2m => openl2m::read(file, now),
        Format::Edge => edge::read(file, now),
        Format::Rollcall => lines::read(file),
    }
}

impl Source {
    /// A source with all entries in memory.
    fn of(entries: Vec<ImportEntry>, passed_over: BTreeMap<String, u64>) -> Self {
        let any = |is: fn(&Record) -> bool| entries.iter().any(|entry| entry.record.as_ref().is_ok_and(is));
        Self {
            is_usable: any(|_| true),
            total: u64::try_from(entries.len()).ok(),
            brings_groups: any(|record| matches!(record, Record::Group(_))),
            brings_organizations: any(|record| matches!(record, Record::Organization(_))),
            entries: Box::new(entries.into_iter()),
            passed_over,
        }
    }
}
