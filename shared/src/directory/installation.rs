//! What exists from the start: the default groups and the first superuser.

use async_recursion::async_recursion as boxed;

use super::{Directory, Draft, SystemCaller};
use crate::auth::violations_without_user;
use crate::error::{Result, Violation};
use crate::model::{EmailAddress, Field, Flags, NewUser, Organization, OrganizationId, User, Username, default_groups};
use crate::secret::Secret;
use crate::store::Basis;

impl Directory {
    /// Creates the default groups and the organization `default`, once in the life of a directory. `true` if this call
    /// created them.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn install(&self, by: SystemCaller) -> Result<bool> {
        by.must_be_operator()?;
        self.install_without(false, false).await
    }

    /// The same for a directory into which groups or organizations are about to be imported.
    pub(super) async fn install_without(&self, groups: bool, organization: bool) -> Result<bool> {
        if self.store.is_installed().await? {
            return Ok(false);
        }
        self.store.search_begin().await?;
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
            // It may exist from a start that was interrupted before the next step.
            self.store.organization_write(None, Some(&organization), &[], &Basis::default(), None).await?;
        }
        let defaults = default_groups();
        self.store.installation_insert(if groups { &[] } else { &defaults }).await
    }

    /// Whether the directory has no users.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn is_empty(&self) -> Result<bool> {
        Ok(self.store.user_counts().await?.total() == 0)
    }

    /// Creates an active superuser with the staff flag of OpenWISP and OpenL2M. Superusers do not need the Edge staff
    /// role.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) when the name or the e-mail address is taken, or when the password has
    /// fewer than 8 characters or only digits.
    #[boxed]
    pub async fn create_superuser(
        &self,
        by: SystemCaller,
        username: Username,
        email: Option<EmailAddress>,
        password: Secret,
    ) -> Result<User> {
        by.must_be_operator()?;
        let password_violations = violations_without_user(&password).into_iter();
        let violations: Vec<_> = password_violations.map(|rule| Violation { field: Field::Password, rule }).collect();
        let user = NewUser {
            username: Some(username),
            email,
            password: Some(password),
            email_verified: true,
            flags: Flags { is_staff: true, is_superuser: true, ..Flags::active() },
            ..NewUser::default()
        };
        let detail = self.insert_user(Draft { content: user, violations }, None, None).await?;
        Ok(detail.user)
    }
}
