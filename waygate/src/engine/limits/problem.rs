use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use waygate_core::{
    Printable,
    grammar::ServiceName,
    model::{LimitKey, LimitScope},
};

/// What is known to be wrong with a limit, as it was logged last.
#[derive(Debug, Default)]
pub(crate) struct Problem(Mutex<Option<String>>);

impl Problem {
    /// Notes what is wrong now, and logs it where it is new and the limit holds in this process.
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
                "a limit does not count as it is meant to"
            );
        }
    }
}

/// How many requests a limit does not hold as it is meant to. Only the first one is logged.
#[derive(Debug, Default)]
pub(crate) struct Noticed(AtomicU64);

impl Noticed {
    /// Counts one. Says whether it is the first.
    pub(crate) fn notice(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) == 0
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Locks a value that no panic can leave half written.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
