//! The OpenL2M profile: what a user may do with network switches, and display settings (`contracts/openl2m.md` section
//! 4.2).
//!
//! Rollcall stores it for its clients; it has no effect here.

use serde::{Deserialize, Serialize};

use super::{Change, Timestamp};

/// A user's profile; every user has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the wire format has these fields")]
pub struct SwitchProfile {
    /// May only view switches.
    pub read_only: bool,
    /// May change several interfaces at once.
    pub bulk_edit: bool,
    /// May add and edit VLANs.
    pub vlan_edit: bool,
    /// May toggle power over Ethernet everywhere.
    pub allow_poe_toggle: bool,
    /// May edit descriptions of interfaces.
    pub edit_if_descr: bool,
    /// Must confirm changes.
    pub are_you_sure: bool,
    /// At most 1024 characters.
    pub last_ldap_dn: String,
    /// The last login through LDAP.
    pub last_ldap_login: Option<Timestamp>,
    /// At most 40 characters.
    pub theme: String,
    /// Whether the device menu is shown.
    pub menu: bool,
}

/// Changes of a profile. `None` and [`Change::Keep`] keep the value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "same fields as `Profile`")]
pub struct SwitchProfileChanges {
    pub read_only: Option<bool>,
    pub bulk_edit: Option<bool>,
    pub vlan_edit: Option<bool>,
    pub allow_poe_toggle: Option<bool>,
    pub edit_if_descr: Option<bool>,
    pub are_you_sure: Option<bool>,
    pub last_ldap_dn: Option<String>,
    pub last_ldap_login: Change<Timestamp>,
    pub theme: Option<String>,
    pub menu: Option<bool>,
}

impl SwitchProfile {
    /// The maximum length of a theme's name, in characters.
    pub const MAX_THEME: usize = 40;
    /// The maximum length of a distinguished name, in characters.
    pub const MAX_LDAP_DN: usize = 1024;

    /// Applies the changes.
    pub fn apply(&mut self, changes: &SwitchProfileChanges) {
        let SwitchProfileChanges {
            read_only,
            bulk_edit,
            vlan_edit,
            allow_poe_toggle,
            edit_if_descr,
            are_you_sure,
            last_ldap_dn,
            last_ldap_login,
            theme,
            menu,
        } = changes;
        super::replace(&mut self.read_only, read_only.as_ref());
        super::replace(&mut self.bulk_edit, bulk_edit.as_ref());
        super::replace(&mut self.vlan_edit, vlan_edit.as_ref());
        super::replace(&mut self.allow_poe_toggle, allow_poe_toggle.as_ref());
        super::replace(&mut self.edit_if_descr, edit_if_descr.as_ref());
        super::replace(&mut self.are_you_sure, are_you_sure.as_ref());
        super::replace(&mut self.last_ldap_dn, last_ldap_dn.as_ref());
        last_ldap_login.apply(&mut self.last_ldap_login);
        super::replace(&mut self.theme, theme.as_ref());
        super::replace(&mut self.menu, menu.as_ref());
    }
}

impl Default for SwitchProfile {
    fn default() -> Self {
        Self {
            read_only: false,
            bulk_edit: true,
            vlan_edit: false,
            allow_poe_toggle: false,
            edit_if_descr: true,
            are_you_sure: true,
            last_ldap_dn: String::new(),
            last_ldap_login: None,
            theme: "light".to_owned(),
            menu: true,
        }
    }
}
