use std::sync::Arc;

use smallvec::SmallVec;

use waygate_core::Printable;

use super::Concurrency;
use crate::engine::limits::{LimitFacts, LimitedKey, Limits, key_of, remedy};

/// A place that a request needs.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) limit: Arc<Concurrency>,
    pub(crate) key: LimitedKey,
}

/// Nearly every route has one limit.
pub(crate) type Seats = SmallVec<[Wanted; 1]>;

impl Concurrency {
    /// Notes a request that has nothing to be counted by.
    #[cold]
    fn miss(&self) {
        if self.stats.skipped.notice() {
            tracing::warn!(
                limit = %Printable(&self.key),
                key = %Printable(&self.fields.key),
                "a request has nothing that this limit of concurrency counts by, and is not counted; {}; only the first such \
                 request is logged, and all are counted as `skipped`",
                remedy(&self.fields.key),
            );
        }
    }

    /// Notes a request that is not held, because its handler sees no end of the answer.
    #[cfg(feature = "axum")]
    #[cold]
    pub(crate) fn unheld(&self) {
        if self.stats.skipped.notice() {
            tracing::warn!(
                limit = %Printable(&self.key),
                "a request does not count for this limit of concurrency: `RouteGuard` cannot hold its place; guard the \
                 router; only the first such request is logged, and all are counted as `skipped`",
            );
        }
    }
}

impl Limits {
    /// The places that a request needs, in order: none of limits that exempt it, or that find nothing to count it by.
    /// `function` is what the application's own functions tell.
    pub(crate) fn seats(
        &self,
        facts: &impl LimitFacts,
        mut function: impl FnMut(&Concurrency) -> Option<LimitedKey>,
    ) -> Seats {
        let mut seats = Seats::new();
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
                    seats.push(Wanted { limit, key });
                }
                None => limit.miss(),
            }
        }
        seats
    }
}
