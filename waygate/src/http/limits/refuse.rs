use std::hash::{BuildHasher, RandomState};

use axum::{extract::Request, response::Response};
use waygate_core::limit::quota::{Nanos, SECOND};

use super::{
    super::{
        BlockReason, Blocked, KeyMissing, RateLimited, Responder, facts::RequestFacts,
        layer::Shared, reply,
    },
    headers,
};
use crate::engine::{Inner, Limits, Refusal, RefusalCause, Registered, instant, missing_part};

/// The answer to a request that is refused.
pub(super) async fn refused(
    shared: &Shared,
    route: &Registered,
    request: Request,
    limits: &Limits,
    refusal: &Refusal,
) -> Response {
    let engine = &shared.waygate.inner;
    let wait = wait_of(refusal, engine.limiting.jitter);
    let (parts, _body) = request.into_parts();
    let facts = RequestFacts::of_parts(&parts, engine).of_route(&route.key);
    let reason = reason(refusal, engine, &facts, wait);
    let responder = responder(route, refusal, &reason)
        .or_else(|| shared.responses().of(&reason))
        .cloned();
    let blocked = Blocked::new(parts, reason, engine);
    let mut response = reply::limited(responder, blocked).await;
    headers::of_refused(response.headers_mut(), engine, limits, refusal, wait);
    response
}

/// What answers in place of the built-in answer, for this limit or this route.
pub(in crate::http) fn responder<'a>(
    route: &'a Registered,
    refusal: &Refusal,
    reason: &BlockReason,
) -> Option<&'a Responder> {
    let attached = &route.attached;
    let own = attached.limits.rate(&refusal.policy);
    own.and_then(|(_, own)| own.response.as_ref())
        .or_else(|| attached.responses.of(reason))
}

/// For how long a refused request is sent away: another time for each answer, where that is asked for.
pub(in crate::http) fn wait_of(refusal: &Refusal, jitter: f32) -> Nanos {
    let wait = least_wait_of(refusal);
    wait.saturating_add((wait as f64 * f64::from(jitter) * random_share()) as u64)
}

/// A number from 0 to 1. It keeps clients apart, so the keys of the hash maps of the standard library are random enough.
fn random_share() -> f64 {
    RandomState::new().hash_one(0_u8) as f64 / u64::MAX as f64
}

fn least_wait_of(refusal: &Refusal) -> Nanos {
    match &refusal.told {
        _ if refusal.cause == RefusalCause::TooCostly => 0,
        Some(told) => told.outcome.retry_after,
        None => SECOND,
    }
}

/// What an answer says about a refusal, with the wait that it names.
pub(in crate::http) fn reason(
    refusal: &Refusal,
    engine: &Inner,
    facts: &RequestFacts<'_>,
    wait: Nanos,
) -> BlockReason {
    match refusal.cause {
        RefusalCause::NoKey => BlockReason::KeyMissing(key_missing(refusal, engine, facts)),
        _ => BlockReason::RateLimited(limited(refusal, wait)),
    }
}

fn key_missing(refusal: &Refusal, engine: &Inner, facts: &RequestFacts<'_>) -> KeyMissing {
    let policy = &refusal.policy;
    let missing = missing_part(&policy.fields.key, facts);
    let wants_credentials = policy.fields.when_missing().asks_for_credentials(missing);
    KeyMissing {
        policy: policy.key.clone(),
        missing: missing.cloned(),
        challenge: wants_credentials.then(|| engine.answers.challenge(missing)),
    }
}

fn limited(refusal: &Refusal, wait: Nanos) -> RateLimited {
    let policy = &refusal.policy;
    let too_costly = refusal.cause == RefusalCause::TooCostly;
    RateLimited {
        policy: policy.key.clone(),
        limit: policy.rates(refusal.tier).text.as_ref().to_owned(),
        tier: policy.tier_name(refusal.tier).cloned(),
        retry_after: wait.div_ceil(SECOND).max(u64::from(!too_costly)),
        reset_at: instant(refusal.at.saturating_add(least_wait_of(refusal))),
        store_gone: refusal.cause == RefusalCause::StoreGone,
        too_costly,
    }
}
