use axum::{extract::Request, response::Response};
use waygate_core::limit::quota::{Nanos, SECOND};

use super::{
    super::{BlockReason, Blocked, RateLimited, layer::Shared, reply},
    headers,
};
use crate::engine::{Limits, Refusal, RefusalCause, instant};

/// The answer to a request that is refused.
pub(super) async fn refused(
    shared: &Shared,
    request: Request,
    slot: usize,
    limits: &Limits,
    refusal: &Refusal,
) -> Response {
    let engine = &shared.waygate.inner;
    let now = engine.limit_clock.now(&*engine.clock);
    let limited = limited(refusal, now, engine.limiting.jitter);
    let reason = BlockReason::RateLimited(limited);
    let declared = shared.own(slot);
    let declared = declared.and_then(|own| own.limits.rate(&refusal.policy.key));
    let responder = declared
        .and_then(|declared| declared.response.as_ref())
        .or_else(|| shared.responses.of(&reason))
        .cloned();
    let (parts, _body) = request.into_parts();
    let blocked = Blocked::new(parts, reason, engine.clock.now());
    let mut response = reply::limited(responder, blocked).await;
    headers::of_refused(response.headers_mut(), engine, limits, refusal, now);
    response
}

/// What is told about a refusal.
pub(in crate::http) fn limited(refusal: &Refusal, now: Nanos, jitter: f32) -> RateLimited {
    let policy = &refusal.policy;
    let wait = refusal.told.map_or(SECOND, |told| told.outcome.retry_after);
    let jittered = wait.saturating_add((wait as f64 * f64::from(jitter * fastrand::f32())) as u64);
    RateLimited {
        policy: policy.key.clone(),
        limit: policy.rates(refusal.tier).text.as_ref().to_owned(),
        tier: policy.tier_name(refusal.tier).cloned(),
        retry_after: jittered.div_ceil(SECOND).max(1),
        reset_at: instant(now.saturating_add(wait)),
        without_key: refusal.cause == RefusalCause::NoKey,
        store_gone: refusal.cause == RefusalCause::StoreGone,
    }
}
