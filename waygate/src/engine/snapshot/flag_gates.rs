//! The flags that gate routes.

use std::sync::Arc;

use waygate_core::{decision::Block, flag::FlagType};

use super::Snapshot;
use crate::engine::{canary::Canary, flags::RouteGate, request::Asked};

impl Snapshot {
    /// Returns `true` if the route in `slot` depends on flags.
    #[inline]
    pub(crate) fn is_flagged(&self, slot: usize) -> bool {
        self.slot(slot).is_some_and(|slot| slot.is_flagged)
    }

    /// Returns the two handlers of the route in `slot`.
    pub(crate) fn canary(&self, slot: usize) -> Option<Arc<Canary>> {
        self.table.route(slot)?.canary.clone()
    }

    /// Returns the refusal of a request for the route in `slot` by a flag that is off for its context.
    pub(crate) fn flag_off(&self, slot: Option<usize>, asked: &impl Asked) -> Option<Block<'_>> {
        let gates = &self.slot(slot?)?.gates;
        let off = gates.iter().find(|gate| !self.is_on(gate, asked))?;
        Some(Block::FlagOff {
            flag: off.flag.key(),
            status: off.status,
        })
    }

    /// The default of the declaration stands in for a flag without a value: counted, and logged or reported.
    fn is_on(&self, gate: &RouteGate, asked: &impl Asked) -> bool {
        #[cfg(feature = "testing")]
        if let Some(overrides) = crate::engine::flags::Overrides::current()
            && let Some(on) = overrides.get::<bool>(gate.flag)
        {
            return *on;
        }
        let Some(stored) = self.declared.get(gate.flag) else {
            self.flags.count_missing(gate.flag.key());
            return gate.default;
        };
        match asked.is_on(&self.flags, &stored.flag) {
            Ok(on) => on,
            Err(code) => {
                gate.warn(code);
                gate.default
            }
        }
    }

    /// Describes the routes whose gate has no boolean value.
    pub(crate) fn gate_faults(&self) -> impl Iterator<Item = String> {
        let routes = self.table.registered();
        let gates = routes.flat_map(|route| route.gates.iter().map(move |gate| (route, gate)));
        gates.filter_map(|(route, gate)| {
            let stored = self.declared.get(gate.flag)?;
            let value_type = stored.flag.definition().value_type;
            (value_type != FlagType::Boolean).then(|| {
                format!(
                    "the flag `{}` gates `{}`, and is stored with the type {value_type}: its default {} is served; store \
                     it as boolean",
                    gate.flag.key(),
                    route.key,
                    gate.default
                )
            })
        })
    }

    /// Returns the value of a gate that is the same for all contexts, if it is.
    pub(crate) fn gate_for_all(&self, gate: &RouteGate) -> Option<bool> {
        match self.declared.get(gate.flag) {
            None => Some(gate.default),
            Some(stored) => stored
                .flag
                .constant()
                .map(|value| value.as_bool().unwrap_or(gate.default)),
        }
    }
}
