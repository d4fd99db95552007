//! Reading the log of events.

use std::collections::{BTreeMap, BTreeSet};

use async_recursion::async_recursion as boxed;

use crate::directory::{Act, Caller, Directory, Rights, SystemCaller};
use crate::error::{Error, Result};
use crate::model::{Action, EventAction, EventTarget, LogPosition, Model, TargetKind, Timestamp, UserId};
use crate::store::{LogRange, LoggedEvent};

/// How many segments one request adds to the log, so that it sees what happened before it.
const SEGMENTS_OF_A_REQUEST: usize = 10;
/// How many segments one request reads, one call after the other: few at first, which is enough for most pages.
const PIECES: [usize; 11] = [1, 2, 4, 4, 4, 4, 4, 4, 4, 4, 4];
/// The most events of a target or an actor that one request looks through.
const EVENTS_READ: usize = 1000;
/// How many users one request looks up, to tell whether the caller sees them.
const USERS_LOOKED_UP: usize = 100;
/// How much later than it happened an event may be added to the log, in seconds, where times limit what is read.
const SLACK: i64 = 24 * 60 * 60;

/// Which events are wanted; all of them by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// What they happened to.
    pub target: Option<(TargetKind, String)>,
    /// Who caused them.
    pub actor: Option<UserId>,
    /// What happened: one of these; anything if there are none.
    pub actions: BTreeSet<EventAction>,
    /// They happened then or later.
    pub since: Option<Timestamp>,
    /// They happened earlier.
    pub until: Option<Timestamp>,
}

/// Which events to list, from where on, and how many at most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventRequest {
    /// Which.
    pub filter: EventFilter,
    /// From where on, and in which order.
    pub range: LogRange,
    /// How many at most.
    pub limit: usize,
}

/// A part of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// The events. There may be none although more follow: one request looks through a limited part of the log.
    pub events: Vec<LoggedEvent>,
    /// The position of the last event that was looked at.
    pub reached: Option<LogPosition>,
    /// Whether more may follow it now.
    pub has_more: bool,
}

/// The reading of one page.
struct Reading<'a> {
    directory: &'a Directory,
    caller: Option<&'a Caller>,
    request: &'a EventRequest,
    page: EventPage,
    seen: BTreeMap<String, bool>,
}

impl EventFilter {
    fn accepts(&self, event: &LoggedEvent) -> bool {
        let event = &event.event;
        let is_target = |(kind, id): &(TargetKind, String)| event.target.kind == *kind && event.target.id == *id;
        self.target.as_ref().is_none_or(is_target)
            && self.actor.is_none_or(|actor| event.actor.id == Some(actor))
            && (self.actions.is_empty() || self.actions.contains(&event.action))
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at < until)
    }
}

impl Directory {
    /// A part of the log. Superusers see all events; whoever may view users sees those about users in their sight.
    ///
    /// In ascending order this is a feed: a reader who continues after [`EventPage::reached`] gets every event exactly
    /// once. Every event that was acknowledged before the call is in the log.
    ///
    /// # Errors
    /// [`Error::Forbidden`], or when the store is unavailable.
    #[boxed]
    pub async fn events(&self, caller: &Caller, request: &EventRequest) -> Result<EventPage> {
        caller.must(Act::Request(Action::View, Model::User))?;
        if caller.rights != Rights::Everything && !matches!(caller.rights, Rights::Permissions(_)) {
            return Err(Error::Forbidden);
        }
        self.events_for(Some(caller), request).await
    }

    /// The same for the operator, who sees all events.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for any other caller, or when the store is unavailable.
    #[boxed]
    pub async fn all_events(&self, by: SystemCaller, request: &EventRequest) -> Result<EventPage> {
        by.must_be_operator()?;
        self.events_for(None, request).await
    }

    /// The newest events about a person and by the person, newest first, without where others were when they acted; and
    /// whether there are more.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(in crate::directory) async fn events_of_person(&self, id: UserId) -> Result<(Vec<LoggedEvent>, bool)> {
        self.store.events_sequence(self.settings.event_retention, SEGMENTS_OF_A_REQUEST).await?;
        let (range, target) = (LogRange::default(), EventTarget::user(id, None).text());
        let about = self.store.events_of(&target, range, EVENTS_READ).await?;
        let by = self.store.events_by(id, range, EVENTS_READ).await?;
        let has_more = about.len() == EVENTS_READ || by.len() == EVENTS_READ;
        let events = about.into_iter().chain(by).map(|logged| (logged.position, logged));
        let mut events: BTreeMap<LogPosition, LoggedEvent> = events.collect();
        for logged in events.values_mut().filter(|logged| logged.event.actor.id != Some(id)) {
            logged.event.actor.network = None;
            logged.event.actor.token = None;
        }
        Ok((events.into_values().rev().collect(), has_more))
    }

    async fn events_for(&self, caller: Option<&Caller>, request: &EventRequest) -> Result<EventPage> {
        // What was there before a cursor is in the log already.
        if request.range.ascending || request.range.before.is_none() {
            self.store.events_sequence(self.settings.event_retention, SEGMENTS_OF_A_REQUEST).await?;
        }
        let page = EventPage { events: Vec::new(), reached: None, has_more: false };
        let mut reading = Reading { directory: self, caller, request, page, seen: BTreeMap::new() };
        match (&request.filter.target, request.filter.actor) {
            (None, None) => reading.read_log().await?,
            _ => reading.read_index().await?,
        }
        Ok(reading.page)
    }
}

