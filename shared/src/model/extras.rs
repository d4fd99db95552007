//! What identity providers say about a user, and no other API has (`contracts/scim.md` section 3).

use serde::{Deserialize, Serialize};

/// Attributes of a user by their names in SCIM, kept as they were sent. The table and exports contain them by these names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Extras {
    /// Those that users may change about themselves: a JSON object, or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub own: String,
    /// Those that only others may change (`contracts/scim.md` section 10.12): a JSON object, or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub assigned: String,
}

impl Extras {
    /// The maximum size, in bytes of JSON.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.size() == 0
    }

    /// The size in bytes of JSON.
    pub fn size(&self) -> usize {
        self.own.len() + self.assigned.len()
    }

    /// These with the attributes of `other` that users may change about themselves.
    #[must_use]
    pub fn with_own_of(&self, other: &Self) -> Self {
        Self { own: other.own.clone(), assigned: self.assigned.clone() }
    }
}
