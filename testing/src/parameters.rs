//! A stand-in of Parameter Store that holds keys: those to sign with and, in another parameter, their public parts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use shared::auth::keys::{public_set, rotated};
use shared::model::ambient::Ambient;

/// The parameter with the keys to sign with, by its name in the template.
pub const SIGNING: &str = "/rollcall/signing-keys";
/// The parameter with the keys to verify with.
pub const VERIFYING: &str = "/rollcall/verifying-keys";

/// The parameters by name; clones are the same store.
#[derive(Debug, Clone)]
pub struct ParameterStore(Arc<Mutex<Parameters>>);

#[derive(Debug, Default)]
struct Parameters {
    values: BTreeMap<&'static str, String>,
    is_down: bool,
    calls: usize,
}

impl ParameterStore {
    /// A store with new keys.
    pub fn new(ambient: &dyn Ambient) -> Self {
        let store = Self(Arc::default());
        store.put(rotated(None, ambient).expect("signing keys"));
        store
    }

    /// Makes a new key beside the newest one.
    pub fn rotate(&self, ambient: &dyn Ambient) {
        self.put(rotated(Some(&self.value(SIGNING)), ambient).expect("signing keys"));
    }

    /// What a parameter holds.
    pub fn value(&self, name: &str) -> String {
        self.0.lock().expect("the parameters").values[name].clone()
    }

    /// Answers nobody from now on, or everybody again.
    pub fn set_down(&self, is_down: bool) {
        self.0.lock().expect("the parameters").is_down = is_down;
    }

    /// How often it was asked since the last call.
    pub fn take_calls(&self) -> usize {
        std::mem::take(&mut self.0.lock().expect("the parameters").calls)
    }

    fn put(&self, set: String) {
        let public = public_set(&set).expect("public keys");
        self.0.lock().expect("the parameters").values.extend([(VERIFYING, public), (SIGNING, set)]);
    }

    /// The answer to a call of `GetParameter`: its status and its body.
    pub fn answer(&self, asked: &Value) -> (u16, Value) {
        let mut parameters = self.0.lock().expect("the parameters");
        parameters.calls += 1;
        if parameters.is_down {
            return (400, json!({ "__type": "AccessDeniedException" }));
        }
        let found = asked["Name"].as_str().and_then(|name| parameters.values.get_key_value(name));
        match found {
            Some((name, value)) if asked["WithDecryption"] == true => {
                let kind = if *name == SIGNING { "SecureString" } else { "String" };
                (200, json!({ "Parameter": { "Name": name, "Type": kind, "Value": value } }))
            }
            _ => (400, json!({ "__type": "ParameterNotFound" })),
        }
    }
}

impl HttpClient for ParameterStore {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for ParameterStore {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let asked = serde_json::from_slice(request.body().bytes().expect("a body in memory")).expect("JSON");
        let (status, body) = self.answer(&asked);
        HttpConnectorFuture::ready(Ok(answer(status, &body)))
    }
}

/// An answer as a service of AWS gives it.
pub fn answer(status: u16, body: &Value) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body.to_string()))
}
