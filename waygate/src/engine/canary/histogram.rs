use std::time::Duration;

use serde::Serialize;

use crate::engine::traffic::Counts;

/// The number of buckets: four for each doubling, from 0.25 ms to 64 s.
pub(super) const BUCKETS: usize = 72;
const PER_OCTAVE: usize = 4;
/// The upper edge of the lowest octave's start, in microseconds.
const LEAST: u64 = 250;

/// Counts of latencies, shared by threads.
#[derive(Debug, Default)]
pub(super) struct Latencies(Counts<BUCKETS>);

impl Latencies {
    pub(super) fn add(&self, latency: Duration) {
        self.0.add(bucket(latency));
    }

    pub(super) fn add_to(&self, histogram: &mut LatencyHistogram) {
        for (total, count) in histogram.counts.iter_mut().zip(self.0.iter()) {
            *total += count;
        }
    }
}

/// Returns the bucket of a latency: the first with an upper edge at or above it, or the last.
fn bucket(latency: Duration) -> usize {
    let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    if micros <= LEAST {
        return 0;
    }
    // Edges of an octave are its start and quarters of it, so the position is linear inside.
    let octave = (micros.div_ceil(LEAST) - 1).checked_ilog2().unwrap_or(0) as usize;
    let start = LEAST << octave.min(40);
    let quarter = start / PER_OCTAVE as u64;
    let inside = (micros.saturating_sub(start)).div_ceil(quarter).max(1) - 1;
    let inside = usize::try_from(inside).unwrap_or(PER_OCTAVE);
    (octave * PER_OCTAVE + inside).min(BUCKETS - 1)
}

/// Returns the upper edge of a bucket in microseconds.
fn edge(bucket: usize) -> u64 {
    let start = LEAST << (bucket / PER_OCTAVE);
    start + start / PER_OCTAVE as u64 * (bucket % PER_OCTAVE + 1) as u64
}

/// The latencies of a handler, in 72 buckets: four of equal width for each doubling, up to 64 s. The first has all
/// latencies up to 0.3 ms, the last also those above 64 s.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let waygate = waygate::Waygate::builder().build().await?;
/// for canary in waygate.canaries() {
///     let latency = &canary.candidate.latency;
///     println!("{} responses, p95 {:?}", latency.total(), latency.quantile(0.95));
///     let slow = latency.slower_than(std::time::Duration::from_secs(1));
///     println!("{slow} took longer than about a second");
///     for (edge, count) in latency.buckets() {
///         println!("{count} up to {edge:?}");
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LatencyHistogram {
    counts: Vec<u64>,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS],
        }
    }
}

impl LatencyHistogram {
    /// Takes the counts of all buckets.
    pub(super) fn of(counts: &mut impl Iterator<Item = u64>) -> Self {
        Self {
            counts: counts.take(BUCKETS).collect(),
        }
    }

    pub(super) fn counts(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().copied()
    }

    /// Returns the buckets with their upper edges.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> {
        let counts = self.counts.iter().copied().enumerate();
        counts.map(|(bucket, count)| (Duration::from_micros(edge(bucket)), count))
    }

    /// Returns the number of latencies.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns an upper bound of the latency that a share of responses (0 to 1) did not exceed: the edge of a bucket.
    /// `None` without responses.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let total = self.total();
        let wanted = (share.clamp(0.0, 1.0) * total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let mut buckets = self.buckets();
        let found = buckets.find(|(_, count)| {
            seen += count;
            seen >= wanted
        });
        found.map(|(edge, _)| edge)
    }

    /// Returns the number of latencies in buckets that end above a time: exact for the edges of
    /// [`buckets`](Self::buckets) and [`quantile`](Self::quantile).
    pub fn slower_than(&self, edge: Duration) -> u64 {
        let above = self.buckets().filter(|(of_bucket, _)| *of_bucket > edge);
        above.map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_in_the_first_bucket_that_ends_at_or_after_it() {
        assert_eq!(edge(BUCKETS - 1), 250 << 18);
        for bucket_at in 0..BUCKETS {
            let edge = edge(bucket_at);
            assert_eq!(bucket(Duration::from_micros(edge)), bucket_at, "{edge}");
            let next = (bucket_at + 1).min(BUCKETS - 1);
            assert_eq!(bucket(Duration::from_micros(edge + 1)), next, "{edge}");
        }
        assert_eq!(bucket(Duration::ZERO), 0);
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_edges() {
        let counts = Latencies::default();
        for millis in 1..=100 {
            counts.add(Duration::from_millis(millis));
        }
        let mut histogram = LatencyHistogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        counts.add_to(&mut histogram);
        assert_eq!(histogram.total(), 100);
        let median = histogram.quantile(0.5).unwrap();
        assert!((50..=64).contains(&median.as_millis()), "{median:?}");
        let slower = histogram.slower_than(median);
        assert!((36..=50).contains(&slower), "{slower}");
        assert_eq!(histogram.slower_than(histogram.quantile(1.0).unwrap()), 0);
    }
}
