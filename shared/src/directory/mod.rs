//! The rules of the directory, written once for all dialects.
//!
//! Handlers call these methods and nothing below them. The methods know callers, rules, time and ids; they know nothing
//! of HTTP, wire texts or keys.

pub mod access;
mod addresses;
mod cleanup;
mod confirmation;
mod creation;
mod expected;
mod expiry;
mod groups;
mod history;
mod installation;
mod locks;
mod managed_users;
mod memberships;
mod names;
mod notices;
mod organizations;
mod outbox;
mod page;
mod passwords;
mod resets;
mod roles;
mod search;
mod sessions;
pub(crate) mod sign_in;
mod tokens;
pub mod transfer;
mod updates;
mod users;

use std::sync::Arc;

pub use self::access::{Act, Holdings, Person, Policy, Rights, UserField, Visibility};
pub use self::addresses::{AddressChanges, AddressDetail};
pub use self::expected::Expected;
pub use self::memberships::NewMembership;
pub use self::page::{Page, PageRange, Total};
pub use self::passwords::{ChangePassword, ResetPassword, SetPassword};
pub use self::search::UserFilter;
pub use self::sign_in::{RequestOrigin, TokenGrant};
pub use self::users::{Draft, Subject, UserDetail};
use crate::auth::keys::KeyRing;
use crate::auth::password::Hasher;
use crate::config::{DocsAccess, TokenTtl};
use crate::directory::sign_in::{BasicAuthCache, Commons, Means};
use crate::error::{Error, Result};
use crate::model::TrustedProxies;
use crate::model::ambient::{Ambient, random};
use crate::model::{EmailAddress, Group, Mail, MailKind, Session, User};
use crate::store::{BulkWriter, Store};
pub use crate::store::{QueuedMail, measured};

/// The only entry point to users and everything that belongs to them.
#[derive(Clone)]
pub struct Directory {
    pub(crate) store: Store,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) hasher: Hasher,
    pub(crate) basic_auth_cache: BasicAuthCache,
    pub(crate) commons: Commons,
    pub(crate) known_lists: managed_users::KnownLists,
    pub(crate) known_names: names::KnownNames,
    pub(crate) settings: Arc<Settings>,
}

/// Settings that requests depend on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long tokens are valid.
    pub token_ttl: TokenTtl,
    /// Whether failed attempts are limited.
    pub throttle: bool,
    /// Whether mails report changes of passwords and e-mails.
    pub notices: bool,
    /// Base of absolute links, instead of the request's own.
    pub public_url: Option<String>,
    /// Whether responses report their cost.
    pub cost_header: bool,
    /// The maximum size of a response in bytes, if the transport has a limit.
    pub answer_limit: Option<usize>,
    /// Who may read the documentation.
    pub docs_access: DocsAccess,
    /// Proxies whose statements about the client are trusted.
    pub trusted_proxies: TrustedProxies,
}

/// The caller of a request, and the caller's rights.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The current state of the user.
    pub user: User,
    /// What the user may do.
    pub rights: Rights,
    /// The policy that granted the rights.
    policy: Policy,
    /// How the user was authenticated.
    means: Means,
    /// The groups that grant the rights.
    groups: Vec<Group>,
}

/// A caller that is not a user. It needs no rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemCaller {
    /// The operator: commands of the program, and the first start of the local server.
    Operator,
    /// The job that finishes cleanup and processes expiration dates.
    Housekeeping,
    /// The job that sends mails.
    Mailer,
}

impl SystemCaller {
    /// Fails for every caller except the operator.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    fn must_be_operator(self) -> Result<()> {
        if self == Self::Operator { Ok(()) } else { Err(Error::Forbidden) }
    }
}

impl Caller {
    /// The session that authenticated the caller, if it was a session.
    pub fn session(&self) -> Option<&Session> {
        match &self.means {
            Means::Session(session) => Some(session),
            _ => None,
        }
    }
}

/// A mail to a user, with an unpredictable id.
fn new_mail(ambient: &dyn Ambient, to: EmailAddress, user: &User, kind: MailKind) -> Mail {
    let name = uuid::Builder::from_random_bytes(random(ambient)).into_uuid();
    Mail { id: name.simple().to_string(), to, username: user.username.to_string(), kind }
}

impl Directory {
    /// Assembles a directory.
    pub fn new(store: Store, ambient: Arc<dyn Ambient>, keys: KeyRing, hasher: Hasher, settings: Settings) -> Self {
        let basic_auth_cache = BasicAuthCache::new(&*ambient);
        let (keys, settings) = (Arc::new(keys), Arc::new(settings));
        let (known_lists, known_names) = (managed_users::KnownLists::default(), names::KnownNames::default());
        let commons = Commons::default();
        Self { store, ambient, keys, hasher, basic_auth_cache, commons, known_lists, known_names, settings }
    }

    /// Replaces the keys.
    #[must_use]
    pub fn with_keys(self, keys: KeyRing) -> Self {
        Self { keys: Arc::new(keys), ..self }
    }

    /// Sets how the store writes many items at once.
    #[must_use]
    pub fn with_bulk_writer(self, bulk_writer: Arc<dyn BulkWriter>) -> Self {
        Self { store: self.store.with_bulk_writer(bulk_writer), ..self }
    }

    /// Does all background work: password reset mails, cleanup, and expiration dates.
    ///
    /// # Errors
    /// When the store is unavailable; the next call continues where this one stopped.
    pub async fn run_housekeeping(&self, by: SystemCaller) -> Result<()> {
        // Users wait for these.
        let mailed = Box::pin(self.mail_resets(by)).await;
        // Concurrently, so that neither waits for the other.
        let (followed, expired) = tokio::join!(Box::pin(self.cleanup(by)), Box::pin(self.expire_accounts(by)));
        mailed.and(followed).and(expired)
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

    /// The store, for the outbox and for setup.
    pub fn store(&self) -> &Store {
        &self.store
    }
}
