//! The outbox, and what `outbox` does with it: order, pauses, failures that last and failures that pass.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use dynoxide::AttributeValue;
use outbox::{Delivery, Message, Sender, Transport, Unsent, deliver, empty_outbox};
use serde_json::json;
use shared::directory::SystemCaller;
use shared::model::{EmailAddress, Mail, MailKind};
use tokio::time::Instant;

use crate::support::policies::acting;
use crate::support::{Options, Table, TestApp};

/// Takes messages, but for those to some receivers.
#[derive(Default)]
pub struct Scripted {
    pub taken: Mutex<Vec<Message>>,
    pub refused: Vec<String>,
    pub put_off: Vec<String>,
    pub is_down: bool,
}

impl Transport for Scripted {
    async fn send(&self, message: &Message) -> Result<(), Unsent> {
        let to = message.to.to_string();
        if self.is_down {
            return Err(Unsent::Unreachable("nobody is there".into()));
        }
        if self.refused.contains(&to) {
            return Err(Unsent::ForGood("550".to_owned()));
        }
        if self.put_off.contains(&to) {
            return Err(Unsent::ForNow("450".into()));
        }
        self.taken.lock().expect("the messages").push(message.clone());
        Ok(())
    }
}

impl Scripted {
    /// Does what `outbox` does, under its policy. Gives the receivers of what was taken since.
    pub async fn run(&self, app: &TestApp) -> BTreeSet<String> {
        let until = Instant::now() + Duration::from_hours(1);
        acting("outbox", empty_outbox(&app.directory, self, &sender(), until)).await.expect("the outbox");
        self.taken.lock().expect("the messages").drain(..).map(|message| message.to.to_string()).collect()
    }
}

pub fn sender() -> Sender {
    let from = EmailAddress::parse("rollcall@site.example").and_then(|from| from.to_ascii());
    Sender { from: from.expect("an address"), site_name: "Site".to_owned() }
}

pub async fn three_waiting(app: &TestApp) -> Vec<Mail> {
    let admin = app.admin().await;
    for name in ["one", "two", "three"] {
        admin.create_user(name, &json!({ "email_verified": false })).await;
        app.environment.advance(1);
    }
    app.directory.waiting_mails(10).await.expect("mails")
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(|name| format!("{name}@mail.example")).into()
}

async fn waiting(app: &TestApp) -> usize {
    app.directory.waiting_mails(1000).await.expect("mails").len()
}

#[tokio::test]
async fn what_waits_is_sent_and_leaves_the_outbox() {
    let app = TestApp::start().await;
    let mails = three_waiting(&app).await;
    let transport = Scripted::default();
    let until = Instant::now() + Duration::from_hours(1);
    acting("outbox", empty_outbox(&app.directory, &transport, &sender(), until)).await.expect("the outbox");
    let taken = transport.taken.lock().expect("the messages").clone();
    assert_eq!(taken.len(), 3);
    for mail in &mails {
        let message = taken.iter().find(|message| message.to.to_string() == mail.to.as_str()).expect("a message");
        let MailKind::Confirmation { link } = &mail.kind else { panic!("another mail") };
        assert_eq!(message.subject, "[Site] Please Confirm Your Email Address");
        assert_eq!(message.id, format!("{}@site.example", mail.id));
        assert!(message.text.contains(link.reveal()) && message.html.contains(link.reveal()));
    }
    assert_eq!(waiting(&app).await, 0);
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_given_up_at_once_and_holds_up_nobody() {
    let app = TestApp::start().await;
    three_waiting(&app).await;
    let transport = Scripted { refused: vec!["one@mail.example".to_owned()], ..Scripted::default() };
    assert_eq!(transport.run(&app).await, set(["two", "three"]));
    assert_eq!(waiting(&app).await, 0);
}

#[tokio::test]
async fn a_mail_that_fails_for_now_is_tried_again_with_growing_pauses_while_others_go_out() {
    let app = TestApp::start().await;
    three_waiting(&app).await;
    let transport = Scripted { put_off: vec!["one@mail.example".to_owned()], ..Scripted::default() };
    assert_eq!(transport.run(&app).await, set(["two", "three"]));
    let works = Scripted::default();
    for pause in [5, 10, 20] {
        app.environment.advance(pause - 1);
        assert_eq!(works.run(&app).await, set([]), "{pause}");
        app.environment.advance(1);
        assert_eq!(transport.run(&app).await, set([]));
        assert_eq!(waiting(&app).await, 1);
    }
    app.environment.advance(40);
    assert_eq!(works.run(&app).await, set(["one"]));
}

#[tokio::test]
async fn mails_that_fail_never_hide_others() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut dead = Vec::new();
    for number in 0..40 {
        admin.create_user(&format!("dead{number}"), &json!({ "email_verified": false })).await;
        dead.push(format!("dead{number}@mail.example"));
    }
    let transport = Scripted { put_off: dead, ..Scripted::default() };
    assert_eq!(transport.run(&app).await, set([]));
    // All of them are due again, and have been so for a longer time than the new one.
    app.environment.advance(60);
    admin.create_user("late", &json!({ "email_verified": false })).await;
    assert_eq!(transport.run(&app).await, set(["late"]));
    assert_eq!(waiting(&app).await, 40);
}

