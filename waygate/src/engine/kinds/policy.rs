//! The records of policies: those that operators have set, and the generations of their counters.

use serde::{Deserialize, Serialize};
use waygate_core::{
    grammar::Invalid,
    model::{ConcurrencyPolicy, LimitKey, LimitOverride, LimitScope, RateLimitPolicy, RouteKey},
    port::EntityKey,
};

use crate::engine::store::{Instead, Kind, Shown, Touches, View, named};

/// Rate limit policies that operators have set.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct RateLimits;

/// Concurrency limits that operators have set.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct ConcurrencyLimits;

/// The generations of policies' counters.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Generations;

/// The number of resets of a policy's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Generation {
    pub(crate) generation: u64,
}

/// Implements the common parts of kinds with a [`LimitKey`].
macro_rules! keyed_by_policy {
    ($name:literal) => {
        const NAMES: &'static [&'static str] = &[$name];
        const GOVERNS: bool = true;
        type Key = LimitKey;

        fn parse(kind: &str, name: Option<&str>) -> Result<LimitKey, Invalid> {
            named(kind, name)
        }

        fn entity(key: &LimitKey) -> EntityKey {
            EntityKey::of($name, key)
        }

        fn route(key: &LimitKey) -> Option<&RouteKey> {
            match &key.scope {
                LimitScope::Route(route) => Some(route),
                LimitScope::Global | LimitScope::Service(_) => None,
            }
        }

        // The name of a policy follows that of its route.
        fn route_in_name<'a>(_kind: &str, name: &'a str) -> Option<&'a str> {
            name.split('#').next()
        }

        fn touches(key: &LimitKey) -> Touches<'_> {
            Touches::Limits(&key.scope)
        }
    };
}

impl Kind for RateLimits {
    keyed_by_policy!("limit");
    const INSTEAD: Instead = Instead::Declared;
    type Value = LimitOverride<RateLimitPolicy>;

    fn shown(key: &LimitKey, _: Option<&Self::Value>, view: &dyn View) -> Option<Shown> {
        Some(Shown::new("limit", key, view.rate_limit(key)))
    }
}

impl Kind for ConcurrencyLimits {
    keyed_by_policy!("concurrency");
    const INSTEAD: Instead = Instead::Declared;
    type Value = LimitOverride<ConcurrencyPolicy>;

    fn shown(key: &LimitKey, _: Option<&Self::Value>, view: &dyn View) -> Option<Shown> {
        Some(Shown::new("concurrency", key, view.concurrency_limit(key)))
    }
}

impl Kind for Generations {
    keyed_by_policy!("counters");
    type Value = Generation;

    // A reset counts as a change of the policy.
    fn shown(key: &LimitKey, _: Option<&Generation>, view: &dyn View) -> Option<Shown> {
        Some(Shown::new("limit", key, view.rate_limit(key)))
    }
}
