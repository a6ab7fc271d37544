//! The public form of records, for subscribers.

use std::{any::Any, fmt, sync::Arc};

use serde::Serialize;
use serde_json::Value;
use waygate_core::{
    Timestamp,
    model::{LimitKey, RouteKey},
};

/// The public form of a record after a change.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The public name of its kind.
    pub(crate) kind: &'static str,
    pub(crate) key: String,
    /// `None` if it was deleted, or is not public.
    pub(crate) record: Option<Arc<dyn Record>>,
}

impl Shown {
    pub(crate) fn new(
        kind: &'static str,
        key: impl fmt::Display,
        record: Option<Arc<dyn Record>>,
    ) -> Self {
        let key = key.to_string();
        Self { kind, key, record }
    }
}

/// A text for readers of the documentation.
#[cfg(feature = "openapi")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Notice {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) text: String,
}

/// The public type of a record, which has a JSON form.
pub(crate) trait Record: Any + fmt::Debug + Send + Sync {
    fn json(&self) -> Value;
}

impl<T: Any + Serialize + fmt::Debug + Send + Sync> Record for T {
    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// Wraps a public value.
pub(crate) fn record(value: impl Record) -> Arc<dyn Record> {
    Arc::new(value)
}

/// The compiled state, for kinds that show the effective state instead of the stored one.
pub(crate) trait View {
    fn now(&self) -> Timestamp;
    /// Returns `None` for a route that neither the code nor the store has.
    fn route(&self, key: &RouteKey) -> Option<Arc<dyn Record>>;
    fn rate_limit(&self, key: &LimitKey) -> Option<Arc<dyn Record>>;
    fn concurrency_limit(&self, key: &LimitKey) -> Option<Arc<dyn Record>>;
}
