//! Work that takes longer than requests may block each other.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

use crate::rest::{Problem, ProblemKind};

/// The most computations at the same time. Others wait.
const MAX_RUNNING: usize = 4;
/// The most computations that run or wait. Each holds its request, of up to 8 MiB.
const MAX_ADMITTED: usize = 20;
/// The longest computation.
const MAX_DURATION: Duration = Duration::from_secs(10);

/// The computations of a server.
#[derive(Debug, Clone)]
pub(super) struct Computations {
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
    longest: Duration,
}

impl Default for Computations {
    fn default() -> Self {
        Self {
            admitted: Arc::new(Semaphore::new(MAX_ADMITTED)),
            running: Arc::new(Semaphore::new(MAX_RUNNING)),
            longest: MAX_DURATION,
        }
    }
}

/// The end of the time of a computation, which asks for it between its steps.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(feature = "flags"),
    allow(dead_code, reason = "only flags have steps")
)]
pub(super) struct Deadline {
    end: Instant,
    longest: Duration,
}

#[cfg(feature = "flags")]
impl Deadline {
    /// # Errors
    /// 503 after the end.
    pub(super) fn check(self) -> Result<(), Problem> {
        if Instant::now() < self.end {
            return Ok(());
        }
        let error = format!(
            "this takes longer than {} seconds: send fewer contexts, or shorter attributes",
            self.longest.as_secs()
        );
        Err(Problem::new(ProblemKind::Unavailable, error))
    }
}

impl Computations {
    /// Runs work on another thread. It is completed even if the client goes, and counts as running until then.
    ///
    /// # Errors
    /// Those of the work, and 503 while too many others wait.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(Deadline) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let Ok(place) = self.admitted.clone().try_acquire_owned() else {
            let error = format!("{MAX_ADMITTED} others run or wait; try again");
            return Err(Problem::new(ProblemKind::Unavailable, error).retry_after(1));
        };
        // It is never closed.
        let permit = self.running.clone().acquire_owned().await;
        let longest = self.longest;
        let work = tokio::task::spawn_blocking(move || {
            let _permits = (place, permit);
            let end = Instant::now() + longest;
            work(Deadline { end, longest })
        });
        let failed = |_| Problem::new(ProblemKind::Internal, "Internal Server Error");
        work.await.map_err(failed)?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn waiting_computations_are_bounded() {
        let computations = Computations::default();
        let mut held = Vec::new();
        let mut ends = Vec::new();
        for _ in 0..MAX_ADMITTED {
            let (end, ended) = mpsc::channel::<()>();
            let work = computations.clone();
            held.push(tokio::spawn(async move {
                work.run(move |_| Ok(ended.recv().is_err())).await
            }));
            ends.push(end);
        }
        while computations.admitted.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(computations.running.available_permits(), 0);
        let refused = computations.run(|_| Ok(())).await.unwrap_err();
        assert!(format!("{refused:?}").contains("20 others"), "{refused:?}");
        drop(ends);
        for work in held {
            assert!(work.await.unwrap().unwrap());
        }
        computations.run(|_| Ok(())).await.unwrap();
        assert_eq!(computations.admitted.available_permits(), MAX_ADMITTED);
    }

    #[cfg(feature = "flags")]
    #[tokio::test]
    async fn a_computation_without_time_is_refused() {
        let computations = Computations {
            longest: Duration::ZERO,
            ..Computations::default()
        };
        let refused = computations.run(Deadline::check).await.unwrap_err();
        assert!(
            format!("{refused:?}").contains("longer than 0 seconds"),
            "{refused:?}"
        );
        Computations::default().run(Deadline::check).await.unwrap();
    }
}
