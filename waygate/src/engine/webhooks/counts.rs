//! Counters of an endpoint in this process, for metrics.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use waygate_core::Timestamp;

use super::records::{AttemptOutcome, WebhookAttempt};

/// The upper bounds of the histogram of durations, in seconds.
const BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// Counters of one webhook in this process, since its start.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let waygate = waygate::Waygate::builder().build().await?;
/// assert!(waygate.webhook_counts().is_empty(), "there are no webhooks");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct WebhookCounts {
    /// Attempts that were answered with 2xx.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Attempts that were answered with 429, 502 or 504.
    pub throttled: u64,
    /// Attempts that were answered with 410.
    pub gone: u64,
    /// Events that could not be formatted.
    pub unformatted: u64,
    /// The durations of attempts, in buckets up to 5, 10, 25, 50, 75, 100, 250, 500 and 750 ms, 1, 2.5, 5, 7.5 and 10
    /// seconds, and above. Not cumulative.
    pub durations: [u64; 15],
    /// The sum of the durations.
    pub duration: Duration,
    /// Events that were read from the audit log and are not delivered yet. At most a page of them is read.
    pub outbox_events: u64,
    /// The time of the oldest of them.
    pub outbox_oldest: Option<Timestamp>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    outcomes: [AtomicU64; 5],
    durations: [AtomicU64; 15],
    micros: AtomicU64,
    outbox: AtomicU64,
    /// In seconds since the Unix epoch; 0 if there is none.
    oldest: AtomicI64,
}

impl Counts {
    pub(super) fn note(&self, attempt: &WebhookAttempt) {
        let outcome = match attempt.outcome {
            AttemptOutcome::Delivered => 0,
            AttemptOutcome::Failed => 1,
            AttemptOutcome::Throttled => 2,
            AttemptOutcome::Gone => 3,
            AttemptOutcome::Unformatted => 4,
        };
        self.outcomes[outcome].fetch_add(1, Relaxed);
        let seconds = attempt.duration_ms / 1_000.0;
        let bucket = BUCKETS.iter().position(|bound| seconds <= *bound);
        self.durations[bucket.unwrap_or(BUCKETS.len())].fetch_add(1, Relaxed);
        self.micros
            .fetch_add((attempt.duration_ms * 1_000.0) as u64, Relaxed);
    }

    pub(super) fn set_outbox(&self, events: usize, oldest: Option<Timestamp>) {
        self.outbox.store(events as u64, Relaxed);
        self.oldest
            .store(oldest.map_or(0, Timestamp::as_second), Relaxed);
    }

    pub(super) fn read(&self) -> WebhookCounts {
        let [delivered, failed, throttled, gone, unformatted] =
            std::array::from_fn(|at| self.outcomes[at].load(Relaxed));
        let oldest = self.oldest.load(Relaxed);
        WebhookCounts {
            delivered,
            failed,
            throttled,
            gone,
            unformatted,
            durations: std::array::from_fn(|at| self.durations[at].load(Relaxed)),
            duration: Duration::from_micros(self.micros.load(Relaxed)),
            outbox_events: self.outbox.load(Relaxed),
            outbox_oldest: (oldest > 0)
                .then(|| Timestamp::from_second(oldest).ok())
                .flatten(),
        }
    }
}
