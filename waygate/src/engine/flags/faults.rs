//! Flags that work only in part, in health and in the report.

use std::sync::Arc;

use waygate_core::{
    Printable,
    flag::{ErrorCode, FlagSet},
    model::RouteKey,
};

use super::{RouteGate, is_fault};
use crate::engine::{Component, Inner, Snapshot, limits::caller_around};

/// The most of them in one message.
const MOST: usize = 20;

impl Inner {
    /// Describes the flags and segments that work only in part, those of the program that were not written, and the
    /// gates that serve the default of their flag.
    pub(crate) fn flag_faults(&self) -> Vec<String> {
        let snapshot = self.snapshot.load();
        let faults = snapshot.flag_notes.faults().chain(self.sowing.refused());
        faults.chain(snapshot.gate_faults()).collect()
    }

    /// Counts a request that a gate decided with the default of its flag. The first with an error since the last change
    /// of the flags is logged.
    pub(crate) fn note_gate(
        &self,
        flags: &Arc<FlagSet>,
        slot: usize,
        gate: &RouteGate,
        code: ErrorCode,
    ) {
        if code == ErrorCode::FlagNotFound {
            flags.count_missing(gate.flag.key());
        }
        if !gate.facts.fail(code) {
            return;
        }
        // A change that came meanwhile may have mended the flag. If it comes later, it clears the error.
        let snapshot = self.snapshot.load();
        if !Arc::ptr_eq(&snapshot.flags, flags) {
            return gate.facts.clear(code);
        }
        let Some(route) = snapshot.table.route(slot) else {
            return;
        };
        tracing::warn!(
            route = %Printable(&route.key),
            flag = %Printable(gate.flag.key()),
            default = %Printable(gate.default),
            error = %Printable(code),
            "a flag that gates a route cannot be evaluated, so its default is served; only the first request with this \
             error since the last change of the flags is logged"
        );
        if is_fault(code) {
            self.note_flags();
        }
    }

    /// Counts a request without a caller at a gate with a flag that depends on it. The first one of the route is logged.
    pub(crate) fn note_without_caller(&self, slot: usize, gate: &RouteGate) {
        let snapshot = self.snapshot.load();
        if !gate.facts.without_caller.notice() {
            return;
        }
        let Some(route) = snapshot.table.route(slot) else {
            return;
        };
        tracing::info!(
            route = %Printable(&route.key),
            flag = %Printable(gate.flag.key()),
            "a request carries no caller, so the flag that gates its route is evaluated without one; if callers are \
             known, {}; only the first such request is logged, and all are counted as `without_caller`",
            Printable(caller_around(None))
        );
    }

    /// Counts a request that had no caller at the gates of the route in `slot`, and has one in its handler. The first one
    /// of the route is logged.
    pub(crate) fn note_late_caller(&self, slot: usize, snapshot: &Snapshot) {
        let Some(route) = snapshot.table.route(slot) else {
            return;
        };
        for gate in &route.gates {
            // The value of other gates is that of all callers.
            if snapshot.gate_for_all(gate).is_some() || !gate.facts.late_callers.notice() {
                continue;
            }
            tracing::warn!(
                route = %Printable(&route.key),
                flag = %Printable(gate.flag.key()),
                "a gate was decided without the caller that the handler has, so both may see another value of the flag; \
                 {}; only the first such request is logged, and all are counted as `late_callers`",
                Printable(caller_around(None))
            );
            self.note_flags();
        }
    }

    /// Updates the health of flags.
    pub(crate) fn note_flags(&self) {
        let mut faults = self.flag_faults();
        if faults.is_empty() {
            return self.monitor.recover(Component::Flags);
        }
        let more = faults.len().saturating_sub(MOST);
        faults.truncate(MOST);
        if more > 0 {
            faults.push(format!("and {more} more"));
        }
        let cause = faults.join("; ");
        self.monitor
            .degrade(Component::Flags, cause, self.clock.now());
    }
}

impl Snapshot {
    /// Describes the gates that serve the default of their flag.
    fn gate_faults(&self) -> impl Iterator<Item = String> {
        let gates = self.table.registered().flat_map(|route| {
            let gates = route.gates.iter();
            gates.map(|gate| (&route.key, gate))
        });
        gates.flat_map(|(route, gate)| {
            let errors = gate.facts.errors().filter(|code| is_fault(*code));
            let of_flag = errors.map(|code| gate_fault(route, gate, code));
            of_flag.chain(self.caller_fault(route, gate))
        })
    }

    /// Describes a gate that does not see the callers of its handler.
    fn caller_fault(&self, route: &RouteKey, gate: &RouteGate) -> Option<String> {
        let is_wrong = gate.facts.late_callers.count() > 0 && self.gate_for_all(gate).is_none();
        is_wrong.then(|| {
            format!(
                "`{}`: the gate of the flag `{}` is decided without the caller that the handler has: {}",
                Printable(route),
                gate.flag.key(),
                caller_around(None)
            )
        })
    }

    /// Forgets the errors of gates, after a change of the flags.
    pub(crate) fn forget_gate_errors(&self) {
        let gates = self.table.registered().flat_map(|route| &route.gates);
        gates.for_each(|gate| {
            gate.facts.forget();
        });
    }
}

fn gate_fault(route: &RouteKey, gate: &RouteGate, code: ErrorCode) -> String {
    let (route, key, default) = (Printable(route), gate.flag.key(), gate.default);
    let cause = match code {
        ErrorCode::TypeMismatch => "has a value that is no boolean: change its variations",
        ErrorCode::General => "has too many or too deep prerequisites",
        _ => "has no value for some requests",
    };
    format!("`{route}`: the flag `{key}` {cause} ({code}); the gate serves the default {default}")
}
