//! The flags that gate routes.

use std::sync::Arc;

use waygate_core::{decision::Block, flag::ErrorCode};

use super::Snapshot;
use crate::engine::{canary::Canary, flags::RouteGate, request::Asked};

impl Snapshot {
    /// Returns `true` if the route in `slot` depends on flags.
    #[inline]
    pub(crate) fn is_flagged(&self, slot: usize) -> bool {
        self.slot(slot).is_some_and(|slot| slot.is_flagged)
    }

    /// All routes with two handlers.
    pub(crate) fn canaries(&self) -> impl Iterator<Item = &Arc<Canary>> {
        let routes = self.table.registered();
        routes.filter_map(|route| route.canary.as_ref())
    }

    /// Returns the two handlers of the route in `slot`.
    pub(crate) fn canary(&self, slot: usize) -> Option<Arc<Canary>> {
        self.table.route(slot)?.canary.clone()
    }

    /// Returns the refusal of a request for the route in `slot` by a flag that is off for its context.
    pub(crate) fn flag_off(&self, slot: Option<usize>, asked: &impl Asked) -> Option<Block<'_>> {
        let slot = slot?;
        let gates = &self.slot(slot)?.gates;
        let off = gates.iter().find(|gate| !self.is_on(slot, gate, asked))?;
        Some(Block::FlagOff {
            flag: off.flag.key(),
            status: off.status,
        })
    }

    fn is_on(&self, slot: usize, gate: &RouteGate, asked: &impl Asked) -> bool {
        #[cfg(feature = "testing")]
        if let Some(overrides) = crate::engine::flags::Overrides::current()
            && let Some(on) = overrides.get::<bool>(gate.flag)
        {
            return *on;
        }
        let on = match self.declared.get(gate.flag) {
            Some(stored) => {
                if stored.flag.constant().is_none() {
                    asked.depends_on_caller(slot, gate);
                }
                asked.is_on(&self.flags, &stored.flag)
            }
            None => Err(ErrorCode::FlagNotFound),
        };
        on.unwrap_or_else(|code| {
            asked.serves_default(&self.flags, slot, gate, code);
            gate.default
        })
    }

    /// Returns `true` if another snapshot evaluates all flags in the same way.
    pub(crate) fn has_flags_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.flags, &other.flags)
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
