//! Events as clients and receivers of webhooks see them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::directory::LoggedEvent;
use crate::model::{Actor, ActorKind, CredentialKind, Event, EventAction, EventTarget, FieldChange, TargetKind};

/// An event, with everything that is known of it.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct EventResponse {
    id: String,
    cursor: String,
    at: String,
    action: EventAction,
    actor: ActorResponse,
    target: TargetResponse,
    version: Option<u64>,
    changes: BTreeMap<String, FieldChange>,
    erased: bool,
}

/// Who caused an event, and through what.
#[derive(Debug, Serialize, schemars::JsonSchema)]
struct ActorResponse {
    #[serde(rename = "type")]
    kind: ActorKind,
    id: Option<String>,
    username: Option<String>,
    credential: Option<CredentialKind>,
    token: Option<String>,
    via: String,
    network: Option<String>,
    request: Option<String>,
}

/// What an event happened to.
#[derive(Debug, Serialize, schemars::JsonSchema)]
struct TargetResponse {
    #[serde(rename = "type")]
    kind: TargetKind,
    id: Option<String>,
    name: Option<String>,
}

impl From<LoggedEvent> for EventResponse {
    fn from(logged: LoggedEvent) -> Self {
        let Event { id, at, action, actor, target, version, changes, erased } = logged.event;
        let Actor { kind, id: user, username, credential, token, via, network, request } = actor;
        let user = user.map(|user| user.to_string());
        let EventTarget { kind: target_kind, id: target, name } = target;
        Self {
            id: id.to_string(),
            cursor: logged.position.to_string(),
            at: at.rfc3339(),
            action,
            actor: ActorResponse { kind, id: user, username, credential, token, via, network, request },
            target: TargetResponse { kind: target_kind, id: Some(target).filter(|id| !id.is_empty()), name },
            version,
            changes,
            erased,
        }
    }
}
