use std::sync::Arc;

use smallvec::SmallVec;

use waygate_core::Printable;

use super::Concurrency;
use crate::engine::limits::{LimitFacts, LimitedKey, Limits, key_of, remedy};

/// A permit that a request needs.
#[derive(Debug)]
pub(crate) struct PermitRequest {
    pub(crate) limit: Arc<Concurrency>,
    pub(crate) key: LimitedKey,
}

/// Nearly every route has one limit.
pub(crate) type PermitRequests = SmallVec<[PermitRequest; 1]>;

impl Concurrency {
    /// Records a request without a key.
    #[cold]
    fn note_missing_key(&self, principal: Option<&str>) {
        if self.stats.skipped.notice() {
            tracing::warn!(
                limit = %Printable(&self.key),
                key = %Printable(&self.fields.key),
                "a request has no key for this concurrency limit and is not counted; {}; only the first such request \
                 is logged, and all are counted as `skipped`",
                Printable(remedy(&self.fields.key, principal)),
            );
        }
    }
}

impl Limits {
    /// The permits that a request needs, in order. Limits that exempt it or find no key are skipped. `function`
    /// returns the keys of the application's functions.
    pub(crate) fn permit_requests(
        &self,
        facts: &impl LimitFacts,
        mut function: impl FnMut(&Concurrency) -> Option<LimitedKey>,
    ) -> PermitRequests {
        let mut requests = PermitRequests::new();
        for limit in &self.concurrency {
            let fields = &limit.fields;
            if limit.exempt_ips.contain(|| facts.client_ip())
                || fields.exempt_roles.iter().any(|role| facts.has_role(role))
            {
                continue;
            }
            match key_of(&fields.key, facts, || function(limit)) {
                Some(key) => {
                    let limit = limit.clone();
                    requests.push(PermitRequest { limit, key });
                }
                None => limit.note_missing_key(facts.principal_type()),
            }
        }
        requests
    }
}
