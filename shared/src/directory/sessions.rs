//! Signing in and out with a browser (`contracts/openwisp.md` section 16), and the caller's own sessions.

use async_recursion::async_recursion as boxed;

use super::{Caller, Directory, Page, PageRange, Subject};
use crate::auth::{Credential, Login};
use crate::directory::RequestOrigin;
use crate::directory::sign_in::{Means, Names};
use crate::error::{Entity, Error, Result, Unauthenticated};
use crate::model::{
    Actor, CredentialKind, EventAction, EventTarget, FieldChange, FieldValue, Session, SessionId, User,
};
use crate::secret::Secret;
use crate::store::{NewEvent, UserWrite};

impl Directory {
    /// Creates a session if the password is that of the user whom `login` names, as for [`Directory::obtain_token`]. It
    /// sets the user's last login to now, which invalidates earlier password reset links. Beyond [`Session::MOST`]
    /// sessions, the oldest one ends.
    ///
    /// # Errors
    /// As [`Directory::obtain_token`].
    #[boxed]
    pub async fn start_session(&self, login: Login, origin: &RequestOrigin) -> Result<Secret> {
        let user = self.sign_in(&login, Names::All, origin, false).await?;
        let user = self.note_login(user, &login.password, origin).await?;
        let sessions = self.store.sessions(user.id).await?;
        let oldest: Vec<_> =
            (sessions.iter().map(|session| session.id).take((sessions.len() + 1).saturating_sub(Session::MOST)))
                .collect();
        self.store.sessions_remove(user.id, &oldest).await?;
        // It contains the version of the user whose password was checked: a concurrent password change has ended it.
        let (session, text) = self.new_session(&user, origin);
        if self.store.session_insert(&session).await? {
            Ok(text)
        } else {
            Err(Error::Unauthenticated(Unauthenticated::WrongPassword))
        }
    }

    /// Ends the session of a browser; nothing happens if it is no longer valid.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn sign_out(&self, credential: &Credential, origin: &RequestOrigin) -> Result<()> {
        match self.authenticate(credential, origin).await {
            Ok(found) => match found.means {
                Means::Session(ref session) => {
                    let event = session_ended(found.actor(), &found.user, session.id);
                    self.store.session_end(session.user, session.id, event).await
                }
                _ => Ok(()),
            },
            Err(Error::Unauthenticated(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The caller's own valid sessions, oldest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn own_sessions(&self, caller: &Caller, range: PageRange) -> Result<Page<Session>> {
        let now = self.ambient.now();
        let mut sessions = self.store.sessions(caller.user.id).await?;
        sessions.retain(|session| session.version == caller.user.token_version && now < session.good_until);
        Ok(range.cut(sessions))
    }

    /// Ends one of the caller's own sessions.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the caller has no session with that id.
    #[boxed]
    pub async fn end_own_session(&self, caller: &Caller, id: SessionId) -> Result<()> {
        let own = self.own_sessions(caller, PageRange::ALL).await?;
        if !own.items.iter().any(|session| session.id == id) {
            return Err(Error::NotFound(Entity::Session));
        }
        self.store.session_end(caller.user.id, id, session_ended(caller.actor(), &caller.user, id)).await
    }

    /// Signs the caller out everywhere: all sessions and all signed tokens end, including those of the request. API
    /// tokens stay.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn sign_out_everywhere(&self, caller: &Caller) -> Result<()> {
        let mut attempts = self.attempts(caller, Subject::oneself(caller));
        loop {
            let (caller, own) = attempts.next().await?;
            let basis = self.must_manage(caller, own, None).await?;
            let before = &own.user;
            let after = User { token_version: before.token_version + 1, ..before.clone() };
            let actor = caller.actor();
            let (actor, action) = (Some(&actor), Some(EventAction::SignedOutEverywhere));
            let write = UserWrite {
                before: Some(before),
                after: Some(&after),
                basis: Some(&basis),
                actor,
                action,
                ..UserWrite::default()
            };
            if self.store.user_write(&write).await?.is_done()? {
                break;
            }
        }
        // They are invalid already; what a failure leaves here expires.
        let sessions = self.store.sessions(caller.user.id).await?;
        self.store.sessions_remove(caller.user.id, &sessions.iter().map(|session| session.id).collect::<Vec<_>>()).await
    }

    /// Writes the last login on the newest state of a user, if the password is still the same.
    async fn note_login(&self, user: User, password: &str, origin: &RequestOrigin) -> Result<User> {
        let mut attempts = self.store.attempts();
        loop {
            attempts.next().await?;
            let now = self.ambient.now();
            let gone = || Error::Unauthenticated(Unauthenticated::WrongPassword);
            let found = self.store.user_with_memberships(user.id).await?;
            let (before, memberships) = found.filter(|(user, _)| user.is_active_on(now.date())).ok_or_else(gone)?;
            if before.password != user.password && !self.is_password(&before, password).await? {
                return Err(gone());
            }
            let after = User { last_login: Some(now), ..before.clone() };
            let actor = origin.actor_signed_in(&after, CredentialKind::Password);
            if self.rewrite(&before, &after, &memberships, Some((&actor, EventAction::SignedIn))).await? {
                return Ok(after);
            }
        }
    }
}

/// The event of the end of a session.
fn session_ended(actor: Actor, user: &User, id: SessionId) -> NewEvent {
    let target = EventTarget::user(user.id, Some(user.username.as_str()));
    let session = FieldChange { old: Some(FieldValue::Text(id.to_string())), new: None };
    let changes = [("session".to_owned(), session)].into();
    NewEvent { changes, ..NewEvent::new(EventAction::SessionEnded, actor, target) }
}
