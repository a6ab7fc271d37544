use tracing::{debug, error};
use waygate_core::{Printable, flag::EvaluationContext};

use crate::{
    details::EvaluationDetails,
    error::EvaluationError,
    hook::{Hook, HookContext, HookHints},
    reason::Reason,
    value::ValueRef,
};

/// Logs evaluations: the start and the result at the level `debug`, errors at the level `error`.
///
/// ```
/// use waygate_openfeature::{hooks::LoggingHook, isolated};
///
/// let api = isolated::new();
/// api.add_hook(LoggingHook::new().with_evaluation_context());
/// ```
#[derive(Debug, Clone, Default)]
pub struct LoggingHook {
    with_context: bool,
}

impl LoggingHook {
    /// Creates a hook that leaves out the evaluation context, which may identify people.
    pub fn new() -> Self {
        Self::default()
    }

    /// Logs the evaluation context, too.
    #[must_use]
    pub fn with_evaluation_context(mut self) -> Self {
        self.with_context = true;
        self
    }

    fn context(
        &self,
        evaluation: &HookContext<'_>,
    ) -> Option<tracing::field::DisplayValue<Printable<String>>> {
        let context = || evaluation.evaluation_context().to_json().to_string();
        self.with_context
            .then(|| tracing::field::display(Printable(context())))
    }
}

impl Hook for LoggingHook {
    fn before(
        &self,
        evaluation: &mut HookContext<'_>,
        _: &HookHints,
    ) -> Result<Option<EvaluationContext>, EvaluationError> {
        if tracing::enabled!(tracing::Level::DEBUG) {
            debug!(
                stage = "before",
                domain = evaluation.client_metadata().domain(),
                provider_name = evaluation.provider_metadata().name(),
                flag_key = ?Printable(evaluation.flag_key()),
                default_value = %Printable(evaluation.default_value().to_json()),
                evaluation_context = self.context(evaluation),
                "evaluating a flag"
            );
        }
        Ok(None)
    }

    fn after(
        &self,
        evaluation: &mut HookContext<'_>,
        details: &EvaluationDetails<'_, ValueRef<'_>>,
        _: &HookHints,
    ) -> Result<(), EvaluationError> {
        if tracing::enabled!(tracing::Level::DEBUG) {
            let variant = details.variant.as_deref();
            debug!(
                stage = "after",
                domain = evaluation.client_metadata().domain(),
                provider_name = evaluation.provider_metadata().name(),
                flag_key = ?Printable(evaluation.flag_key()),
                value = %Printable(details.value.to_json()),
                variant = variant.map(|variant| tracing::field::display(Printable(variant))),
                reason = details.reason.as_ref().map(Reason::as_str),
                evaluation_context = self.context(evaluation),
                "evaluated a flag"
            );
        }
        Ok(())
    }

    fn error(&self, evaluation: &mut HookContext<'_>, error: &EvaluationError, _: &HookHints) {
        let message = error.message();
        error!(
            stage = "error",
            domain = evaluation.client_metadata().domain(),
            provider_name = evaluation.provider_metadata().name(),
            flag_key = ?Printable(evaluation.flag_key()),
            default_value = %Printable(evaluation.default_value().to_json()),
            error_code = error.code().as_str(),
            error_message = message.map(|message| tracing::field::display(Printable(message))),
            evaluation_context = self.context(evaluation),
            "a flag was not evaluated"
        );
    }
}
