use std::sync::Arc;

use http::HeaderMap;
use waygate_core::limit::quota::{Nanos, SECOND};

use super::{BlockReason, ConcurrencyLimited, KeyMissing, RateLimited};
use crate::engine::{
    Inner,
    concurrency::Concurrency,
    limits::{LimitFacts, POLICY, Refusal, RefusalCause, instant, missing_part},
};

/// The `Retry-After` of a concurrency limit, in seconds. The time when a permit is released is unknown.
const RETRY_AFTER: u64 = 1;

/// The refusal of a request by a limit.
#[derive(Debug)]
pub(crate) enum LimitRefusal {
    Rate(Box<Refusal>),
    Concurrency(Arc<Concurrency>),
}

impl LimitRefusal {
    /// The wait that the response states.
    pub(crate) fn wait(&self, engine: &Inner) -> Nanos {
        match self {
            Self::Rate(refusal) => refusal.wait(engine.limiting.jitter),
            Self::Concurrency(_) => RETRY_AFTER * SECOND,
        }
    }

    pub(crate) fn reason(
        &self,
        facts: &impl LimitFacts,
        engine: &Inner,
        wait: Nanos,
    ) -> BlockReason {
        match self {
            Self::Rate(refusal) if refusal.cause == RefusalCause::NoKey => {
                BlockReason::KeyMissing(key_missing(refusal, facts, engine))
            }
            Self::Rate(refusal) => BlockReason::RateLimited(rate_limited(refusal, wait)),
            Self::Concurrency(limit) => BlockReason::ConcurrencyLimited(ConcurrencyLimited {
                policy: limit.key.clone(),
                limit: limit.fields.limit.get(),
                retry_after: RETRY_AFTER,
            }),
        }
    }

    pub(crate) fn write_headers(&self, headers: &mut HeaderMap, engine: &Inner, wait: Nanos) {
        match self {
            Self::Rate(refusal) => refusal.write_headers(headers, wait),
            Self::Concurrency(limit) if engine.limiting.headers.has_standard() => {
                if let Some(advertised) = &limit.advertised {
                    headers.insert(POLICY, advertised.clone());
                }
            }
            Self::Concurrency(_) => {}
        }
    }
}

fn key_missing(refusal: &Refusal, facts: &impl LimitFacts, engine: &Inner) -> KeyMissing {
    let policy = &refusal.policy;
    let missing = missing_part(&policy.fields.key, facts);
    let wants_credentials = policy.fields.when_missing().asks_for_credentials(missing);
    KeyMissing {
        policy: policy.key.clone(),
        missing: missing.cloned(),
        challenge: wants_credentials.then(|| engine.answers.challenge(missing)),
    }
}

fn rate_limited(refusal: &Refusal, wait: Nanos) -> RateLimited {
    let policy = &refusal.policy;
    let too_costly = refusal.cause == RefusalCause::TooCostly;
    RateLimited {
        policy: policy.key.clone(),
        limit: policy.rates(refusal.tier).text.as_ref().to_owned(),
        tier: policy.tier_name(refusal.tier).cloned(),
        retry_after: wait.div_ceil(SECOND).max(u64::from(!too_costly)),
        reset_at: instant(refusal.at.saturating_add(refusal.least_wait())),
        store_gone: refusal.cause == RefusalCause::StoreGone,
        too_costly,
    }
}
