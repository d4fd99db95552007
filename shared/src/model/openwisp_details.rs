//! Texts about a user that only the OpenWISP API has (`contracts/openwisp.md` section 7.1).

use serde::{Deserialize, Serialize};

use super::replace;

/// These texts, or one `T` for each of them: `OpenWispDetails<Option<String>>` are changes, where `None` keeps the text.
///
/// The table and exports contain them by these names. One that is missing in the table is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpenWispDetails<T = String> {
    /// At most [`MAX_TEXT`](super::MAX_TEXT) characters.
    pub bio: T,
    /// A URL of at most 200 characters, or empty.
    pub url: T,
    /// At most 30 characters.
    pub company: T,
    /// At most 256 characters.
    pub location: T,
    /// At most [`MAX_TEXT`](super::MAX_TEXT) characters, for administrators.
    pub notes: T,
}

impl<T> OpenWispDetails<T> {
    /// What `change` makes of each text.
    pub fn map<U>(self, mut change: impl FnMut(T) -> U) -> OpenWispDetails<U> {
        OpenWispDetails {
            bio: change(self.bio),
            url: change(self.url),
            company: change(self.company),
            location: change(self.location),
            notes: change(self.notes),
        }
    }
}

impl OpenWispDetails {
    /// The maximum length of a URL, in characters.
    pub const MAX_URL: usize = 200;
    /// The maximum length of a company name, in characters.
    pub const MAX_COMPANY: usize = 30;
    /// The maximum length of a location, in characters.
    pub const MAX_LOCATION: usize = 256;

    /// Applies the changes.
    pub fn apply(&mut self, changes: &OpenWispDetails<Option<String>>) {
        let OpenWispDetails { bio, url, company, location, notes } = changes;
        replace(&mut self.bio, bio.as_ref());
        replace(&mut self.url, url.as_ref());
        replace(&mut self.company, company.as_ref());
        replace(&mut self.location, location.as_ref());
        replace(&mut self.notes, notes.as_ref());
    }
}
