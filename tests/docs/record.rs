//! Makes the documented requests on an empty directory.

use std::collections::BTreeMap;

use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use serde_json::Value;
use shared::auth::Login;
use shared::directory::{RequestOrigin, SystemCaller};
use shared::model::MailKind;

use super::operations::{Api, Asked, Operation};
use crate::support::{Answer, PASSWORD, TestApp, request};

/// Operations after which the signed token is not good any more, and the password by which there is another.
const ENDS_TOKENS: [(&str, &str); 2] =
    [("changePassword", "Amber-thicket-94"), ("signOutEverywhere", "Amber-thicket-94")];

/// A directory, and what the answers so far have named.
pub struct Recorder {
    app: TestApp,
    /// Variable: the value here, and the one that is shown.
    kept: BTreeMap<&'static str, (String, String)>,
}

impl Recorder {
    pub async fn start() -> Self {
        let app = TestApp::start().await;
        let mut kept = BTreeMap::new();
        // The superuser has an API token, and has signed in with two browsers.
        let token = app.api_token("admin").await;
        kept.insert("api_token", (token.clone(), token));
        let id = app.directory.store().superusers(None).await.expect("superusers").ids[0];
        let tokens = app.directory.store().tokens(id).await.expect("tokens");
        let shown = "0671a7b5f4c2a09be85d1c37".to_owned();
        kept.insert("my_token", (tokens.entries()[0].id.to_string(), shown));
        for (variable, shown) in
            [("my_session", "0671a7b60b13c54d92e7a8f6"), ("my_other_session", "0671a7b60c8841fe53ab0d29")]
        {
            let origin = RequestOrigin {
                address: Some("192.0.2.7".to_owned()),
                user_agent: Some("Mozilla/5.0".to_owned()),
                ..RequestOrigin::default()
            };
            let login = Login { identifier: "admin".to_owned(), password: PASSWORD.into() };
            app.directory.start_session(login, &origin).await.expect("a session");
            let sessions = app.directory.store().sessions(id).await.expect("sessions");
            let newest = sessions.last().expect("a session").id.to_string();
            kept.insert(variable, (newest, shown.to_owned()));
        }
        Self { app, kept }
    }

    /// Makes a request.
    pub async fn ask(&mut self, api: &Api, operation: &Operation) -> Answer {
        let method: Method = operation.method.parse().expect("a method");
        let body = operation.body.as_ref().map(|body| self.filled(body.example));
        let header = body.is_some().then_some(("content-type", "application/json"));
        let answer = self.send(api, method, operation.at, header, body.unwrap_or_default()).await;
        for &(pointer, variable, shown) in operation.keeps {
            let json = answer.json();
            let value = json.pointer(pointer).unwrap_or_else(|| panic!("{pointer}: {json}"));
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let shown = if shown.is_empty() { value.clone() } else { shown.to_owned() };
            self.kept.insert(variable, (value, shown));
        }
        if let Some((_, password)) = ENDS_TOKENS.iter().find(|(id, _)| *id == operation.id) {
            let login = Login { identifier: "admin".to_owned(), password: (*password).into() };
            let token = self.app.directory.obtain_token(login, &RequestOrigin::default()).await.expect("a token");
            self.kept.get_mut("token").expect("a token").0 = token.into_text();
        }
        if operation.id == "restoreDeletedUser" {
            // So that the next operation has somebody to purge.
            let path = operation.at.replace("/api/rollcall/v1/deleted/", "/api/v1/users/user/").replace("restore/", "");
            let again = self.send(api, Method::DELETE, &path, None, String::new()).await;
            assert_eq!(again.status, StatusCode::NO_CONTENT, "{again:?}");
        }
        if operation.id == "createWebhook" {
            // What the background task does before it sends.
            let by = SystemCaller::Outbox;
            for webhook in self.app.directory.active_webhooks(by).await.expect("webhooks") {
                let lanes = self.app.directory.delivery_lanes(by, &webhook).await.expect("deliveries");
                self.kept.insert("delivery", (lanes[0][0].position.to_string(), "12.4".to_owned()));
            }
        }
        for mail in self.app.mails().await {
            let MailKind::PasswordReset { link } = mail.kind else { continue };
            let pair = link.trim_end_matches('/').rsplit('/').next().expect("a pair");
            let (uid, token) = pair.split_once('-').expect("a pair");
            self.kept.insert("reset_uid", (uid.to_owned(), "019aab419d517c399f0d6a1b5de2f844".to_owned()));
            self.kept.insert("reset_token", (token.to_owned(), "Yk3sVh2mQ0rT8uXw-5bC1dE7fGh".to_owned()));
        }
        answer
    }

    /// Makes a request that is refused.
    pub async fn provoke(&self, api: &Api, asked: &Asked) -> Option<Answer> {
        let Asked::With(method, path, header, body) = asked else { return None };
        let method: Method = method.parse().expect("a method");
        Some(self.send(api, method, path, *header, (*body).to_owned()).await)
    }

    async fn send(&self, api: &Api, method: Method, path: &str, header: Option<(&str, &str)>, body: String) -> Answer {
        let mut begun = request(method, &self.filled(path));
        let credentials = self.filled(api.authorization);
        // Before there is a token none is shown.
        if header.is_none_or(|(name, _)| name != AUTHORIZATION) && !credentials.contains('{') {
            begun = begun.header(AUTHORIZATION, credentials);
        }
        if let Some((name, value)) = header {
            begun = begun.header(name, value);
        }
        self.app.anonymous().ask(begun, body).await
    }

    /// A text with the values of its variables.
    fn filled(&self, text: &str) -> String {
        self.kept.iter().fold(text.to_owned(), |text, (name, (value, _))| text.replace(&format!("{{{name}}}"), value))
    }

    /// A text with what is shown for its variables.
    pub fn shown_text(&self, text: &str) -> String {
        self.kept.iter().fold(text.to_owned(), |text, (name, (_, shown))| text.replace(&format!("{{{name}}}"), shown))
    }

    /// What is shown of an answer: chance and the time of day left out.
    pub fn shown(&self, value: Value) -> Value {
        match value {
            Value::String(text) if is_moment(&text) => text.replace(&text[11..26], "12:00:00.352702").into(),
            Value::String(text) => {
                let text = self.kept.values().fold(text, |text, (value, shown)| text.replace(value.as_str(), shown));
                text.into()
            }
            Value::Array(list) => list.into_iter().map(|item| self.shown(item)).collect(),
            Value::Object(members) => members.into_iter().map(|(name, item)| (name, self.shown(item))).collect(),
            other => other,
        }
    }
}

/// `2026-11-22T03:50:19.352702`, with or without its zone.
fn is_moment(text: &str) -> bool {
    text.len() >= 26 && text.is_ascii() && &text[10..11] == "T" && &text[19..20] == "." && text.starts_with("20")
}
