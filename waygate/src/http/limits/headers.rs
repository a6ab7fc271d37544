//! What answers tell clients about limits: `X-RateLimit-*`, and the fields of draft-ietf-httpapi-ratelimit-headers.

use std::fmt::Write;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use waygate_core::limit::quota::{Nanos, SECOND};

use crate::engine::{Claim, Limits, Rate, RateLimitHeaders, Told};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const STANDARD: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Writes what the most restrictive rate says. A handler's own headers of these names are replaced: two counts in one answer
/// would contradict each other.
pub(super) fn write(
    headers: &mut HeaderMap,
    which: RateLimitHeaders,
    limits: &Limits,
    claims: &[Claim],
    told: &Told,
    now: Nanos,
) {
    let Some(rate) = told.rate(limits) else {
        return;
    };
    let outcome = &told.outcome;
    if matches!(which, RateLimitHeaders::Both | RateLimitHeaders::Legacy) {
        let reset = now.saturating_add(outcome.reset_after).div_ceil(SECOND);
        headers.insert(LIMIT, rate.limit.clone());
        headers.insert(REMAINING, HeaderValue::from(outcome.remaining));
        headers.insert(RESET, HeaderValue::from(reset));
    }
    if matches!(which, RateLimitHeaders::Both | RateLimitHeaders::Standard) {
        let (name, remaining) = (&rate.name, outcome.remaining);
        let reset = outcome.reset_after_seconds();
        let item = text(format_args!("{name};r={remaining};t={reset}"));
        if let Ok(item) = HeaderValue::from_maybe_shared(item) {
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

fn text(arguments: std::fmt::Arguments<'_>) -> Bytes {
    let mut text = BytesMut::with_capacity(48);
    // Writing to memory that grows does not fail.
    let _ = text.write_fmt(arguments);
    text.freeze()
}
