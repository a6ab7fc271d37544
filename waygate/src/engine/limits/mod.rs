//! Rate limits, and what limits of concurrency share with them: what governs a route, how a request is counted, and what came of it.
//!
//! `policy` is compiled when something changes; `claim` finds out what one request is counted by, `store` counts it,
//! `verdict` says what follows, and `stats` remembers. Where counters are `shared`, `standings` has what they said last,
//! `share` goes on from there while they are gone, and what is given out so is `owed` to them.

mod account;
mod claim;
mod clock;
mod command;
mod explain;
mod key;
mod levels;
mod listing;
mod missing;
mod operator;
mod overrides;
mod owed;
mod policy;
mod problem;
mod record;
mod replace;
mod share;
mod shared;
mod standings;
mod stats;
mod store;
mod verdict;

use std::sync::Arc;

use waygate_core::grammar::Algorithm;

use super::concurrency::Concurrency;

#[cfg(feature = "axum")]
pub(crate) use account::{Admission, Counting};
#[cfg(feature = "axum")]
pub(crate) use claim::missing_part;
#[cfg(feature = "axum")]
pub(crate) use claim::{Claim, Claims, Functions, NoFunctions};
pub(crate) use claim::{LimitFacts, key_of};
pub(crate) use clock::{LimitClock, instant};
#[cfg(feature = "admin")]
pub(crate) use command::LimitCommand;
pub(crate) use explain::Decisions;
pub use explain::{DecisionCause, DecisionRecord, DecisionStep, SkippedPolicy};
pub(crate) use key::LimitedKey;
pub(crate) use levels::{Levels, Limitable, MethodLimits, OwnLimits, RouteLimits};
pub(crate) use missing::{NO_PRINCIPAL, check_key, needs_of_caller, remedy};
pub(crate) use overrides::{Applying, policies_of};
pub(crate) use policy::{ExemptNetworks, Policy, Rate, label};
pub(crate) use problem::{Noticed, Problem, lock};
pub use record::{HitQuery, LimitRecord};
pub(crate) use replace::Known;
pub(crate) use shared::Shared;
pub(crate) use stats::{Hit, LimitBook};
pub use stats::{KeyUse, LimitCounts};
pub(crate) use store::Counters;
pub use store::{CountingMode, CountingModes};
#[cfg(feature = "axum")]
pub(crate) use verdict::{Passed, Refusal, RefusalCause, Told};
pub use waygate_core::view::HitRecord;

/// How the answers of counted requests look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limiting {
    pub(crate) headers: RateLimitHeaders,
    /// Up to this share is added to `Retry-After`.
    pub(crate) jitter: f32,
    /// Addresses of IPv6 that agree in so many bits are one client.
    pub(crate) ipv6_prefix: u8,
    /// For limits that name none.
    pub(crate) algorithm: Algorithm,
}

impl Default for Limiting {
    fn default() -> Self {
        Self {
            headers: RateLimitHeaders::Both,
            jitter: 0.0,
            ipv6_prefix: 64,
            algorithm: Algorithm::default(),
        }
    }
}

/// Which headers tell clients how they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RateLimitHeaders {
    /// `X-RateLimit-*`, and `RateLimit` with `RateLimit-Policy`.
    #[default]
    Both,
    /// `X-RateLimit-Limit`, `X-RateLimit-Remaining`, `X-RateLimit-Reset`, as numbers.
    Legacy,
    /// `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers.
    Standard,
    /// None. `Retry-After` is sent all the same.
    Off,
}

/// The policies that one route meets, in the order in which they are checked: global, service, its own.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) policies: Box<[Arc<Policy>]>,
    pub(crate) concurrency: Box<[Arc<Concurrency>]>,
    is_lone: bool,
}

impl Limits {
    pub(crate) fn new(policies: Box<[Arc<Policy>]>, concurrency: Box<[Arc<Concurrency>]>) -> Self {
        let is_lone = match &*policies {
            [policy] => concurrency.is_empty() && policy.is_enforced() && policy.has_one_rate(),
            _ => false,
        };
        Self {
            policies,
            concurrency,
            is_lone,
        }
    }

    /// Whether there is one enforced policy of one rate, in whatever tier, and nothing else.
    #[inline]
    #[cfg(feature = "axum")]
    pub(crate) fn is_lone(&self) -> bool {
        self.is_lone
    }
}
