//! The Edge attributes of a user, for sharing threat intelligence (`contracts/edge.md` section 3).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Change;

/// A colour of the Traffic Light Protocol, from public to strictly personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum Tlp {
    White,
    Green,
    Amber,
    Red,
}

/// The Edge attributes of a user; every user has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EdgeProfile {
    /// A description, at most [`MAX_TEXT`](super::MAX_TEXT) characters.
    pub description: String,
    /// Whether the user may use the inbox.
    pub can_inbox: bool,
    /// Whether the Edge API admits the user if neither staff nor superuser.
    pub allow_rest_access: bool,
    /// A label of at most 200 characters; unrelated to the organizations of the directory.
    pub organization: Option<String>,
    /// The colours that the user may see; red does not imply the others.
    pub memberships: BTreeSet<Tlp>,
}

/// Changes of them. `None` and [`Change::Keep`] keep the value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "same fields as `EdgeProfile`")]
pub struct EdgeProfileChanges {
    pub description: Option<String>,
    pub can_inbox: Option<bool>,
    pub allow_rest_access: Option<bool>,
    pub organization: Change<String>,
    pub memberships: Option<BTreeSet<Tlp>>,
}

impl Tlp {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::White, Self::Green, Self::Amber, Self::Red];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::White => "WHITE",
            Self::Green => "GREEN",
            Self::Amber => "AMBER",
            Self::Red => "RED",
        }
    }
}

impl EdgeProfile {
    /// The maximum length of the organization label, in characters.
    pub const MAX_ORGANIZATION: usize = 200;

    /// Applies the changes.
    pub fn apply(&mut self, changes: &EdgeProfileChanges) {
        let EdgeProfileChanges { description, can_inbox, allow_rest_access, organization, memberships } = changes;
        super::replace(&mut self.description, description.as_ref());
        super::replace(&mut self.can_inbox, can_inbox.as_ref());
        super::replace(&mut self.allow_rest_access, allow_rest_access.as_ref());
        organization.apply(&mut self.organization);
        super::replace(&mut self.memberships, memberships.as_ref());
    }
}

impl Default for EdgeProfile {
    fn default() -> Self {
        Self {
            description: String::new(),
            can_inbox: true,
            allow_rest_access: false,
            organization: None,
            memberships: BTreeSet::from([Tlp::White]),
        }
    }
}
