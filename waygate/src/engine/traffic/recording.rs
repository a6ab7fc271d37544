#[cfg(feature = "metrics")]
use std::num::NonZeroU128;
use std::sync::Arc;

use super::{cell::Node, ending::Ending, reason::BlockedBy};

/// A request in progress. It is counted when its response is ready, or when it is dropped before.
#[derive(Debug)]
pub(crate) struct Recording {
    node: Arc<Node>,
    /// In nanoseconds of the monotonic clock.
    started: u64,
    /// The trace of the request, if it can be an exemplar.
    #[cfg(feature = "metrics")]
    trace: Option<NonZeroU128>,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    /// The response is polled. A recording that is dropped in this phase belongs to a handler that panicked.
    Polled,
    Over,
}

impl Recording {
    #[inline]
    pub(super) fn start(node: Arc<Node>) -> Self {
        Self {
            started: node.clock.monotonic_nanos(),
            node,
            #[cfg(feature = "metrics")]
            trace: None,
            phase: Phase::Waiting,
        }
    }

    /// Makes the request an exemplar of its latency.
    #[cfg(feature = "metrics")]
    pub(crate) fn with_trace(mut self, trace: Option<NonZeroU128>) -> Self {
        self.trace = trace;
        self
    }

    /// Notes that the response is about to be polled.
    #[inline]
    pub(crate) fn enter(&mut self) {
        self.phase = Phase::Polled;
    }

    /// Notes that the response is not ready yet.
    #[inline]
    pub(crate) fn leave(&mut self) {
        self.phase = Phase::Waiting;
    }

    /// Counts the response.
    #[inline]
    pub(crate) fn end(mut self, status: u16, blocked: Option<BlockedBy>) {
        self.count(Ending::with(status, blocked));
    }

    #[inline]
    fn count(&mut self, ending: Ending) {
        self.phase = Phase::Over;
        let elapsed = self
            .node
            .clock
            .monotonic_nanos()
            .saturating_sub(self.started);
        self.node.count(ending, elapsed);
        #[cfg(feature = "metrics")]
        if let Some(trace) = self.trace {
            self.node.exemplify(ending, elapsed, trace);
        }
    }
}

impl Drop for Recording {
    #[inline]
    fn drop(&mut self) {
        match self.phase {
            Phase::Over => {}
            // hyper closes the connection, and a layer that catches panics responds with 500.
            Phase::Polled => self.count(Ending::with(500, None)),
            Phase::Waiting => self.count(Ending::ABORTED),
        }
    }
}
