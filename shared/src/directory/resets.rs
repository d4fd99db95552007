//! Password reset mails (`contracts/openwisp.md` section 9.3).
//!
//! The request stores only what was typed, so neither its response nor its duration reveals who exists. A job looks up
//! the users shortly afterwards.

use async_recursion::async_recursion as boxed;

use super::{Directory, SystemCaller, new_mail};
use crate::auth::link::{ResetTicket, reset_pair};
use crate::auth::password::is_usable;
use crate::directory::RequestOrigin;
use crate::directory::sign_in::Names;
use crate::error::Result;
use crate::model::ambient::random;
use crate::model::{EventAction, Mail, MailKind};
use crate::store::{NewEvent, ResetRequest, Store};

/// How long a request is processed, in seconds.
const LIFE: i64 = 60 * 60;
/// How many requests are read at once.
const AT_ONCE: usize = 50;
/// The longest text, in bytes, that can identify a user.
const LONGEST: usize = 1024;

impl Directory {
    /// Requests a password reset link for each active user whom `identifier` names and who can sign in.
    ///
    /// # Errors
    /// [`Error::Throttled`](crate::Error::Throttled) after too many requests from the network of the visit.
    #[boxed]
    pub async fn request_password_reset(&self, identifier: &str, base: &str, origin: &RequestOrigin) -> Result<()> {
        self.reset_asked(origin).await?;
        let identifier = identifier.trim();
        let now = self.ambient.now();
        self.store
            .reset_insert(&ResetRequest {
                sk: Store::reset_name(now, u64::from_be_bytes(random(&*self.ambient))),
                identifier: if identifier.len() > LONGEST { "" } else { identifier }.into(),
                base: base.to_owned(),
                ticket: ResetTicket::new(&self.keys, &*self.ambient).await?.text(),
                expires: now.plus_seconds(LIFE).seconds(),
            })
            .await
    }

    /// Creates the requested mails. A failed request does not stop the others; it is retried for an hour.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn mail_resets(&self, by: SystemCaller) -> Result<()> {
        tracing::trace!(by = ?by, "processing password reset requests");
        let mut after = None;
        loop {
            let requests = self.store.resets(after.as_deref(), AT_ONCE).await?;
            for request in &requests {
                if let Err(error) = self.mail_reset(request).await {
                    tracing::warn!(reset.id = request.sk, error = %error, "password reset request failed; will retry");
                }
            }
            if requests.len() < AT_ONCE {
                return Ok(());
            }
            after = requests.into_iter().next_back().map(|request| request.sk);
        }
    }

    async fn mail_reset(&self, request: &ResetRequest) -> Result<()> {
        let ticket = ResetTicket::parse(&request.ticket);
        let mut mails = Vec::new();
        if let (Some(ticket), true) = (ticket, self.ambient.now().seconds() < request.expires) {
            for id in Box::pin(self.named(&request.identifier, Names::All)).await? {
                mails.extend(Box::pin(self.reset_mail(request, &ticket, id)).await?);
            }
        }
        self.store.reset_answer(request, mails).await
    }

    async fn reset_mail(
        &self,
        request: &ResetRequest,
        ticket: &ResetTicket,
        id: crate::model::UserId,
    ) -> Result<Option<(Mail, NewEvent)>> {
        let Some(user) = self.store.user(id).await? else { return Ok(None) };
        let Some(to) = user.email.clone() else { return Ok(None) };
        let may_sign_in = user.is_active_on(self.ambient.now().date()) && is_usable(&user.password);
        // So that nobody's mailbox is flooded. Each of these mails has a working link, whoever requested it.
        if !may_sign_in || !self.reset_mailed(id, &request.sk).await? {
            return Ok(None);
        }
        let pair = reset_pair(ticket, &user);
        let link = format!("{}/accounts/password/reset/key/{pair}/", request.base);
        let mail = new_mail(&*self.ambient, to, &user, MailKind::PasswordReset { link: link.into() });
        let actor = SystemCaller::Housekeeping.actor();
        Ok(Some((mail, NewEvent::new(EventAction::PasswordResetMailed, actor, Self::target_of(id, Some(&user))))))
    }
}
