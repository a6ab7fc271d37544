use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use arc_swap::ArcSwap;
use serde_json::Value;
use waygate_core::{
    flag::{ErrorCode as Mismatch, FlagValue, MergedContext},
    port::BoxFuture,
};

use super::{FlagRequest, Provider, Resolution, Setup, slot::EmitterSlot};
use crate::{
    error::{ErrorCode, EvaluationError},
    event::{ProviderEvent, ProviderEventDetails},
    metadata::{FlagMetadata, ProviderMetadata},
    reason::Reason,
};

type Choose = Arc<dyn Fn(&MergedContext<'_>) -> Option<&'static str> + Send + Sync>;

/// A flag of an [`InMemoryProvider`].
///
/// ```
/// use waygate_openfeature::{FlagMetadata, InMemoryFlag};
///
/// let metadata: FlagMetadata = [("team", "search".into())].into_iter().collect();
/// let flag = InMemoryFlag::new([("small", 10), ("big", 1_000)], "small")
///     .choose(|context| (context.get("plan")? == "pro").then_some("big"))
///     .metadata(metadata);
/// let off = flag.clone().disabled();
/// # drop(off);
/// ```
#[derive(Clone)]
pub struct InMemoryFlag {
    variants: BTreeMap<String, FlagValue>,
    default_variant: Option<String>,
    disabled: bool,
    choose: Option<Choose>,
    metadata: FlagMetadata,
}

impl InMemoryFlag {
    /// Creates a flag with named values, one of which is the result. Without one of this name, it is the default of the
    /// caller.
    pub fn new<N: Into<String>, V: Into<Value>>(
        variants: impl IntoIterator<Item = (N, V)>,
        default_variant: impl Into<Option<&'static str>>,
    ) -> Self {
        let variants = variants.into_iter();
        let default_variant: Option<&str> = default_variant.into();
        Self {
            variants: variants
                .map(|(name, value)| (name.into(), FlagValue::from(&value.into())))
                .collect(),
            default_variant: default_variant.map(str::to_owned),
            disabled: false,
            choose: None,
            metadata: FlagMetadata::default(),
        }
    }

    /// Makes the result the default of the caller.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.disabled = true;
        self
    }

    /// Sets the function that chooses a variant by the context; `None` is the default one.
    #[must_use]
    pub fn choose(
        mut self,
        choose: impl Fn(&MergedContext<'_>) -> Option<&'static str> + Send + Sync + 'static,
    ) -> Self {
        self.choose = Some(Arc::new(choose));
        self
    }

    /// Sets the facts about the flag.
    #[must_use]
    pub fn metadata(mut self, metadata: FlagMetadata) -> Self {
        self.metadata = metadata;
        self
    }

    fn resolve<T>(
        &self,
        request: &FlagRequest<'_>,
        default: impl FnOnce() -> T,
        read: impl FnOnce(&FlagValue) -> Result<T, Mismatch>,
    ) -> Result<Resolution<T>, EvaluationError> {
        let chosen = |choose: &Choose| choose(request.context());
        let (variant, reason) = match (&self.choose, &self.default_variant) {
            _ if self.disabled => (None, Reason::Disabled),
            (Some(choose), default) => match chosen(choose) {
                Some(variant) => (Some(variant), Reason::TargetingMatch),
                None => (default.as_deref(), Reason::Default),
            },
            (None, Some(variant)) => (Some(&**variant), Reason::Static),
            (None, None) => (None, Reason::Default),
        };
        let found = variant.and_then(|variant| self.variants.get_key_value(variant));
        let resolution = match (variant, found) {
            (None, _) => Resolution::new(default()),
            (Some(_), Some((_, value))) if !request.wants_details() => {
                return Ok(Resolution::new(read(value)?));
            }
            (Some(_), Some((name, value))) => Resolution::new(read(value)?).variant(name.as_str()),
            (Some(variant), None) => {
                let message = format!("the flag has no variant `{variant}`");
                return Err(EvaluationError::new(ErrorCode::ParseError).with_message(message));
            }
        };
        Ok(resolution.reason(reason).metadata(self.metadata.clone()))
    }
}

impl fmt::Debug for InMemoryFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryFlag")
            .field("variants", &self.variants)
            .field("default_variant", &self.default_variant)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

/// A provider of flags in memory, for tests and examples.
///
/// ```
/// use std::sync::Arc;
///
/// use waygate_core::flag::EvaluationContext;
/// use waygate_openfeature::{InMemoryFlag, InMemoryProvider, isolated};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let provider = Arc::new(InMemoryProvider::new([
///     ("new-checkout", InMemoryFlag::new([("on", true), ("off", false)], "on")),
/// ]));
/// let api = isolated::new();
/// api.set_provider_and_wait(provider.clone()).await?;
/// assert!(api.client().bool("new-checkout", false, None));
///
/// provider.set_flags([("new-checkout", InMemoryFlag::new([("on", true), ("off", false)], "off"))]);
/// assert!(!api.client().bool("new-checkout", true, &EvaluationContext::new("user-1")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct InMemoryProvider {
    flags: ArcSwap<BTreeMap<String, InMemoryFlag>>,
    events: EmitterSlot,
}

