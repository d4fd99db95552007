//! Reading what a handler will need together with its caller, which saves a wait for the store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::auth::remembered::Remembered;
use crate::model::{Membership, User, UserId};
use crate::store::{Counts, Store};

/// What the handler of a request will read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Needs {
    /// Nothing that is known before the caller is.
    #[default]
    Nothing,
    /// This user, and the memberships.
    User(UserId),
    /// The number of all users, if the caller sees all of them.
    UserCount,
}

/// A user and the memberships, if there is such a user.
type FoundUser = Option<(User, Vec<Membership>)>;

#[derive(Debug)]
enum Read {
    User(UserId, Box<FoundUser>),
    UserCount(Counts),
}

/// What was read, for the first who asks: whoever asks again, asks because it may have changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadAhead(Arc<Mutex<Option<Read>>>);

/// The owners of API tokens that this process has read, and superusers among its callers, so that it can read sooner. These are
/// only hints: what is read decides. They do not expire; when there are too many, all go.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownCallers {
    /// By the hash of an API token.
    owners: Remembered<String, UserId>,
    superusers: Remembered<UserId, ()>,
}

impl ReadAhead {
    /// Reads what a request of this caller needs. What cannot be read is read again by whoever needs it, and fails
    /// there.
    pub(super) async fn of(store: &Store, needs: Needs, caller: UserId, known: &KnownCallers) -> Self {
        let read = match needs {
            Needs::User(id) => store.user_with_memberships(id).await.ok().map(|found| Read::User(id, Box::new(found))),
            // Most others do not see all users, and need other numbers.
            Needs::UserCount if known.is_superuser(caller) => store.user_counts().await.ok().map(Read::UserCount),
            Needs::UserCount | Needs::Nothing => None,
        };
        Self(Arc::new(Mutex::new(read)))
    }

    /// What was read of that user, once.
    pub(crate) fn take_user(&self, wanted: UserId) -> Option<FoundUser> {
        match self.lock().take_if(|read| matches!(read, Read::User(id, _) if *id == wanted)) {
            Some(Read::User(_, found)) => Some(*found),
            _ => None,
        }
    }

    /// The number of users that was read, once.
    pub(crate) fn take_count(&self) -> Option<Counts> {
        match self.lock().take_if(|read| matches!(read, Read::UserCount(_))) {
            Some(Read::UserCount(counts)) => Some(counts),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Read>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KnownCallers {
    /// The owner that the API token with this hash had.
    pub(super) fn owner(&self, token: &str) -> Option<UserId> {
        self.owners.get(token)
    }

    /// Remembers the owner of the API token with this hash; `None` if there is no such token.
    pub(super) fn note_owner(&self, token: &str, owner: Option<UserId>) {
        match owner {
            Some(owner) if self.owner(token) == Some(owner) => {}
            Some(owner) => self.owners.insert(token.to_owned(), owner, |_| false),
            None => self.owners.remove(token),
        }
    }

    fn is_superuser(&self, id: UserId) -> bool {
        self.superusers.get(&id).is_some()
    }

    /// Remembers whether a user is a superuser.
    pub(super) fn note(&self, user: &User) {
        if user.flags.is_superuser {
            self.superusers.insert(user.id, (), |()| false);
        } else {
            self.superusers.remove(&user.id);
        }
    }
}
