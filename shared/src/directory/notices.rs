//! Mails about changes to the user's credentials, so that a change by somebody else does not go unnoticed (OWASP ASVS
//! 5.0, 6.3.7; `contracts/openwisp.md` section 13.4).

use super::{Directory, new_mail};
use crate::model::{EmailAddress, Mail, MailKind, User};

impl Directory {
    /// The mails that a change causes. They go to verified addresses that the user had before the change.
    pub(super) fn notices(&self, before: &User, after: &User) -> Vec<Mail> {
        let mail = |to: &EmailAddress, kind| new_mail(&*self.ambient, to.clone(), before, kind);
        let mut mails = Vec::new();
        if !self.settings.notices {
            return mails;
        }
        if after.password != before.password {
            mails.extend(before.mailbox().map(|to| mail(to, MailKind::PasswordChanged)));
        }
        mails.extend(left_behind(before, after).into_iter().map(|to| mail(to, MailKind::EmailChanged)));
        mails
    }
}

/// The verified addresses to notify of a change of e-mail addresses: those that were removed, and the previous mail
/// address if the user's e-mail has changed.
fn left_behind<'a>(before: &'a User, after: &User) -> Vec<&'a EmailAddress> {
    let verified = |user: &'a User| user.addresses.iter().filter(|entry| entry.verified).map(|entry| &entry.email);
    let is_kept = |email: &EmailAddress| {
        after.addresses.iter().any(|entry| entry.verified && entry.email.folded() == email.folded())
    };
    let folded = |user: &User| user.email.as_ref().map(EmailAddress::folded);
    let mailbox = before.mailbox().filter(|_| folded(before) != folded(after) && before.email.is_some());
    verified(before).filter(|email| !is_kept(email) || Some(*email) == mailbox).collect()
}
