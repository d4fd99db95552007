//! Setting, changing and resetting passwords (`contracts/openwisp.md` section 9).

use super::{Act, Caller, Directory, new_mail, too_busy};
use crate::error::{Entity, Error, Refusal, Result, Rule, Violation};
use crate::model::{MailKind, User, UserId};
use crate::sign_in::link::{ResetPair, reset_pair};
use crate::sign_in::password::{Verdict, is_usable};
use crate::sign_in::strength::weaknesses;
use crate::store::{UserWrite, Written};

/// A password to be set for a user.
pub struct SetPassword {
    /// The present one, if the caller gave it.
    pub current: Option<String>,
    /// The new one.
    pub new: String,
    /// The new one again.
    pub again: String,
}

/// A password to be changed by who knows the old one.
pub struct ChangePassword {
    /// The present one.
    pub old: String,
    /// The new one.
    pub new: String,
    /// The new one again.
    pub again: String,
}

/// A password to be set by who got the mailed link.
pub struct ResetPassword {
    /// Whose.
    pub uid: String,
    /// The link's secret.
    pub token: String,
    /// The new one.
    pub new: String,
    /// The new one again.
    pub again: String,
}

impl Directory {
    /// Sets the password of a user whom the caller may change, or the caller's own (section 9.1).
    ///
    /// Only a superuser, or somebody else than the user, need not know the present password.
    /// `address` is the client's, against which wrong ones count. Set by somebody else, it ends the user's tokens.
    ///
    /// # Errors
    /// [`Error::Invalid`] with everything that is wrong.
    pub async fn set_password(
        &self,
        caller: &Caller,
        user: User,
        set: SetPassword,
        address: Option<&str>,
    ) -> Result<()> {
        let SetPassword { current, new, again } = set;
        let is_own = caller.user.id == user.id;
        let must_know = !caller.may(Act::SetPassword { of: user.id, proven: false });
        if must_know {
            self.check_own_password(&user, current.as_deref(), "current_password", address).await?;
        }
        if new != again {
            return Err(Error::invalid("confirm_password", Rule::Mismatch));
        }
        if current.as_deref() == Some(&new) {
            return Err(Error::invalid("new_password", Rule::SameAsOld));
        }
        let known = current.as_deref().filter(|_| must_know).map(|current| ("current_password", current));
        self.replace_password(user, known, new, !is_own).await
    }

    /// Changes the caller's own password (section 9.2). Tokens stay good.
    ///
    /// # Errors
    /// [`Error::Invalid`] with everything that is wrong.
    pub async fn change_own_password(
        &self,
        caller: &Caller,
        change: ChangePassword,
        address: Option<&str>,
    ) -> Result<()> {
        let ChangePassword { old, new, again } = change;
        let user = caller.user.clone();
        self.check_own_password(&user, Some(&old), "old_password", address).await?;
        self.check_new_password(&user, &new, &again).await?;
        self.replace_password(user, Some(("old_password", &old)), new, false).await
    }

