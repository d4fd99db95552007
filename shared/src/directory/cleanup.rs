//! Cleanup after changes that affect many records: noted in the change's transaction, done step by step afterwards.
//!
//! A request does a few steps itself, which is nearly always enough. The background task of `serve` or the function
//! `housekeeping` does the rest, also after a crash. Repeating a step changes nothing. Until the work is done, reads
//! hide what is being removed (`hide_removed`).

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

use async_recursion::async_recursion as boxed;
use tokio::time::Instant;

use super::{Directory, SystemCaller};
use crate::error::{Error, Result};
use crate::model::CleanupTask;
use crate::model::{Backoff, GroupId, Membership, Organization, OrganizationId, Timestamp, User, UserId};
use crate::store::{
    Basis, ChangedCompanions, Direction, Member, MembershipLeft, MembershipWrite, OrganizationState,
    OrganizationWriteOutcome, PendingTask, UserWrite, resets_of,
};

/// How many steps are taken at once.
const STEPS: usize = 50;
/// How long one call may work in total.
pub(super) const PASS: Duration = Duration::from_mins(10);
/// How many failed steps of one task are logged individually.
const MOST_TOLD: usize = 10;

/// What was removed but is still noted in the records of users.
#[derive(Debug, Default)]
pub(super) struct PendingRemovals {
    pub groups: BTreeSet<GroupId>,
    pub organizations: BTreeSet<OrganizationId>,
    /// Organizations that exist but are inactive, whose managers' records may say otherwise.
    pub closed: BTreeSet<OrganizationId>,
    /// Changes whenever an organization is renamed or removed.
    pub names: String,
}

/// A task in progress, as far as one call has got.
#[derive(Debug)]
struct Course {
    waiting: PendingTask,
    /// The last one processed, as a list position.
    after: Option<String>,
    has_begun: bool,
    /// How many steps have failed.
    failures: usize,
    /// The reason of the first failure.
    reason: String,
}

/// What is left of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// More steps.
    Something,
    /// No steps for us.
    Nothing,
}

impl PendingRemovals {
    /// Whether the organization is invisible to its managers, whatever their records say.
    pub fn hides(&self, id: OrganizationId) -> bool {
        self.organizations.contains(&id) || self.closed.contains(&id)
    }
}

impl Directory {
    /// Processes pending tasks, some steps of each in turn, so that no task blocks the others.
    ///
    /// A failed task is noted and paused: for a minute, and twice as long after each further failure, up to a day. Work
    /// left after ten minutes is for the next call.
    ///
    /// # Errors
    /// When the store cannot list the tasks or save a note; the next call continues where this one ended.
    #[boxed]
    pub async fn cleanup(&self, by: SystemCaller) -> Result<()> {
        let deadline = Instant::now() + PASS;
        let now = self.ambient.now();
        let mut waiting = self.store.cleanup_tasks().await?;
        waiting.retain(|waiting| waiting.backoff.is_over(now));
        // Failed tasks come last.
        waiting.sort_by_key(|waiting| waiting.backoff);
        tracing::debug!(by = ?by, items = waiting.len(), "cleanup started");
        let mut courses: VecDeque<Course> = waiting.into_iter().map(Course::new).collect();
        let mut result = Ok(());
        while let Some(mut course) = courses.pop_front() {
            if Instant::now() >= deadline {
                courses.push_front(course);
                break;
            }
            match self.turn(&mut course).await {
                Progress::Something => courses.push_back(course),
                Progress::Nothing => result = result.and(self.end(course).await),
            }
        }
        for Course { waiting, .. } in courses.into_iter().filter(|course| course.has_begun) {
            // After those that had no turn. In AWS, the note makes the stream call again.
            let backoff = Backoff { until: Some(self.ambient.now()), ..waiting.backoff };
            result = result.and(self.store.postpone_cleanup_task(&PendingTask { backoff, ..waiting }).await);
        }
        result
    }

    /// Does part of the work that a request has just created. The change is already made, so a failure here does not
    /// fail the request.
    pub(super) async fn clean_up_after(&self, work: CleanupTask) {
        // It is the largest part of the changes that call it.
        if let Err(error) = Box::pin(self.try_to_clean_up_after(work)).await {
            tracing::warn!(work = ?work, error = %error, "cleanup incomplete; will retry");
        }
    }

    async fn try_to_clean_up_after(&self, work: CleanupTask) -> Result<()> {
        let Some(waiting) = self.store.pending_task(work).await? else { return Ok(()) };
        let mut course = Course::new(waiting);
        // Failures are logged there and retried soon.
        if self.turn(&mut course).await == Progress::Nothing && course.failures == 0 {
            self.store.finish_cleanup_task(&course.waiting).await?;
        }
        Ok(())
    }

