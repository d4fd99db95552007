//! Importing the log of events.

use super::importer::{LogHere, reason};
use super::{Importer, IssueKind};
use crate::directory::SystemCaller;
use crate::directory::page::count;
use crate::error::Result;
use crate::store::{DayRecord, SegmentOutcome, SegmentRecord};

/// Why a log is not imported.
const OTHER_LOG: &str = "the directory has events of its own already; import events into an empty directory, before it is \
                         served";

impl Importer<'_> {
    /// Restores a segment of the source's log. A log is restored as a whole, to an empty one: events that happened
    /// elsewhere cannot be inserted into a log without breaking its order.
    pub(super) async fn take_segment(&mut self, origin: &str, record: &SegmentRecord) -> Result<()> {
        let events = count(record.events());
        if !self.with_events {
            self.report.events_ignored += events;
            return Ok(());
        }
        if let Some(defect) = record.defect() {
            self.report.unusable += 1;
            self.report.note(IssueKind::Unusable, origin, defect);
            return Ok(());
        }
        if record.expires() <= self.directory.ambient().now().seconds() {
            return Ok(());
        }
        if self.log == LogHere::Unknown {
            if !self.dry {
                self.directory.sequence_events(SystemCaller::Operator).await?;
            }
            let end = self.directory.store.log_end().await?.segment;
            self.log = LogHere::Same { end, last: 0 };
        }
        let outcome = match self.segment(record).await {
            Ok(outcome) => outcome,
            Err(error) => {
                self.report.events.refused += events;
                self.report.note(IssueKind::Unusable, origin, format!("a part of the event log: {}", reason(error)?));
                return Ok(());
            }
        };
        match outcome {
            SegmentOutcome::Added => self.report.events.made += events,
            SegmentOutcome::Here => self.report.events.here += events,
            SegmentOutcome::Other => {
                self.report.events.refused += events;
                if self.log != LogHere::Other {
                    self.report.note(IssueKind::Conflict, origin, OTHER_LOG);
                }
                self.log = LogHere::Other;
            }
        }
        Ok(())
    }

    async fn segment(&mut self, record: &SegmentRecord) -> Result<SegmentOutcome> {
        let store = &self.directory.store;
        let number = record.number();
        let LogHere::Same { end, last } = self.log else { return Ok(SegmentOutcome::Other) };
        if number <= last {
            return Ok(SegmentOutcome::Other);
        }
        let outcome = if number < end || (self.dry && number == end) {
            if store.segment_is_here(record).await? { SegmentOutcome::Here } else { SegmentOutcome::Other }
        } else if number > end && end > 0 && last == 0 {
            // Nothing of the log here was in the source.
            SegmentOutcome::Other
        } else if self.dry {
            SegmentOutcome::Added
        } else {
            store.segment_restore(record).await?
        };
        if outcome != SegmentOutcome::Other {
            self.log = LogHere::Same { end, last: number };
        }
        Ok(outcome)
    }

    /// Restores a closed day of the source's log.
    pub(super) async fn take_event_day(&self, day: &DayRecord) -> Result<()> {
        if !self.with_events || self.dry || !matches!(self.log, LogHere::Same { .. }) {
            return Ok(());
        }
        self.directory.store.event_day_restore(day).await
    }
}
