//! The values that the fields of a page offer.

use super::super::OpenWisp;
use super::fields::Choices;
use crate::directory::{Caller, PageRange};
use crate::error::Result;
use crate::model::{OrganizationId, Permission};
use crate::web::dialect::Exchange;
use crate::web::fields::{Field, FieldKind};

/// The most choices that a field of a page offers. If there are more, users type the value.
const MOST_CHOICES: usize = 100;

/// The values that reference fields can have, as far as the caller sees them. Lists that are too long are omitted.
pub(super) async fn choices_for(
    table: &[&'static Field],
    exchange: &Exchange<OpenWisp>,
    caller: &Caller,
) -> Result<Choices> {
    let directory = &exchange.directory;
    let mut choices = Choices::new();
    let fields = table.iter().flat_map(|field| match field.kind {
        FieldKind::Nested(children) => children.iter().collect(),
        _ => vec![*field],
    });
    for field in fields {
        let named: Vec<(String, String)> = match (field.kind, field.name) {
            (FieldKind::References, "groups") | (FieldKind::Reference, "group") => {
                let groups = directory.group_choices(caller).await?.into_iter();
                groups.map(|group| (group.id.to_string(), group.name)).collect()
            }
            (FieldKind::References, _) => {
                Permission::all().map(|permission| (permission.id().to_string(), permission.to_string())).collect()
            }
            (FieldKind::Reference, "owner.organization_user") => {
                let Some(id) = exchange.parameter("id").and_then(OrganizationId::parse) else { continue };
                let members = directory.members_of(caller, id, MOST_CHOICES).await?;
                let Some(members) = members else { continue };
                members.into_iter().map(|(id, username)| (id.to_string(), username.to_string())).collect()
            }
            (FieldKind::Reference, _) => {
                let range = PageRange::From { skip: 0, limit: MOST_CHOICES };
                let page = directory.organizations(caller, range).await?;
                if page.total.number() > u64::try_from(MOST_CHOICES).unwrap_or(u64::MAX) {
                    continue;
                }
                let named = page.items.into_iter();
                named.map(|organization| (organization.id.to_string(), organization.name)).collect()
            }
            _ => continue,
        };
        choices.push((field.name, named));
    }
    Ok(choices)
}