impl Reading<'_> {
    async fn read_log(&mut self) -> Result<()> {
        let store = &self.directory.store;
        let EventFilter { since, until, .. } = self.request.filter;
        let mut range = self.request.range;
        if range.ascending
            && range.after.is_none()
            && let Some(since) = since
        {
            range.after = store.log_position_before(since).await?;
        }
        if !range.ascending
            && range.before.is_none()
            && let Some(until) = until
        {
            range.before = store.log_position_after(until).await?;
        }
        for piece in PIECES {
            let segments = store.segments(range, piece).await?;
            let is_last = segments.len() < piece;
            for segment in segments {
                let number = segment.number;
                let is_over = if range.ascending {
                    until.is_some_and(|until| segment.at >= until.plus_seconds(SLACK))
                } else {
                    since.is_some_and(|since| segment.at.plus_seconds(SLACK) < since)
                };
                if is_over {
                    return Ok(());
                }
                if !self.take(segment.events).await? {
                    return Ok(());
                }
                if range.ascending {
                    range.after = Some(LogPosition { segment: number, index: u32::MAX });
                } else {
                    range.before = Some(LogPosition { segment: number, index: 0 });
                }
            }
            if is_last {
                return Ok(());
            }
        }
        self.page.has_more = true;
        Ok(())
    }

    async fn read_index(&mut self) -> Result<()> {
        let store = &self.directory.store;
        let EventRequest { filter, range, .. } = self.request;
        let events = match (&filter.target, filter.actor) {
            (Some((kind, id)), _) => {
                let target = EventTarget { kind: *kind, id: id.clone(), name: None };
                store.events_of(&target.text(), *range, EVENTS_READ).await?
            }
            (None, Some(actor)) => store.events_by(actor, *range, EVENTS_READ).await?,
            (None, None) => Vec::new(),
        };
        let is_last = events.len() < EVENTS_READ;
        if self.take(events).await? {
            self.page.has_more = !is_last;
        }
        Ok(())
    }

    /// Looks at events; `false` if the page is full before their end.
    async fn take(&mut self, events: Vec<LoggedEvent>) -> Result<bool> {
        for event in events {
            if self.page.events.len() >= self.request.limit {
                self.page.has_more = true;
                return Ok(false);
            }
            if self.request.filter.accepts(&event) {
                match self.is_seen(&event).await? {
                    Some(true) => self.page.events.push(self.shown(event.clone())),
                    Some(false) => {}
                    None => {
                        self.page.has_more = true;
                        return Ok(false);
                    }
                }
            }
            self.page.reached = Some(event.position);
        }
        Ok(true)
    }

    /// Whether the caller sees the event; `None` if too many users would have to be looked up.
    async fn is_seen(&mut self, event: &LoggedEvent) -> Result<Option<bool>> {
        let Some(caller) = self.caller.filter(|caller| caller.rights != Rights::Everything) else {
            return Ok(Some(true));
        };
        let target = &event.event.target;
        if target.kind != TargetKind::User {
            return Ok(Some(false));
        }
        if let Some(is_seen) = self.seen.get(&target.id) {
            return Ok(Some(*is_seen));
        }
        if self.seen.len() >= USERS_LOOKED_UP {
            return Ok(None);
        }
        let is_seen = match UserId::parse(&target.id) {
            Some(id) => match self.directory.subject(caller, id).await {
                Ok(_) => true,
                Err(Error::NotFound(_) | Error::Forbidden) => false,
                Err(error) => return Err(error),
            },
            None => false,
        };
        self.seen.insert(target.id.clone(), is_seen);
        Ok(Some(is_seen))
    }

    /// The event without what only superusers may know: where others were when they acted.
    fn shown(&self, mut event: LoggedEvent) -> LoggedEvent {
        if let Some(caller) = self.caller
            && caller.rights != Rights::Everything
            && event.event.actor.id != Some(caller.user.id)
        {
            event.event.actor.network = None;
            event.event.actor.token = None;
        }
        event
    }
}
