//! Rate limits, and the parts that concurrency limits share with them.
//!
//! A `policy` is compiled when something changes. A request goes through `admission`: `matching` finds the policies
//! that apply and the counters to charge, `store` charges them, `outcome` decides, and `stats` records the result.
//! `headers` shows the outcome to the client, and `correction` adjusts the charge to the actual cost. If counters are
//! `shared`, `standings` has their last known values, `share` continues from there while they are unavailable, and
//! `owed` has the units granted meanwhile.

mod admission;
mod clock;
mod command;
mod correction;
mod explain;
mod headers;
mod key;
mod levels;
mod listing;
mod matching;
mod missing;
mod number;
mod operator;
mod outcome;
mod overrides;
mod owed;
mod policy;
mod problem;
mod record;
mod refusal;
mod replace;
mod request;
mod share;
mod shared;
mod standings;
mod stats;
mod store;

use std::sync::Arc;

use waygate_core::grammar::Algorithm;

use super::concurrency::Concurrency;

#[cfg(feature = "axum")]
pub(crate) use admission::{Admission, Admitting};
pub(crate) use clock::{LimitClock, instant};
#[cfg(feature = "admin")]
pub(crate) use command::LimitCommand;
pub(crate) use explain::Decisions;
pub use explain::{DecisionCause, DecisionRecord, DecisionStep, SkippedPolicy};
#[cfg(feature = "axum")]
pub(crate) use headers::POLICY;
pub(crate) use key::LimitedKey;
pub(crate) use levels::{Limitable, MethodLimits, RouteLimits, ScopePolicies, SharedPolicies};
#[cfg(feature = "axum")]
pub(crate) use matching::{Functions, NoFunctions, missing_part};
pub(crate) use matching::{LimitFacts, key_of};
pub(crate) use missing::{NO_PRINCIPAL, check_key, needs_of_caller, remedy};
#[cfg(feature = "axum")]
pub(crate) use outcome::Allowed;
pub(crate) use overrides::{Applying, policies_of};
pub(crate) use policy::{ExemptNetworks, Policy, label};
pub(crate) use problem::{Noticed, Problem, lock};
pub use record::{HitQuery, LimitRecord};
#[cfg(feature = "axum")]
pub(crate) use refusal::{Refusal, RefusalCause};
pub(crate) use replace::Known;
pub(crate) use request::RequestInfo;
pub(crate) use shared::Shared;
pub(crate) use stats::{Hit, LimitStats};
pub use stats::{KeyUse, LimitCounts};
pub(crate) use store::Counters;
pub use store::{CountingMode, CountingModes};
pub use waygate_core::view::HitRecord;

/// The settings of rate limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LimitConfig {
    pub(crate) headers: RateLimitHeaders,
    /// The maximum jitter of `Retry-After`, as a share of the wait.
    pub(crate) jitter: f32,
    /// The length of the prefix that IPv6 addresses of one client share.
    pub(crate) ipv6_prefix: u8,
    /// The algorithm of limits that name none.
    pub(crate) algorithm: Algorithm,
}

impl Default for LimitConfig {
    fn default() -> Self {
        Self {
            headers: RateLimitHeaders::default(),
            jitter: 0.0,
            ipv6_prefix: 64,
            algorithm: Algorithm::default(),
        }
    }
}

/// The rate-limit headers of responses. They do not affect `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RateLimitHeaders {
    /// `X-RateLimit-*`, and `RateLimit` with `RateLimit-Policy`.
    Both,
    /// `X-RateLimit-Limit`, `X-RateLimit-Remaining`, `X-RateLimit-Reset`, as numbers. The default: one family is
    /// enough for a client, and each header adds to every response.
    #[default]
    Legacy,
    /// `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers.
    Standard,
    /// No headers.
    Off,
}

/// The policies that apply to one route, in the order of the checks: global, service, its own.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) policies: Box<[Arc<Policy>]>,
    pub(crate) concurrency: Box<[Arc<Concurrency>]>,
    is_single: bool,
}

impl Limits {
    pub(crate) fn new(policies: Box<[Arc<Policy>]>, concurrency: Box<[Arc<Concurrency>]>) -> Self {
        let is_single = match &*policies {
            [policy] => concurrency.is_empty() && policy.is_enforced() && policy.has_one_rate(),
            _ => false,
        };
        Self {
            policies,
            concurrency,
            is_single,
        }
    }

    /// The only policy, if it is enforced, has one rate in each tier, and no concurrency limit applies.
    #[inline]
    fn single(&self) -> Option<&Arc<Policy>> {
        self.policies.first().filter(|_| self.is_single)
    }
}
