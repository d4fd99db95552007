//! Writing an organization with its slug, list row and cleanup task in one transaction.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{OrganizationItem, SlugItem, organization_item};
use crate::error::{Error, Result};
use crate::model::{
    Actor, CleanupTask, EventAction, EventTarget, Organization, OrganizationId, TargetKind, User, shorten,
};
use crate::store::events::changes_between;
use crate::store::item::{from_item, key_of, to_item};
use crate::store::keys::{self, Position};
use crate::store::lists::Listing;
use crate::store::transaction::{Condition, FailedConditions, Transaction};
use crate::store::users::user_item;
use crate::store::{Basis, NewEvent, Store};

/// The maximum length of a text in a list row.
const MOST_SHOWN: usize = 254;

/// The result of writing an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrganizationWriteOutcome {
    /// It was written.
    Done,
    /// The organization, or the membership that should own it, has been changed or deleted; nothing was written.
    Stale,
    /// This organization has the slug; nothing was written.
    SlugTaken(OrganizationId),
}

#[derive(Debug, Clone, Copy)]
enum Guard {
    Record,
    Slug,
}

impl Store {
    /// Creates an organization (without `before`), changes it, or removes it (without `after`). If its members or
    /// managers must be updated, this leaves a cleanup task. `owners` are the users who lose or gain ownership: their
    /// records before and after. Stale also if one of them, or `basis`, has changed. With an `actor`, this is an event.
    ///
    /// # Errors
    /// When the store is unavailable, or the record is too large for it.
    pub async fn organization_write(
        &self,
        before: Option<&Organization>,
        after: Option<&Organization>,
        owners: &[(&User, &User)],
        basis: &Basis,
        actor: Option<&Actor>,
    ) -> Result<OrganizationWriteOutcome> {
        let mut transaction = Transaction::new();
        let unchanged =
            |organization: &Organization| Condition::Is("version", AttributeValue::N(organization.version.to_string()));
        match (before, after) {
            (before, Some(after)) => {
                let item = organization_item(after, before.map_or(1, |before| before.version + 1))?;
                let condition = before.map_or(Condition::Absent, unchanged);
                transaction.put_if(item, condition, Guard::Record);
            }
            (Some(before), None) => {
                transaction.delete_if(keys::organization(before.id), unchanged(before), Guard::Record);
            }
            (None, None) => return Ok(OrganizationWriteOutcome::Done),
        }
        // Inactive organizations are not counted.
        let listing =
            |organization: &Organization| Listing { position: Position::of_organization(organization), is_off: false };
        let old = before.map(listing);
        let new = match after {
            Some(after) => {
                let new = listing(after);
                // Lists show neither owner nor version, so a change of these does not write the row.
                let mut row = OrganizationItem { version: 0, owner: None, ..OrganizationItem::from(after) };
                row.lacks_description = !std::mem::take(&mut row.description).is_empty();
                // Longer values were stored before limits existed.
                for text in [&mut row.name, &mut row.email, &mut row.url] {
                    shorten(text, MOST_SHOWN);
                }
                let row = to_item(&new.position.row(), &row)?;
                Some((new, row))
            }
            None => None,
        };
        let moment = after.map_or_else(|| self.ambient.now(), |after| after.created);
        self.write_place(&mut transaction, old.as_ref(), new.as_ref().map(|(p, row)| (p, row.clone())), moment);
        write_slug(&mut transaction, before, after)?;
        write_owner(&mut transaction, before, after);
        if let Some(before) = before
            && after.is_none_or(|after| after.name != before.name)
        {
            self.names_changed(&mut transaction);
        }
        if let Some(before) = before
            && after.is_none_or(|after| after.is_active != before.is_active)
        {
            let mut work = keys::work(CleanupTask::Organization(before.id)).attributes();
            // A later change leaves its own mark, which finishing this one does not delete.
            work.insert("version".to_owned(), AttributeValue::N(before.version.to_string()));
            transaction.put(work);
        }
        for (before, after) in owners {
            let after = User { modified: self.ambient.now(), ..(*after).clone() };
            let item = user_item(&after, before.version + 1)?;
            let unchanged = Condition::Is("version", AttributeValue::N(before.version.to_string()));
            transaction.put_if(item, unchanged, Guard::Record);
        }
        if let Some(event) = event_of(before, after, actor)? {
            self.write_event(&mut transaction, event)?;
        }
        basis.require_in(&mut transaction, &Guard::Record);
        match self.transact(&transaction).await? {
            Ok(()) => Ok(OrganizationWriteOutcome::Done),
            Err(broken) => outcome_of(broken),
        }
    }
}

/// What an event says about a change of an organization.
fn event_of(
    before: Option<&Organization>,
    after: Option<&Organization>,
    actor: Option<&Actor>,
) -> Result<Option<NewEvent>> {
    const IGNORED: [&str; 4] = ["id", "version", "created", "modified"];
    let (Some(actor), Some(organization)) = (actor, after.or(before)) else { return Ok(None) };
    let action = match (before, after) {
        (None, _) => EventAction::OrganizationCreated,
        (Some(_), Some(_)) => EventAction::OrganizationUpdated,
        (Some(_), None) => EventAction::OrganizationDeleted,
    };
    let (id, name) = (organization.id.to_string(), Some(organization.name.clone()));
    let mut event = NewEvent::new(action, actor.clone(), EventTarget { kind: TargetKind::Organization, id, name });
    event.version = Some(before.map_or(1, |before| before.version + 1));
    if after.is_some() {
        let [before, after] = [before, after].map(|organization| organization.map(OrganizationItem::from));
        event.changes = changes_between(before.as_ref(), after.as_ref(), "", &IGNORED)?;
    }
    Ok(Some(event))
}

fn write_slug(
    transaction: &mut Transaction<Guard>,
    before: Option<&Organization>,
    after: Option<&Organization>,
) -> Result<()> {
    let slug = |organization: Option<&Organization>| organization.map(|o| (keys::slug(&o.slug), o.id));
    let (old, new) = (slug(before), slug(after));
    if old == new {
        return Ok(());
    }
    if let Some((key, _)) = old {
        transaction.delete(key);
    }
    if let Some((key, organization)) = new {
        let item = to_item(&key, &SlugItem { organization })?;
        transaction.put_if(item, Condition::Absent, Guard::Slug);
    }
    Ok(())
}

/// The membership of the new owner must still exist.
fn write_owner(transaction: &mut Transaction<Guard>, before: Option<&Organization>, after: Option<&Organization>) {
    let owner = |organization: Option<&Organization>| organization.and_then(|organization| organization.owner);
    if let Some((membership, _)) = owner(after).filter(|_| owner(before) != owner(after)) {
        transaction.check(keys::membership_id(membership), Condition::Present, Guard::Record);
    }
}

fn outcome_of(broken: Vec<FailedConditions<Guard>>) -> Result<OrganizationWriteOutcome> {
    let mut written = OrganizationWriteOutcome::Stale;
    for FailedConditions { guard, item } in broken {
        match guard {
            Guard::Record => return Ok(OrganizationWriteOutcome::Stale),
            Guard::Slug => {
                let item = item.ok_or_else(|| Error::internal("a claim failed but its owner is unknown"))?;
                let owner: SlugItem = from_item(&key_of(&item), item)?;
                written = OrganizationWriteOutcome::SlugTaken(owner.organization);
            }
        }
    }
    Ok(written)
}
