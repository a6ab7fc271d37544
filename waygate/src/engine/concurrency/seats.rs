use std::sync::Arc;

use smallvec::SmallVec;

use super::Concurrency;
use crate::engine::limits::{LimitFacts, LimitedKey, Limits, key_of};

/// A place that a request needs.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) limit: Arc<Concurrency>,
    pub(crate) key: LimitedKey,
}

/// Nearly every route has one limit.
pub(crate) type Seats = SmallVec<[Wanted; 1]>;

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
            if let Some(key) = key_of(&fields.key, facts, || function(limit)) {
                let limit = limit.clone();
                seats.push(Wanted { limit, key });
            }
        }
        seats
    }
}
