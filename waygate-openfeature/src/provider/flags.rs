use std::{borrow::Cow, sync::Arc};

use serde_json::Value;
use waygate_core::{
    flag::{self, FlagSource, FlagValue},
    port::BoxFuture,
};

use super::{FlagRequest, Provider, Resolution, Setup, slot::EmitterSlot};
use crate::{
    error::{ErrorCode, EvaluationError},
    event::ProviderEventDetails,
    metadata::{FlagMetadata, MetadataValue, ProviderMetadata},
};

/// A provider of the flags of Waygate, in this process. An evaluation for a value takes no lock and allocates nothing.
///
/// The metadata of a result has `ruleId`, `ruleIndex`, `bucket` and `prerequisiteKey`, each if there is one, and
/// `flagSetId` if it is set.
///
/// ```
/// use std::sync::Arc;
///
/// use serde_json::json;
/// use waygate_core::flag::{CompileOptions, CompiledFlag, EvaluationContext, Flag, FlagSet};
/// use waygate_core::port::ManualClock;
/// use waygate_openfeature::{FlagProvider, ProviderEvent, ProviderEventDetails, isolated};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let flag = Flag::parse(&json!({
///     "key": "new-checkout", "name": "New checkout", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off", "fallthrough": "on",
/// }))?;
/// let (flag, _) = CompiledFlag::compile(Arc::new(flag), CompileOptions::default());
/// let mut flags = FlagSet::new();
/// flags.insert_flag(Arc::new(flag));
/// let clock = ManualClock::at("2030-01-01T00:00:00Z".parse()?);
///
/// let provider = Arc::new(FlagProvider::new((flags, clock)).flag_set_id("production"));
/// let api = isolated::new();
/// api.set_provider_and_wait(provider.clone()).await?;
/// assert!(api.client().bool("new-checkout", false, &EvaluationContext::new("user-1")));
///
/// // After a change of the source:
/// provider.emit(ProviderEventDetails::new(ProviderEvent::ConfigurationChanged));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FlagProvider<S> {
    source: S,
    flag_set_id: Option<Arc<str>>,
    events: EmitterSlot,
}

impl<S: FlagSource> FlagProvider<S> {
    /// Creates a provider of the current flags of a source.
    pub fn new(source: S) -> Self {
        Self {
            source,
            flag_set_id: None,
            events: EmitterSlot::default(),
        }
    }

    /// Names the set of flags, such as the environment, in the metadata of each result.
    #[must_use]
    pub fn flag_set_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.flag_set_id = Some(id.into());
        self
    }

    /// Emits an event, for the owner of the source. Ignored while the provider is not set.
    pub fn emit(&self, event: ProviderEventDetails) {
        self.events.emit(event);
    }

    fn resolve<T>(
        &self,
        request: &FlagRequest<'_>,
        read: impl FnOnce(&FlagValue) -> Result<T, flag::ErrorCode>,
    ) -> Result<Resolution<T>, EvaluationError> {
        self.source.with_flags(|flags, clock| {
            let found = flags.evaluate(request.key(), request.context(), clock);
            let Some(found) = found else {
                return Err(EvaluationError::new(ErrorCode::FlagNotFound));
            };
            if let Some(code) = found.error() {
                let error = EvaluationError::from(code);
                return Err(match found.error_message() {
                    Some(message) => error.with_message(message),
                    None => error,
                });
            }
            let value = read(found.value()).inspect_err(|_| found.count_default())?;
            let mut resolution = Resolution::new(value);
            if request.wants_details() {
                resolution = resolution.reason(found.reason().into());
                resolution = resolution.metadata(self.facts(&found));
                if let Some(variation) = found.variation() {
                    resolution = resolution.variant(variation);
                }
            }
            Ok(resolution)
        })
    }

    fn facts(&self, found: &flag::Resolution<'_>) -> FlagMetadata {
        let index = found.rule_index().and_then(|at| i64::try_from(at).ok());
        let set = self.flag_set_id.clone().map(MetadataValue::String);
        let facts = [
            ("flagSetId", set),
            ("ruleId", found.rule_id().map(MetadataValue::from)),
            ("ruleIndex", index.map(MetadataValue::from)),
            ("bucket", found.bucket().map(MetadataValue::from)),
            (
                "prerequisiteKey",
                found.prerequisite_key().map(MetadataValue::from),
            ),
        ];
        let facts = facts.into_iter();
        let facts = facts.filter_map(|(name, value)| Some((Cow::Borrowed(name), value?)));
        facts.collect()
    }
}

impl<S: FlagSource> Provider for FlagProvider<S> {
    fn metadata(&self) -> ProviderMetadata {
        ProviderMetadata::new("waygate")
    }

    fn initialize(&self, setup: Setup) -> BoxFuture<'_, Result<(), EvaluationError>> {
        self.events.open(&setup);
        Box::pin(std::future::ready(Ok(())))
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        self.events.close();
        Box::pin(std::future::ready(()))
    }

    fn resolve_bool(
        &self,
        request: &FlagRequest<'_>,
        _: bool,
    ) -> Result<Resolution<bool>, EvaluationError> {
        self.resolve(request, FlagValue::as_bool)
    }

    fn resolve_integer(
        &self,
        request: &FlagRequest<'_>,
        _: i64,
    ) -> Result<Resolution<i64>, EvaluationError> {
        self.resolve(request, FlagValue::as_i64)
    }

    fn resolve_float(
        &self,
        request: &FlagRequest<'_>,
        _: f64,
    ) -> Result<Resolution<f64>, EvaluationError> {
        self.resolve(request, FlagValue::as_f64)
    }

    fn resolve_string(
        &self,
        request: &FlagRequest<'_>,
        _: &str,
    ) -> Result<Resolution<Arc<str>>, EvaluationError> {
        self.resolve(request, |value| match value {
            FlagValue::String(text) => Ok(text.clone()),
            _ => Err(flag::ErrorCode::TypeMismatch),
        })
    }

    fn resolve_object(
        &self,
        request: &FlagRequest<'_>,
        _: &Value,
    ) -> Result<Resolution<Arc<Value>>, EvaluationError> {
        self.resolve(request, |value| match value {
            FlagValue::Json(value) if !value.is_number() => Ok(value.clone()),
            _ => Err(flag::ErrorCode::TypeMismatch),
        })
    }
}
