//! Importing login attempts.

use std::collections::{BTreeSet, HashSet};

use super::{Importer, IssueKind};
use crate::directory::page::count;
use crate::error::Result;
use crate::model::{SignInAttempt, UserId};

impl Importer<'_> {
    /// Writes login attempts of users who exist here.
    pub(super) async fn take_attempts(&mut self, attempts: Vec<(String, (UserId, u64, SignInAttempt))>) -> Result<()> {
        let users: BTreeSet<UserId> = attempts.iter().map(|(_, (user, ..))| *user).collect();
        let (here, _) = self.directory.store.users_readable(&users).await?;
        let here: HashSet<UserId> = here.into_iter().map(|user| user.id).collect();
        let mut good = Vec::new();
        for (origin, attempt) in attempts {
            if here.contains(&attempt.0) || self.met.contains(&attempt.0) {
                good.push(attempt);
            } else {
                self.report.attempts.refused += 1;
                self.report.note(IssueKind::LeftOut, &origin, "a login attempt of a user who was not imported");
            }
        }
        self.report.attempts.made += count(good.len());
        if self.dry { Ok(()) } else { self.directory.store.attempts_restore(&good).await }
    }
}
