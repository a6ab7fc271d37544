//! Hooks: code around each evaluation.

mod context;
mod data;
mod hints;

use std::sync::Arc;

pub(crate) use context::Evaluation;
pub use context::HookContext;
pub use data::HookData;
pub use hints::HookHints;
use waygate_core::flag::EvaluationContext;

use crate::{details::EvaluationDetails, error::EvaluationError, value::ValueRef};

/// Code around evaluations: of an API, a client, a provider or one call. Implement at least one stage.
///
/// `before` runs in the order API, client, call, provider; the other stages run in reverse. A hook that panics fails as if
/// it had returned an error. Stages run within the evaluation, so they should not wait.
///
/// ```
/// use waygate_core::flag::EvaluationContext;
/// use waygate_openfeature::{EvaluationDetails, EvaluationError, Hook, HookContext, HookHints, ValueRef, isolated};
///
/// struct Region;
///
/// impl Hook for Region {
///     fn before(
///         &self,
///         evaluation: &mut HookContext<'_>,
///         _: &HookHints,
///     ) -> Result<Option<EvaluationContext>, EvaluationError> {
///         let known = evaluation.evaluation_context().get("region").is_some();
///         Ok((!known).then(|| EvaluationContext::anonymous().with("region", "eu")))
///     }
///
///     fn after(
///         &self,
///         evaluation: &mut HookContext<'_>,
///         details: &EvaluationDetails<'_, ValueRef<'_>>,
///         _: &HookHints,
///     ) -> Result<(), EvaluationError> {
///         match evaluation.default_value() == details.value {
///             true => Ok(()),
///             false => Err(EvaluationError::general("only the default is allowed")),
///         }
///     }
///
///     fn error(&self, _: &mut HookContext<'_>, error: &EvaluationError, _: &HookHints) {
///         eprintln!("{error}");
///     }
///
///     fn finally(
///         &self,
///         _: &mut HookContext<'_>,
///         details: &EvaluationDetails<'_, ValueRef<'_>>,
///         _: &HookHints,
///     ) {
///         println!("{} is {:?}", details.flag_key, details.value);
///     }
/// }
///
/// isolated::new().add_hook(Region);
/// ```
#[expect(unused_variables, reason = "the names are documentation")]
pub trait Hook: Send + Sync + 'static {
    /// Runs before the evaluation. The attributes of a returned context override those of all levels.
    ///
    /// # Errors
    /// Ends the evaluation: no further `before` runs, and the caller gets the default.
    fn before(
        &self,
        evaluation: &mut HookContext<'_>,
        hints: &HookHints,
    ) -> Result<Option<EvaluationContext>, EvaluationError> {
        Ok(None)
    }

    /// Runs after a successful evaluation.
    ///
    /// # Errors
    /// No further `after` runs, and the caller gets the default.
    fn after(
        &self,
        evaluation: &mut HookContext<'_>,
        details: &EvaluationDetails<'_, ValueRef<'_>>,
        hints: &HookHints,
    ) -> Result<(), EvaluationError> {
        Ok(())
    }

    /// Runs after an error of the evaluation, of `before` or of `after`.
    fn error(&self, evaluation: &mut HookContext<'_>, error: &EvaluationError, hints: &HookHints) {}

    /// Runs last, in any case.
    fn finally(
        &self,
        evaluation: &mut HookContext<'_>,
        details: &EvaluationDetails<'_, ValueRef<'_>>,
        hints: &HookHints,
    ) {
    }
}

/// A hook that is also used elsewhere.
impl<H: Hook + ?Sized> Hook for Arc<H> {
    fn before(
        &self,
        evaluation: &mut HookContext<'_>,
        hints: &HookHints,
    ) -> Result<Option<EvaluationContext>, EvaluationError> {
        (**self).before(evaluation, hints)
    }

    fn after(
        &self,
        evaluation: &mut HookContext<'_>,
        details: &EvaluationDetails<'_, ValueRef<'_>>,
        hints: &HookHints,
    ) -> Result<(), EvaluationError> {
        (**self).after(evaluation, details, hints)
    }

    fn error(&self, evaluation: &mut HookContext<'_>, error: &EvaluationError, hints: &HookHints) {
        (**self).error(evaluation, error, hints);
    }

    fn finally(
        &self,
        evaluation: &mut HookContext<'_>,
        details: &EvaluationDetails<'_, ValueRef<'_>>,
        hints: &HookHints,
    ) {
        (**self).finally(evaluation, details, hints);
    }
}
