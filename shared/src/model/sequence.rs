//! Sequences of numbers.

/// A sequence of numbers, none of which is returned twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sequence {
    /// OpenL2M ids.
    Users,
    /// Ids of e-mail addresses.
    Addresses,
    /// Ids of groups.
    Groups,
}
