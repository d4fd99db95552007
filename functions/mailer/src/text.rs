//! What mails say (`contracts/openwisp.md` section 13).

use maud::html;
use shared::model::{EmailAddress, Mail, MailKind, date_text};

/// A mail in words: plain text and HTML with the same links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The receiver.
    pub to: EmailAddress,
    /// The subject, one line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

impl Message {
    /// The words for a mail.
    pub fn new(mail: &Mail, site_name: &str) -> Self {
        let Mail { to, username, kind, id: _ } = mail;
        match kind {
            MailKind::Confirmation { link } => Self {
                to: to.clone(),
                subject: format!("[{site_name}] Please Confirm Your Email Address"),
                text: format!(
                    "Hello from {site_name}!\n\nThe user {username} has given this e-mail address. \
                     To confirm that this is correct, go to\n\n{link}\n\nThe link works for three days.\n"
                ),
                html: html! {
                    p { "Hello from " (site_name) "!" }
                    p { "The user " strong { (username) } " has given this e-mail address." }
                    p { "To confirm that this is correct, go to " a href=(link) { (link) } }
                    p { "The link works for three days." }
                }
                .into_string(),
            },
            MailKind::PasswordReset { link } => Self {
                to: to.clone(),
                subject: format!("Password reset on {site_name}"),
                text: format!(
                    "Hello from {site_name}!\n\nA new password was asked for the user {username}. \
                     To choose one, go to\n\n{link}\n\nThe link works for three days. \
                     If you did not ask for it, you need not do anything.\n"
                ),
                html: html! {
                    p { "Hello from " (site_name) "!" }
                    p { "A new password was asked for the user " strong { (username) } "." }
                    p { "To choose one, go to " a href=(link) { (link) } }
                    p { "The link works for three days. If you did not ask for it, you need not do anything." }
                }
                .into_string(),
            },
            MailKind::AccountExpires { last_day } => {
                let last_day = date_text(*last_day);
                Self {
                    to: to.clone(),
                    subject: "Action Required: Account Expiration Notice".to_owned(),
                    text: format!(
                        "Hello from {site_name}!\n\nThe account of the user {username} expires: \
                         {last_day} is the last day on which it works. \
                         If you need it longer, ask an administrator to extend it before then.\n"
                    ),
                    html: html! {
                        p { "Hello from " (site_name) "!" }
                        p {
                            "The account of the user " strong { (username) } " expires: "
                            strong { (last_day) } " is the last day on which it works."
                        }
                        p { "If you need it longer, ask an administrator to extend it before then." }
                    }
                    .into_string(),
                }
            }
            MailKind::AccountDeactivated => Self {
                to: to.clone(),
                subject: "Your account has been deactivated".to_owned(),
                text: format!(
                    "Hello from {site_name}!\n\nThe account of the user {username} has expired and was deactivated. \
                     If you still need it, ask an administrator.\n"
                ),
                html: html! {
                    p { "Hello from " (site_name) "!" }
                    p { "The account of the user " strong { (username) } " has expired and was deactivated." }
                    p { "If you still need it, ask an administrator." }
                }
                .into_string(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(kind: MailKind) -> Mail {
        let to = EmailAddress::parse("a@b.example").expect("an address");
        Mail { id: "1".to_owned(), to, username: "a&b".to_owned(), kind }
    }

    #[test]
    fn a_confirmation_names_the_user_and_has_the_link_twice() {
        let link = "http://h/accounts/confirm-email/k/".to_owned();
        let message = Message::new(&mail(MailKind::Confirmation { link }), "Site");
        assert_eq!(message.subject, "[Site] Please Confirm Your Email Address");
        assert!(message.text.contains("a&b") && message.text.contains("http://h/accounts/confirm-email/k/"));
        assert!(message.html.contains("a&amp;b") && message.html.contains("http://h/accounts/confirm-email/k/"));
    }

    #[test]
    fn a_reminder_names_the_user_and_the_last_day() {
        let last_day = shared::model::Timestamp::from_micros(0).date();
        let message = Message::new(&mail(MailKind::AccountExpires { last_day }), "Site");
        assert_eq!(message.subject, "Action Required: Account Expiration Notice");
        assert!(message.text.contains("a&b") && message.text.contains("1970-01-01"));
        assert!(message.html.contains("a&amp;b") && message.html.contains("1970-01-01"));
    }

    #[test]
    fn a_deactivation_names_the_user() {
        let message = Message::new(&mail(MailKind::AccountDeactivated), "Site");
        assert_eq!(message.subject, "Your account has been deactivated");
        assert!(message.text.contains("a&b") && message.html.contains("a&amp;b"));
    }
}
