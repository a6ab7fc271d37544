use std::sync::Arc;

use super::evaluate::FlagSet;
use crate::port::Clock;

/// A place that has the current flags, such as the handle of an engine. Adapters to other interfaces evaluate through it.
///
/// ```
/// use waygate_core::flag::{EvaluationContext, FlagSource};
///
/// fn is_on(flags: &impl FlagSource, key: &str, context: &EvaluationContext) -> bool {
///     flags.with_flags(|flags, clock| {
///         let resolution = flags.evaluate(key, context, clock);
///         resolution.is_some_and(|resolution| resolution.as_bool() == Ok(true))
///     })
/// }
/// ```
pub trait FlagSource: Send + Sync + 'static {
    /// Calls a function with the current flags and the clock of their schedules, without waiting.
    fn with_flags<R>(&self, read: impl FnOnce(&FlagSet, &dyn Clock) -> R) -> R;
}

impl<S: FlagSource> FlagSource for Arc<S> {
    fn with_flags<R>(&self, read: impl FnOnce(&FlagSet, &dyn Clock) -> R) -> R {
        (**self).with_flags(read)
    }
}

/// Flags that do not change.
impl<C: Clock> FlagSource for (FlagSet, C) {
    fn with_flags<R>(&self, read: impl FnOnce(&FlagSet, &dyn Clock) -> R) -> R {
        read(&self.0, &self.1)
    }
}
