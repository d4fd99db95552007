//! Browser sessions: the content of the cookie, and its user.
//!
//! The cookie names the user and the session, and contains a secret; the table has only the secret's hash. So a session
//! ends in the table: when its user signs out, ends it from another browser, or changes the password.

use subtle::ConstantTimeEq as _;

use super::{AuthOutcome, Means, RequestOrigin, USE_NOTED};
use crate::auth::crypto::hex;
use crate::auth::session_token::SessionToken;
use crate::auth::token_hash;
use crate::directory::Directory;
use crate::error::{Result, Unauthenticated};
use crate::model::ambient::random;
use crate::model::{Session, SessionId, User};
use crate::secret::Secret;

impl Directory {
    /// A new session of a user, not stored yet, and its cookie.
    pub(crate) fn new_session(&self, user: &User, origin: &RequestOrigin) -> (Session, Secret) {
        let now = self.ambient.now();
        let secret: Secret = hex(&random::<20>(&*self.ambient)).into();
        let id = SessionId::generate(now, &*self.ambient);
        let session = Session {
            id,
            user: user.id,
            hash: token_hash(&secret).into(),
            version: user.token_version,
            created: now,
            last_used: now,
            good_until: now.plus_seconds(Session::LIFE),
            address: origin.address.clone(),
            user_agent: origin.short_agent(Session::MOST_AGENT),
        };
        (session, SessionToken { user: user.id, session: id, secret }.text())
    }

    /// The user of a session. An invalid session counts as no credential (`contracts/openwisp.md` section 4).
    pub(super) async fn user_of_session(&self, text: &str) -> Result<AuthOutcome> {
        let refused = |named| AuthOutcome::refused(named, Unauthenticated::NoCredentials);
        let Some(cookie) = SessionToken::parse(text) else { return Ok(refused(None)) };
        let (session, user) = futures_util::future::try_join(
            self.store.session(cookie.user, cookie.session),
            self.store.user(cookie.user),
        )
        .await?;
        let now = self.ambient.now();
        let hash = token_hash(&cookie.secret);
        let session = session.filter(|session| bool::from(session.hash.as_bytes().ct_eq(hash.as_bytes())));
        let (Some(session), Some(user)) = (session, user) else { return Ok(refused(None)) };
        if now >= session.good_until || session.version != user.token_version || !user.is_active_on(now.date()) {
            return Ok(refused(Some(user.id)));
        }
        if now >= session.last_used.plus_seconds(USE_NOTED) {
            self.store.session_used(user.id, session.id, now).await?;
        }
        Ok(AuthOutcome::good(user, Means::Session(Box::new(session))))
    }
}
