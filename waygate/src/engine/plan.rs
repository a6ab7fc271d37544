//! What planned changes would do.

use std::{collections::BTreeMap, net::IpAddr};

use http::Method;
use waygate_core::{
    Timestamp,
    decision::{Facts, Verdict, decide},
    grammar::RoleName,
    model::{AuditEntry, LimitKey, LimitScope, RouteKey},
    view::{LimitKind, Plan, PlannedChange, PlannedLimit, PlannedRoute, RouteOutcome},
};

use super::{
    Waygate, kinds::MaintenanceScope, refusals::BlockReason, request::Asked, snapshot::Snapshot,
    staged::Staged, store::json, traffic::BlockedBy,
};

/// The minutes in which requests are counted.
const MINUTES: usize = 60;

/// Planned changes: their result, and what they would do.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, model::GlobalMaintenance};
///
/// let waygate = Waygate::builder().build().await?;
/// let upgrade = GlobalMaintenance::new("upgrade".parse()?);
/// let system = waygate.system();
/// let dry = system.dry_run(|dry| {
///     let upgrade = upgrade.clone();
///     async move { dry.enable_global_maintenance(upgrade).await }
/// });
/// let dry = dry.await?;
/// assert!(dry.value.maintenance.enabled);
/// assert_eq!(dry.plan.changes[0].path, "__global__");
/// assert!(!waygate.global_maintenance().maintenance.enabled);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DryRun<T> {
    /// The result that the changes would have.
    pub value: T,
    /// What the changes would do.
    pub plan: Plan,
}

/// Compares the state before and after the changes of a copy.
pub(crate) fn planned(waygate: &Waygate, staged: &Staged) -> Plan {
    let staging = &staged.staging;
    let (before, after) = (&*staging.before, &*staging.snapshot);
    let mut plan = Plan::at(staged.base().number);
    plan.routes = routes(before, after, waygate.inner.clock.now());
    plan.limits = limits(before, after);
    let affected = affected(&plan, &staging.lines, after);
    plan.requests = waygate.recent_requests(&affected, MINUTES);
    plan.changes = staging.lines.iter().map(change).collect();
    plan
}

fn routes(before: &Snapshot, after: &Snapshot, now: Timestamp) -> Vec<PlannedRoute> {
    let registered = after.table.iter().enumerate();
    let changed = registered.filter_map(|(slot, route)| {
        if after.table.is_gone(slot) {
            return None;
        }
        let one = outcome(before, slot, &route.key, now)?;
        let other = outcome(after, slot, &route.key, now)?;
        (one != other).then(|| PlannedRoute {
            key: route.key.to_string(),
            before: one,
            after: other,
        })
    });
    let mut changed: Vec<PlannedRoute> = changed.collect();
    changed.sort_by(|one, other| one.key.cmp(&other.key));
    changed
}

/// The decision about a request without an address, roles and flags for the route in `slot`.
fn outcome(
    snapshot: &Snapshot,
    slot: usize,
    key: &RouteKey,
    now: Timestamp,
) -> Option<RouteOutcome> {
    let status = snapshot.slot(slot)?.state.status(now);
    let anyone = Anyone::of(key);
    let block = match decide(snapshot.gates(Some(slot), &anyone), &anyone, || now) {
        Verdict::Block(block) => Some(BlockReason::of(block)),
        _ => None,
    };
    Some(RouteOutcome {
        status,
        blocked_by: block
            .as_ref()
            .map(|block| BlockedBy::of(block).as_str().to_owned()),
        reason: block
            .as_ref()
            .and_then(BlockReason::text)
            .map(ToString::to_string)
            .unwrap_or_default(),
        http_status: block.as_ref().map(|block| block.status().as_u16()),
    })
}

