use std::sync::Arc;

use serde::Serialize;
use waygate_core::{
    grammar::OnMissingKey,
    model::{ConcurrencyPolicy, LimitKey, Revision},
};

use super::Concurrency;
use crate::{Waygate, engine::snapshot::Snapshot};

/// A limit of concurrency as it is now, with what it has seen in this process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConcurrencyRecord {
    /// The name under which the policy is controlled.
    pub key: LimitKey,
    /// The policy.
    pub policy: ConcurrencyPolicy,
    /// What it does, in words.
    pub meaning: String,
    /// The commit that last set it; number 0 when only the declaration speaks.
    #[serde(skip)]
    pub revision: Revision,
    /// Whether an operator has set it.
    pub overridden: bool,
    /// Whether the code declares something else by now than when an operator set it.
    pub drifted: bool,
    /// How many requests of this process hold a place now, of all keys together.
    pub in_use: u64,
    /// How many requests were refused since the process began.
    pub refused: u64,
    /// What happens to requests that have nothing to be counted by: they pass.
    pub on_missing_key: OnMissingKey,
    /// How many such requests there were since the process began.
    pub skipped: u64,
    /// Why the limit does not count as it is meant to, if that is known without a request.
    pub warning: Option<String>,
}

impl ConcurrencyRecord {
    fn new(limit: &Concurrency, snapshot: &Snapshot) -> Self {
        Self {
            key: limit.key.clone(),
            policy: limit.fields.clone(),
            meaning: limit.fields.meaning(),
            revision: Revision {
                number: limit.revision,
                ..snapshot.revision
            },
            overridden: limit.revision > 0,
            drifted: limit.drifted,
            in_use: limit.stats.in_use(),
            refused: limit.stats.refused(),
            on_missing_key: OnMissingKey::Exempt,
            skipped: limit.stats.skipped.count(),
            warning: snapshot.limit_warning(
                &limit.key,
                limit.problem.as_ref(),
                &limit.fields.exempt_routes,
            ),
        }
    }
}

impl Snapshot {
    /// The limit of a key, as it is shown.
    pub(crate) fn concurrency_record(&self, key: &LimitKey) -> Option<ConcurrencyRecord> {
        let limits = self.concurrency_of(&key.scope);
        let limit: &Arc<Concurrency> = limits.iter().find(|limit| limit.key.name == key.name)?;
        Some(ConcurrencyRecord::new(limit, self))
    }
}

impl Waygate {
    /// Every limit of concurrency: the global ones, the service's, and those of routes.
    pub fn concurrency_limits(&self) -> Vec<ConcurrencyRecord> {
        let snapshot = self.inner.snapshot.load();
        let mut records: Vec<ConcurrencyRecord> = snapshot
            .all_limits()
            .flat_map(|own| &*own.concurrency)
            .map(|limit| ConcurrencyRecord::new(limit, &snapshot))
            .collect();
        records.sort_by(|a, b| a.key.cmp(&b.key));
        records
    }

    /// One limit of concurrency, as it is now.
    pub fn concurrency_limit(&self, key: &LimitKey) -> Option<ConcurrencyRecord> {
        self.inner.snapshot.load().concurrency_record(key)
    }
}
