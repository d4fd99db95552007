//! Reading the target of a request together with its caller, which saves a wait.

use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Membership, User, UserId};
use crate::store::Store;

/// A user and the memberships, if there is such a user.
type Found = Option<(User, Vec<Membership>)>;

/// The target of a request, for the first who asks: whoever asks again, asks because it may have changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadAhead(Arc<Mutex<Option<(UserId, Found)>>>);

impl ReadAhead {
    /// Reads the target of a request. What cannot be read is read again by whoever needs it, and fails there.
    pub(super) async fn of(store: &Store, target: Option<UserId>) -> Self {
        let Some(target) = target else { return Self::default() };
        let found = store.user_with_memberships(target).await.ok();
        Self(Arc::new(Mutex::new(found.map(|found| (target, found)))))
    }

    /// What was read of that user, once.
    pub(crate) fn take(&self, id: UserId) -> Option<Found> {
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        read.take_if(|(target, _)| *target == id).map(|(_, found)| found)
    }
}