impl InMemoryProvider {
    /// Creates a provider of these flags.
    pub fn new<K: Into<String>>(flags: impl IntoIterator<Item = (K, InMemoryFlag)>) -> Self {
        let flags = flags.into_iter().map(|(key, flag)| (key.into(), flag));
        Self {
            flags: ArcSwap::from_pointee(flags.collect()),
            events: EmitterSlot::default(),
        }
    }

    /// Replaces all flags, and emits `PROVIDER_CONFIGURATION_CHANGED` with the old and the new keys.
    pub fn set_flags<K: Into<String>>(&self, flags: impl IntoIterator<Item = (K, InMemoryFlag)>) {
        let flags = flags.into_iter().map(|(key, flag)| (key.into(), flag));
        let flags: Arc<BTreeMap<String, InMemoryFlag>> = Arc::new(flags.collect());
        let previous = self.flags.swap(flags.clone());
        let keys: BTreeSet<&String> = previous.keys().chain(flags.keys()).collect();
        let event = ProviderEventDetails::new(ProviderEvent::ConfigurationChanged);
        self.events.emit(event.flags_changed(keys));
    }

    fn resolve<T>(
        &self,
        request: &FlagRequest<'_>,
        default: impl FnOnce() -> T,
        read: impl FnOnce(&FlagValue) -> Result<T, Mismatch>,
    ) -> Result<Resolution<T>, EvaluationError> {
        match self.flags.load().get(request.key()) {
            Some(flag) => flag.resolve(request, default, read),
            None => Err(EvaluationError::new(ErrorCode::FlagNotFound)),
        }
    }
}

impl Provider for InMemoryProvider {
    fn metadata(&self) -> ProviderMetadata {
        ProviderMetadata::new("in-memory")
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
        default: bool,
    ) -> Result<Resolution<bool>, EvaluationError> {
        self.resolve(request, || default, FlagValue::as_bool)
    }

    fn resolve_integer(
        &self,
        request: &FlagRequest<'_>,
        default: i64,
    ) -> Result<Resolution<i64>, EvaluationError> {
        self.resolve(request, || default, FlagValue::as_i64)
    }

    fn resolve_float(
        &self,
        request: &FlagRequest<'_>,
        default: f64,
    ) -> Result<Resolution<f64>, EvaluationError> {
        self.resolve(request, || default, FlagValue::as_f64)
    }

    fn resolve_string(
        &self,
        request: &FlagRequest<'_>,
        default: &str,
    ) -> Result<Resolution<Arc<str>>, EvaluationError> {
        self.resolve(
            request,
            || default.into(),
            |value| match value {
                FlagValue::String(text) => Ok(text.clone()),
                _ => Err(Mismatch::TypeMismatch),
            },
        )
    }

    fn resolve_object(
        &self,
        request: &FlagRequest<'_>,
        default: &Value,
    ) -> Result<Resolution<Arc<Value>>, EvaluationError> {
        self.resolve(
            request,
            || Arc::new(default.clone()),
            |value| match value {
                FlagValue::Json(value) => Ok(value.clone()),
                _ => Err(Mismatch::TypeMismatch),
            },
        )
    }
}
