//! What exists from the start: the default groups and the first superuser.

use super::{Directory, Draft};
use crate::error::Result;
use crate::model::{EmailAddress, NewUser, User, Username, default_groups};

impl Directory {
    /// Makes the default groups, once in the life of a directory. `true` when this was the time.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn install(&self) -> Result<bool> {
        self.store.installation_insert(&default_groups()).await
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
            first_name: String::new(),
            last_name: String::new(),
            phone_number: None,
            birth_date: None,
            expiration_date: None,
            is_active: true,
            is_staff: true,
            is_superuser: true,
            groups: [].into(),
        };
        self.insert_user(Draft { content: user, violations: Vec::new() }, None).await
    }
}
