use std::{
    any::Any,
    sync::{Arc, Weak},
};

/// A handle to the counters, which policies use for the work after a response.
///
/// Weak, since the counters may owe units to a policy. Type-erased, since the counters depend on policies.
#[derive(Debug, Clone)]
pub(crate) struct CountersHandle(Weak<dyn Any + Send + Sync>);

impl CountersHandle {
    pub(crate) fn new<T: Any + Send + Sync>(counters: &Arc<T>) -> Self {
        let counters: Arc<dyn Any + Send + Sync> = counters.clone();
        Self(Arc::downgrade(&counters))
    }

    /// The counters; `None` once the engine is gone.
    pub(crate) fn upgrade<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.upgrade()?.downcast().ok()
    }
}
