//! Mails that wait to be sent.

use super::{Date, EmailAddress};

/// A mail in the outbox: the facts, from which the mailer writes the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Unpredictable name, which also makes sending idempotent for the sender.
    pub id: String,
    /// Whom it goes to.
    pub to: EmailAddress,
    /// The user name that the text speaks to.
    pub username: String,
    /// What it is about.
    pub kind: MailKind,
}

/// What a mail is about (`contracts/openwisp.md` section 13).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum MailKind {
    /// Asks to confirm an e-mail address (13.1).
    Confirmation {
        /// The page that confirms.
        link: String,
    },
    /// Lets choose a new password (13.2).
    PasswordReset {
        /// The page with the form.
        link: String,
    },
    /// Reminds of the day on which the account ends (13.3).
    AccountExpires {
        /// The last day on which it works.
        #[serde(with = "super::time::plain_date")]
        last_day: Date,
    },
    /// Tells that the account has expired and was switched off (13.3).
    AccountDeactivated,
}
