//! User name and password with every request: verified once, then remembered for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Recognized;
use super::password::{is_usable, mac};
use crate::ambient::{Ambient, random};
use crate::directory::Directory;
use crate::error::{Error, Result, Unauthenticated};
use crate::model::{Timestamp, User, UserId};

/// How long, in seconds, a verified pair is remembered.
const LIFE: i64 = 5 * 60;
/// How many pairs are remembered.
const MOST: usize = 1024;

/// Pairs of user name and password that this process has verified lately.
///
/// It holds no password: a pair is known by an HMAC under a key of the process alone. It is bound to the stored hash
/// that it was verified against, so that it is forgotten by any change of the password, also back to an older one.
#[derive(Clone)]
pub(crate) struct KnownPairs {
    key: [u8; 32],
    pairs: Arc<Mutex<HashMap<[u8; 32], Known>>>,
}

struct Known {
    stored: String,
    until: Timestamp,
}

impl KnownPairs {
    pub(crate) fn new(ambient: &dyn Ambient) -> Self {
        Self { key: random(ambient), pairs: Arc::default() }
    }

    fn name(&self, username: &str, password: &str) -> [u8; 32] {
        mac(&self.key, &[username.as_bytes(), password.as_bytes()])
    }

    /// Whether the pair was verified against that very hash lately.
    fn knows(&self, name: &[u8; 32], stored: &str, now: Timestamp) -> bool {
        self.lock().get(name).is_some_and(|known| known.stored == stored && now < known.until)
    }

    fn remember(&self, name: [u8; 32], stored: &str, now: Timestamp) {
        let mut pairs = self.lock();
        if pairs.len() >= MOST {
            pairs.retain(|_, known| now < known.until);
        }
        if pairs.len() >= MOST {
            pairs.clear();
        }
        pairs.insert(name, Known { stored: stored.to_owned(), until: now.plus_seconds(LIFE) });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Known>> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Directory {
    /// The user of that name, if the password is the user's. A wrong password tells nothing of the user's state.
    pub(super) async fn user_with_password(
        &self,
        username: &str,
        password: &str,
        address: Option<&str>,
    ) -> Result<Recognized> {
        let now = self.ambient.now();
        let name = self.known_pairs.name(username, password);
        let id = self.user_of_name(username).await?;
        if let Some(id) = id
            && let Some(user) = self.store.user(id).await?
            && is_usable(&user.password)
            && self.known_pairs.knows(&name, &user.password, now)
        {
            return Ok(Recognized::if_active(user, now));
        }
        let ids: Vec<_> = id.into_iter().collect();
        let attempt = match self.attempt(address, &ids).await {
            Ok(attempt) => attempt,
            Err(error @ Error::Throttled { .. }) => return Ok(Recognized { named: id, outcome: Err(error) }),
            Err(error) => return Err(error),
        };
        let Some(user) = self.whose_password(&ids, password).await? else {
            return Ok(Recognized::refused(id, Unauthenticated::WrongPassword));
        };
        attempt.forgive(&self.store).await?;
        self.known_pairs.remember(name, &user.password, now);
        Ok(Recognized::if_active(user, now))
    }

    /// One of the users, whose password it is and who may use the directory; wrong ones count against all of them.
    pub(crate) async fn sign_in(&self, ids: &[UserId], password: &str, address: Option<&str>) -> Result<User> {
        let attempt = self.attempt(address, ids).await?;
        let user = self.whose_password(ids, password).await?;
        let today = self.ambient.now().date();
        let user = user.filter(|user| user.is_active_on(today));
        let user = user.ok_or(Error::Unauthenticated(Unauthenticated::WrongPassword))?;
        attempt.forgive(&self.store).await?;
        Ok(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::System;

    #[test]
    fn a_pair_is_known_under_its_hash_and_for_its_time_only() {
        let pairs = KnownPairs::new(&System);
        let name = pairs.name("jane", "secret");
        let now = Timestamp::from_micros(0);
        assert!(!pairs.knows(&name, "hash", now));
        pairs.remember(name, "hash", now);
        assert!(pairs.knows(&name, "hash", now.plus_seconds(LIFE - 1)));
        assert!(!pairs.knows(&name, "hash", now.plus_seconds(LIFE)));
        assert!(!pairs.knows(&name, "an older hash", now));
        for (username, password) in [("jane", "Secret"), ("janes", "ecret"), ("", "janesecret")] {
            assert!(!pairs.knows(&pairs.name(username, password), "hash", now));
        }
        assert_ne!(KnownPairs::new(&System).name("jane", "secret"), name, "each process has its own key");
    }

    #[test]
    fn never_more_than_the_most_are_remembered() {
        let pairs = KnownPairs::new(&System);
        let now = Timestamp::from_micros(0);
        for index in 0..3 * MOST {
            pairs.remember(pairs.name("jane", &index.to_string()), "hash", now);
            assert!(pairs.lock().len() <= MOST);
        }
        assert!(pairs.knows(&pairs.name("jane", &(3 * MOST - 1).to_string()), "hash", now));
    }
}
