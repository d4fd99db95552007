//! Setting, changing and resetting passwords (`contracts/openwisp.md` section 9).

use async_recursion::async_recursion as boxed;
use tokio::sync::OnceCell;

use super::updates::Target;
use super::{Act, Caller, Directory, Draft, Subject};
use crate::auth::link::ResetToken;
use crate::auth::password::Verdict;
use crate::auth::password_violations;
use crate::directory::RequestOrigin;
use crate::directory::sign_in::Guessed;
use crate::error::{Error, Result, Rule, Violation};
use crate::model::CleanupTask;
use crate::model::{Action, CredentialKind, EventAction, Field, MAX_PASSWORD, Model, User, UserId};
use crate::secret::Secret;
use crate::store::UserWrite;

/// A password to be set for a user.
#[derive(Debug)]
pub struct SetPassword {
    /// The current one, if the caller sent it.
    pub current: Option<Secret>,
    /// Whether what the caller sent as the current one is among the violations already.
    pub is_current_refused: bool,
    /// The new one, unless it is invalid.
    pub new: Option<Secret>,
    /// The new one again, unless it is invalid.
    pub again: Option<Secret>,
}

/// A password change by a user who knows the old one.
#[derive(Debug)]
pub struct ChangePassword {
    /// The current one.
    pub old: Secret,
    /// The new one.
    pub new: Secret,
    /// The new one again.
    pub again: Secret,
}

/// A password reset with a mailed link.
#[derive(Debug)]
pub struct ResetPassword {
    /// The user.
    pub uid: String,
    /// The link's secret.
    pub token: Secret,
    /// The new one.
    pub new: Secret,
    /// The new one again.
    pub again: Secret,
}

impl Directory {
    /// Fails unless the caller may set the password of a user, or their own.
    ///
    /// # Errors
    /// [`Error::Forbidden`], or when the store is unavailable.
    #[boxed]
    pub async fn check_may_set_password(&self, caller: &Caller, of: &Subject) -> Result<()> {
        self.must_manage(caller, of, need(caller, &of.user)).await.map(drop)
    }

    /// Sets the password of a user whom the caller may change, or the caller's own (section 9.1).
    ///
    /// The current password is not needed by superusers, nor for another user's password; wrong ones count against the
    /// client IP. All signed tokens and sessions of the user end, except the session of the request.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all violations, [`Error::Forbidden`].
    #[boxed]
    pub async fn set_password(
        &self,
        caller: &Caller,
        of: Subject,
        draft: Draft<SetPassword>,
        origin: &RequestOrigin,
    ) -> Result<()> {
        let Draft { content: SetPassword { current, is_current_refused, new, again }, mut violations } = draft;
        self.check_may_set_password(caller, &of).await?;
        let must_know = !caller.may(Act::SetPassword { of: of.user.id, proven: false });
        let is_refused = is_current_refused && !violations.is_empty();
        if must_know && new.is_some() && !is_refused {
            match self.check_own_password(&of.user, current.as_deref(), Field::CurrentPassword, origin).await {
                Err(Error::Invalid(wrong)) => violations.extend(wrong),
                other => other?,
            }
        }
        if new.is_some() && new == current {
            violations.push(Violation { field: Field::NewPassword, rule: Rule::SameAsOld });
        }
        if again.is_some() && new != again {
            violations.push(Violation { field: Field::PasswordConfirmation, rule: Rule::Mismatch });
        }
        let (Some(new), true) = (new, violations.is_empty()) else { return Err(Error::Invalid(violations)) };
        let known = current.as_deref().filter(|_| must_know).map(|current| (Field::CurrentPassword, current));
        self.replace_password(caller, of, known, new).await
    }

    /// Changes the caller's own password (section 9.2). All signed tokens and sessions end, except the session of the
    /// request.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all violations.
    #[boxed]
    pub async fn change_own_password(
        &self,
        caller: &Caller,
        change: ChangePassword,
        origin: &RequestOrigin,
    ) -> Result<()> {
        let ChangePassword { old, new, again } = change;
        let user = caller.user.clone();
        self.check_own_password(&user, Some(&old), Field::OldPassword, origin).await?;
        self.check_new_password(&user, &new, &again).await?;
        let own = Subject::oneself(caller);
        self.replace_password(caller, own, Some((Field::OldPassword, &old)), new).await
    }

    /// Sets a password with the pair of a mailed link (section 9.4). The pair is used up, and all sessions, signed
    /// tokens and API tokens of the user end.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the violations; the pair remains valid if the password is refused.
    #[boxed]
    pub async fn reset_password(&self, reset: ResetPassword, origin: &RequestOrigin) -> Result<()> {
        let ResetPassword { uid, token, new, again } = reset;
        let mut guess = self.attempt(Guessed::Secret, &uid, origin).await?;
        let user = self.user_of_pair(&uid, &token).await?;
        if let Err(error) = self.check_new_password(&user, &new, &again).await {
            self.attempt_forgiven(guess).await?;
            return Err(error);
        }
        let hash = self.hasher.hash(new).await?;
        let mut at_hand = Some(user);
        let mut attempts = self.store.attempts();
        loop {
            attempts.next().await?;
            let user = match at_hand.take() {
                Some(user) => user,
                // A password change meanwhile invalidates the pair; other changes do not.
                None => self.user_of_pair(&uid, &token).await?,
            };
            let after = User { api_tokens_ended: user.api_tokens_ended + 1, ..with_password(&user, &hash) };
            let mails = self.notices(&user, &after);
            let actor = origin.actor_signed_in(&user, CredentialKind::MailedLink);
            let write = UserWrite {
                before: Some(&user),
                after: Some(&after),
                mails,
                actor: Some(&actor),
                action: Some(EventAction::PasswordReset),
                ..UserWrite::default()
            };
            if self.store.user_write(&write).await?.is_done()? {
                self.clean_up_after(CleanupTask::EndedTokens(user.id)).await;
                // The user owns the mailbox, so this counts as a successful login, whatever others have tried.
                self.attempt_on(guess.as_mut(), Some(user.id)).await?;
                return self.attempt_succeeded(guess, user.id).await;
            }
        }
    }

