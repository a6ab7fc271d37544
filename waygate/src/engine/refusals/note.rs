//! Records requests that a route's state refuses or that are exempt, for queries by `X-Request-Id`.

use waygate_core::decision::Facts;

use super::BlockReason;
use crate::engine::{
    limits::{DecisionCause, LimitFacts},
    request::{Framework, RequestFacts},
    snapshot::Snapshot,
};

/// The placeholder for requests without a controlled route.
const NO_ROUTE: &str = "/{*rest}";

/// Records a request that the route in `slot` refused. Logs if a role is required but no source of roles is present.
#[cold]
pub(crate) fn note<'a, F: Framework<'a>>(
    slot: Option<usize>,
    facts: &RequestFacts<'a, F>,
    reason: &BlockReason,
) {
    let snapshot = facts.engine.snapshot.load();
    note_no_caller(&snapshot, slot, facts, reason);
    record(&snapshot, slot, facts, cause(reason), || {
        detail(facts, reason)
    });
}

/// Records a request that is served during active maintenance because its caller is exempt.
#[cold]
pub(crate) fn note_exempt<'a, F: Framework<'a>>(
    snapshot: &Snapshot,
    slot: Option<usize>,
    facts: &RequestFacts<'a, F>,
) {
    record(snapshot, slot, facts, Some(DecisionCause::Exempt), || {
        snapshot.exemption(slot, facts, facts, facts.engine.clock.now())
    });
}

fn record<'a, F: Framework<'a>>(
    snapshot: &Snapshot,
    slot: Option<usize>,
    facts: &RequestFacts<'a, F>,
    cause: Option<DecisionCause>,
    reason: impl FnOnce() -> String,
) {
    let route = slot.and_then(|slot| snapshot.table.route(slot));
    let route = route.map(|route| route.key.clone());
    let Some(route) = route.or_else(|| NO_ROUTE.parse().ok()) else {
        return;
    };
    if let Some(mut record) = facts.info(&route).record(facts.engine.clock.now()) {
        record.passed = cause == Some(DecisionCause::Exempt);
        record.cause = cause;
        record.reason = Some(reason());
        facts.engine.decisions.record(record);
    }
}

/// Notes that a role is required but no source of roles is present.
fn note_no_caller<'a, F: Framework<'a>>(
    snapshot: &Snapshot,
    slot: Option<usize>,
    facts: &RequestFacts<'a, F>,
    reason: &BlockReason,
) {
    if facts.has_known_caller() {
        return;
    }
    let principal = facts.principal_type();
    match reason {
        BlockReason::RoleRequired { .. } => snapshot.note_no_caller(slot, principal),
        BlockReason::GlobalMaintenance { .. } => snapshot.note_no_exempt_caller(false, principal),
        BlockReason::ServiceMaintenance { .. } => snapshot.note_no_exempt_caller(true, principal),
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
        BlockReason::FlagOff { .. } => DecisionCause::FlagOff,
        // Limits record their own.
        BlockReason::RateLimited(_)
        | BlockReason::ConcurrencyLimited(_)
        | BlockReason::KeyMissing(_) => return None,
    })
}

/// The operator's reason, or what the request lacks.
fn detail<'a, F: Framework<'a>>(facts: &RequestFacts<'a, F>, reason: &BlockReason) -> String {
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
                    let expected = facts.principal_type();
                    let expected =
                        expected.map(|name| format!(" (no extension of the type `{name}`)"));
                    let expected = expected.unwrap_or_default();
                    format!(
                        "no caller is known{expected}; the route asks for one of the roles: {roles}"
                    )
                }
            }
        }
        BlockReason::FlagOff { flag, .. } => {
            format!("the flag {flag} is off for the context of the request")
        }
        _ => reason
            .text()
            .map_or_else(String::new, |text| text.as_str().to_owned()),
    }
}
