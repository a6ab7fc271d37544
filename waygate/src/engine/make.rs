//! Runs every change, and repeats attempts that lost a race.

use std::{sync::Arc, time::Duration};

use waygate_core::port::{BackendError, CommitError};

use super::{
    ChangeError, Inner, jitter,
    tx::{Attempt, By, Change, Tx},
};

/// The maximum number of attempts for a change that keeps losing races and expects no revision.
pub(super) const ATTEMPTS: u32 = 32;
/// The number of attempts without a pause.
const SWIFT_ATTEMPTS: u32 = 2;
/// The longest pause between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

impl Inner {
    /// Tries a change until it succeeds or fails for good. A change is only refused on the store's current state: this
    /// process may be behind.
    pub(crate) async fn make<C: Change>(
        self: Arc<Self>,
        change: C,
        by: By,
    ) -> Result<C::Done, ChangeError> {
        for nth in 0..ATTEMPTS {
            // Without the lock, so that no other command of this process waits.
            pause(nth).await;
            let mut stored = self.stored.lock().await;
            let is_current = nth > 0;
            if is_current {
                self.reload(&mut stored).await?;
            }
            let attempt = change.attempt(Tx::new(&self, &mut stored, &by)).await;
            match attempt {
                Err(Attempt::Failed(error)) if !is_current => {
                    let known = stored.revision;
                    // Without the store, the refusal stands on the last known state.
                    if self.reload(&mut stored).await.is_err() || stored.revision == known {
                        let refused = Err(error);
                        self.note_conflict(&refused, &by);
                        return refused;
                    }
                }
                attempt => {
                    if let Some(outcome) = settle(attempt) {
                        self.note_conflict(&outcome, &by);
                        return outcome;
                    }
                    self.observed.note_conflict("race", &by.origin.platform);
                }
            }
        }
        let what = change.subject();
        Err(ChangeError::Contended { what })
    }

    pub(super) fn note_conflict<T>(&self, outcome: &Result<T, ChangeError>, by: &By) {
        if let Err(ChangeError::Conflict { .. }) = outcome {
            let platform = &by.origin.platform;
            self.observed.note_conflict("precondition", platform);
        }
    }
}

/// Waits before an attempt. Writers that start together do not stay in step.
pub(super) async fn pause(nth: u32) {
    if nth > SWIFT_ATTEMPTS {
        tokio::time::sleep(jitter::up_to(PAUSE)).await;
    }
}

/// The outcome of an attempt; `None` after a lost race, to retry with the current state.
pub(super) fn settle<T>(attempt: Result<T, Attempt>) -> Option<Result<T, ChangeError>> {
    match attempt {
        Ok(done) => Some(Ok(done)),
        Err(Attempt::Failed(error) | Attempt::Incomplete(error)) => Some(Err(error)),
        // The next attempt checks the precondition again.
        Err(
            Attempt::Behind
            | Attempt::Commit(CommitError::Conflict { .. } | CommitError::Replaced { .. }),
        ) => None,
        Err(Attempt::Commit(CommitError::Backend(error))) => Some(Err(error.into())),
        Err(Attempt::Commit(other)) => {
            Some(Err(BackendError::Unavailable(other.to_string()).into()))
        }
    }
}
