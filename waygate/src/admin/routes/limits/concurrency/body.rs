//! How limits of concurrency are shown.

use serde::Serialize;
use waygate_core::{
    grammar::OnMissingKey,
    model::{ConcurrencyPolicy, ExemptPath, LimitKey, LimitScope},
};

use super::super::request::ALL_METHODS;
use crate::{ConcurrencyRecord, rest::entity_tag};

/// A limit of a route.
#[derive(Debug, Serialize)]
pub(super) struct RouteLimitBody {
    path: String,
    method: &'static str,
    #[serde(flatten)]
    limit: LimitBody,
}

/// A limit that more than one route meets.
#[derive(Debug, Serialize)]
pub(super) struct SharedLimitBody {
    #[serde(flatten)]
    limit: LimitBody,
    /// The policy itself leaves an empty list out.
    exempt_routes: Vec<ExemptPath>,
    /// The policy itself leaves `false` out.
    include_force_active: bool,
}

/// A limit of any scope.
#[derive(Debug, Serialize)]
struct LimitBody {
    #[serde(flatten)]
    policy: ConcurrencyPolicy,
    key: LimitKey,
    meaning: String,
    in_use: u64,
    refused: u64,
    effective_on_missing_key: OnMissingKey,
    skipped: u64,
    warning: Option<String>,
    overridden: bool,
    drifted: bool,
    etag: String,
}

impl RouteLimitBody {
    /// `None` for the limit of something else than a route.
    pub(super) fn new(record: ConcurrencyRecord) -> Option<Self> {
        let LimitScope::Route(route) = &record.key.scope else {
            return None;
        };
        Some(Self {
            path: route.path().to_owned(),
            method: route.method().map_or(ALL_METHODS, |method| method.as_str()),
            limit: LimitBody::from(record),
        })
    }
}

impl From<ConcurrencyRecord> for SharedLimitBody {
    fn from(mut record: ConcurrencyRecord) -> Self {
        Self {
            exempt_routes: std::mem::take(&mut record.policy.exempt_routes),
            include_force_active: std::mem::take(&mut record.policy.include_force_active),
            limit: LimitBody::from(record),
        }
    }
}

impl From<ConcurrencyRecord> for LimitBody {
    fn from(record: ConcurrencyRecord) -> Self {
        Self {
            policy: record.policy,
            key: record.key,
            meaning: record.meaning,
            in_use: record.in_use,
            refused: record.refused,
            effective_on_missing_key: record.on_missing_key,
            skipped: record.skipped,
            warning: record.warning,
            overridden: record.overridden,
            drifted: record.drifted,
            etag: entity_tag(record.revision),
        }
    }
}
