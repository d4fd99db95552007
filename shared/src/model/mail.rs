//! Mails waiting to be sent.

use super::{Date, EmailAddress};
use crate::secret::Secret;

/// A mail in the outbox: the facts from which the sender writes the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// An unpredictable id, which also makes sending idempotent.
    pub id: String,
    /// The recipient.
    pub to: EmailAddress,
    /// The user name in the text.
    pub username: String,
    /// The kind of mail.
    pub kind: MailKind,
}

/// The kinds of mail (`contracts/openwisp.md` section 13).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum MailKind {
    /// Asks the user to confirm an e-mail address (13.1).
    Confirmation {
        /// The confirmation page.
        link: Secret,
    },
    /// Resets a forgotten password (13.2).
    PasswordReset {
        /// The page with the form.
        link: Secret,
    },
    /// Reminds of the expiration of the account (13.3).
    AccountExpires {
        /// The last day on which the account works.
        #[serde(with = "super::time::plain_date")]
        last_day: Date,
    },
    /// Notifies that the account has expired and was deactivated (13.3).
    AccountDeactivated,
    /// Notifies that the password was changed (13.4).
    PasswordChanged,
    /// Notifies the previous e-mail address that the account's e-mail was changed (13.4).
    EmailChanged,
    /// Notifies the owner of a webhook that it was paused, because it does not work.
    WebhookPaused {
        /// The host of its URL.
        host: String,
    },
}
