//! The rate-limit headers of responses: `X-RateLimit-*`, and the fields of draft-ietf-httpapi-ratelimit-headers.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;
use waygate_core::limit::quota::{Nanos, SECOND};

use super::{
    RateLimitHeaders,
    number::number,
    outcome::{Allowed, Several, Single},
    policy::Rate,
    refusal::Refusal,
};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const STANDARD: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

impl RateLimitHeaders {
    /// Returns `true` if responses carry `RateLimit` and `RateLimit-Policy`.
    #[inline]
    pub(crate) fn has_standard(self) -> bool {
        matches!(self, Self::Both | Self::Standard)
    }

    /// Returns `true` if responses carry `X-RateLimit-*`.
    #[inline]
    fn has_legacy(self) -> bool {
        matches!(self, Self::Both | Self::Legacy)
    }
}

impl Allowed {
    /// Adds the rate-limit headers to a response. Replaces headers of these names from the handler: two counts in one
    /// response would contradict each other.
    #[inline]
    pub(crate) fn write_headers(&self, headers: &mut HeaderMap) {
        match self {
            Self::Single(single) => single.write_headers(headers),
            Self::Several(several) => several.write_headers(headers),
        }
    }
}

impl Single {
    #[inline]
    fn write_headers(&self, headers: &mut HeaderMap) {
        let which = self.policy.headers;
        if which != RateLimitHeaders::Off {
            self.show(headers, which);
        }
    }

    fn show(&self, headers: &mut HeaderMap, which: RateLimitHeaders) {
        if let Some(rate) = self.policy.rates(self.tier).list.first() {
            let shown = Shown {
                rate,
                remaining: self.remaining,
                reset_after: self.reset_after,
                at: self.at,
            };
            shown.write(headers, which, || shown.policy());
        }
    }
}

impl Several {
    fn write_headers(&self, headers: &mut HeaderMap) {
        let policy = self.limits.policies.first();
        if let (Some(policy), Some(tightest)) = (policy, &self.tightest)
            && let Some(rate) = tightest.rate(&self.limits)
        {
            let shown = Shown {
                rate,
                remaining: tightest.outcome.remaining,
                reset_after: tightest.outcome.reset_after,
                at: self.at,
            };
            shown.write(headers, policy.headers, || self.policies(&shown));
        }
    }

    /// Every rate that has counted the request.
    fn policies(&self, shown: &Shown<'_>) -> Option<HeaderValue> {
        let matches = self.matches.iter();
        let rates = matches.flat_map(|matched| &self.limits.of(matched).1.list);
        if rates.clone().count() <= 1 {
            return shown.policy();
        }
        let items: Vec<String> = rates.map(|rate| rate.policy_item(self.at)).collect();
        HeaderValue::try_from(items.join(", ")).ok()
    }
}

impl Refusal {
    /// Adds the rate-limit headers to a refusal with this wait.
    pub(crate) fn write_headers(&self, headers: &mut HeaderMap, wait: Nanos) {
        if let Some((rate, outcome)) = self.rate() {
            let shown = Shown {
                rate,
                remaining: outcome.remaining,
                // Not before `Retry-After` (draft-ietf-httpapi-ratelimit-headers), jitter included.
                reset_after: outcome.reset_after.max(wait),
                at: self.at,
            };
            shown.write(headers, self.policy.headers, || shown.policy());
        }
    }
}

/// The rate that a response shows.
struct Shown<'a> {
    rate: &'a Rate,
    remaining: u64,
    reset_after: Nanos,
    at: Nanos,
}

impl Shown<'_> {
    #[inline]
    fn write(
        &self,
        headers: &mut HeaderMap,
        which: RateLimitHeaders,
        policies: impl FnOnce() -> Option<HeaderValue>,
    ) {
        if which.has_legacy() {
            let reset = self.at.saturating_add(self.reset_after).div_ceil(SECOND);
            headers.insert(LIMIT, self.rate.limit.clone());
            headers.insert(REMAINING, number(self.remaining));
            headers.insert(RESET, number(reset));
        }
        if which.has_standard() {
            let reset = self.reset_after.div_ceil(SECOND);
            if let Some(item) = item(&self.rate.name, self.remaining, reset) {
                headers.insert(STANDARD, item);
            }
            if let Some(policies) = policies() {
                headers.insert(POLICY, policies);
            }
        }
    }

    /// `RateLimit-Policy` of this rate alone.
    fn policy(&self) -> Option<HeaderValue> {
        let advertised = self.rate.advertised().cloned();
        advertised.or_else(|| HeaderValue::try_from(self.rate.policy_item(self.at)).ok())
    }
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
