//! Groups on the OpenWISP wire.

use serde::Serialize;
use serde_json::Value;
use shared::directory::Draft;
use shared::model::{Group, GroupChanges, GroupId, Permission, PermissionId};
use shared::web::Input;
use shared::web::fields::{Blank, Field, FieldKind, Reader};

const ID: Field = Field::new("id", "Id", FieldKind::Integer).read_only();
const NAME: Field = Field::new("name", "Name", FieldKind::Text(Blank::Refused)).required().at_most(Group::MAX_NAME);
const PERMISSIONS: Field = Field::new("permissions", "Permissions", FieldKind::References);

/// The fields of a group, in the order of the wire.
pub fn fields(_: bool) -> Vec<&'static Field> {
    vec![&ID, &NAME, &PERMISSIONS]
}

/// A group.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct GroupResponse {
    id: GroupId,
    name: String,
    permissions: Vec<String>,
}

impl From<Group> for GroupResponse {
    fn from(Group { id, name, permissions, .. }: Group) -> Self {
        let shown = |id: PermissionId| Permission::by_id(id).map(|permission| format!("{id}: {permission}"));
        Self { id, name, permissions: permissions.into_iter().filter_map(shown).collect() }
    }
}

/// The changes of a group in a body. Permissions may be sent as they are shown: only the part before the colon counts.
pub fn changes(input: &Input, partial: bool) -> Draft<GroupChanges> {
    let mut reader = Reader::new(input, partial);
    let name = reader.text(&NAME).value();
    let permissions = reader.references_that(&PERMISSIONS, PermissionId, number_before_colon).value();
    Draft { content: GroupChanges { name, permissions, ..GroupChanges::default() }, violations: reader.finish() }
}

fn number_before_colon(value: &Value) -> Value {
    match value.as_str().and_then(|text| text.split_once(':')) {
        Some((number, _)) => Value::from(number.trim()),
        None => value.clone(),
    }
}
