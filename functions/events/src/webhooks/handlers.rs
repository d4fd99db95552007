//! One function per operation.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::{StatusCode, Uri};
use shared::dialect::openwisp::OpenWisp;
use shared::error::Entity;
use shared::model::{LogPosition, WebhookId};
use shared::web::body::UnparsedBody;
use shared::web::pagination::{NumberedPage, PageRequest};
use shared::web::{Authenticated, BaseUrl, Failure};
use shared::{Directory, Error};

use super::wire::{self, DeliveryList, DeliveryResponse, WebhookResponse, WebhookWithSecret};

type Result<T> = std::result::Result<T, Failure<OpenWisp>>;

/// `GET /api/rollcall/v1/webhooks/`
pub async fn list(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    base: BaseUrl,
    uri: Uri,
) -> Result<Json<NumberedPage<WebhookResponse>>> {
    let request = PageRequest::numbered(&uri);
    let page = directory.webhooks(&caller, request.range()).await?;
    Ok(Json(request.envelope(&base, page, WebhookResponse::from)?))
}

/// `POST /api/rollcall/v1/webhooks/`
pub async fn create(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<(StatusCode, Json<WebhookWithSecret>)> {
    let draft = wire::changes(&body.read().await?, false);
    let webhook = directory.create_webhook(&caller, draft).await?;
    Ok((StatusCode::CREATED, Json(webhook.into())))
}

/// `GET /api/rollcall/v1/webhooks/{webhook}/`
pub async fn read(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<String>,
) -> Result<Json<WebhookResponse>> {
    Ok(Json(directory.webhook(&caller, webhook_id(&id)?).await?.into()))
}

/// `PATCH /api/rollcall/v1/webhooks/{webhook}/`
pub async fn change(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<String>,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Json<WebhookResponse>> {
    let webhook = directory.webhook(&caller, webhook_id(&id)?).await?;
    let draft = wire::changes(&body.read().await?, true);
    Ok(Json(directory.change_webhook(&caller, webhook, draft).await?.into()))
}

/// `DELETE /api/rollcall/v1/webhooks/{webhook}/`
pub async fn delete(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    let webhook = directory.webhook(&caller, webhook_id(&id)?).await?;
    directory.delete_webhook(&caller, webhook).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/rollcall/v1/webhooks/{webhook}/secret/`
pub async fn rotate(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<String>,
) -> Result<Json<WebhookWithSecret>> {
    let webhook = directory.webhook(&caller, webhook_id(&id)?).await?;
    Ok(Json(directory.rotate_webhook_secret(&caller, webhook).await?.into()))
}

/// `GET /api/rollcall/v1/webhooks/{webhook}/deliveries/`
pub async fn deliveries(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<String>,
    base: BaseUrl,
    uri: Uri,
) -> Result<Json<DeliveryList>> {
    let (before, limit) = wire::delivery_range(&uri)?;
    // One more, to know whether more follow.
    let found = directory.deliveries(&caller, webhook_id(&id)?, before, limit + 1).await?;
    Ok(Json(DeliveryList::new(found, limit, &format!("{}{}", base.0, uri.path()))))
}

/// `POST /api/rollcall/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver/`
pub async fn redeliver(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path((id, delivery)): Path<(String, String)>,
) -> Result<Json<DeliveryResponse>> {
    let position: LogPosition = delivery.parse().map_err(|()| Error::NotFound(Entity::Delivery))?;
    Ok(Json(directory.redeliver(&caller, webhook_id(&id)?, position).await?.into()))
}

fn webhook_id(text: &str) -> std::result::Result<WebhookId, Error> {
    WebhookId::parse(text).ok_or(Error::NotFound(Entity::Webhook))
}