fn limits(before: &Snapshot, after: &Snapshot) -> Vec<PlannedLimit> {
    let (one, other) = (policies(before), policies(after));
    let mut keys: Vec<_> = one.keys().chain(other.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let differ = keys
        .into_iter()
        .filter(|key| one.get(key) != other.get(key));
    let shown = differ.map(|(key, kind)| PlannedLimit {
        key: (*key).clone(),
        kind: *kind,
        before: one.get(&(*key, *kind)).map(Fields::json),
        after: other.get(&(*key, *kind)).map(Fields::json),
    });
    shown.collect()
}

/// The fields of a limit of either kind.
#[derive(PartialEq)]
enum Fields<'a> {
    Rate(&'a waygate_core::model::RateLimitPolicy),
    Concurrency(&'a waygate_core::model::ConcurrencyPolicy),
}

impl Fields<'_> {
    fn json(&self) -> serde_json::Value {
        match self {
            Self::Rate(policy) => json(policy),
            Self::Concurrency(policy) => json(policy),
        }
    }
}

fn policies(snapshot: &Snapshot) -> BTreeMap<(&LimitKey, LimitKind), Fields<'_>> {
    let mut all = BTreeMap::new();
    for own in snapshot.all_limits() {
        for policy in &*own.rates {
            all.insert((&policy.key, LimitKind::Rate), Fields::Rate(&policy.fields));
        }
        for limit in &*own.concurrency {
            all.insert(
                (&limit.key, LimitKind::Concurrency),
                Fields::Concurrency(&limit.fields),
            );
        }
    }
    all
}

/// The routes that the changes apply to, also if they differ only for some clients, such as those of a network.
fn affected(plan: &Plan, lines: &[AuditEntry], snapshot: &Snapshot) -> Vec<RouteKey> {
    let table = &snapshot.table;
    let all = || table.iter().map(|route| route.key.clone());
    let changed = plan.routes.iter().map(|route| route.key.as_str());
    let changed = changed.chain(lines.iter().map(|line| line.path.as_str()));
    let mut affected: Vec<RouteKey> = changed.filter_map(|key| key.parse().ok()).collect();
    let own = snapshot.own_service.clone().map(MaintenanceScope::Service);
    let scopes = [MaintenanceScope::Global].into_iter().chain(own);
    let paths: Vec<_> = scopes.map(|scope| scope.audit_path()).collect();
    if lines.iter().any(|line| paths.contains(&line.path)) {
        affected.extend(all());
    }
    for limit in &plan.limits {
        match &limit.key.scope {
            LimitScope::Global => affected.extend(all()),
            // The limits of other services apply to no route here.
            LimitScope::Service(service) if snapshot.own_service.as_ref() == Some(service) => {
                affected.extend(all());
            }
            LimitScope::Service(_) => {}
            LimitScope::Route(key) => {
                let slot = table.exact(key).or_else(|| table.limited(key));
                let route = slot.and_then(|slot| table.route(slot));
                affected.extend(route.map(|route| route.key.clone()));
            }
        }
    }
    affected.sort();
    affected.dedup();
    affected
}

fn change(line: &AuditEntry) -> PlannedChange {
    PlannedChange {
        path: line.path.clone(),
        action: line.action.clone(),
        reason: line.reason.clone(),
        previous: line.previous.clone(),
        new: line.new.clone(),
        dropped: line.dropped.clone(),
    }
}

/// A request of a client that nothing is known about.
struct Anyone(Method);

impl Anyone {
    fn of(route: &RouteKey) -> Self {
        let method = route.method().map(|method| method.as_str().as_bytes());
        let method = method.and_then(|method| Method::from_bytes(method).ok());
        Self(method.unwrap_or_default())
    }
}

impl Facts for Anyone {
    fn client_ip(&self) -> Option<IpAddr> {
        None
    }

    fn has_role(&self, _: &RoleName) -> bool {
        false
    }
}

impl Asked for Anyone {
    fn method(&self) -> &Method {
        &self.0
    }

    fn names(&self) -> [Option<&str>; 3] {
        [None; 3]
    }

    fn is_unhandled_preflight(&self) -> bool {
        false
    }

    #[cfg(feature = "flags")]
    fn is_on(
        &self,
        _: &waygate_core::flag::FlagSet,
        _: &waygate_core::flag::CompiledFlag,
    ) -> Result<bool, waygate_core::flag::ErrorCode> {
        Ok(true)
    }

    #[cfg(feature = "flags")]
    fn depends_on_caller(&self, _: usize, _: &crate::engine::RouteGate) {}

    #[cfg(feature = "flags")]
    fn serves_default(
        &self,
        _: &std::sync::Arc<waygate_core::flag::FlagSet>,
        _: usize,
        _: &crate::engine::RouteGate,
        _: waygate_core::flag::ErrorCode,
    ) {
    }
}
