use std::{
    collections::VecDeque,
    fmt,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::Value;
use waygate_core::Timestamp;

use crate::{
    details::EvaluationDetails,
    error::ErrorCode,
    hook::{Hook, HookContext, HookHints},
    reason::Reason,
    value::ValueRef,
};

/// Keeps the last evaluations: each, or a sample, and every error.
///
/// Targeting keys, which may identify people, are kept only on request.
///
/// ```
/// use std::{num::NonZeroU32, sync::Arc};
///
/// use waygate_core::Timestamp;
/// use waygate_openfeature::{hooks::AuditHook, isolated};
///
/// let hundred = NonZeroU32::new(100).unwrap();
/// let audit = Arc::new(AuditHook::new(1_000, Timestamp::now).every(hundred).with_targeting_keys());
/// let api = isolated::new();
/// api.add_hook(audit.clone());
/// api.client().bool("new-checkout", false, None);
///
/// // An error is never left out.
/// let records = audit.take();
/// assert_eq!(records[0].flag_key, "new-checkout");
/// assert!(records[0].error_code.is_some());
/// assert_eq!(audit.seen(), 1);
/// ```
pub struct AuditHook {
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    capacity: usize,
    every: NonZeroU32,
    keeps_keys: bool,
    seen: AtomicU64,
    records: Mutex<VecDeque<AuditRecord>>,
}

/// An evaluation that an [`AuditHook`] has kept.
///
/// ```
/// use waygate_openfeature::hooks::AuditRecord;
///
/// fn line(record: &AuditRecord) -> String {
///     let variant = record.variant.as_deref().unwrap_or("-");
///     format!("{} {} {variant}", record.time, record.flag_key)
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AuditRecord {
    /// The time of the evaluation.
    pub time: Timestamp,
    /// The key of the flag.
    pub flag_key: String,
    /// The domain of the client.
    pub domain: Option<String>,
    /// The name of the provider.
    pub provider: String,
    /// The name of the value.
    pub variant: Option<Arc<str>>,
    /// The value, if it has no name.
    pub value: Option<Value>,
    /// The reason.
    pub reason: Option<Reason>,
    /// The code of the error.
    pub error_code: Option<ErrorCode>,
    /// The targeting key, if the hook keeps it.
    pub targeting_key: Option<String>,
}

impl AuditHook {
    /// Creates a hook that keeps the last records, as many as `capacity`, with times of this clock.
    pub fn new(capacity: usize, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            now: Box::new(now),
            capacity,
            every: NonZeroU32::MIN,
            keeps_keys: false,
            seen: AtomicU64::new(0),
            records: Mutex::default(),
        }
    }

    /// Keeps one of so many evaluations, and every error.
    #[must_use]
    pub fn every(mut self, evaluations: NonZeroU32) -> Self {
        self.every = evaluations;
        self
    }

    /// Keeps targeting keys, too.
    #[must_use]
    pub fn with_targeting_keys(mut self) -> Self {
        self.keeps_keys = true;
        self
    }

    /// Returns the number of evaluations so far, whether kept or not.
    pub fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    /// Returns the records, the oldest first, and removes them.
    pub fn take(&self) -> Vec<AuditRecord> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *records).into()
    }
}

impl Hook for AuditHook {
    fn finally(
        &self,
        evaluation: &mut HookContext<'_>,
        details: &EvaluationDetails<'_, ValueRef<'_>>,
        _: &HookHints,
    ) {
        let place = self.seen.fetch_add(1, Ordering::Relaxed);
        let is_sampled = place.is_multiple_of(u64::from(self.every.get()));
        if self.capacity == 0 || !(is_sampled || details.error_code.is_some()) {
            return;
        }
        let key = evaluation.evaluation_context().targeting_key();
        let domain = evaluation.client_metadata().domain();
        let record = AuditRecord {
            time: (self.now)(),
            flag_key: details.flag_key.to_owned(),
            domain: domain.map(str::to_owned),
            provider: evaluation.provider_metadata().name().to_owned(),
            variant: details.variant.clone(),
            value: details.variant.is_none().then(|| details.value.to_json()),
            reason: details.reason.clone(),
            error_code: details.error_code,
            targeting_key: key.filter(|_| self.keeps_keys).map(str::to_owned),
        };
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() >= self.capacity {
            records.pop_front();
        }
        records.push_back(record);
    }
}

impl fmt::Debug for AuditHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditHook")
            .field("capacity", &self.capacity)
            .field("every", &self.every)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}
