//! Signing in with a browser (`contracts/openwisp.md` section 16).

use super::{Directory, too_busy};
use crate::error::{Error, Refusal, Result, Unauthenticated};
use crate::model::User;
use crate::sign_in::session::session;
use crate::sign_in::{Login, PlainToken};
use crate::store::{UserWrite, Written};

impl Directory {
    /// A session for who knows the password of the user whom `login` names, as for [`Directory::obtain_token`].
    /// The user's last login is now, which ends the links for a new password that were mailed before.
    ///
    /// # Errors
    /// As [`Directory::obtain_token`].
    pub async fn start_session(&self, login: Login, address: Option<&str>) -> Result<PlainToken> {
        let Login { identifier, password } = login;
        let ids = self.named(identifier.trim()).await?;
        let user = self.sign_in(&ids, &password, address).await?;
        let user = self.note_login(user, &password).await?;
        session(&self.keys, self.ambient.now(), &user).await.map(PlainToken)
    }

    /// Writes the last login on the newest state of a user, as long as the password is still that one.
    async fn note_login(&self, user: User, password: &str) -> Result<User> {
        let mut tries = self.store.tries();
        while tries.next().await {
            let now = self.ambient.now();
            let gone = || Error::Unauthenticated(Unauthenticated::WrongPassword);
            let found = self.store.user_with_memberships(user.id).await?;
            let (before, memberships) = found.filter(|(user, _)| user.is_active_on(now.date())).ok_or_else(gone)?;
            if before.password != user.password && !self.is_password(&before, password).await? {
                return Err(gone());
            }
            let after = User { last_login: Some(now), ..before.clone() };
            let write = UserWrite {
                before: Some(&before),
                after: Some(&after),
                memberships: Some(&memberships),
                ..UserWrite::default()
            };
            match self.store.user_write(&write).await? {
                Written::Done => return Ok(after),
                Written::Stale => {}
                _ => return Err(Error::Refused(Refusal::TooLargeToStore)),
            }
        }
        Err(too_busy())
    }
}
