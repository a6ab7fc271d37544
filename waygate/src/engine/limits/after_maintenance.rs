//! Resets the counters of routes with maintenance that has ended: what clients used before it says nothing about what
//! they need now.

use waygate_core::model::{Action, AuditEntry, LimitScope, RouteStatus};

use super::replace::{audit_path, service};
use crate::engine::{
    kinds::{CounterReset, CounterResets, Generation, Generations, MaintenanceScope, Timed},
    tx::Tx,
};

/// Returns whether a change of the status ends maintenance, and opens what it closed.
pub(crate) fn ends_maintenance(from: RouteStatus, to: RouteStatus) -> bool {
    use RouteStatus::{Disabled, Maintenance};
    from == Maintenance && !matches!(to, Maintenance | Disabled)
}

impl Tx<'_> {
    /// Adds lines about scheduled transitions. If one of them ends maintenance, counters are reset.
    pub(crate) fn audit_transitions(&mut self, timed: &Timed, lines: Vec<AuditEntry>) {
        let ends = |line: &AuditEntry| {
            let statuses = line.previous_status.zip(line.new_status);
            statuses.is_some_and(|(from, to)| ends_maintenance(from, to))
        };
        let is_end = lines.iter().any(ends);
        for line in lines {
            self.audit(line);
        }
        if is_end {
            self.reset_after_maintenance(timed);
        }
    }

    /// Resets the counters of a route, of a service or of all routes, in the same commit as the end of its maintenance.
    pub(crate) fn reset_after_maintenance(&mut self, timed: &Timed) {
        if self.engine.limiting.keep_after_maintenance {
            return;
        }
        let snapshot = self.snapshot();
        let all = snapshot.all_limits().flat_map(|own| &*own.rates);
        let (scope, is_limited) = match timed {
            Timed::Route(route) => {
                let of_route =
                    |scope: &LimitScope| matches!(scope, LimitScope::Route(of) if of == route);
                let keys = all.map(|policy| &policy.key);
                let keys: Vec<_> = keys.filter(|key| of_route(&key.scope)).cloned().collect();
                for key in &keys {
                    let generation = self.stored.own_generation(key) + 1;
                    self.put::<Generations>(key, &Generation { generation });
                }
                (LimitScope::Route(route.clone()), !keys.is_empty())
            }
            Timed::Maintenance(scope) => {
                // Other processes may have limits that this one does not know.
                let resets = self.stored.counter_resets(scope) + 1;
                self.put::<CounterResets>(scope, &CounterReset { resets });
                (scope.into(), all.count() > 0)
            }
        };
        if is_limited {
            let mut entry = self.line(reset_action(timed), &audit_path(&scope));
            entry.service = service(&scope);
            entry.reason = "after maintenance".to_owned();
            self.audit(entry);
        }
    }
}

fn reset_action(timed: &Timed) -> Action {
    match timed {
        Timed::Route(_) => Action::RlReset,
        Timed::Maintenance(MaintenanceScope::Global) => Action::GlobalRlReset,
        Timed::Maintenance(MaintenanceScope::Service(_)) => Action::SvcRlReset,
    }
}
