//! Conversions from the engine's records to views.

use waygate_core::{
    model::LimitScope,
    view::{
        AboutRateLimit, ConcurrencyLimit, MaintenanceNotice, Route, RouteConcurrencyLimit,
        RouteRateLimit, SharedConcurrencyLimit, SharedRateLimit, method_of,
    },
};

use super::etag::entity_tag;
use crate::{
    engine,
    limits::{ConcurrencyRecord, LimitRecord},
    model::RouteRecord,
};

impl From<RouteRecord> for Route {
    fn from(record: RouteRecord) -> Self {
        Self {
            etag: entity_tag(record.revision),
            view: record.view,
            overridden: record.overridden,
            drifted: record.drifted,
            orphaned: record.orphaned,
            #[cfg(feature = "flags")]
            flag_gates: record.flag_gates,
            #[cfg(not(feature = "flags"))]
            flag_gates: Vec::new(),
            warning: record.warning,
            dropped: record.dropped,
        }
    }
}

/// Returns `None` for the limit of another scope than a route.
pub(crate) fn route_rate_limit(record: LimitRecord) -> Option<RouteRateLimit> {
    let LimitScope::Route(route) = &record.key.scope else {
        return None;
    };
    Some(RouteRateLimit {
        path: route.path().to_owned(),
        method: method_of(route),
        overridden: record.overridden,
        drifted: record.drifted,
        policy: record.policy.clone(),
        about: record.into(),
    })
}

impl From<LimitRecord> for SharedRateLimit {
    fn from(record: LimitRecord) -> Self {
        let mut policy = record.policy.clone();
        Self {
            // The policy omits an empty list and `false`; the view shows them.
            exempt_routes: std::mem::take(&mut policy.exempt_routes),
            include_force_active: std::mem::take(&mut policy.include_force_active),
            policy,
            about: record.into(),
        }
    }
}

impl From<LimitRecord> for AboutRateLimit {
    fn from(record: LimitRecord) -> Self {
        Self {
            key: record.key,
            meaning: record.meaning,
            cost_function: record.has_cost_function,
            counts: record.counts,
            effective_on_missing_key: record.on_missing_key,
            skipped: record.skipped,
            without_caller: record.without_caller,
            warning: record.warning,
            etag: entity_tag(record.revision),
        }
    }
}

/// Returns `None` for the limit of another scope than a route.
pub(crate) fn route_concurrency_limit(record: ConcurrencyRecord) -> Option<RouteConcurrencyLimit> {
    let LimitScope::Route(route) = &record.key.scope else {
        return None;
    };
    Some(RouteConcurrencyLimit {
        path: route.path().to_owned(),
        method: method_of(route),
        limit: record.into(),
    })
}

impl From<ConcurrencyRecord> for SharedConcurrencyLimit {
    fn from(mut record: ConcurrencyRecord) -> Self {
        let policy = &mut record.policy;
        Self {
            // The policy omits an empty list and `false`; the view shows them.
            exempt_routes: std::mem::take(&mut policy.exempt_routes),
            include_force_active: std::mem::take(&mut policy.include_force_active),
            limit: record.into(),
        }
    }
}

impl From<ConcurrencyRecord> for ConcurrencyLimit {
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

impl From<engine::MaintenanceNotice> for MaintenanceNotice {
    fn from(engine::MaintenanceNotice { scope, set }: engine::MaintenanceNotice) -> Self {
        Self {
            scope: match scope.service() {
                Some(service) => format!("service:{service}"),
                None => "global".to_owned(),
            },
            state: if set.enabled { "on" } else { "planned" }.to_owned(),
            reason: set.reason.to_string(),
            start: set.start,
            end: set.end,
        }
    }
}
