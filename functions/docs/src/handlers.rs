//! One function per path.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use http::Uri;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use maud::{Markup, html};
use serde::Serialize;
use serde_json::Value;
use shared::auth::keys::PublicKey;
use shared::dialect::openwisp::OpenWisp;
use shared::dialect::openwisp::page::layout;
use shared::web::negotiation::query_value;
use shared::web::{BaseUrl, Failure};
use shared::{Directory, Error};

use crate::{DOCUMENT, reference};

type Result<T> = std::result::Result<T, Failure<OpenWisp>>;

/// Only what this function serves; `data:` is for the small images in Swagger UI's stylesheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The placeholder for the server in the document.
const ANY_SERVER: &str = r#""url": "/""#;

/// `GET /api/v1/docs/`: the page to try out the API; with `?format=openapi` the document itself.
pub async fn page(base: BaseUrl, uri: Uri) -> Response {
    if query_value(&uri, "format").as_deref() == Some("openapi") {
        return json(base).await;
    }
    let content = html! {
        noscript { p.message { "This page needs JavaScript. Without it, read the " a href="../redoc/" { "reference" } "." } }
        div #documentation {}
        script src="swagger-ui-bundle.js" {}
        script src="start.js" {}
    };
    page_of("Rollcall API", &content).into_response()
}

/// `GET /api/v1/redoc/`: the reference as one page without scripts.
pub async fn reference(base: BaseUrl) -> Result<Response> {
    let document = serde_json::from_str::<Value>(DOCUMENT).map_err(|error| Error::Internal(error.into()))?;
    Ok(page_of("Rollcall API reference", &reference::content(&document, &base.0)).into_response())
}

/// `GET /api/v1/docs.json`
pub async fn json(base: BaseUrl) -> Response {
    ([(CONTENT_TYPE, "application/json")], document(&base)).into_response()
}

/// `GET /api/v1/docs.yaml`
pub async fn yaml(base: BaseUrl) -> Result<Response> {
    let internal = |error: serde_yaml_ng::Error| Error::Internal(error.into());
    let value = serde_json::from_str::<Value>(&document(&base)).map_err(|error| Error::Internal(error.into()))?;
    let text = serde_yaml_ng::to_string(&value).map_err(internal)?;
    Ok(([(CONTENT_TYPE, "application/yaml")], text).into_response())
}

/// A JSON Web Key Set.
#[derive(Serialize, schemars::JsonSchema)]
pub struct KeySet {
    keys: Vec<PublicKey>,
}

/// `GET /.well-known/jwks.json`: may be cached for as long as a process keeps the keys, so a new key is known ten
/// minutes after its first signature.
pub async fn keys(State(directory): State<Arc<Directory>>) -> Result<Response> {
    let keys = directory.keys().public().await?;
    Ok(([(CACHE_CONTROL, "public, max-age=300")], Json(KeySet { keys })).into_response())
}

/// The document with the requested server.
fn document(base: &BaseUrl) -> String {
    let server = format!(r#""url": {}"#, Value::from(base.0.as_str()));
    DOCUMENT.replacen(ANY_SERVER, &server, 1)
}

/// A page that loads only files next to it.
pub fn page_of(title: &str, content: &Markup) -> impl IntoResponse + use<> {
    let page = layout(title, &["../docs/swagger-ui.css", "../docs/docs.css"], content);
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(page.into_string()))
}
