//! How policies are shown.

use serde::Serialize;
use waygate_core::{
    grammar::OnMissingKey,
    model::{ExemptPath, LimitKey, LimitScope, RateLimitPolicy},
};

use super::request::ALL_METHODS;
use crate::{LimitCounts, LimitRecord, rest::entity_tag};

/// A route's policy (wire contract, section 2.4, and more).
#[derive(Debug, Serialize)]
pub(super) struct RouteLimitBody {
    path: String,
    method: &'static str,
    #[serde(flatten)]
    policy: RateLimitPolicy,
    #[serde(flatten)]
    about: About,
    overridden: bool,
    drifted: bool,
}

/// A policy that more than one route meets.
#[derive(Debug, Serialize)]
pub(super) struct SharedLimitBody {
    #[serde(flatten)]
    policy: RateLimitPolicy,
    /// The policy itself leaves an empty list out.
    exempt_routes: Vec<ExemptPath>,
    /// The policy itself leaves `false` out.
    include_force_active: bool,
    #[serde(flatten)]
    about: About,
}

/// Such a policy, if there is one.
#[derive(Debug, Serialize)]
pub(super) struct SharedStateBody {
    enabled: bool,
    policy: Option<SharedLimitBody>,
}

/// What all policies are shown with.
#[derive(Debug, Serialize)]
struct About {
    key: LimitKey,
    meaning: String,
    counts: LimitCounts,
    effective_on_missing_key: OnMissingKey,
    skipped: u64,
    without_caller: u64,
    warning: Option<String>,
    etag: String,
}

impl RouteLimitBody {
    /// `None` for the policy of something else than a route.
    pub(super) fn new(record: LimitRecord) -> Option<Self> {
        let LimitScope::Route(route) = &record.key.scope else {
            return None;
        };
        Some(Self {
            path: route.path().to_owned(),
            method: route.method().map_or(ALL_METHODS, |method| method.as_str()),
            overridden: record.overridden,
            drifted: record.drifted,
            policy: record.policy.clone(),
            about: About::new(record),
        })
    }
}

impl From<LimitRecord> for SharedLimitBody {
    fn from(mut record: LimitRecord) -> Self {
        let exempt_routes = std::mem::take(&mut record.policy.exempt_routes);
        let include_force_active = std::mem::take(&mut record.policy.include_force_active);
        Self {
            policy: record.policy.clone(),
            exempt_routes,
            include_force_active,
            about: About::new(record),
        }
    }
}

impl From<Option<LimitRecord>> for SharedStateBody {
    fn from(record: Option<LimitRecord>) -> Self {
        Self {
            enabled: record.as_ref().is_some_and(|record| record.policy.enabled),
            policy: record.map(SharedLimitBody::from),
        }
    }
}

impl About {
    fn new(record: LimitRecord) -> Self {
        Self {
            key: record.key,
            meaning: record.meaning,
            counts: record.counts,
            effective_on_missing_key: record.on_missing_key,
            skipped: record.skipped,
            without_caller: record.without_caller,
            warning: record.warning,
            etag: entity_tag(record.revision),
        }
    }
}