    /// Whether a pair is valid now. An invalid pair counts as a failure.
    ///
    /// # Errors
    /// [`Error::Throttled`] after too many failures.
    #[boxed]
    pub async fn is_reset_pair(&self, uid: &str, token: &str, origin: &RequestOrigin) -> Result<bool> {
        let attempt = self.attempt(Guessed::Secret, uid, origin).await?;
        let is_good = match self.user_of_uid(uid).await? {
            Some(user) => self.is_reset_token(&user, token).await?,
            None => false,
        };
        if is_good {
            self.attempt_forgiven(attempt).await?;
        }
        Ok(is_good)
    }

    /// The user whose password the pair can set now.
    async fn user_of_pair(&self, uid: &str, token: &str) -> Result<User> {
        let user = self.user_of_uid(uid).await?.ok_or_else(|| Error::invalid(Field::ResetUser, Rule::InvalidValue))?;
        if self.is_reset_token(&user, token).await? {
            Ok(user)
        } else {
            Err(Error::invalid(Field::ResetToken, Rule::InvalidValue))
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
        let Some(pair) = ResetToken::parse(token) else { return Ok(false) };
        Ok(user.is_active_on(now.date()) && pair.verify(&self.keys, now, user).await?)
    }

    /// Checks a password that its user claims to know; failures count against user and network.
    async fn check_own_password(
        &self,
        user: &User,
        given: Option<&str>,
        field: Field,
        origin: &RequestOrigin,
    ) -> Result<()> {
        let mut attempt = self.attempt(Guessed::Secret, &user.id.to_string(), origin).await?;
        let counts = self.attempt_on(attempt.as_mut(), Some(user.id)).await?;
        let right = match given {
            Some(given) => self.is_password(user, given).await?,
            None => false,
        };
        if !right || !counts {
            return Err(Error::invalid(field, Rule::WrongPassword));
        }
        self.attempt_succeeded(attempt, user.id).await
    }

    pub(crate) async fn is_password(&self, user: &User, password: &str) -> Result<bool> {
        let verdict = self.hasher.verify(password.into(), Some(user.password.clone())).await?;
        Ok(verdict != Verdict::Wrong)
    }

    /// The rules for passwords that users choose themselves (section 5, "Password rules").
    async fn check_new_password(&self, user: &User, new: &str, again: &str) -> Result<()> {
        if new != again {
            return Err(Error::invalid(Field::NewPasswordAgain, Rule::Mismatch));
        }
        if new.len() > MAX_PASSWORD {
            return Err(Error::invalid(Field::NewPasswordAgain, Rule::TooLong(MAX_PASSWORD)));
        }
        let mut rules = password_violations(user, new);
        if self.is_password(user, new).await? {
            rules.push(Rule::Reused);
        }
        if rules.is_empty() {
            return Ok(());
        }
        Err(Error::Invalid(rules.into_iter().map(|rule| Violation { field: Field::NewPasswordAgain, rule }).collect()))
    }

    /// Writes a new password on the user's newest state. If the caller had to know the old one, which that field names,
    /// it must still be the old one.
    async fn replace_password(
        &self,
        caller: &Caller,
        of: Subject,
        known: Option<(Field, &str)>,
        new: Secret,
    ) -> Result<()> {
        let hash = OnceCell::new();
        let mut attempts = self.attempts(caller, PasswordOf { subject: of, known });
        loop {
            let (caller, PasswordOf { subject, .. }) = attempts.next().await?;
            let user = &subject.user;
            let basis = self.must_manage(caller, subject, need(caller, user)).await?;
            // Do not hash for callers without permission.
            let hash = hash.get_or_try_init(|| self.hasher.hash(new.clone())).await?;
            let after = with_password(user, hash);
            let write = UserWrite {
                before: Some(user),
                after: Some(&after),
                mails: self.notices(user, &after),
                basis: Some(&basis),
                actor: Some(&caller.actor()),
                kept_session: caller.session().filter(|_| caller.user.id == user.id),
                ..UserWrite::default()
            };
            if self.store.user_write(&write).await?.is_done()? {
                return Ok(());
            }
        }
    }
}

/// A user whose password a caller may set, and the current password, if the caller had to know it and in which field.
struct PasswordOf<'a> {
    subject: Subject,
    known: Option<(Field, &'a str)>,
}

impl Target for PasswordOf<'_> {
    async fn newest(&self, directory: &Directory, caller: &Caller) -> Result<Self> {
        let &Self { ref subject, known } = self;
        caller.must(Act::SetPassword { of: subject.user.id, proven: known.is_some() })?;
        let newer = subject.newest(directory, caller).await?;
        if let Some((field, old)) = known
            && newer.user.password != subject.user.password
            && !directory.is_password(&newer.user, old).await?
        {
            return Err(Error::invalid(field, Rule::WrongPassword));
        }
        Ok(Self { subject: newer, known })
    }
}

/// The model permission needed to set a password: none for one's own.
fn need(caller: &Caller, of: &User) -> Option<(Action, Model)> {
    (caller.user.id != of.id).then_some((Action::Change, Model::User))
}

/// The user with another password, which ends all signed tokens and sessions.
fn with_password(user: &User, hash: &Secret) -> User {
    User { password: hash.clone(), token_version: user.token_version + 1, ..user.clone() }
}
