//! Importing organizations.

use super::importer::{STILL_GOING, reason};
use super::limits::shorten_organization;
use super::{Importer, IssueKind};
use crate::error::Result;
use crate::model::{CleanupTask, Organization, OrganizationId, is_slug};
use crate::store::{Basis, OrganizationWriteOutcome};

impl Importer<'_> {
    /// Organizations keep their ids. An organization whose slug belongs to another one here is skipped.
    pub(super) async fn take_organization(&mut self, origin: &str, organization: Organization) -> Result<()> {
        let mut wanted = Organization { version: 1, owner: None, ..organization };
        for reason in shorten_organization(&mut wanted) {
            self.report.note(IssueKind::LeftOut, origin, reason);
        }
        let within = |text: &str, most: usize| text.chars().count() <= most;
        if wanted.name.is_empty()
            || !within(&wanted.name, Organization::MAX_NAME)
            || !is_slug(&wanted.slug)
            || !within(&wanted.slug, Organization::MAX_SLUG)
        {
            self.report.unusable += 1;
            self.report.note(IssueKind::Unusable, origin, "no valid name or slug");
            return Ok(());
        }
        let found = match self.organization(wanted.id).await {
            Ok(found) => found.cloned(),
            Err(error) => {
                self.report.organizations.refused += 1;
                self.report.note(IssueKind::Unusable, origin, reason(error)?);
                return Ok(());
            }
        };
        if let Some(found) = found {
            // The source may lack these timestamps.
            let Organization { created, modified, .. } = wanted;
            let same = Organization { version: 1, owner: None, created, modified, ..found } == wanted;
            self.report.organizations.here += 1;
            if !same {
                self.report.note(IssueKind::Differs, origin, "it exists here with other values");
            }
            return Ok(());
        }
        if !self.is_gone_for_good(CleanupTask::Organization(wanted.id)).await? {
            self.report.organizations.refused += 1;
            self.report.note(IssueKind::Conflict, origin, STILL_GOING);
            return Ok(());
        }
        let taken = match self.directory.store.organization_of_slug(&wanted.slug).await? {
            None => self.organizations.values().flatten().find(|other| other.slug == wanted.slug).map(|other| other.id),
            other => other,
        };
        let mut taken = taken;
        if taken.is_none() && !self.dry {
            match self
                .directory
                .store
                .organization_write(None, Some(&wanted), &[], &Basis::default(), self.actor.as_ref())
                .await
            {
                Ok(OrganizationWriteOutcome::Done) => {}
                Ok(OrganizationWriteOutcome::SlugTaken(by)) => taken = Some(by),
                Ok(OrganizationWriteOutcome::Stale) => taken = Some(wanted.id),
                Err(error) => {
                    self.report.organizations.refused += 1;
                    self.report.note(IssueKind::Unusable, origin, reason(error)?);
                    return Ok(());
                }
            }
        }
        if let Some(other) = taken {
            self.report.organizations.refused += 1;
            let reason = format!("the slug {:?} belongs to the organization {other} here", wanted.slug);
            self.report.note(IssueKind::Conflict, origin, reason);
            return Ok(());
        }
        self.report.organizations.made += 1;
        self.organizations.insert(wanted.id, Some(wanted));
        Ok(())
    }

    /// An organization that exists here, or would exist.
    pub(super) async fn organization(&mut self, id: OrganizationId) -> Result<Option<&Organization>> {
        if !self.organizations.contains_key(&id) {
            let found = self.directory.store.organization(id).await?;
            self.organizations.insert(id, found);
        }
        Ok(self.organizations.get(&id).and_then(Option::as_ref))
    }
}
