use async_trait::async_trait;
use open_feature::{
    EvaluationContext, EvaluationResult, StructValue,
    provider::{FeatureProvider, ProviderMetadata, ResolutionDetails},
};
use waygate_core::flag::{ErrorCode, FlagSource, FlagValue};

use crate::{
    context::Borrowed,
    convert::{error, metadata, reason, to_structure},
};

/// A provider of the current flags of a source, such as the handle of an engine. Evaluations do not wait.
///
/// The context is read in place. Of structures, rules read `StructValue`, `serde_json::Value` and
/// `HashMap<String, serde_json::Value>`; a rule that asks for another type is the error `INVALID_CONTEXT`. A field that is
/// a [`waygate_core::flag::EvaluationContext`] is the context of the kind of its name, such as `organization`.
///
/// The metadata of a result has `ruleId`, `ruleIndex`, `bucket` and `prerequisiteKey`, each if there is one.
///
/// ```
/// use open_feature::provider::FeatureProvider;
/// use waygate_core::{flag::FlagSource, port::ManualClock};
/// use waygate_openfeature_provider::WaygateProvider;
///
/// fn provider(flags: impl FlagSource) -> impl FeatureProvider {
///     WaygateProvider::new(flags)
/// }
/// # let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
/// # assert_eq!(provider((waygate_core::flag::FlagSet::new(), clock)).metadata().name, "waygate");
/// ```
#[derive(Debug)]
pub struct WaygateProvider<S> {
    source: S,
    metadata: ProviderMetadata,
}

impl<S: FlagSource> WaygateProvider<S> {
    /// Creates a provider.
    pub fn new(source: S) -> Self {
        Self {
            source,
            metadata: ProviderMetadata::new("waygate"),
        }
    }

    fn resolve<T>(
        &self,
        key: &str,
        context: &EvaluationContext,
        read: impl FnOnce(&FlagValue) -> Result<T, ErrorCode>,
    ) -> EvaluationResult<ResolutionDetails<T>> {
        let context = Borrowed::new(context);
        self.source.with_flags(|flags, clock| {
            let Some(found) = flags.evaluate(key, &context, clock) else {
                return Err(error(ErrorCode::FlagNotFound, None));
            };
            if context.is_unreadable() {
                let message = "a rule reads a structure of the context that is neither a `StructValue` nor JSON";
                return Err(error(ErrorCode::InvalidContext, Some(message)));
            }
            if let Some(code) = found.error() {
                return Err(error(code, found.error_message()));
            }
            let value = read(found.value()).map_err(|code| {
                found.count_default();
                error(code, None)
            })?;
            Ok(ResolutionDetails {
                value,
                variant: found.variation().map(str::to_owned),
                reason: Some(reason(found.reason())),
                flag_metadata: metadata(&found),
            })
        })
    }
}

#[async_trait]
impl<S: FlagSource> FeatureProvider for WaygateProvider<S> {
    fn metadata(&self) -> &ProviderMetadata {
        &self.metadata
    }

    async fn resolve_bool_value(
        &self,
        key: &str,
        context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<bool>> {
        self.resolve(key, context, FlagValue::as_bool)
    }

    async fn resolve_int_value(
        &self,
        key: &str,
        context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<i64>> {
        self.resolve(key, context, FlagValue::as_i64)
    }

    async fn resolve_float_value(
        &self,
        key: &str,
        context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<f64>> {
        self.resolve(key, context, FlagValue::as_f64)
    }

    async fn resolve_string_value(
        &self,
        key: &str,
        context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<String>> {
        self.resolve(key, context, |value| value.as_str().map(str::to_owned))
    }

    async fn resolve_struct_value(
        &self,
        key: &str,
        context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<StructValue>> {
        self.resolve(key, context, |value| to_structure(value.as_json()?))
    }
}
