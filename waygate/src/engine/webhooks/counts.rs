//! Counters of an endpoint in this process, for metrics.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use waygate_core::Timestamp;

use super::records::{AttemptOutcome, WebhookAttempt};
use crate::engine::{kinds::Delivery, traffic::Latencies};

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
    /// Events that are neither delivered nor given up: those in the audit log, as far as this process has read it, and
    /// those that are sent again.
    pub outbox_events: u64,
    /// The time of the oldest of them.
    pub outbox_oldest: Option<Timestamp>,
    /// Events that were given up. They are in the store, so that each process has the same number.
    pub dead_letters: u64,
}

impl WebhookCounts {
    /// Adds the counters of another endpoint.
    #[cfg(feature = "metrics")]
    pub(crate) fn merge(&mut self, other: &Self) {
        for (sum, count) in [
            (&mut self.delivered, other.delivered),
            (&mut self.failed, other.failed),
            (&mut self.throttled, other.throttled),
            (&mut self.gone, other.gone),
            (&mut self.unformatted, other.unformatted),
            (&mut self.outbox_events, other.outbox_events),
            (&mut self.dead_letters, other.dead_letters),
        ] {
            *sum += count;
        }
        for (sum, count) in self.durations.iter_mut().zip(other.durations) {
            *sum += count;
        }
        self.duration = self.duration.saturating_add(other.duration);
        let oldest = [self.outbox_oldest, other.outbox_oldest];
        self.outbox_oldest = oldest.into_iter().flatten().min();
    }

    /// Adds an event that has failed.
    pub(super) fn add(&mut self, failed: &Delivery) {
        if failed.next.is_none() {
            self.dead_letters += 1;
            return;
        }
        self.outbox_events += 1;
        let oldest = [self.outbox_oldest, Some(failed.entry.timestamp)];
        self.outbox_oldest = oldest.into_iter().flatten().min();
    }
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    outcomes: [AtomicU64; 5],
    durations: Latencies,
    outbox: AtomicU64,
    /// In milliseconds since the Unix epoch; 0 if there is none.
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
        let duration = Duration::try_from_secs_f64(attempt.duration_ms / 1_000.0);
        self.durations.add(duration.unwrap_or_default());
    }

    pub(super) fn set_outbox(&self, events: usize, oldest: Option<Timestamp>) {
        self.outbox.store(events as u64, Relaxed);
        self.oldest
            .store(oldest.map_or(0, Timestamp::as_millisecond), Relaxed);
    }

    pub(super) fn read(&self) -> WebhookCounts {
        let [delivered, failed, throttled, gone, unformatted] =
            std::array::from_fn(|at| self.outcomes[at].load(Relaxed));
        let (oldest, durations) = (self.oldest.load(Relaxed), self.durations.totals());
        WebhookCounts {
            delivered,
            failed,
            throttled,
            gone,
            unformatted,
            durations: durations.counts,
            duration: Duration::from_nanos(durations.sum),
            outbox_events: self.outbox.load(Relaxed),
            outbox_oldest: (oldest > 0)
                .then(|| Timestamp::from_millisecond(oldest).ok())
                .flatten(),
            dead_letters: 0,
        }
    }
}
