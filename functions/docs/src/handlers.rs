//! One function per address.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use http::Uri;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use maud::{Markup, html};
use serde::Serialize;
use serde_json::Value;
use shared::dialect::openwisp::OpenWisp;
use shared::dialect::openwisp::page::frame;
use shared::sign_in::keys::PublicKey;
use shared::web::negotiation::query_value;
use shared::web::{Base, Failure};
use shared::{Directory, Error};

use crate::{DOCUMENT, reference};

type Result<T> = std::result::Result<T, Failure<OpenWisp>>;

/// Nothing but what this function serves; `data:` are the little pictures in Swagger UI's stylesheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The server in the document as it stands.
const ANY_SERVER: &str = r#""url": "/""#;

/// `GET /api/v1/docs/`: the page to try the API out; the document itself with `?format=openapi`.
pub async fn page(base: Base, uri: Uri) -> Response {
    if query_value(&uri, "format").as_deref() == Some("openapi") {
        return json(base).await;
    }
    let content = html! {
        noscript { p.message { "Without scripts, read the " a href="../redoc/" { "reference" } "." } }
        div #documentation {}
        script src="swagger-ui-bundle.js" {}
        script src="start.js" {}
    };
    page_of("Rollcall API", &content).into_response()
}

/// `GET /api/v1/redoc/`: the same to read, in one page without scripts.
pub async fn reference(base: Base) -> Result<Response> {
    let document = serde_json::from_str::<Value>(DOCUMENT).map_err(|error| Error::Internal(error.into()))?;
    Ok(page_of("Rollcall API reference", &reference::content(&document, &base.0)).into_response())
}

/// `GET /api/v1/docs.json`
pub async fn json(base: Base) -> Response {
    ([(CONTENT_TYPE, "application/json")], document(&base)).into_response()
}

/// `GET /api/v1/docs.yaml`
pub async fn yaml(base: Base) -> Result<Response> {
    let internal = |error: serde_yaml_ng::Error| Error::Internal(error.into());
    let value = serde_json::from_str::<Value>(&document(&base)).map_err(|error| Error::Internal(error.into()))?;
    let text = serde_yaml_ng::to_string(&value).map_err(internal)?;
    Ok(([(CONTENT_TYPE, "application/yaml")], text).into_response())
}

/// A JSON Web Key Set.
#[derive(Serialize, schemars::JsonSchema)]
pub struct KeysOut {
    keys: Vec<PublicKey>,
}

/// `GET /.well-known/jwks.json`: kept for as long as a process keeps it, so a new key is known ten minutes after it signs.
pub async fn keys(State(directory): State<Arc<Directory>>) -> Result<Response> {
    let keys = directory.keys().public().await?;
    Ok(([(CACHE_CONTROL, "public, max-age=300")], Json(KeysOut { keys })).into_response())
}

/// The document, with the server that was asked.
fn document(base: &Base) -> String {
    let server = format!(r#""url": {}"#, Value::from(base.0.as_str()));
    DOCUMENT.replacen(ANY_SERVER, &server, 1)
}

/// A page that loads only what stands beside it.
pub fn page_of(title: &str, content: &Markup) -> impl IntoResponse + use<> {
    let page = frame(title, &["../docs/swagger-ui.css", "../docs/docs.css"], content);
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(page.into_string()))
}
