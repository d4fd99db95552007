//! What exists from the start: the default groups and the first superuser.

use super::{Directory, Draft};
use crate::error::Result;
use crate::model::{EmailAddress, NewUser, Organization, OrganizationId, User, Username, default_groups};

impl Directory {
    /// Makes the default groups and the organization `default`, once in the life of a directory. `true` when this was the time.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn install(&self) -> Result<bool> {
        self.install_without(false, false).await
    }

    /// The same for a directory into which its groups, or its organizations, are about to move.
    pub(super) async fn install_without(&self, groups: bool, organization: bool) -> Result<bool> {
        if self.store.is_installed().await? {
            return Ok(false);
        }
        if !organization {
            let now = self.ambient.now();
            let organization = Organization {
                id: OrganizationId::generate(&*self.ambient),
                version: 1,
                name: "default".to_owned(),
                slug: "default".to_owned(),
                is_active: true,
                description: String::new(),
                email: String::new(),
                url: String::new(),
                owner: None,
                created: now,
                modified: now,
            };
            // It may be there from a start that was stopped before the next step.
            self.store.organization_write(None, Some(&organization)).await?;
        }
        let defaults = default_groups();
        self.store.installation_insert(if groups { &[] } else { &defaults }).await
    }

    /// Whether nobody is in the directory.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn is_empty(&self) -> Result<bool> {
        Ok(self.store.user_counts().await?.total() == 0)
    }

    /// Makes a superuser, who is active and staff.
    ///
    /// # Errors
    /// When the name or the address is taken.
    pub async fn create_superuser(
        &self,
        username: Username,
        email: Option<EmailAddress>,
        password: String,
    ) -> Result<User> {
        let user = NewUser {
            username: Some(username),
            email,
            password: Some(password),
            email_verified: true,
            is_staff: true,
            is_superuser: true,
            ..NewUser::default()
        };
        let detail = self.insert_user(Draft { content: user, violations: Vec::new() }, None, None).await?;
        Ok(detail.user)
    }
}
