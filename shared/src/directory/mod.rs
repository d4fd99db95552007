//! What may happen to the directory: the rules, written once for all dialects.
//!
//! Handlers call these methods and nothing below them.
//! They know callers, rules, time and ids; they know no HTTP, no wire text and no key.

pub mod access;
mod addresses;
mod confirmation;
mod expiry;
mod follow_up;
mod groups;
mod history;
mod installation;
mod memberships;
pub mod moving;
mod organizations;
mod outbox;
mod passwords;
mod search;
mod sessions;
mod sight;
mod tokens;
mod users;

use std::sync::Arc;

pub use self::access::{Act, Rights, Sight, UserField};
pub use self::addresses::AddressChanges;
pub use self::organizations::OrganizationPage;
pub use self::passwords::{ChangePassword, ResetPassword, SetPassword};
pub use self::search::{Listed, Stretch, UserFilter};
pub use self::users::{Draft, UserDetail, UserPage};
use crate::ambient::{Ambient, random};
use crate::config::{Readers, TokenLife};
use crate::error::{Error, Result};
use crate::model::{EmailAddress, Mail, MailKind, User};
use crate::sign_in::KnownPairs;
use crate::sign_in::keys::KeyRing;
use crate::sign_in::password::Hasher;
use crate::store::{Loader, Store};

/// The one door to users and all that belongs to them.
#[derive(Clone)]
pub struct Directory {
    pub(crate) store: Store,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) hasher: Hasher,
    pub(crate) known_pairs: KnownPairs,
    pub(crate) known_lists: sight::KnownLists,
    pub(crate) settings: Arc<Settings>,
}

/// Settings that requests depend on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long tokens are good.
    pub token_life: TokenLife,
    /// Whether failed attempts are limited.
    pub throttle: bool,
    /// Base of absolute links, in place of the request's own.
    pub public_url: Option<String>,
    /// Whether answers tell what they cost.
    pub cost_header: bool,
    /// How many bytes an answer may have, where whoever carries it sets a limit.
    pub answer_limit: Option<usize>,
    /// Who may read the documentation.
    pub docs_readers: Readers,
}

/// Who is asking, and what that lets them do.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user, as it is now.
    pub user: User,
    /// What the user may do.
    pub rights: Rights,
}

/// Others change a record so fast that a change of it found no moment.
fn too_busy() -> Error {
    Error::Unavailable("the record changes faster than it can be written".into())
}

/// A mail to a user, under a name that nobody can foresee.
fn new_mail(ambient: &dyn Ambient, to: EmailAddress, user: &User, kind: MailKind) -> Mail {
    let name = uuid::Builder::from_random_bytes(random(ambient)).into_uuid();
    Mail { id: name.simple().to_string(), to, username: user.username.to_string(), kind }
}

impl Directory {
    /// A directory on these parts.
    pub fn new(store: Store, ambient: Arc<dyn Ambient>, keys: KeyRing, hasher: Hasher, settings: Settings) -> Self {
        let known_pairs = KnownPairs::new(&*ambient);
        let (keys, settings) = (Arc::new(keys), Arc::new(settings));
        Self { store, ambient, keys, hasher, known_pairs, known_lists: sight::KnownLists::default(), settings }
    }

    /// The same, whose store takes many items at once in that way.
    #[must_use]
    pub fn with_loader(self, loader: Arc<dyn Loader>) -> Self {
        Self { store: self.store.with_loader(loader), ..self }
    }

    /// Does all that is to be done without anybody asking: what changes have left, and what expiration dates ask for.
    ///
    /// # Errors
    /// When the store does not answer; the next call takes up what this one has left.
    pub async fn keep_house(&self) -> Result<()> {
        let (followed, expired) = (self.follow_up().await, self.expire_accounts().await);
        followed.and(expired)
    }

    /// The settings that requests depend on.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The keys that sign tokens.
    pub fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// Clock and randomness.
    pub fn ambient(&self) -> &dyn Ambient {
        &*self.ambient
    }

    /// The store, for the outbox and for setting up.
    pub fn store(&self) -> &Store {
        &self.store
    }
}
