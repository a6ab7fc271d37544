//! What is remembered of requests that a route's state refuses, for whoever asks about one by its `X-Request-Id`.

use http::request::Parts;
use waygate_core::{decision::Facts, model::RouteKey};

use super::{
    BlockReason,
    facts::RequestFacts,
    limits::{method_name, request_id},
};
use crate::engine::{CountingMode, DecisionCause, DecisionRecord, Inner};

/// Stands for the route of a request that no controlled route has.
const NO_ROUTE: &str = "/{*rest}";

/// Remembers a request that was refused by the route in `slot`.
#[cold]
pub(super) fn note_at(engine: &Inner, slot: Option<usize>, head: &Parts, reason: &BlockReason) {
    if request_id(&head.headers).is_some() {
        let snapshot = engine.snapshot.load();
        let route = slot.and_then(|slot| snapshot.table.route(slot));
        note(engine, route.map(|route| &route.key), head, reason);
    }
}

/// Remembers a request that was refused by this route.
#[cold]
pub(super) fn note(engine: &Inner, route: Option<&RouteKey>, head: &Parts, reason: &BlockReason) {
    let Some(request_id) = request_id(&head.headers) else {
        return;
    };
    let Some(route) = route.cloned().or_else(|| NO_ROUTE.parse().ok()) else {
        return;
    };
    engine.decisions.record(DecisionRecord {
        request_id: request_id.to_owned(),
        at: engine.clock.now(),
        route,
        method: method_name(&head.method).to_owned(),
        passed: false,
        refused_by: None,
        cause: cause(reason),
        reason: Some(detail(engine, head, reason)),
        mode: CountingMode::Authoritative,
        steps: Vec::new(),
        skipped: Vec::new(),
    });
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
        // Limits remember theirs.
        BlockReason::RateLimited(_)
        | BlockReason::ConcurrencyLimited(_)
        | BlockReason::KeyMissing(_) => return None,
    })
}

/// What the operator has said, or what the request lacks.
fn detail(engine: &Inner, head: &Parts, reason: &BlockReason) -> String {
    fn joined(items: &[impl ToString]) -> String {
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        items.join(", ")
    }
    match reason {
        BlockReason::EnvGated { current, allowed } => {
            let allowed = joined(allowed);
            format!("this environment is {current}, and the route is served in: {allowed}")
        }
        BlockReason::IpNotAllowed => match RequestFacts::of_parts(head, engine).client_ip() {
            Some(ip) => format!("the client's address {ip} is in none of the allowed networks"),
            None => "the client's address is not known".to_owned(),
        },
        BlockReason::RoleRequired { roles } => {
            format!("the caller has none of the roles: {}", joined(roles))
        }
        _ => reason
            .text()
            .map_or_else(String::new, |text| text.as_str().to_owned()),
    }
}
