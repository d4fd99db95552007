//! Mails over SMTP, to a server that does what servers do.

use std::time::Duration;

use outbox::{Delivery, Sender, deliver};
use rollcall::mail::{MailTransport, empty_outbox};
use serde_json::{Value, json};
use shared::config::Config;
use shared::model::{EmailAddress, Mail, MailKind};

use crate::support::smtp::{MailServer, SILENCE};
use crate::support::{PASSWORD, TestApp, USERS};

/// A directory, and what `serve` sends its mails by.
struct Setup {
    app: TestApp,
    server: MailServer,
    post: MailTransport,
    sender: Sender,
}

impl Setup {
    async fn with(from: &str, environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let server = MailServer::start(environment).await;
        let url = format!("smtp://{}", server.address);
        let config = Config::read(|name| match name {
            "ROLLCALL_SMTP_URL" => Some(url.clone()),
            "ROLLCALL_MAIL_FROM" => Some(from.to_owned()),
            _ => None,
        });
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        let post = MailTransport::new(&config).expect("a transport");
        let sender = Sender { from: config.mail_from, site_name: config.site_name };
        Self { app: TestApp::start().await, server, post, sender }
    }

    async fn new(environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::with("rollcall@site.example", environment).await
    }

    /// Puts a mail to that address into the outbox.
    async fn mail(&self, to: &str) {
        let to = EmailAddress::parse(to).expect("an address");
        let id = format!("{:032x}", self.app.environment.draw());
        let link = "http://rollcall.example/accounts/password/reset/key/secret/".into();
        let mail = Mail { id, to, username: "jane".to_owned(), kind: MailKind::PasswordReset { link } };
        self.app.directory.store().outbox_insert(&mail).await.expect("a mail");
    }

    /// Sends until nothing is due or nothing can be sent.
    async fn run(&self) -> Delivery {
        loop {
            let delivery = deliver(&self.app.directory, &self.post, &self.sender, outbox::BATCH).await;
            let delivery = delivery.expect("the outbox");
            if delivery != Delivery::Busy {
                return delivery;
            }
        }
    }

    async fn waiting(&self) -> usize {
        self.app.directory.waiting_mails(1000).await.expect("mails").len()
    }

    /// The receivers of the mails that were taken.
    fn receivers(&self) -> Vec<String> {
        let mut receivers: Vec<_> = self.server.take().into_iter().map(|mail| mail.to).collect();
        receivers.sort();
        receivers
    }
}

fn to_bad(line: &str, answer: &str) -> Option<String> {
    (line.starts_with("RCPT") && line.contains("bad.example")).then(|| answer.to_owned())
}

#[tokio::test]
async fn a_hundred_refused_receivers_hold_up_nobody() {
    let setup = Setup::new(|line| to_bad(line, "550 5.1.1 no such user")).await;
    let admin = setup.app.admin().await;
    let user = |name: String, host: &str| json!({"username": name, "email": format!("{name}@{host}"), "password": PASSWORD, "email_verified": false});
    for number in 0..100 {
        admin.post(USERS, &user(format!("h{number}"), "bad.example")).await;
    }
    for number in 0..20 {
        admin.post(USERS, &user(format!("g{number}"), "mail.example")).await;
    }
    assert_eq!(setup.waiting().await, 120);
    assert_eq!(setup.run().await, Delivery::Idle);
    assert_eq!(setup.receivers().len(), 20);
    assert_eq!(setup.waiting().await, 0);
    assert_eq!(setup.server.count("RCPT TO:<h"), 100, "each was tried once");
}

/// Mails used to be sent in batches, of which each took as long as its slowest.
#[tokio::test]
async fn a_receiver_about_whom_the_server_is_silent_holds_up_nobody() {
    let setup = Setup::new(|line| to_bad(line, SILENCE)).await;
    setup.mail("a@bad.example").await;
    for number in 0..20 {
        setup.mail(&format!("g{number}@mail.example")).await;
    }
    let Setup { app, server, post, sender } = setup;
    let task = tokio::spawn(empty_outbox(app.directory.clone(), post, sender));
    // The silence is waited out for longer.
    tokio::time::timeout(Duration::from_secs(15), server.has_taken(20)).await.expect("20 mails");
    task.abort();
}

#[tokio::test]
async fn a_refusal_after_the_text_ends_that_mail_alone() {
    let setup =
        Setup::new(|line| line.starts_with("TEXT bad").then(|| "554 5.7.1 looks like spam: http://x".to_owned())).await;
    setup.mail("bad@mail.example").await;
    setup.mail("good@mail.example").await;
    assert_eq!(setup.run().await, Delivery::Idle);
    assert_eq!(setup.receivers(), ["good@mail.example"]);
    assert_eq!(setup.waiting().await, 0);
}

