//! The facts about a route as a list of numbers: their differences are the facts about a minute.

use super::{
    ending::Ending,
    latency::{BUCKETS, LatencyTotals},
    reason::BlockedBy,
};

/// The number of status classes, from 1xx to 5xx; others count as 5xx.
const CLASSES: usize = 5;
const BLOCKED: usize = CLASSES;
const ABORTED: usize = BLOCKED + BlockedBy::ALL.len();
const ERRORS: usize = ABORTED + 1;
const LATENCIES: usize = ERRORS + 1;
const SUM: usize = LATENCIES + BUCKETS;
pub(super) const LENGTH: usize = SUM + 1;

/// The facts about a route until now, or of a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Totals<const N: usize = LENGTH>(pub(crate) [u64; N]);

/// The numbers that are not 0, with their positions.
pub(crate) type Sparse = Box<[(u8, u64)]>;

impl<const N: usize> Default for Totals<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl Totals {
    /// Adds the requests that ended in one way.
    pub(super) fn add_ending(&mut self, ending: Ending, latencies: &LatencyTotals) {
        let count = latencies.count();
        match ending.status {
            None => self.add_at(ABORTED, count),
            Some(status) => {
                let class = usize::from(status / 100).clamp(1, CLASSES) - 1;
                self.add_at(class, count);
            }
        }
        match ending.blocked {
            Some(reason) => self.add_at(BLOCKED + reason as usize, count),
            // Blocked and aborted requests say little about the handler.
            None if ending.status.is_some() => {
                for (at, count) in latencies.counts.iter().enumerate() {
                    self.add_at(LATENCIES + at, *count);
                }
                self.add_at(SUM, latencies.sum);
            }
            None => {}
        }
        if ending.is_error() {
            self.add_at(ERRORS, count);
        }
    }

    /// All requests that ended, also those without a response.
    pub(crate) fn requests(&self) -> u64 {
        self.classes().iter().sum::<u64>() + self.aborted()
    }

    pub(crate) fn classes(&self) -> [u64; CLASSES] {
        std::array::from_fn(|class| self.at(class))
    }

    pub(crate) fn blocked(&self, reason: BlockedBy) -> u64 {
        self.at(BLOCKED + reason as usize)
    }

    pub(crate) fn aborted(&self) -> u64 {
        self.at(ABORTED)
    }

    pub(crate) fn errors(&self) -> u64 {
        self.at(ERRORS)
    }

    /// The latencies of the responses of handlers.
    pub(crate) fn latencies(&self) -> LatencyTotals {
        LatencyTotals {
            counts: std::array::from_fn(|bucket| self.at(LATENCIES + bucket)),
            sum: self.at(SUM),
        }
    }
}

impl<const N: usize> Totals<N> {
    fn add_at(&mut self, at: usize, count: u64) {
        if let Some(total) = self.0.get_mut(at) {
            *total = total.wrapping_add(count);
        }
    }

    fn at(&self, at: usize) -> u64 {
        self.0.get(at).copied().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (at, count) in other.0.iter().enumerate() {
            self.add_at(at, *count);
        }
    }

    pub(super) fn add_sparse(&mut self, sparse: &Sparse) {
        for (at, count) in sparse {
            self.add_at(usize::from(*at), *count);
        }
    }

    /// The facts since an earlier time.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let mut left = self.clone();
        for (total, before) in left.0.iter_mut().zip(earlier.0) {
            // Counters are read one after another, so that a sum may lag.
            *total = total.saturating_sub(before);
        }
        left
    }

    /// `None` if all are 0.
    pub(super) fn to_sparse(&self) -> Option<Sparse> {
        let numbers = self.0.iter().zip(0_u8..);
        let sparse: Sparse = numbers
            .filter(|(count, _)| **count > 0)
            .map(|(count, at)| (at, *count))
            .collect();
        (!sparse.is_empty()).then_some(sparse)
    }
}
