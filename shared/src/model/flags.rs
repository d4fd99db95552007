//! The flags of a user.

use serde::{Deserialize, Serialize};

/// The flags of a user, or one `T` for each of them: `Flags<Option<bool>>` are changes, where `None` keeps the value.
///
/// The table and exports contain them by these names. One that is missing in the table is not set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, bound(serialize = "T: Serialize + Default + PartialEq"))]
pub struct Flags<T = bool> {
    /// Whether the account is active; see [`User::is_active_on`](super::User::is_active_on).
    pub is_active: T,
    /// The staff flag of OpenWISP and OpenL2M, which grants nothing here.
    pub is_staff: T,
    /// Whether the user is staff of the Edge API: a role over its users (`contracts/edge.md` section 10).
    #[serde(skip_serializing_if = "is_default")]
    pub is_edge_staff: T,
    /// Whether the user has all permissions.
    pub is_superuser: T,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl<T> Flags<T> {
    /// What `combine` makes of each flag here and in `other`.
    pub fn zip_with<U, V>(self, other: Flags<U>, mut combine: impl FnMut(T, U) -> V) -> Flags<V> {
        Flags {
            is_active: combine(self.is_active, other.is_active),
            is_staff: combine(self.is_staff, other.is_staff),
            is_edge_staff: combine(self.is_edge_staff, other.is_edge_staff),
            is_superuser: combine(self.is_superuser, other.is_superuser),
        }
    }

    /// What `change` makes of each flag.
    pub fn map<V>(self, mut change: impl FnMut(T) -> V) -> Flags<V> {
        self.zip_with(Flags::default(), |value, ()| change(value))
    }

    /// All of them, in the order of this struct.
    pub fn values(self) -> impl Iterator<Item = T> {
        let Self { is_active, is_staff, is_edge_staff, is_superuser } = self;
        [is_active, is_staff, is_edge_staff, is_superuser].into_iter()
    }
}

impl Flags {
    /// Only the account is active.
    #[must_use]
    pub fn active() -> Self {
        Self { is_active: true, ..Self::default() }
    }

    /// These flags with the changes.
    #[must_use]
    pub fn changed(self, changes: Flags<Option<bool>>) -> Self {
        self.zip_with(changes, |flag, change| change.unwrap_or(flag))
    }
}
