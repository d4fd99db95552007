//! The `mailer` function: batches of the table's stream, with real outbox items and a scripted transport.

use std::sync::Mutex;

use mailer::{Message, Sender, Transport, handle};
use serde_json::{Value, json};
use shared::error::Cause;
use shared::model::{EmailAddress, Mail, MailKind};

use crate::support::TestApp;
use crate::support::policies::acting;

/// Takes messages, but for those to some receivers.
#[derive(Default)]
struct Scripted {
    taken: Mutex<Vec<Message>>,
    refused: Vec<String>,
}

impl Transport for Scripted {
    async fn send(&self, _: &EmailAddress, message: &Message) -> Result<(), Cause> {
        if self.refused.contains(&message.to.to_string()) {
            return Err("refused".into());
        }
        self.taken.lock().expect("the messages").push(message.clone());
        Ok(())
    }
}

fn sender() -> Sender {
    Sender { from: EmailAddress::parse("rollcall@site.example").expect("an address"), site_name: "Site".to_owned() }
}

/// Records as DynamoDB's stream brings them to Lambda.
pub fn event(mails: &[Mail]) -> Value {
    let text = |value: &str| json!({ "S": value });
    let record = |(index, mail): (usize, &Mail)| {
        let MailKind::Confirmation { link } = &mail.kind else { panic!("another mail") };
        json!({
            "eventID": format!("{index}"), "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
            "awsRegion": "eu-west-1", "eventSourceARN": "arn:aws:dynamodb:eu-west-1:1:table/rollcall/stream/1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_795_348_800, "SequenceNumber": format!("{}", 100 + index), "SizeBytes": 1,
                "StreamViewType": "NEW_IMAGE", "Keys": { "pk": text("OUTBOX"), "sk": text(&mail.id) },
                "NewImage": {
                    "pk": text("OUTBOX"), "sk": text(&mail.id), "to": text(mail.to.as_str()),
                    "username": text(&mail.username), "kind": text("confirmation"), "link": text(link), "expires": { "N": "1795608000" },
                },
            },
        })
    };
    json!({ "Records": mails.iter().enumerate().map(record).collect::<Vec<_>>() })
}

pub async fn three_waiting(app: &TestApp) -> Vec<Mail> {
    let admin = app.admin().await;
    for name in ["one", "two", "three"] {
        admin.create_user(name, &json!({ "email_verified": false })).await;
    }
    let mut mails = app.directory.waiting_mails(10).await.expect("mails");
    mails.sort_by(|a, b| a.username.cmp(&b.username));
    mails
}

#[tokio::test]
async fn a_batch_is_sent_and_leaves_the_outbox() {
    let app = TestApp::start().await;
    let mails = three_waiting(&app).await;
    let transport = Scripted::default();
    let event = serde_json::from_value(event(&mails)).expect("an event");
    let response = acting("mailer", handle(&app.directory, &transport, &sender(), event)).await;
    assert!(response.batch_item_failures.is_empty());
    let taken = transport.taken.lock().expect("the messages").clone();
    let subjects: Vec<_> = taken.iter().map(|message| message.subject.as_str()).collect();
    assert_eq!(subjects, ["[Site] Please Confirm Your Email Address"; 3]);
    for (message, mail) in taken.iter().zip(&mails) {
        let MailKind::Confirmation { link } = &mail.kind else { panic!("another mail") };
        assert_eq!(message.to, mail.to);
        assert!(message.text.contains(link) && message.html.contains(link));
    }
    assert_eq!(app.directory.waiting_mails(10).await.expect("mails"), []);
}

#[tokio::test]
async fn a_mail_that_fails_stops_the_batch_there_and_stays_in_the_outbox() {
    let app = TestApp::start().await;
    let mails = three_waiting(&app).await;
    let transport = Scripted { refused: vec![mails[1].to.to_string()], ..Scripted::default() };
    let event = serde_json::from_value(event(&mails)).expect("an event");
    let response = acting("mailer", handle(&app.directory, &transport, &sender(), event)).await;
    let failed: Vec<_> = response.batch_item_failures.iter().map(|f| f.item_identifier.clone()).collect();
    assert_eq!(failed, [Some("101".to_owned())]);
    assert_eq!(transport.taken.lock().expect("the messages").len(), 1);
    assert_eq!(app.directory.waiting_mails(10).await.expect("mails").len(), 2);
}

#[tokio::test]
async fn a_record_that_is_no_mail_is_told_as_failed() {
    let app = TestApp::start().await;
    let mails = three_waiting(&app).await;
    let mut event = event(&mails[..1]);
    event["Records"][0]["dynamodb"]["NewImage"].as_object_mut().expect("an image").remove("to");
    let event = serde_json::from_value(event).expect("an event");
    let response = acting("mailer", handle(&app.directory, &Scripted::default(), &sender(), event)).await;
    assert_eq!(response.batch_item_failures.len(), 1);
}

#[tokio::test]
async fn a_mail_that_could_not_be_sent_for_days_is_given_up() {
    let app = TestApp::start().await;
    assert_eq!(three_waiting(&app).await.len(), 3);
    app.script.advance(3 * 24 * 60 * 60 + 60);
    assert_eq!(app.directory.waiting_mails(10).await.expect("mails"), []);
    app.script.advance(-3 * 24 * 60 * 60);
    assert_eq!(app.directory.waiting_mails(10).await.expect("mails"), []);
}
