//! The results of an import.

/// Counts of one kind of record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportCounts {
    /// Created, or would be.
    pub made: u64,
    /// Existed already.
    pub here: u64,
    /// Skipped.
    pub refused: u64,
}

/// The results so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Groups.
    pub groups: ImportCounts,
    /// Organizations.
    pub organizations: ImportCounts,
    /// Users.
    pub users: ImportCounts,
    /// Memberships of those users.
    pub memberships: ImportCounts,
    /// API tokens of those users.
    pub tokens: ImportCounts,
    /// Login attempts.
    pub attempts: ImportCounts,
    /// Events of the source's log.
    pub events: ImportCounts,
    /// Events that nobody asked to import.
    pub events_ignored: u64,
    /// Entries of the source that could not be used at all.
    pub unusable: u64,
    /// How often something was skipped: unusable entries, conflicting entries, and parts of entries.
    pub left_out: u64,
    /// Problems to look at, in the order in which they were found.
    pub troubles: Vec<Issue>,
}

/// A problem to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Where it is in the source.
    pub origin: String,
    /// The kind of problem.
    pub kind: IssueKind,
    /// What is wrong.
    pub reason: String,
}

/// Kinds of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IssueKind {
    /// The entry cannot be used.
    Unusable,
    /// It conflicts with an existing record, so it was skipped.
    Conflict,
    /// It exists with other values; the existing record was kept.
    Differs,
    /// A part of it was skipped.
    LeftOut,
}

impl IssueKind {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unusable => "unusable",
            Self::Conflict => "conflict",
            Self::Differs => "differs",
            Self::LeftOut => "skipped",
        }
    }
}

impl Report {
    pub(super) fn note(&mut self, kind: IssueKind, origin: &str, reason: impl Into<String>) {
        self.left_out += u64::from(kind != IssueKind::Differs);
        self.troubles.push(Issue { origin: origin.to_owned(), kind, reason: reason.into() });
    }
}
