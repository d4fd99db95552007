//! What an event says about a change of a user.

use std::collections::BTreeMap;

use super::items::UserItem;
use super::{MembershipWrite, OrganizationState, UserWrite};
use crate::error::Result;
use crate::model::{EventAction, EventTarget, FieldChange, FieldValue, Timestamp};
use crate::store::NewEvent;
use crate::store::events::{changes_between, text};

/// The attribute that is secret.
const PASSWORD: &str = "password";
/// Attributes that follow from others, or that change without anybody's act.
const IGNORED: [&str; 13] = [
    "id",
    "version",
    "token_version",
    "api_tokens_ended",
    "others_api_tokens_ended",
    "email_is_shared",
    "manages",
    "holds",
    "reminded_of",
    "has_signed_in",
    "last_login",
    "modified",
    "has_caseless_name",
];

/// The event of a change, if somebody made it and it changes anything that events tell.
pub(super) fn event_of(write: &UserWrite<'_>) -> Result<Option<NewEvent>> {
    let (Some(actor), Some(user)) = (write.actor, write.after.or(write.before)) else { return Ok(None) };
    let item = |user| UserItem::new(user, 0);
    let (before, after) = (write.before.map(item), write.after.map(item));
    let mut changes = BTreeMap::new();
    if after.is_some() && write.action != Some(EventAction::UserRestored) {
        changes = changes_between(before.as_ref(), after.as_ref(), PASSWORD, &IGNORED)?;
    }
    if let Some(FieldChange { old, new }) = changes.get_mut("date_joined") {
        [old, new].into_iter().flatten().for_each(as_date);
    }
    let action = match (write.action, write.before, write.after, &write.membership) {
        (Some(action), ..) => action,
        (None, None, ..) => EventAction::UserCreated,
        (None, Some(_), None, _) => EventAction::UserDeleted,
        (None, Some(_), Some(_), Some(membership)) if changes.is_empty() => of_membership(membership),
        (None, Some(_), Some(_), None) if changes.is_empty() => return Ok(None),
        _ if changes.keys().eq([PASSWORD]) => EventAction::PasswordSet,
        _ => EventAction::UserUpdated,
    };
    changes.extend(write.membership.iter().flat_map(changes_of_membership));
    let target = EventTarget::user(user.id, Some(user.username.as_str()));
    let earlier = write.before.or(write.deleted.map(|deleted| &deleted.user));
    let version = Some(earlier.map_or(1, |earlier| earlier.version + 1));
    Ok(Some(NewEvent { version, changes, ..NewEvent::new(action, actor.clone(), target) }))
}

/// A timestamp as a text.
fn as_date(value: &mut FieldValue) {
    if let FieldValue::Number(micros) = *value {
        *value = FieldValue::Text(Timestamp::from_micros(micros).rfc3339());
    }
}

fn of_membership(membership: &MembershipWrite<'_>) -> EventAction {
    match (membership.before, membership.after) {
        (None, _) => EventAction::MembershipCreated,
        (Some(_), Some(_)) => EventAction::MembershipUpdated,
        (Some(_), None) => EventAction::MembershipDeleted,
    }
}

fn changes_of_membership(membership: &MembershipWrite<'_>) -> BTreeMap<String, FieldChange> {
    let organization = match membership.organization {
        OrganizationState::There(organization) => organization.id,
        OrganizationState::Gone(id) => id,
    };
    let states = [membership.before, membership.after];
    let [was_in, is_in] = states.map(|state| state.map(|_| text(organization.to_string())));
    let [was_admin, is_admin] = states.map(|state| state.map(|state| FieldValue::Flag(state.is_admin)));
    let mut changes = BTreeMap::from([
        ("membership.organization".to_owned(), FieldChange { old: was_in, new: is_in }),
        ("membership.is_admin".to_owned(), FieldChange { old: was_admin, new: is_admin }),
    ]);
    if membership.becomes_owner {
        let owner = FieldChange { old: None, new: Some(FieldValue::Flag(true)) };
        changes.insert("membership.is_owner".to_owned(), owner);
    }
    changes
}
