//! Requests as examples of their latencies, with their traces.

use std::{
    num::NonZeroU128,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use waygate_core::Timestamp;

use super::latency::{BUCKETS, bucket};

/// A request as an example of a latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exemplar {
    pub(crate) trace_id: NonZeroU128,
    pub(crate) nanos: u64,
    pub(crate) at: Timestamp,
}

/// The newest exemplar of each bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Exemplars([Option<Exemplar>; BUCKETS]);

/// The exemplars of requests that end on many threads.
#[derive(Debug, Default)]
pub(super) struct Examples {
    /// The second of the newest exemplar of each bucket.
    seconds: [AtomicI64; BUCKETS],
    newest: Mutex<Exemplars>,
}

impl Exemplars {
    pub(crate) fn of(&self, bucket: usize) -> Option<&Exemplar> {
        self.0.get(bucket)?.as_ref()
    }

    /// Keeps the newer exemplar of each bucket.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (known, other) in self.0.iter_mut().zip(&other.0) {
            let time = |exemplar: &Option<Exemplar>| exemplar.map(|exemplar| exemplar.at);
            if time(other) > time(known) {
                *known = *other;
            }
        }
    }
}

impl Examples {
    /// Keeps the first request of each bucket and second, unless another thread is reading or writing.
    pub(super) fn offer(&self, exemplar: Exemplar) {
        let bucket = bucket(exemplar.nanos);
        let Some(known) = self.seconds.get(bucket) else {
            return;
        };
        let second = exemplar.at.as_second();
        if known.swap(second, Ordering::Relaxed) == second {
            return;
        }
        if let Ok(mut newest) = self.newest.try_lock()
            && let Some(newest) = newest.0.get_mut(bucket)
        {
            *newest = Some(exemplar);
        }
    }

    pub(super) fn newest(&self) -> Exemplars {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_keeps_the_first_request_of_the_newest_second() {
        let examples = Examples::default();
        let at = |at: &str| format!("2030-01-01T00:00:{at}Z").parse().unwrap();
        let offer = |trace: u128, nanos: u64, seconds: &str| {
            let trace_id = NonZeroU128::new(trace).unwrap();
            let at = at(seconds);
            examples.offer(Exemplar {
                trace_id,
                nanos,
                at,
            });
        };
        offer(1, 1, "00.1");
        offer(2, 2, "00.9");
        offer(3, 6_000_000, "00.9");
        let of = |bucket| {
            let newest = examples.newest();
            newest.of(bucket).map(|exemplar| exemplar.trace_id.get())
        };
        assert_eq!([of(0), of(1), of(2)], [Some(1), Some(3), None]);
        offer(4, 3, "01");
        assert_eq!(of(0), Some(4));

        let mut merged = Exemplars::default();
        merged.merge(&examples.newest());
        assert_eq!(merged, examples.newest());
        let mut older = Exemplars::default();
        older.0[0] = merged.0[0].map(|newest| Exemplar {
            at: at("00"),
            ..newest
        });
        merged.merge(&older);
        assert_eq!(merged, examples.newest());
    }
}
