//! The closures of a route for all clients, for its documentation.

use std::net::IpAddr;

use waygate_core::{
    Timestamp,
    decision::{Block, Facts, Gates, Verdict, decide},
    grammar::RoleName,
    model::GlobalMaintenance,
};

use super::Snapshot;
use crate::engine::request::Asked;

/// A client that is not exempt from maintenance.
struct Unknown;

impl Facts for Unknown {
    fn client_ip(&self) -> Option<IpAddr> {
        None
    }

    fn has_role(&self, _: &RoleName) -> bool {
        false
    }
}

impl Snapshot {
    /// The refusal of each gate that closes the route in `slot` at `now`, in the order of decisions. Requests get the
    /// first one, which ends when all of them do.
    pub(crate) fn closures(
        &self,
        slot: usize,
        asked: &impl Asked,
        now: Timestamp,
    ) -> impl Iterator<Item = Block<'_>> {
        let Gates {
            global,
            service,
            route,
        } = self.gates(Some(slot), asked);
        let open = Gates::default();
        let each = [
            Gates { global, ..open },
            Gates { service, ..open },
            Gates { route, ..open },
        ];
        each.into_iter()
            .filter_map(move |gates| match decide(gates, &Unknown, || now) {
                Verdict::Block(block) => Some(block),
                _ => None,
            })
    }

    /// The global and service maintenance windows with a start that close the route in `slot` at some time.
    pub(crate) fn planned_maintenances(
        &self,
        slot: usize,
        asked: &impl Asked,
    ) -> impl Iterator<Item = &GlobalMaintenance> {
        let Gates {
            global, service, ..
        } = self.gates(Some(slot), asked);
        let all = [(global, &self.global), (service, &self.service)];
        let closing = all.into_iter().filter(|(rule, _)| rule.is_some());
        closing
            .map(|(_, maintained)| &*maintained.governing)
            .filter(|config| config.start.is_some())
    }
}