    /// Does one task, if it is pending; `false` if part of it failed.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(super) async fn finish_cleanup(&self, work: CleanupTask) -> Result<bool> {
        let Some(waiting) = self.store.pending_task(work).await? else { return Ok(true) };
        let mut course = Course::new(waiting);
        while self.turn(&mut course).await == Progress::Something {}
        if course.failures == 0 {
            self.store.finish_cleanup_task(&course.waiting).await?;
        }
        Ok(course.failures == 0)
    }

    /// Records the end of a task: it is done, or paused because of failures.
    async fn end(&self, Course { waiting, failures, reason, .. }: Course) -> Result<()> {
        if failures == 0 {
            return self.store.finish_cleanup_task(&waiting).await;
        }
        let backoff = waiting.backoff.failed(self.ambient.now());
        let (kind, target) = in_words(waiting.work);
        Failed { kind, target, reason: &reason, backoff }.log();
        self.store.postpone_cleanup_task(&PendingTask { backoff, ..waiting }).await
    }

    /// Takes at most [`STEPS`] steps of each kind in the task.
    async fn turn(&self, course: &mut Course) -> Progress {
        course.has_begun = true;
        match self.steps(course).await {
            Ok(left) => left,
            Err(error) => {
                course.note("", Err(error));
                Progress::Nothing
            }
        }
    }

    async fn steps(&self, course: &mut Course) -> Result<Progress> {
        match course.waiting.work {
            CleanupTask::Group(id) => {
                let after = course.after.as_deref().and_then(UserId::parse);
                let users = self.store.group_users(id, after, STEPS).await?;
                for &user in &users {
                    course.note(user, self.leave_group(user, id).await);
                }
                Ok(course.reached(users.len(), users.last()))
            }
            CleanupTask::Members(id) => {
                let after = course.after.as_deref().and_then(UserId::parse);
                let changes = self.store.group_changes(id, after, STEPS).await?;
                for (&user, &joins) in &changes {
                    course.note(user, self.follow_group(user, id, joins).await);
                }
                Ok(course.reached(changes.len(), changes.keys().next_back()))
            }
            CleanupTask::Organization(id) => match self.store.organization(id).await? {
                Some(_) => {
                    let after = course.after.as_deref().and_then(UserId::parse);
                    let managers = self.store.managers(id, after, STEPS).await?;
                    for &user in &managers {
                        course.note(user, self.follow(user, id).await);
                    }
                    Ok(course.reached(managers.len(), managers.last()))
                }
                None => self.leave_removed_organization(id, course).await,
            },
            CleanupTask::EndedTokens(id) => {
                let Some(user) = self.store.user(id).await? else { return Ok(Progress::Nothing) };
                // All of its tokens are deleted with it.
                Ok(Progress::unless(self.store.ended_tokens_remove_some(&user, STEPS).await?))
            }
            // Somebody has finished this and restored the user.
            CleanupTask::User(id) if self.store.user(id).await?.is_some() => Ok(Progress::Nothing),
            CleanupTask::User(id) => Ok(self.leave_nothing(id, course).await),
            CleanupTask::Returning(id) => self.bring_back(id, course).await,
            CleanupTask::Purge(id) => self.purge_rest(id).await,
            CleanupTask::Erasure(id) => Ok(Progress::unless(self.erase_from_events(id).await?)),
        }
    }

    /// Updates a manager's record after a change of an organization.
    async fn follow(&self, user: UserId, id: OrganizationId) -> Result<()> {
        let mut attempts = self.store.attempts();
        loop {
            attempts.next().await?;
            // A removal creates its own task.
            let Some(organization) = self.store.organization(id).await? else { return Ok(()) };
            let Some(before) = self.store.user(user).await? else { return Ok(()) };
            let Some(membership) = self.store.membership(user, id).await? else { return Ok(()) };
            let mut after = before.clone();
            let owns = organization.owner.is_some_and(|(owner, _)| owner == membership.id);
            after.place_in(id, membership.is_admin, owns, organization.is_active);
            if after == before {
                return Ok(());
            }
            // Whoever adds, changes or removes a membership writes the user too.
            let mut basis = Basis::default();
            basis.rest_on_organization(&organization);
            let write =
                UserWrite { before: Some(&before), after: Some(&after), basis: Some(&basis), ..UserWrite::default() };
            if self.store.user_write(&write).await?.is_done()? {
                return Ok(());
            }
        }
    }

    /// Removes members from a removed organization.
    async fn leave_removed_organization(&self, id: OrganizationId, course: &mut Course) -> Result<Progress> {
        let members = self.store.members(id, course.after.as_deref(), Direction::ToOlder, STEPS).await?;
        for member in &members {
            course.note(member.user, self.leave_removed(member, id).await);
        }
        let left = course.reached(members.len(), members.last().map(|member| &member.position));
        if left == Progress::Nothing && course.failures == 0 {
            self.store.member_count_remove(id).await?;
        }
        Ok(left)
    }

    async fn leave_removed(&self, member: &Member, id: OrganizationId) -> Result<()> {
        let mut attempts = self.store.attempts();
        loop {
            attempts.next().await?;
            let Some((before, memberships)) = self.store.user_with_memberships(member.user).await? else {
                return match self.store.membership(member.user, id).await? {
                    Some(gone) => self.store.membership_remove(member.user, &member.position, &gone).await,
                    None => Ok(()),
                };
            };
            let (gone, stays): (Vec<_>, Vec<_>) = memberships.into_iter().partition(|m| m.organization == id);
            // Somebody else was faster.
            let [gone] = &gone[..] else { return Ok(()) };
            let mut after = before.clone();
            after.place_in(id, false, false, false);
            let change = MembershipWrite {
                organization: OrganizationState::Gone(id),
                before: Some(gone),
                after: None,
                becomes_owner: false,
            };
            if self.write_membership(&before, &after, stays, change).await? {
                return Ok(());
            }
        }
    }

    async fn write_membership(
        &self,
        before: &User,
        after: &User,
        memberships: Vec<Membership>,
        change: MembershipWrite<'_>,
    ) -> Result<bool> {
        let write = UserWrite {
            before: Some(before),
            after: Some(after),
            memberships: Some(&memberships),
            membership: Some(change),
            ..UserWrite::default()
        };
        self.store.user_write(&write).await?.is_done()
    }

    /// Deletes what belonged to a removed user: memberships and ownership, tokens and sessions. Whatever a restoration
    /// would bring back is in the record of the deleted user, or stays.
    async fn leave_nothing(&self, id: UserId, course: &mut Course) -> Progress {
        let after = course.after.as_deref().and_then(OrganizationId::parse);
        let mut left = match self.store.memberships_left(id, after, STEPS).await {
            Ok(memberships) => {
                for left in &memberships {
                    course.note(left.organization, self.leave(id, left).await);
                }
                course.reached(memberships.len(), memberships.last().map(|left| left.organization).as_ref())
            }
            Err(error) => {
                course.note("memberships", Err(error));
                Progress::Nothing
            }
        };
        for (what, removed) in [
            ("tokens", self.store.tokens_remove_some(id, STEPS).await),
            ("sessions", self.store.sessions_remove_some(id, STEPS).await),
        ] {
            match removed {
                Ok(true) => {}
                Ok(false) => left = Progress::Something,
                Err(error) => course.note(what, Err(error)),
            }
        }
        left
    }

    /// Removes a deleted user from an organization, and from its ownership.
    async fn leave(&self, id: UserId, left: &MembershipLeft) -> Result<()> {
        let membership = left.membership.as_ref().map_err(|error| Error::internal(error.to_string()))?;
        self.disown(id, membership).await?;
        self.store.membership_remove(id, &left.position, membership).await
    }

    async fn disown(&self, id: UserId, membership: &Membership) -> Result<()> {
        let mut gone = Basis::default();
        gone.rest_on_absence(id);
        let mut attempts = self.store.attempts();
        loop {
            attempts.next().await?;
            let Some(before) = self.store.organization(membership.organization).await? else { return Ok(()) };
            if before.owner.is_none_or(|(owner, _)| owner != membership.id) {
                return Ok(());
            }
            let after = Organization { owner: None, ..before.clone() };
            let written = self.store.organization_write(Some(&before), Some(&after), &[], &gone, None).await?;
            // Somebody may have restored the user.
            if written == OrganizationWriteOutcome::Done || self.store.user(id).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// Deletes what is left of a deleted user whom nobody can restore.
    async fn purge_rest(&self, id: UserId) -> Result<Progress> {
        let Some(deleted) = self.store.deleted_user(id).await? else { return Ok(Progress::Nothing) };
        if self.store.deleted_waits(&deleted).await? {
            return Ok(Progress::Nothing);
        }
        if !self.store.attempts_remove_some(id, STEPS).await? {
            return Ok(Progress::Something);
        }
        self.store.guard_remove(id).await?;
        self.store.failures_remove(&resets_of(id)).await?;
        self.store.search_forget(&deleted.user).await?;
        self.store.purge_end(&deleted).await?;
        Ok(Progress::Nothing)
    }

    /// Makes memberships of a restored user that did not fit into one transaction.
    async fn bring_back(&self, id: UserId, course: &mut Course) -> Result<Progress> {
        let Some(user) = self.store.user(id).await? else { return Ok(Progress::Nothing) };
        for membership in user.returning.iter().take(STEPS) {
            course.note(membership.organization, self.bring_back_one(id, membership).await);
        }
        Ok(Progress::unless(user.returning.len() <= STEPS || course.failures > 0))
    }

    async fn bring_back_one(&self, id: UserId, membership: &Membership) -> Result<()> {
        let mut attempts = self.store.attempts();
        loop {
            attempts.next().await?;
            let Some((before, mut memberships)) = self.store.user_with_memberships(id).await? else { return Ok(()) };
            if !before.returning.contains(membership) {
                return Ok(());
            }
            let mut after = before.clone();
            after.returning.retain(|returning| returning != membership);
            let is_member = memberships.iter().any(|other| other.organization == membership.organization);
            let organization = self.store.organization(membership.organization).await?.filter(|_| !is_member);
            let mut change = None;
            if let Some(organization) = &organization {
                let becomes_owner = organization.takes_as_owner(membership);
                after.place_in(organization.id, membership.is_admin, becomes_owner, organization.is_active);
                memberships.push(membership.clone());
                change = Some(MembershipWrite {
                    organization: OrganizationState::There(organization),
                    before: None,
                    after: Some(membership),
                    becomes_owner,
                });
            }
            let write = UserWrite {
                before: Some(&before),
                after: Some(&after),
                memberships: Some(&memberships),
                membership: change,
                ..UserWrite::default()
            };
            if self.store.user_write(&write).await?.is_done()? {
                return Ok(());
            }
        }
    }

    /// What was removed but may still be noted in the records of users.
    pub(super) async fn pending_removals(&self) -> Result<PendingRemovals> {
        let ChangedCompanions { work, names } = self.store.changed_companions().await?;
        let mut pending_removals = PendingRemovals { names, ..PendingRemovals::default() };
        let mut changed = BTreeSet::new();
        for work in work {
            match work {
                CleanupTask::Group(id) => {
                    pending_removals.groups.insert(id);
                }
                CleanupTask::Organization(id) => {
                    changed.insert(id);
                }
                CleanupTask::Members(_)
                | CleanupTask::User(_)
                | CleanupTask::EndedTokens(_)
                | CleanupTask::Returning(_)
                | CleanupTask::Purge(_)
                | CleanupTask::Erasure(_) => {}
            }
        }
        let there = self.store.organizations(&changed).await?;
        pending_removals.closed = there.iter().filter(|there| !there.is_active).map(|there| there.id).collect();
        let there: BTreeSet<_> = there.into_iter().map(|organization| organization.id).collect();
        pending_removals.organizations = changed.difference(&there).copied().collect();
        Ok(pending_removals)
    }
}

impl Course {
    fn new(waiting: PendingTask) -> Self {
        Self { waiting, after: None, has_begun: false, failures: 0, reason: String::new() }
    }

    /// Records how many were processed, and the last of them; returns whether there may be more.
    fn reached(&mut self, dealt_with: usize, last: Option<&impl ToString>) -> Progress {
        self.after = last.map(ToString::to_string).or(self.after.take());
        Progress::unless(dealt_with < STEPS)
    }

    /// Records the result of a step. A failed step does not stop the others.
    fn note(&mut self, about: impl fmt::Display, done: Result<()>) {
        let Err(error) = done else { return };
        if self.failures == 0 {
            self.reason = error.code();
        }
        self.failures += 1;
        // Do not log a line for each of very many failures.
        if self.failures <= MOST_TOLD {
            let (kind, target) = in_words(self.waiting.work);
            tracing::warn!(work.kind = kind, work.target = target, work.about = %about, error = %error, "cleanup step failed");
        }
    }
}

impl Progress {
    fn unless(is_done: bool) -> Self {
        if is_done { Self::Nothing } else { Self::Something }
    }
}

/// What a task is about, for the log: its kind and an id.
fn in_words(work: CleanupTask) -> (&'static str, String) {
    match work {
        CleanupTask::Group(id) => ("group", id.to_string()),
        CleanupTask::Members(id) => ("members", id.to_string()),
        CleanupTask::Organization(id) => ("organization", id.to_string()),
        CleanupTask::User(id) => ("user", id.to_string()),
        CleanupTask::EndedTokens(id) => ("ended_tokens", id.to_string()),
        CleanupTask::Returning(id) => ("returning", id.to_string()),
        CleanupTask::Purge(id) => ("purge", id.to_string()),
        CleanupTask::Erasure(id) => ("erasure", id.to_string()),
    }
}

/// Background work that keeps failing and is paused.
pub(super) struct Failed<'a> {
    pub kind: &'static str,
    pub target: String,
    pub reason: &'a str,
    pub backoff: Backoff,
}

impl Failed<'_> {
    /// Logs it as a separate event, which `template.yaml` counts.
    pub fn log(self) {
        let Self { kind, target, reason, backoff } = self;
        tracing::error!(
            event = "work_failed",
            work.kind = kind,
            work.target = target,
            work.retries = backoff.failures,
            work.until = backoff.until.map(Timestamp::rfc3339),
            reason,
            "cleanup keeps failing; paused"
        );
    }
}