#[tokio::test]
async fn the_oldest_go_first() {
    let app = TestApp::start().await;
    three_waiting(&app).await;
    let transport = Scripted::default();
    for name in ["one", "two", "three"] {
        let delivery = deliver(&app.directory, &transport, &sender(), 1).await.expect("the outbox");
        assert_eq!(delivery, Delivery::Busy);
        let taken: Vec<_> = transport.taken.lock().expect("the messages").drain(..).collect();
        assert_eq!(taken.iter().map(|message| message.to.local.as_str()).collect::<Vec<_>>(), [name]);
    }
    assert_eq!(deliver(&app.directory, &transport, &sender(), 1).await.expect("the outbox"), Delivery::Idle);
}

#[tokio::test]
async fn while_nothing_can_be_sent_pauses_do_not_grow() {
    let app = TestApp::start().await;
    three_waiting(&app).await;
    let down = Scripted { is_down: true, ..Scripted::default() };
    for _ in 0..20 {
        let delivery = deliver(&app.directory, &down, &sender(), 1).await.expect("the outbox");
        assert_eq!(delivery, Delivery::Unreachable);
        app.environment.advance(5);
    }
    assert_eq!(waiting(&app).await, 3);
    assert_eq!(Scripted::default().run(&app).await, set(["one", "two", "three"]));
}

#[tokio::test]
async fn a_mail_goes_out_once_however_many_look_for_it() {
    let app = TestApp::start().await;
    let other = app.another(Options::default());
    three_waiting(&app).await;
    // Both have seen the same mails before either took one.
    let seen = app.directory.due_mails(10).await.expect("mails");
    let by = SystemCaller::Outbox;
    let mut taken = 0;
    for mail in seen {
        let both = tokio::join!(app.directory.take_mail(by, mail.clone()), other.directory.take_mail(by, mail));
        taken += [both.0, both.1].into_iter().filter_map(|mail| mail.expect("the store")).count();
    }
    assert_eq!(taken, 3);
    // Their senders have crashed: they go out after a pause.
    let transport = Scripted::default();
    assert_eq!(transport.run(&app).await, set([]));
    app.environment.advance(5);
    assert_eq!(transport.run(&app).await, set(["one", "two", "three"]));
    // What was sent is not found again, by however old a look.
    assert_eq!(transport.run(&other).await, set([]));
}

#[tokio::test]
async fn a_mail_of_an_earlier_release_is_sent() {
    let app = TestApp::start().await;
    three_waiting(&app).await;
    let table = Table::read(&app.engine);
    let (sk, _) = table.partition("OUTBOX").next().expect("a mail");
    let mut item =
        app.engine.items().into_iter().find(|item| item.get("sk") == Some(&AttributeValue::S(sk.to_owned())));
    let item = item.as_mut().expect("the mail");
    let id = sk.split('#').nth(1).expect("an id");
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    app.engine.delete([("pk".to_owned(), text("OUTBOX")), ("sk".to_owned(), text(sk))].into());
    // Its key was the random name alone, and the oldest did not tell when they end.
    item.insert("sk".to_owned(), AttributeValue::S(id.to_owned()));
    item.remove("expires");
    app.engine.put(vec![item.clone()]);
    let transport = Scripted { put_off: vec!["one@mail.example".to_owned()], ..Scripted::default() };
    assert_eq!(transport.run(&app).await, set(["two", "three"]));
    app.environment.advance(5);
    assert_eq!(Scripted::default().run(&app).await, set(["one"]));
}

#[tokio::test]
async fn a_mail_that_cannot_be_read_holds_up_nobody_and_is_given_up_in_the_end() {
    let app = TestApp::start().await;
    three_waiting(&app).await;
    let table = Table::read(&app.engine);
    let (sk, _) = table.partition("OUTBOX").next().expect("a mail");
    let item = app.engine.items().into_iter().find(|item| item.get("sk") == Some(&AttributeValue::S(sk.to_owned())));
    let mut item = item.expect("the mail");
    item.remove("to");
    app.engine.put(vec![item]);
    let transport = Scripted::default();
    for _ in 0..3 {
        // One look puts it behind the others.
        deliver(&app.directory, &transport, &sender(), 1).await.expect("the outbox");
    }
    assert_eq!(transport.run(&app).await, set(["two", "three"]));
    app.environment.advance(3 * 24 * 60 * 60 + 60);
    assert_eq!(transport.run(&app).await, set([]));
    assert_eq!(Table::read(&app.engine).partition("RETRIES").count(), 0);
}

#[tokio::test]
async fn a_mail_to_an_address_without_a_form_in_ascii_is_given_up_at_once() {
    let app = TestApp::start().await;
    let to = EmailAddress::of_store("\"a\u{b}b\"@mail.example").expect("an address of an earlier release");
    let mail = Mail { id: "1".to_owned(), to, username: "jane".to_owned(), kind: MailKind::AccountDeactivated };
    app.directory.store().outbox_insert(&mail).await.expect("a mail");
    assert_eq!(Scripted::default().run(&app).await, set([]));
    assert_eq!(waiting(&app).await, 0);
}

#[tokio::test]
async fn a_mail_that_could_not_be_sent_for_days_is_given_up() {
    let app = TestApp::start().await;
    assert_eq!(three_waiting(&app).await.len(), 3);
    app.environment.advance(3 * 24 * 60 * 60 + 60);
    assert_eq!(app.directory.due_mails(10).await.expect("mails"), []);
    app.environment.advance(-3 * 24 * 60 * 60);
    assert_eq!(waiting(&app).await, 0);
}
