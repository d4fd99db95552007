//! The texts of mails (`contracts/openwisp.md` section 13).

use maud::html;
use shared::model::{AsciiAddress, Mail, MailKind, date_text};

use crate::Sender;

/// A mail as text: plain text and HTML with the same links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The content of the angle brackets of `Message-ID`: the same whenever the mail is sent again.
    pub id: String,
    /// The sender.
    pub from: AsciiAddress,
    /// The recipient.
    pub to: AsciiAddress,
    /// The subject, one line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

impl Message {
    /// The text of a mail. `None` if no mail can reach its recipient.
    pub fn new(mail: &Mail, sender: &Sender) -> Option<Self> {
        let to = mail.to.to_ascii()?;
        let Sender { from, site_name } = sender;
        let Words { subject, text, html } = Words::new(mail, site_name);
        let id = format!("{}@{}", mail.id, from.domain);
        Some(Self { id, from: from.clone(), to, subject, text, html })
    }
}

/// The texts of a mail.
struct Words {
    subject: String,
    text: String,
    html: String,
}

impl Words {
    fn new(mail: &Mail, site_name: &str) -> Self {
        let Mail { username, kind, to: _, id: _ } = mail;
        match kind {
            MailKind::Confirmation { link } => Self {
                subject: format!("[{site_name}] Please Confirm Your Email Address"),
                text: format!(
                    "Hello from {site_name}!\n\nThe user {username} has given this e-mail address. \
                     To confirm that this is correct, go to\n\n{}\n\nThe link works for three days.\n",
                    link.reveal()
                ),
                html: html! {
                    p { "Hello from " (site_name) "!" }
                    p { "The user " strong { (username) } " has given this e-mail address." }
                    p { "To confirm that this is correct, go to " a href=(link.reveal()) { (link.reveal()) } }
                    p { "The link works for three days." }
                }
                .into_string(),
            },
            MailKind::PasswordReset { link } => Self {
                subject: format!("Password reset on {site_name}"),
                text: format!(
                    "Hello from {site_name}!\n\nA new password was requested for the user {username}. \
                     To choose one, go to\n\n{}\n\nThe link works for three days. \
                     If you did not request it, you do not need to do anything.\n",
                    link.reveal()
                ),
                html: html! {
                    p { "Hello from " (site_name) "!" }
                    p { "A new password was requested for the user " strong { (username) } "." }
                    p { "To choose one, go to " a href=(link.reveal()) class="btn" { (link.reveal()) } }
                    p { "The link works for three days. If you did not request it, you do not need to do anything." }
                }
                .into_string(),
            },
            MailKind::AccountExpires { last_day } => {
                let last_day = date_text(*last_day);
                Self {
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
                subject: "Your account has been deactivated".to_owned(),
                ..Self::notice(
                    (site_name, username),
                    ("The account of", "has expired and was deactivated."),
                    "If you still need it, ask an administrator.",
                )
            },
            MailKind::PasswordChanged => Self {
                subject: format!("Your password on {site_name} was changed"),
                ..Self::notice(
                    (site_name, username),
                    ("The password of", "was changed."),
                    "If this was not you, choose a new password immediately and contact an administrator.",
                )
            },
            MailKind::EmailChanged => Self {
                subject: format!("Your e-mail address on {site_name} was changed"),
                ..Self::notice(
                    (site_name, username),
                    ("The e-mail address of", "was changed."),
                    "This address may no longer receive mails. If this was not you, contact an administrator.",
                )
            },
            MailKind::WebhookPaused { host } => Self {
                subject: format!("A webhook of {site_name} was paused"),
                text: format!(
                    "Hello from {site_name}!\n\nThe webhook at {host}, which belongs to the user {username}, was paused, \
                     because its receiver does not accept events. \
                     Events wait for it: repair the receiver, then activate the webhook again.\n"
                ),
                html: html! {
                    p { "Hello from " (site_name) "!" }
                    p {
                        "The webhook at " strong { (host) } ", which belongs to the user " strong { (username) }
                        ", was paused, because its receiver does not accept events."
                    }
                    p { "Events wait for it: repair the receiver, then activate the webhook again." }
                }
                .into_string(),
            },
        }
    }

    /// What happened to something of the user (the words before and after the name), and what to do; without a subject.
    fn notice((site_name, username): (&str, &str), (before, after): (&str, &str), advice: &str) -> Self {
        Self {
            subject: String::new(),
            text: format!("Hello from {site_name}!\n\n{before} the user {username} {after} {advice}\n"),
            html: html! {
                p { "Hello from " (site_name) "!" }
                p { (before) " the user " strong { (username) } " " (after) }
                p { (advice) }
            }
            .into_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::model::EmailAddress;

    use super::*;

    fn message(kind: MailKind) -> Message {
        let to = EmailAddress::parse("a@bücher.example").expect("an address");
        let mail = Mail { id: "1".to_owned(), to, username: "a&b".to_owned(), kind };
        let from = EmailAddress::parse("site@köln.example").expect("an address").to_ascii().expect("a form");
        Message::new(&mail, &Sender { from, site_name: "Site".to_owned() }).expect("a message")
    }

    #[test]
    fn all_domains_are_in_ascii() {
        let Message { id, from, to, .. } = message(MailKind::AccountDeactivated);
        assert_eq!(id, "1@xn--kln-sna.example");
        assert_eq!(from.to_string(), "site@xn--kln-sna.example");
        assert_eq!(to.to_string(), "a@xn--bcher-kva.example");
    }

    #[test]
    fn a_confirmation_names_the_user_and_has_the_link_twice() {
        let link = "http://h/accounts/confirm-email/k/".into();
        let message = message(MailKind::Confirmation { link });
        assert_eq!(message.subject, "[Site] Please Confirm Your Email Address");
        assert!(message.text.contains("a&b") && message.text.contains("http://h/accounts/confirm-email/k/"));
        assert!(message.html.contains("a&amp;b") && message.html.contains("http://h/accounts/confirm-email/k/"));
    }

    #[test]
    fn a_reminder_names_the_user_and_the_last_day() {
        let last_day = shared::model::Timestamp::from_micros(0).date();
        let message = message(MailKind::AccountExpires { last_day });
        assert_eq!(message.subject, "Action Required: Account Expiration Notice");
        assert!(message.text.contains("a&b") && message.text.contains("1970-01-01"));
        assert!(message.html.contains("a&amp;b") && message.html.contains("1970-01-01"));
    }

    #[test]
    fn notices_name_the_user_and_the_site() {
        for kind in [MailKind::PasswordChanged, MailKind::EmailChanged] {
            let message = message(kind);
            assert!(message.subject.starts_with("Your ") && message.subject.contains(" on Site was changed"));
            assert!(message.text.contains("a&b") && message.html.contains("a&amp;b"));
        }
    }

    #[test]
    fn a_paused_webhook_is_named_by_its_host() {
        let message = message(MailKind::WebhookPaused { host: "hooks.example".to_owned() });
        assert_eq!(message.subject, "A webhook of Site was paused");
        assert!(message.text.contains("a&b") && message.text.contains("hooks.example"));
        assert!(message.html.contains("a&amp;b") && message.html.contains("hooks.example"));
    }

    #[test]
    fn a_deactivation_names_the_user() {
        let message = message(MailKind::AccountDeactivated);
        assert_eq!(message.subject, "Your account has been deactivated");
        assert!(message.text.contains("a&b") && message.html.contains("a&amp;b"));
    }
}
