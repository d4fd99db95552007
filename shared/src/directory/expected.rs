//! Changes that apply only to a given version of a record.

use std::collections::BTreeSet;

use crate::error::{Error, Result};

/// The versions of a record at which a change may be made: any, unless the client named some.
///
/// Without it, changes of different fields merge. With it, the change applies to the state that the client has seen, or
/// not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected(Option<BTreeSet<u64>>);

impl Expected {
    /// Any version.
    pub fn any() -> Self {
        Self(None)
    }

    /// One of these versions; if empty, every change is refused.
    pub fn versions(versions: impl IntoIterator<Item = u64>) -> Self {
        Self(Some(versions.into_iter().collect()))
    }

    /// Fails unless the change may be made to a record of that version.
    ///
    /// # Errors
    /// [`Error::Changed`].
    pub fn check(&self, version: u64) -> Result<()> {
        match &self.0 {
            Some(versions) if !versions.contains(&version) => Err(Error::Changed),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_version_and_no_other_is_accepted() {
        assert!(Expected::any().check(7).is_ok());
        let expected = Expected::versions([7, 9]);
        assert!([7, 9].into_iter().all(|version| expected.check(version).is_ok()));
        assert!([0, 6, 8, 10].into_iter().all(|version| expected.check(version).is_err()));
        assert!(Expected::versions([]).check(1).is_err());
    }
}