    /// Mails a link for a new password to each active user whom `identifier` names and who can sign in (section 9.3).
    /// The answer does not tell whether there was any.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn request_password_reset(&self, identifier: &str, base: &str, address: Option<&str>) -> Result<()> {
        let now = self.ambient.now();
        let ids = self.named(identifier.trim()).await?;
        // Every request counts, so that nobody's mailbox is flooded.
        self.attempt(address, &ids).await?;
        for id in ids {
            let Some(user) = self.store.user(id).await? else { continue };
            let Some(to) = user.email.clone() else { continue };
            if !user.is_active_on(now.date()) || !is_usable(&user.password) {
                continue;
            }
            let pair = reset_pair(&self.keys, now, &user).await?;
            let kind = MailKind::PasswordReset { link: format!("{base}/accounts/password/reset/key/{pair}/") };
            let mail = new_mail(&*self.ambient, to, &user, kind);
            self.store.outbox_insert(&mail).await?;
        }
        Ok(())
    }

    /// Sets a password with the pair of a mailed link (section 9.4). The pair is used up, and all tokens of the user end.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what is wrong; the pair is still good after a refused password.
    pub async fn reset_password(&self, reset: ResetPassword, address: Option<&str>) -> Result<()> {
        let ResetPassword { uid, token, new, again } = reset;
        let attempt = self.attempt(address, &[]).await?;
        let mut user = self.user_of_pair(&uid, &token).await?;
        attempt.forgive(&self.store).await?;
        self.check_new_password(&user, &new, &again).await?;
        let hash = self.hasher.hash(new).await?;
        let mut tries = self.store.tries();
        loop {
            match self.write_password(&user, &hash, true).await? {
                Written::Done => return Ok(()),
                // A password that was changed meanwhile has ended the pair; other changes have not.
                _ if tries.again().await => user = self.user_of_pair(&uid, &token).await?,
                _ => return Err(too_busy()),
            }
        }
    }

    /// Whether a pair could set a password now.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn is_reset_pair(&self, uid: &str, token: &str) -> Result<bool> {
        match self.user_of_uid(uid).await? {
            Some(user) => self.is_reset_token(&user, token).await,
            None => Ok(false),
        }
    }

    /// The user whose password the pair can set now.
    async fn user_of_pair(&self, uid: &str, token: &str) -> Result<User> {
        let user = self.user_of_uid(uid).await?.ok_or_else(|| Error::invalid("uid", Rule::InvalidValue))?;
        if self.is_reset_token(&user, token).await? {
            Ok(user)
        } else {
            Err(Error::invalid("token", Rule::InvalidValue))
        }
    }

    async fn user_of_uid(&self, uid: &str) -> Result<Option<User>> {
        match UserId::parse_simple(uid) {
            Some(id) => self.store.user(id).await,
            None => Ok(None),
        }
    }

    async fn is_reset_token(&self, user: &User, token: &str) -> Result<bool> {
        let now = self.ambient.now();
        let Some(pair) = ResetPair::parse(token) else { return Ok(false) };
        Ok(user.is_active_on(now.date()) && pair.fits(&self.keys, now, user).await?)
    }

    /// Checks a password that its user claims to know; failures count against user and address.
    async fn check_own_password(
        &self,
        user: &User,
        given: Option<&str>,
        field: &'static str,
        address: Option<&str>,
    ) -> Result<()> {
        let attempt = self.attempt(address, &[user.id]).await?;
        let right = match given {
            Some(given) => self.is_password(user, given).await?,
            None => false,
        };
        if !right {
            return Err(Error::invalid(field, Rule::WrongPassword));
        }
        attempt.forgive(&self.store).await
    }

    pub(super) async fn is_password(&self, user: &User, password: &str) -> Result<bool> {
        let verdict = self.hasher.verify(password.to_owned(), Some(user.password.clone())).await?;
        Ok(verdict != Verdict::Wrong)
    }

    /// The rules for passwords that users choose themselves (section 5, "Password rules").
    async fn check_new_password(&self, user: &User, new: &str, again: &str) -> Result<()> {
        if new != again {
            return Err(Error::invalid("new_password2", Rule::Mismatch));
        }
        let mut rules = weaknesses(user, new);
        if self.is_password(user, new).await? {
            rules.push(Rule::Reused);
        }
        if rules.is_empty() {
            return Ok(());
        }
        Err(Error::Invalid(rules.into_iter().map(|rule| Violation { field: "new_password2", rule }).collect()))
    }

    /// Writes a new password on the user's newest state.
    /// Where the caller had to know the old one, as the field of that name said, it must still be the old one.
    async fn replace_password(
        &self,
        user: User,
        known: Option<(&'static str, &str)>,
        new: String,
        ends_tokens: bool,
    ) -> Result<()> {
        let hash = self.hasher.hash(new).await?;
        let mut user = user;
        let mut tries = self.store.tries();
        while self.write_password(&user, &hash, ends_tokens).await? != Written::Done {
            if !tries.again().await {
                return Err(too_busy());
            }
            let newer = self.store.user(user.id).await?.ok_or(Error::NotFound(Entity::User))?;
            if let Some((field, old)) = known
                && newer.password != user.password
                && !self.is_password(&newer, old).await?
            {
                return Err(Error::invalid(field, Rule::WrongPassword));
            }
            user = newer;
        }
        Ok(())
    }

    async fn write_password(&self, user: &User, hash: &str, ends_tokens: bool) -> Result<Written> {
        let mut after = user.clone();
        hash.clone_into(&mut after.password);
        after.token_version += u64::from(ends_tokens);
        let write = UserWrite { before: Some(user), after: Some(&after), ..UserWrite::default() };
        match self.store.user_write(&write).await? {
            written @ (Written::Done | Written::Stale) => Ok(written),
            _ => Err(Error::Refused(Refusal::TooLargeToStore)),
        }
    }
}
