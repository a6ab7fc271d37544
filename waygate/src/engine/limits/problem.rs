use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use waygate_core::{
    Printable,
    grammar::ServiceName,
    model::{LimitKey, LimitScope},
};

/// The known problem of a limit, as it was logged last.
#[derive(Debug, Default)]
pub(crate) struct Problem(Mutex<Option<String>>);

impl Problem {
    /// Updates the problem, and logs it if it is new and this process enforces the limit.
    pub(crate) fn note(
        &self,
        problem: Option<&str>,
        key: &LimitKey,
        own_service: Option<&ServiceName>,
    ) {
        let mut logged = lock(&self.0);
        if logged.as_deref() == problem {
            return;
        }
        *logged = problem.map(str::to_owned);
        let is_ours = match &key.scope {
            LimitScope::Global => true,
            LimitScope::Service(service) => own_service == Some(service),
            LimitScope::Route(route) => route.service().is_none(),
        };
        if let Some(problem) = problem.filter(|_| is_ours) {
            tracing::warn!(
                policy = %Printable(key),
                warning = %Printable(problem),
                "a limit does not work as configured"
            );
        }
    }
}

/// The number of requests that a limit cannot count as configured. Only the first one is logged.
#[derive(Debug, Default)]
pub(crate) struct Noticed(AtomicU64);

impl Noticed {
    /// Counts one. Returns `true` for the first one.
    pub(crate) fn notice(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) == 0
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Locks a value that is consistent even after a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
