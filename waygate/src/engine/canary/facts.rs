use serde::Serialize;

use super::histogram::LatencyHistogram;

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
