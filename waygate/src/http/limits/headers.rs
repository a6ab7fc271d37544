//! What answers tell clients about limits: `X-RateLimit-*`, and the fields of draft-ietf-httpapi-ratelimit-headers.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;
use waygate_core::limit::quota::{Nanos, SECOND};

use super::number::number;
use crate::engine::{Claim, Inner, Limits, Passed, Rate, RateLimitHeaders, Refusal, Told};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const STANDARD: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Writes what is said about a request that passes.
#[inline]
pub(in crate::http) fn of_passed(
    headers: &mut HeaderMap,
    engine: &Inner,
    limits: &Limits,
    passed: &Passed,
) {
    let which = engine.limiting.headers;
    if let (Some(told), true) = (&passed.told, which != RateLimitHeaders::Off) {
        write(headers, which, limits, &passed.claims, told, passed.at);
    }
}

/// Writes what is said about a request that is refused for so long.
pub(in crate::http) fn of_refused(
    headers: &mut HeaderMap,
    engine: &Inner,
    limits: &Limits,
    refusal: &Refusal,
    wait: Nanos,
) {
    if let Some(mut told) = refusal.told {
        // Not before `Retry-After` (draft-ietf-httpapi-ratelimit-headers), jitter included.
        told.outcome.reset_after = told.outcome.reset_after.max(wait);
        write(
            headers,
            engine.limiting.headers,
            limits,
            &[],
            &told,
            refusal.at,
        );
    }
}

/// Writes what the most restrictive rate says. A handler's own headers of these names are replaced: two counts in one answer
/// would contradict each other.
#[inline]
fn write(
    headers: &mut HeaderMap,
    which: RateLimitHeaders,
    limits: &Limits,
    claims: &[Claim],
    told: &Told,
    now: Nanos,
) {
    let Some(rate) = told.rate(limits).filter(|_| which != RateLimitHeaders::Off) else {
        return;
    };
    let outcome = &told.outcome;
    if matches!(which, RateLimitHeaders::Both | RateLimitHeaders::Legacy) {
        let reset = now.saturating_add(outcome.reset_after).div_ceil(SECOND);
        headers.insert(LIMIT, rate.limit.clone());
        headers.insert(REMAINING, number(outcome.remaining));
        headers.insert(RESET, number(reset));
    }
    if matches!(which, RateLimitHeaders::Both | RateLimitHeaders::Standard) {
        let (remaining, reset) = (outcome.remaining, outcome.reset_after_seconds());
        if let Some(item) = item(&rate.name, remaining, reset) {
            headers.insert(STANDARD, item);
        }
        if let Some(policies) = policies(limits, claims, rate, now) {
            headers.insert(POLICY, policies);
        }
    }
}

/// Every rate that counted the request; only the one that is told where nothing else is known.
fn policies(limits: &Limits, claims: &[Claim], told: &Rate, now: Nanos) -> Option<HeaderValue> {
    let rates = claims.iter().flat_map(|claim| &limits.of(claim).1.list);
    if rates.clone().count() <= 1
        && let Some(advertised) = told.advertised()
    {
        return Some(advertised.clone());
    }
    let items: Vec<String> = match claims {
        [] => vec![told.policy_item(now)],
        _ => rates.map(|rate| rate.policy_item(now)).collect(),
    };
    HeaderValue::try_from(items.join(", ")).ok()
}

/// `name;r=remaining;t=reset`, in one allocation.
fn item(name: &str, remaining: u64, reset: u64) -> Option<HeaderValue> {
    let mut text = SmallVec::<[u8; 96]>::new();
    text.extend_from_slice(name.as_bytes());
    for (parameter, value) in [(b";r=", remaining), (b";t=", reset)] {
        text.extend_from_slice(parameter);
        text.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }
    HeaderValue::from_maybe_shared(Bytes::copy_from_slice(&text)).ok()
}
