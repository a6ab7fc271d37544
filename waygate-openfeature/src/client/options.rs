use std::{fmt, sync::Arc};

use serde_json::Value;

use crate::hook::{Hook, HookHints};

/// Hooks and hints for single evaluations.
///
/// ```
/// use waygate_openfeature::{EvaluationOptions, Hook, isolated};
///
/// struct Timing;
/// impl Hook for Timing {}
///
/// let options = EvaluationOptions::default().hook(Timing).hint("job", "nightly");
/// let client = isolated::new().client();
/// assert!(!client.with(&options).bool("new-checkout", false, None));
/// ```
#[derive(Clone, Default)]
pub struct EvaluationOptions {
    pub(super) hooks: Vec<Arc<dyn Hook>>,
    pub(super) hints: HookHints,
}

impl EvaluationOptions {
    /// Adds a hook, after those before.
    #[must_use]
    pub fn hook(mut self, hook: impl Hook) -> Self {
        self.hooks.push(Arc::new(hook));
        self
    }

    /// Sets a hint for all hooks.
    #[must_use]
    pub fn hint(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.hints = self.hints.with(name, value);
        self
    }
}

impl fmt::Debug for EvaluationOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvaluationOptions")
            .field("hooks", &self.hooks.len())
            .field("hints", &self.hints)
            .finish()
    }
}
