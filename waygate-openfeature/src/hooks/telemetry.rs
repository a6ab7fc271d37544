use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use tracing::{Level, event};
use waygate_core::{Printable, Timestamp};

use super::rate::Rate;
use crate::{
    details::EvaluationDetails,
    hook::{Hook, HookContext, HookHints},
    metadata::MetadataValue,
    value::ValueRef,
};

type Hash = dyn Fn(&str) -> String + Send + Sync;

/// Emits `feature_flag.evaluation` events with the attributes of OpenTelemetry's semantic conventions, as events of
/// `tracing` with that name. `opentelemetry-appender-tracing` turns them into log records with the event name, and
/// `tracing-opentelemetry` into events of the current span.
///
/// The conventions want one event for each evaluation. As evaluations take nanoseconds, and events do not, at most 100 of
/// each second are emitted, unless [`per_second`](Self::per_second) says otherwise; the rest is counted.
///
/// | Attribute | Value |
/// |---|---|
/// | `feature_flag.key` | the key |
/// | `feature_flag.result.variant` | the variant, or else |
/// | `feature_flag.result.value` | the value, as JSON |
/// | `feature_flag.result.reason` | the reason, in lower case |
/// | `feature_flag.provider.name` | the name of the provider |
/// | `feature_flag.set.id`, `feature_flag.version` | `flagSetId` and `version` of the flag's metadata |
/// | `feature_flag.context.id` | `contextId` of the flag's metadata, or else the hash of the targeting key, if there is a function |
/// | `error.type`, `error.message` | the error code, in lower case, and the message |
///
/// ```
/// use waygate_core::Timestamp;
/// use waygate_openfeature::{hooks::TelemetryHook, isolated};
///
/// # fn keyed_hash(text: &str) -> String { text.len().to_string() }
/// let api = isolated::new();
/// api.add_hook(TelemetryHook::new(Timestamp::now).per_second(1_000).context_id(keyed_hash));
/// ```
pub struct TelemetryHook {
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    per_second: u32,
    hash: Option<Box<Hash>>,
    rate: Rate,
    suppressed: AtomicU64,
}

impl TelemetryHook {
    /// The most events of a second, if the application does not say.
    pub const PER_SECOND: u32 = 100;

    /// Creates a hook with the seconds of this clock.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            now: Box::new(now),
            per_second: Self::PER_SECOND,
            hash: None,
            rate: Rate::default(),
            suppressed: AtomicU64::new(0),
        }
    }

    /// Sets the most events of a second; [`u32::MAX`] is one for each evaluation.
    #[must_use]
    pub fn per_second(mut self, most: u32) -> Self {
        self.per_second = most;
        self
    }

    /// Sets the function that makes the id of a context of its targeting key, which may identify a person: a keyed hash.
    #[must_use]
    pub fn context_id(mut self, hash: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.hash = Some(Box::new(hash));
        self
    }

    /// Returns the number of evaluations without an event.
    pub fn suppressed(&self) -> u64 {
        self.suppressed.load(Ordering::Relaxed)
    }
}

impl Hook for TelemetryHook {
    fn finally(
        &self,
        evaluation: &mut HookContext<'_>,
        details: &EvaluationDetails<'_, ValueRef<'_>>,
        _: &HookHints,
    ) {
        if !self.rate.allows(self.per_second, (self.now)().as_second()) {
            self.suppressed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let fact = |name| details.flag_metadata.get(name).map(text);
        let variant = details.variant.as_deref();
        let value = variant.is_none().then(|| details.value.to_json());
        let reason = details.reason.as_ref();
        let hashed = || {
            let key = evaluation.evaluation_context().targeting_key()?;
            self.hash.as_ref().map(|hash| hash(key))
        };
        let error = details.error_code.map(|code| code.as_str().to_lowercase());
        event!(
            name: "feature_flag.evaluation",
            Level::INFO,
            "feature_flag.key" = %Printable(details.flag_key),
            "feature_flag.result.variant" = variant.map(|variant| display(Printable(variant))),
            "feature_flag.result.value" = value.map(|value| display(Printable(value))),
            "feature_flag.result.reason" = reason.map(|reason| display(reason.as_str().to_lowercase())),
            "feature_flag.provider.name" = %Printable(evaluation.provider_metadata().name()),
            "feature_flag.set.id" = fact("flagSetId").map(|id| display(Printable(id))),
            "feature_flag.version" = fact("version").map(|version| display(Printable(version))),
            "feature_flag.context.id" = fact("contextId").or_else(hashed).map(|id| display(Printable(id))),
            "error.type" = error.map(display),
            "error.message" = details.error_message.as_deref().map(|message| display(Printable(message))),
        );
    }
}

fn text(value: &MetadataValue) -> String {
    match value {
        MetadataValue::Bool(value) => value.to_string(),
        MetadataValue::Integer(value) => value.to_string(),
        MetadataValue::Float(value) => value.to_string(),
        MetadataValue::String(value) => value.to_string(),
    }
}

impl fmt::Debug for TelemetryHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelemetryHook")
            .field("per_second", &self.per_second)
            .field("suppressed", &self.suppressed)
            .finish_non_exhaustive()
    }
}
