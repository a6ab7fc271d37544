//! The latencies of requests, in the buckets of the OpenTelemetry conventions.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::counts::Counts;

/// The upper edges of the buckets in nanoseconds: those of `http.server.request.duration` in the semantic conventions of
/// OpenTelemetry. A last bucket has no edge.
pub(crate) const EDGES: [u64; 14] = [
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    75_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    750_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    7_500_000_000,
    10_000_000_000,
];

/// The number of buckets.
pub(crate) const BUCKETS: usize = EDGES.len() + 1;

/// Latencies, counted by many threads.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    counts: Counts<BUCKETS>,
    /// In nanoseconds.
    sum: AtomicU64,
}

/// The latencies that were counted until now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LatencyTotals {
    pub(crate) counts: [u64; BUCKETS],
    /// In nanoseconds.
    pub(crate) sum: u64,
}

impl Latencies {
    pub(crate) fn add(&self, latency: Duration) {
        self.add_nanos(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    #[inline]
    pub(crate) fn add_nanos(&self, nanos: u64) {
        self.counts.add(bucket(nanos));
        self.sum.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn totals(&self) -> LatencyTotals {
        let mut totals = LatencyTotals::default();
        self.add_to(&mut totals);
        totals
    }

    pub(crate) fn add_to(&self, totals: &mut LatencyTotals) {
        for (total, count) in totals.counts.iter_mut().zip(self.counts.iter()) {
            *total += count;
        }
        totals.sum = totals.sum.wrapping_add(self.sum.load(Ordering::Relaxed));
    }
}

impl LatencyTotals {
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "for metrics"))]
    pub(crate) fn add(&mut self, other: &Self) {
        for (total, count) in self.counts.iter_mut().zip(other.counts) {
            *total += count;
        }
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// The first bucket with an edge at or above the latency, or the last one.
#[inline]
pub(super) fn bucket(nanos: u64) -> usize {
    // Most latencies are in the first buckets.
    let edge = EDGES.iter().position(|edge| nanos <= *edge);
    edge.unwrap_or(EDGES.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_in_the_first_bucket_with_an_edge_at_or_above_it() {
        let latencies = Latencies::default();
        for (at, edge) in EDGES.iter().enumerate() {
            assert_eq!(bucket(*edge), at);
            assert_eq!(bucket(*edge + 1), at + 1);
            latencies.add(Duration::from_nanos(*edge));
        }
        latencies.add(Duration::from_secs(3600));
        let mut totals = LatencyTotals::default();
        latencies.add_to(&mut totals);
        assert_eq!(totals.counts, [1; BUCKETS]);
        assert_eq!(totals.sum, EDGES.iter().sum::<u64>() + 3_600_000_000_000);
    }
}