#[tokio::test]
async fn what_is_put_off_comes_later_and_holds_up_nobody() {
    let setup = Setup::new(|line| to_bad(line, "450 4.2.1 not now")).await;
    setup.mail("a@bad.example").await;
    setup.mail("good@mail.example").await;
    assert_eq!(setup.run().await, Delivery::Idle);
    assert_eq!(setup.receivers(), ["good@mail.example"]);
    assert_eq!(setup.waiting().await, 1);
    setup.app.environment.advance(4);
    assert_eq!(setup.run().await, Delivery::Idle);
    assert_eq!(setup.server.count("RCPT TO:<a@bad"), 1);
    setup.app.environment.advance(1);
    assert_eq!(setup.run().await, Delivery::Idle);
    assert_eq!(setup.server.count("RCPT TO:<a@bad"), 2);
}

/// A server that takes no mail at all must not cost a single one.
#[tokio::test]
async fn a_server_that_takes_nobody_in_loses_no_mail() {
    for (line, answer) in [
        ("CONNECT", "554 5.3.2 no service"),
        ("CONNECT", "421 4.3.2 too busy"),
        ("EHLO", "550 no"),
        ("MAIL", "530 5.7.0 Authentication required"),
        ("MAIL", "550 5.1.8 Sender address rejected"),
    ] {
        let setup = Setup::new(move |said| said.starts_with(line).then(|| answer.to_owned())).await;
        setup.mail("a@mail.example").await;
        setup.mail("b@mail.example").await;
        assert_eq!(setup.run().await, Delivery::Unreachable, "{line} {answer}");
        assert_eq!(setup.waiting().await, 2, "{line} {answer}");
    }
}

#[tokio::test]
async fn nothing_is_lost_while_no_server_is_there() {
    let setup = Setup::new(|_| None).await;
    setup.mail("a@mail.example").await;
    // A server that others reach prints no links.
    for (setting, value) in [("ROLLCALL_SMTP_URL", "smtp://127.0.0.1:1"), ("ROLLCALL_LISTEN", "0.0.0.0:9000")] {
        let config = Config::read(|name| (name == setting).then(|| value.to_owned()));
        let nowhere = MailTransport::new(&config.unwrap_or_else(|error| panic!("{error}"))).expect("a transport");
        let delivery = deliver(&setup.app.directory, &nowhere, &setup.sender, 1).await.expect("the outbox");
        assert_eq!(delivery, Delivery::Unreachable, "{setting}");
        setup.app.environment.advance(5);
    }
    assert_eq!(setup.run().await, Delivery::Idle);
    assert_eq!(setup.receivers(), ["a@mail.example"]);
}

#[tokio::test]
async fn addresses_go_out_in_ascii_in_envelope_and_headers() {
    let setup = Setup::with("post@köln.example", |_| None).await;
    for (typed, sent) in [
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("a@домен.рф", "a@xn--d1acufc.xn--p1ai"),
        ("a@例え.テスト", "a@xn--r8jz45g.xn--zckzah"),
        ("a@ไทย.example", "a@xn--o3cw4h.example"),
        ("a@straße.example", "a@xn--strae-oqa.example"),
        ("x@[127.0.0.1]", "x@[127.0.0.1]"),
        ("x@[::1]", "x@[IPv6:::1]"),
        ("\"x@b\"@mail.example", "\"x@b\"@mail.example"),
        (&format!("{}@mail.example", "x".repeat(70)), &format!("{}@mail.example", "x".repeat(70))),
    ] {
        setup.mail(typed).await;
        assert_eq!(setup.run().await, Delivery::Idle, "{typed}");
        let taken = setup.server.take();
        let [mail] = &taken[..] else { panic!("{typed}: {taken:?}") };
        let header = |name: &str| {
            let lines = mail.data.replace("\r\n ", " ");
            let found = lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            found.unwrap_or_else(|| panic!("no {name} in {}", mail.data)).trim().to_owned()
        };
        assert_eq!((mail.to.as_str(), header("To").as_str()), (sent, sent));
        assert_eq!(
            (mail.from.as_str(), header("From").as_str()),
            ("post@xn--kln-sna.example", "post@xn--kln-sna.example")
        );
        let id = header("Message-ID");
        assert!(id.starts_with('<') && id.ends_with("@xn--kln-sna.example>"), "{id}");
        assert!(!header("Date").is_empty());
    }
}

#[tokio::test]
async fn what_was_typed_is_what_is_shown() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = json!({"username": "a", "email": "a@Bücher.example", "password": PASSWORD, "email_verified": false});
    let made = admin.post(USERS, &user).await.json();
    assert_eq!(made["email"], Value::from("a@Bücher.example"));
}
