use std::sync::Arc;

use waygate_core::{
    grammar::OnMissingKey,
    model::{LimitKey, Revision},
};

use super::{Concurrency, ConcurrencyRecord};
use crate::{Waygate, engine::snapshot::Snapshot};

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
    /// Returns the concurrency limit with a key.
    pub(crate) fn concurrency_record(&self, key: &LimitKey) -> Option<ConcurrencyRecord> {
        let limits = self.concurrency_of(&key.scope);
        let limit: &Arc<Concurrency> = limits.iter().find(|limit| limit.key.name == key.name)?;
        Some(ConcurrencyRecord::new(limit, self))
    }
}

impl Waygate {
    /// Returns every concurrency limit: the global ones, the service's, and those of routes.
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

    /// Returns one concurrency limit.
    pub fn concurrency_limit(&self, key: &LimitKey) -> Option<ConcurrencyRecord> {
        self.inner.snapshot.load().concurrency_record(key)
    }
}
