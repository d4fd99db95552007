//! Deleted and restored users on the wire.

use serde::Serialize;
use shared::directory::{DeletedDetail, RestoredUser};
use shared::model::{DeletedRow, DeletedUser, GroupId, Membership, OrganizationId, Timestamp, UserId, UserNumber};

/// A deleted user in a list.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct DeletedRowResponse {
    id: UserId,
    username: String,
    email: Option<String>,
    first_name: String,
    last_name: String,
    deleted: String,
    deleted_by: Option<UserId>,
    restorable_until: String,
}

/// A deleted user.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct DeletedUserResponse {
    #[serde(flatten)]
    row: DeletedRowResponse,
    openl2m_id: UserNumber,
    edge_id: String,
    phone_number: Option<String>,
    is_active: bool,
    is_superuser: bool,
    former_groups: Vec<GroupId>,
    former_organizations: Vec<FormerMembership>,
}

/// A membership of a deleted user.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct FormerMembership {
    organization: OrganizationId,
    is_admin: bool,
}

/// The result of a restoration.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct RestoredResponse {
    id: UserId,
    username: String,
    lost_groups: Vec<GroupId>,
    lost_organizations: Vec<OrganizationId>,
}

impl From<(DeletedRow, Timestamp)> for DeletedRowResponse {
    fn from((row, until): (DeletedRow, Timestamp)) -> Self {
        let DeletedRow { id, username, email, first_name, last_name, at, by, .. } = row;
        Self {
            id,
            username: username.to_string(),
            email: email.map(|email| email.to_string()),
            first_name,
            last_name,
            deleted: at.rfc3339(),
            deleted_by: by,
            restorable_until: until.rfc3339(),
        }
    }
}

impl From<DeletedDetail> for DeletedUserResponse {
    fn from(DeletedDetail { deleted, until, .. }: DeletedDetail) -> Self {
        let row = (deleted.row(), until).into();
        let DeletedUser { user, memberships, .. } = deleted;
        Self {
            row,
            openl2m_id: user.number,
            edge_id: user.edge_id.to_string(),
            phone_number: user.phone_number.map(|number| number.to_string()),
            is_active: user.flags.is_active,
            is_superuser: user.flags.is_superuser,
            former_groups: user.groups.into_iter().collect(),
            former_organizations: memberships.into_iter().map(FormerMembership::from).collect(),
        }
    }
}

impl From<Membership> for FormerMembership {
    fn from(Membership { id: _, organization, is_admin }: Membership) -> Self {
        Self { organization, is_admin }
    }
}

impl From<RestoredUser> for RestoredResponse {
    fn from(RestoredUser { user, lost_groups, lost_organizations }: RestoredUser) -> Self {
        Self {
            id: user.id,
            username: user.username.to_string(),
            lost_groups: lost_groups.into_iter().collect(),
            lost_organizations: lost_organizations.into_iter().collect(),
        }
    }
}
