//! Events that are no requests: those of streams and schedules.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::text_of;
use crate::outbox::Scripted;
use crate::support::TestApp;
use crate::support::gateway::{functions, template};

/// The events that are no requests, with what of the template sends such ones to the function they are named for.
pub(super) const JOBS: &[(&str, &str)] = &[
    ("outbox-mails", "NewMails"),
    ("outbox-minutely", "Minutely"),
    ("housekeeping-work", "NewWork"),
    ("housekeeping-hourly", "Hourly"),
];

#[test]
fn events_of_jobs_are_what_the_template_sends() {
    let template = template();
    for &(name, sender) in JOBS {
        let event: Value = serde_json::from_str(&text_of(name)).expect("JSON");
        let (function, _) = name.split_once('-').expect("a function");
        let reader = &template["Resources"][sender]["Properties"];
        let Some(pattern) = reader["FilterCriteria"]["Filters"][0]["Pattern"].as_str() else {
            let (_, properties) =
                functions(&template).into_iter().find(|(found, _)| found == function).expect("the function");
            assert_eq!(properties["Events"][sender]["Type"], "Schedule", "{name}");
            assert_eq!((&event["source"], &event["detail-type"]), (&json!("aws.events"), &json!("Scheduled Event")));
            let rule = format!("{}{}{sender}", function[..1].to_uppercase(), &function[1..]);
            assert!(event["resources"][0].as_str().expect("a rule").contains(&rule), "{name}");
            continue;
        };
        let pattern: Value = serde_json::from_str(pattern).expect("JSON");
        let records = event["Records"].as_array().expect("records");
        assert!(!records.is_empty());
        for record in records {
            let is_one_of = |value: &Value, wanted: &Value| wanted.as_array().expect("values").contains(value);
            assert!(is_one_of(&record["eventName"], &pattern["eventName"]), "{name}");
            let of = |event: &Value| event["dynamodb"]["Keys"]["pk"]["S"].clone();
            assert!(is_one_of(&of(record), &of(&pattern)), "{name}");
            assert_eq!(record["dynamodb"]["NewImage"]["pk"], record["dynamodb"]["Keys"]["pk"], "{name}");
        }
    }
}

#[tokio::test]
async fn events_of_jobs_run_as_they_are() {
    for &(event, _) in JOBS {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        let fields = json!({"email": "jane@mail.example", "email_verified": false, "expiration_date": app.day(1)});
        let user = admin.create_user("jane", &fields).await;
        // What called them does not matter to the functions.
        serde_json::from_str::<serde::de::IgnoredAny>(&text_of(event)).expect("JSON");
        if event.starts_with("outbox") {
            assert_eq!(
                Scripted::default().run(&app).await,
                BTreeSet::from(["jane@mail.example".to_owned()]),
                "{event}"
            );
            continue;
        }
        app.environment.advance(2 * 24 * 60 * 60);
        app.run_housekeeping().await.expect("a kept house");
        let path = format!("/api/v1/users/user/{}/", user["id"].as_str().expect("an id"));
        assert_eq!(admin.get(&path).await.json()["is_active"], false, "{event}");
    }
}
