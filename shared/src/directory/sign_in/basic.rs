//! User name and password in every request: verified once, then cached for a while.

use futures_util::future::join;

use super::{AuthOutcome, Guessed, Means, RequestOrigin};
use crate::auth::crypto::mac;
use crate::auth::password::is_usable;
use crate::auth::remembered::Remembered;
use crate::directory::Directory;
use crate::error::{Error, Result, Unauthenticated};
use crate::model::ambient::{Ambient, random};
use crate::model::{Timestamp, User, UserId};

/// How long a verified pair is cached, in seconds.
const LIFE: i64 = 5 * 60;

/// Pairs of user name and password that this process has verified recently.
///
/// It contains no passwords: a pair is identified by an HMAC under a key of this process. The entry is bound to the
/// stored hash that was verified, so every change of the password invalidates it, even a change back to an older one.
#[derive(Clone)]
pub(crate) struct BasicAuthCache {
    key: [u8; 32],
    pairs: Remembered<[u8; 32], Known>,
}

#[derive(Clone)]
struct Known {
    user: UserId,
    stored: String,
    until: Timestamp,
}

impl BasicAuthCache {
    pub(crate) fn new(ambient: &dyn Ambient) -> Self {
        Self { key: random(ambient), pairs: Remembered::default() }
    }

    fn name(&self, username: &str, password: &str) -> [u8; 32] {
        mac(&self.key, &[username.as_bytes(), password.as_bytes()])
    }

    /// The user whose pair it was recently.
    fn user(&self, name: &[u8; 32], now: Timestamp) -> Option<UserId> {
        self.pairs.get(name).filter(|known| now < known.until).map(|known| known.user)
    }

    /// Whether the pair was verified against exactly that hash recently.
    fn knows(&self, name: &[u8; 32], stored: &str, now: Timestamp) -> bool {
        self.pairs.get(name).is_some_and(|known| known.stored == stored && now < known.until)
    }

    fn remember(&self, name: [u8; 32], user: UserId, stored: &str, now: Timestamp) {
        let known = Known { user, stored: stored.to_owned(), until: now.plus_seconds(LIFE) };
        self.pairs.insert(name, known, |known| now < known.until);
    }

    fn forget(&self, name: &[u8; 32]) {
        self.pairs.remove(name);
    }
}

impl Directory {
    /// The user with that name, if the password is right. A wrong password reveals nothing about the user's state.
    pub(super) async fn user_with_password(
        &self,
        username: &str,
        password: &str,
        origin: &RequestOrigin,
    ) -> Result<AuthOutcome> {
        let now = self.ambient.now();
        let name = self.basic_auth_cache.name(username, password);
        let is_known =
            |user: &User| is_usable(&user.password) && self.basic_auth_cache.knows(&name, &user.password, now);
        if let Some(id) = self.basic_auth_cache.user(&name, now) {
            // The user's own record says whether name and password are still the same.
            let (user, ahead) = Box::pin(join(self.store.user(id), self.read_ahead(origin, id))).await;
            if let Some(user) = user?.filter(|user| user.username.as_str() == username && is_known(user)) {
                return Ok(AuthOutcome { ahead, ..AuthOutcome::if_active(user, Means::Password, now) });
            }
            self.basic_auth_cache.forget(&name);
        }
        let id = self.user_of_name(username).await?;
        let user = self.user_or_nobody(id).await?;
        if let Some(user) = user.as_ref().filter(|user| is_known(user)) {
            return Ok(AuthOutcome::if_active(user.clone(), Means::Password, now));
        }
        let mut attempt = match self.attempt(Guessed::Secret, username, origin).await {
            Ok(attempt) => attempt,
            Err(error @ Error::Throttled { .. }) => return Ok(AuthOutcome::failed(id, error)),
            Err(error) => return Err(error),
        };
        let counts = self.attempt_on(attempt.as_mut(), id).await?;
        let Some(user) = self.user_if_password(user, password, counts).await? else {
            return Ok(AuthOutcome::refused(Some(self.id_of(username, id).await?), Unauthenticated::WrongPassword));
        };
        self.attempt_succeeded(attempt, user.id).await?;
        self.basic_auth_cache.remember(name, user.id, &user.password, now);
        Ok(AuthOutcome::if_active(user, Means::Password, now))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::ambient::System;

    #[test]
    fn a_pair_is_known_under_its_hash_and_for_its_time_only() {
        let pairs = BasicAuthCache::new(&System);
        let (name, jane) = (pairs.name("jane", "secret"), UserId(Uuid::from_u128(1)));
        let now = Timestamp::from_micros(0);
        assert!(!pairs.knows(&name, "hash", now));
        pairs.remember(name, jane, "hash", now);
        assert!(pairs.knows(&name, "hash", now.plus_seconds(LIFE - 1)));
        assert!(!pairs.knows(&name, "hash", now.plus_seconds(LIFE)));
        assert_eq!(pairs.user(&name, now.plus_seconds(LIFE - 1)), Some(jane));
        assert_eq!(pairs.user(&name, now.plus_seconds(LIFE)), None);
        assert!(!pairs.knows(&name, "an older hash", now));
        for (username, password) in [("jane", "Secret"), ("janes", "ecret"), ("", "janesecret")] {
            assert!(!pairs.knows(&pairs.name(username, password), "hash", now));
        }
        assert_ne!(BasicAuthCache::new(&System).name("jane", "secret"), name, "each process has its own key");
    }
}
