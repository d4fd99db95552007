//! Files that other directories, or Rollcall itself, have written, read as records that can move in.
//!
//! Each format has its module; none of them knows the store. What one row says wrongly costs that row alone.

mod django;
mod edge;
mod lines;
mod openl2m;
mod openwisp;
mod rows;

use std::collections::BTreeMap;
use std::io::BufRead;

use clap::ValueEnum;
use shared::directory::moving::{Entry, Record};
use shared::error::Cause;

pub use self::lines::{first_line, last_line, line_of};

/// What wrote a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `manage.py dumpdata` of an OpenWISP.
    #[value(name = "openwisp")]
    OpenWisp,
    /// `manage.py dumpdata` of an OpenL2M.
    #[value(name = "openl2m")]
    OpenL2m,
    /// What `GET /api/users/` of an Edge answers, or `mongoexport` of its users.
    Edge,
    /// `rollcall export`.
    Rollcall,
}

/// A file on its way in.
pub struct Source {
    /// What it says, in an order in which it can move in.
    pub entries: Box<dyn Iterator<Item = Entry> + Send>,
    /// How many entries there are, where that is known before they were read.
    pub total: Option<u64>,
    /// Whether groups are among them.
    pub brings_groups: bool,
    /// Whether organizations are among them.
    pub brings_organizations: bool,
    /// How many rows of other kinds it has, which nobody needs here.
    pub passed_over: BTreeMap<String, u64>,
}

/// Reads a file.
///
/// # Errors
/// When it cannot be read, or is not whole.
pub fn read(format: Format, file: impl BufRead + Send + 'static) -> Result<Source, Cause> {
    match format {
        Format::OpenWisp => openwisp::read(file),
        Format::OpenL2m => openl2m::read(file),
        Format::Edge => edge::read(file),
        Format::Rollcall => Ok(Source {
            entries: Box::new(lines::read(file)),
            total: None,
            brings_groups: true,
            brings_organizations: true,
            passed_over: BTreeMap::new(),
        }),
    }
}

impl Source {
    /// All entries at hand.
    fn of(entries: Vec<Entry>, passed_over: BTreeMap<String, u64>) -> Self {
        let any = |is: fn(&Record) -> bool| entries.iter().any(|entry| entry.record.as_ref().is_ok_and(is));
        Self {
            total: u64::try_from(entries.len()).ok(),
            brings_groups: any(|record| matches!(record, Record::Group(_))),
            brings_organizations: any(|record| matches!(record, Record::Organization(_))),
            entries: Box::new(entries.into_iter()),
            passed_over,
        }
    }
}
