//! What a user takes part in where threat intelligence is shared (`contracts/edge.md` section 3).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Change;

/// A colour of the Traffic Light Protocol, from what everybody may know to what nobody else may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Tlp {
    White,
    Green,
    Amber,
    Red,
}

/// What a user shares in; every user has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sharing {
    /// About the user, any text.
    pub description: String,
    /// Whether the user may use the inbox.
    pub can_inbox: bool,
    /// Whether the Edge API lets the user in who is neither staff nor superuser.
    pub allow_rest_access: bool,
    /// A label; it names no organization of the directory.
    pub organization: Option<String>,
    /// The colours of what the user may see; red does not imply the others.
    pub memberships: BTreeSet<Tlp>,
}

/// Changes of it. What is `None` or [`Change::Keep`] stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `Sharing`")]
pub struct SharingChanges {
    pub description: Option<String>,
    pub can_inbox: Option<bool>,
    pub allow_rest_access: Option<bool>,
    pub organization: Change<String>,
    pub memberships: Option<BTreeSet<Tlp>>,
}

impl Tlp {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::White, Self::Green, Self::Amber, Self::Red];

    /// As it is written on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::White => "WHITE",
            Self::Green => "GREEN",
            Self::Amber => "AMBER",
            Self::Red => "RED",
        }
    }
}

impl Sharing {
    /// Alters what `changes` names and nothing else.
    pub fn apply(&mut self, changes: &SharingChanges) {
        let SharingChanges { description, can_inbox, allow_rest_access, organization, memberships } = changes;
        super::replace(&mut self.description, description.as_ref());
        super::replace(&mut self.can_inbox, can_inbox.as_ref());
        super::replace(&mut self.allow_rest_access, allow_rest_access.as_ref());
        organization.apply(&mut self.organization);
        super::replace(&mut self.memberships, memberships.as_ref());
    }
}

impl Default for Sharing {
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
