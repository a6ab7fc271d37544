//! Records requests that a route's state refuses or that are exempt, for queries by `X-Request-Id`.

use http::request::Parts;
use waygate_core::decision::Facts;

use super::{
    BlockReason,
    facts::{RequestFacts, SeenBy},
};
use crate::engine::{DecisionCause, Inner, RequestInfo, Snapshot};

/// The placeholder for requests without a controlled route.
const NO_ROUTE: &str = "/{*rest}";

/// Records a request that the route in `slot` refused. Logs if a role is required but no source of roles is present.
#[cold]
pub(super) fn note(engine: &Inner, slot: Option<usize>, head: &Parts, reason: &BlockReason) {
    let snapshot = engine.snapshot.load();
    let facts = RequestFacts::of_parts(head, engine, SeenBy::Layer);
    note_no_caller(&snapshot, slot, &facts, reason);
    record(&snapshot, slot, &facts, cause(reason), || {
        detail(&facts, reason)
    });
}

/// Records a request that passes active maintenance because its caller is exempt.
#[cold]
pub(super) fn note_exempt(snapshot: &Snapshot, slot: Option<usize>, facts: &RequestFacts<'_>) {
    record(snapshot, slot, facts, Some(DecisionCause::Exempt), || {
        snapshot.exemption(slot, facts, facts, facts.engine.clock.now())
    });
}

fn record(
    snapshot: &Snapshot,
    slot: Option<usize>,
    facts: &RequestFacts<'_>,
    cause: Option<DecisionCause>,
    reason: impl FnOnce() -> String,
) {
    let route = slot.and_then(|slot| snapshot.table.route(slot));
    let route = route.map(|route| route.key.clone());
    let Some(route) = route.or_else(|| NO_ROUTE.parse().ok()) else {
        return;
    };
    let request = RequestInfo {
        route: &route,
        method: facts.method,
        headers: facts.headers,
    };
    if let Some(mut record) = request.record(facts.engine.clock.now()) {
        record.passed = cause == Some(DecisionCause::Exempt);
        record.cause = cause;
        record.reason = Some(reason());
        facts.engine.decisions.record(record);
    }
}

/// Notes that a role is required but no source of roles is present.
fn note_no_caller(
    snapshot: &Snapshot,
    slot: Option<usize>,
    facts: &RequestFacts<'_>,
    reason: &BlockReason,
) {
    match reason {
        BlockReason::RoleRequired { .. } if !facts.has_known_caller() => {
            snapshot.note_no_caller(slot);
        }
        BlockReason::GlobalMaintenance { .. } if !facts.has_known_caller() => {
            snapshot.note_no_exempt_caller(false);
        }
        BlockReason::ServiceMaintenance { .. } if !facts.has_known_caller() => {
            snapshot.note_no_exempt_caller(true);
        }
        _ => {}
    }
}

fn cause(reason: &BlockReason) -> Option<DecisionCause> {
    Some(match reason {
        BlockReason::GlobalMaintenance { .. } => DecisionCause::GlobalMaintenance,
        BlockReason::ServiceMaintenance { .. } => DecisionCause::ServiceMaintenance,
        BlockReason::Maintenance { .. } => DecisionCause::Maintenance,
        BlockReason::Disabled { .. } => DecisionCause::Disabled,
        BlockReason::EnvGated { .. } => DecisionCause::EnvGated,
        BlockReason::IpNotAllowed => DecisionCause::IpNotAllowed,
        BlockReason::RoleRequired { .. } => DecisionCause::RoleRequired,
        // Limits record theirs.
        BlockReason::RateLimited(_)
        | BlockReason::ConcurrencyLimited(_)
        | BlockReason::KeyMissing(_) => return None,
    })
}

/// The operator's reason, or what the request lacks.
fn detail(facts: &RequestFacts<'_>, reason: &BlockReason) -> String {
    fn joined(items: &[impl ToString]) -> String {
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        items.join(", ")
    }
    match reason {
        BlockReason::EnvGated { current, allowed } => {
            let allowed = joined(allowed);
            format!("this environment is {current}, and the route is served in: {allowed}")
        }
        BlockReason::IpNotAllowed => match facts.client_ip() {
            Some(ip) => format!("the client's address {ip} is in none of the allowed networks"),
            None => "the client's address is not known".to_owned(),
        },
        BlockReason::RoleRequired { roles } => {
            let roles = joined(roles);
            match facts.has_known_caller() {
                true => format!("the caller has none of the roles: {roles}"),
                false => {
                    format!("no caller is known; the route asks for one of the roles: {roles}")
                }
            }
        }
        _ => reason
            .text()
            .map_or_else(String::new, |text| text.as_str().to_owned()),
    }
}
