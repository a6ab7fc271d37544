use serde::Serialize;

use super::histogram::{BUCKETS, LatencyHistogram};
use crate::engine::traffic::Totals;

/// The facts about one of two handlers. A request counts for the handler that served it.
///
/// ```
/// use waygate::flags::ArmRecord;
///
/// fn in_progress(arm: &ArmRecord) -> u64 {
///     arm.started - arm.completed - arm.aborted
/// }
/// # let _ = in_progress;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ArmRecord {
    /// Requests that the handler has started to serve.
    pub started: u64,
    /// Requests with a response or a panic.
    pub completed: u64,
    /// Completed requests with a panic, a status of 500 or above, or a body that failed.
    pub failed: u64,
    /// Requests that were dropped before a response: the client went away, or a time-out around the handler expired.
    pub aborted: u64,
    /// The time from the start to the head of the response, or to the panic.
    pub latency: LatencyHistogram,
    /// The time from the start to the abort. A client that leaves early says nothing about the handler; one that leaves
    /// after the usual time does.
    pub aborted_after: LatencyHistogram,
}

/// The numbers of a record, for the facts about a minute.
#[derive(Debug, Default)]
pub(super) struct ArmTotals(pub(super) Totals<{ ArmTotals::LENGTH }>);

impl ArmTotals {
    const COUNTS: usize = 4;
    pub(super) const LENGTH: usize = Self::COUNTS + 2 * BUCKETS;

    pub(super) fn is_empty(&self) -> bool {
        self.0.0.iter().all(|count| *count == 0)
    }
}

impl From<&ArmRecord> for ArmTotals {
    fn from(record: &ArmRecord) -> Self {
        let counts = [
            record.started,
            record.completed,
            record.failed,
            record.aborted,
        ];
        let latencies = record.latency.counts().chain(record.aborted_after.counts());
        let mut totals = Self::default();
        for (total, count) in totals
            .0
            .0
            .iter_mut()
            .zip(counts.into_iter().chain(latencies))
        {
            *total = count;
        }
        totals
    }
}

impl From<ArmTotals> for ArmRecord {
    fn from(ArmTotals(Totals(totals)): ArmTotals) -> Self {
        let mut counts = totals.into_iter();
        let mut next = || counts.next().unwrap_or_default();
        Self {
            started: next(),
            completed: next(),
            failed: next(),
            aborted: next(),
            latency: LatencyHistogram::of(&mut counts),
            aborted_after: LatencyHistogram::of(&mut counts),
        }
    }
}
