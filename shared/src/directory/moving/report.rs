//! What has become of those who moved in.

/// How many of a kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Were made, or would be.
    pub made: u64,
    /// Were here already.
    pub here: u64,
    /// Were not made.
    pub refused: u64,
}

/// What has become of everything so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Of the groups.
    pub groups: Tally,
    /// Of the organizations.
    pub organizations: Tally,
    /// Of the users.
    pub users: Tally,
    /// Of the memberships of those users.
    pub memberships: Tally,
    /// Of the API tokens of those users.
    pub tokens: Tally,
    /// Of the attempts to sign in.
    pub attempts: Tally,
    /// How many entries of the source could not be used at all.
    pub unusable: u64,
    /// What somebody should look at, in the order in which it was met.
    pub troubles: Vec<Trouble>,
}

/// Something that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Where the source says it.
    pub origin: String,
    /// What kind of trouble it is.
    pub kind: TroubleKind,
    /// What is wrong.
    pub reason: String,
}

/// Kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TroubleKind {
    /// The entry cannot be used.
    Unusable,
    /// It contradicts what is here, so it was left out.
    Conflict,
    /// It is here already and says something else; it was left as it is.
    Differs,
    /// A part of it was left out.
    LeftOut,
}

impl TroubleKind {
    /// In a word or two.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unusable => "unusable",
            Self::Conflict => "conflict",
            Self::Differs => "differs",
            Self::LeftOut => "left out",
        }
    }
}

impl Report {
    pub(super) fn note(&mut self, kind: TroubleKind, origin: &str, reason: impl Into<String>) {
        self.troubles.push(Trouble { origin: origin.to_owned(), kind, reason: reason.into() });
    }
}
