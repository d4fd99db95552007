//! A browser without a screen: it keeps cookies, asks for pages, and sends the forms that it finds.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE};
use http::{Method, StatusCode};

use super::{Answer, Client, PASSWORD, TestApp, request};

/// Somebody with a browser.
pub struct Browser {
    client: Client,
    /// The cookies by name.
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    /// A browser without cookies.
    pub fn new(router: Router) -> Self {
        Self { client: Client::new(router, None), cookies: BTreeMap::new() }
    }

    /// The browser of a user with the tests' password, signed in.
    pub async fn signed_in(app: &TestApp, username: &str) -> Self {
        let mut browser = Self::new(app.router.clone());
        let answer = browser.sign_in(username, PASSWORD, "").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        browser
    }

    /// Opens the page to sign in, and sends its form.
    pub async fn sign_in(&mut self, username: &str, password: &str, next: &str) -> Answer {
        self.get("/accounts/login/").await;
        let token = self.token();
        let body =
            form(&[("csrfmiddlewaretoken", &token), ("next", next), ("username", username), ("password", password)]);
        self.post("/accounts/login/", &body).await
    }

    /// The token of forms, which is in every page and in a cookie.
    pub fn token(&self) -> String {
        self.cookies.get("csrftoken").cloned().unwrap_or_default()
    }

    /// Opens a page.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.ask(request(Method::GET, path).header(ACCEPT, "text/html,*/*;q=0.8"), "").await
    }

    /// Sends a form as it is.
    pub async fn post(&mut self, path: &str, body: &str) -> Answer {
        let begun = request(Method::POST, path).header(ACCEPT, "text/html,*/*;q=0.8");
        let begun = begun.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.ask(begun.header(ORIGIN, "http://rollcall.example"), body).await
    }

    /// Sends a form of our pages, with the token and the method.
    pub async fn send(&mut self, method: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token();
        let fields = [&[("csrfmiddlewaretoken", &*token), ("_method", method)], fields].concat();
        self.post(path, &form(&fields)).await
    }

    /// Any request, with the cookies.
    pub async fn ask(&mut self, begun: http::request::Builder, body: &str) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let begun = if cookies.is_empty() { begun } else { begun.header(COOKIE, cookies.join("; ")) };
        let answer = self.client.ask(begun, Body::from(body.to_owned())).await;
        for cookie in answer.headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().expect("ASCII");
            let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair");
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

/// A urlencoded form.
pub fn form(fields: &[(&str, &str)]) -> String {
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}
