use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::flag::{context::Context, evaluate::Resolution};

/// Sees the evaluations of a [`FlagSet`](crate::flag::FlagSet), while it asks for them.
///
/// ```
/// use std::sync::{Arc, Mutex, atomic::AtomicBool};
///
/// use waygate_core::flag::{Context, EvaluationContext, FlagSet, Observer, Resolution};
/// # use waygate_core::port::ManualClock;
///
/// #[derive(Debug, Default)]
/// struct Missing(Mutex<Vec<String>>);
///
/// impl Observer for Missing {
///     fn evaluated(&self, _: &dyn Context, _: &Resolution<'_>) {}
///
///     fn missing(&self, key: &str) {
///         self.0.lock().unwrap().push(key.to_owned());
///     }
/// }
///
/// let missing = Arc::new(Missing::default());
/// let mut flags = FlagSet::new();
/// flags.observe(missing.clone(), Arc::new(AtomicBool::new(false)));
/// # let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
/// flags.evaluate("serch", &EvaluationContext::new("user-1"), &clock);
/// assert_eq!(*missing.0.lock().unwrap(), ["serch"]);
/// ```
pub trait Observer: fmt::Debug + Send + Sync {
    /// Sees a result. Called after the evaluation, on its thread, while the observer is active.
    fn evaluated(&self, context: &dyn Context, resolution: &Resolution<'_>);

    /// Sees the key of a flag that does not exist. It may be any string.
    fn missing(&self, key: &str);
}

/// An observer, and whether it asks for evaluations.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    observer: Arc<dyn Observer>,
    is_active: Arc<AtomicBool>,
}

impl Watch {
    pub(crate) fn new(observer: Arc<dyn Observer>, is_active: Arc<AtomicBool>) -> Self {
        Self {
            observer,
            is_active,
        }
    }

    #[inline]
    pub(crate) fn evaluated(&self, context: &(impl Context + ?Sized), resolution: &Resolution<'_>) {
        if self.is_active.load(Ordering::Relaxed) {
            self.observer.evaluated(&context, resolution);
        }
    }

    #[cold]
    pub(crate) fn missing(&self, key: &str) {
        self.observer.missing(key);
    }
}
