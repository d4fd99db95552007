//! Requests and answers.

use axum::Router;
use axum::body::{Body, Bytes};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

/// Somebody who asks.
#[derive(Clone)]
pub struct Client {
    router: Router,
    authorization: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// The beginning of a request, to the host that all tests ask.
pub fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header(HOST, "rollcall.example")
}

impl Client {
    /// A client that sends this header.
    pub fn new(router: Router, authorization: Option<String>) -> Self {
        Self { router, authorization }
    }

    /// A request of that method, with a JSON body if there is one.
    pub async fn json(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        match body {
            Some(body) => self.with_body(method, path, "application/json", body.to_string()).await,
            None => self.ask(request(method, path), Body::empty()).await,
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.json(Method::GET, path, None).await
    }

    /// POST, with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.json(Method::POST, path, Some(body)).await
    }

    /// PUT, with a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.json(Method::PUT, path, Some(body)).await
    }

    /// PATCH, with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.json(Method::PATCH, path, Some(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.json(Method::DELETE, path, None).await
    }

    /// A urlencoded form.
    pub async fn form(&self, method: Method, path: &str, body: &str) -> Answer {
        self.with_body(method, path, "application/x-www-form-urlencoded", body.to_owned()).await
    }

    /// A body of that content type.
    pub async fn with_body(&self, method: Method, path: &str, kind: &str, body: impl Into<Body>) -> Answer {
        self.ask(request(method, path).header(CONTENT_TYPE, kind), body).await
    }

    /// GET with an `Accept` header.
    pub async fn accepting(&self, accept: &str, path: &str) -> Answer {
        self.ask(request(Method::GET, path).header(ACCEPT, accept), Body::empty()).await
    }

    /// A request that was begun elsewhere.
    pub async fn ask(&self, request: http::request::Builder, body: impl Into<Body>) -> Answer {
        self.send(request.body(body.into()).expect("a request")).await
    }

    /// Any request; the client's credentials are added unless it has its own.
    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        if let Some(authorization) = &self.authorization {
            let headers = request.headers_mut();
            headers.entry(AUTHORIZATION).or_insert(authorization.parse().expect("a header"));
        }
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Makes a user and gives its row.
    pub async fn create_user(&self, username: &str, fields: &Value) -> Value {
        let mut body = serde_json::json!({
            "username": username,
            "email": format!("{username}@mail.example"),
            "password": super::PASSWORD,
            "email_verified": true,
        });
        for (name, value) in fields.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let answer = self.post("/api/v1/users/user/", &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.json()
    }
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).expect("UTF-8")
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }

    /// Read and write units that the request cost.
    pub fn cost(&self) -> (f64, f64) {
        (self.cost_of("read"), self.cost_of("write"))
    }

    /// How often the request waited for the store.
    pub fn waits(&self) -> f64 {
        self.cost_of("waits")
    }

    fn cost_of(&self, name: &str) -> f64 {
        let header = self.header("x-rollcall-cost").expect("the cost");
        let mut figures = header.split(", ").filter_map(|figure| figure.split_once('='));
        let (_, figure) = figures.find(|(found, _)| *found == name).expect("a figure of that name");
        figure.parse().expect("a number")
    }
}
