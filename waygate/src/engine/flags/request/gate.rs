//! Routes that are open only while a flag is on.

use std::sync::Arc;

use waygate_core::view::FlagGate;

use super::gate_facts::GateFacts;
use crate::engine::flags::DeclaredFlag;

/// The gate of a route: a declared flag, and the response while it is off.
#[derive(Debug, Clone)]
pub(crate) struct RouteGate {
    pub(crate) flag: &'static DeclaredFlag,
    /// The default of the flag.
    pub(crate) default: bool,
    /// 404 or 403.
    pub(crate) status: u16,
    /// The decisions without the flag, shared by the snapshots of the route.
    pub(crate) facts: Arc<GateFacts>,
}

impl RouteGate {
    pub(crate) fn new(flag: &'static DeclaredFlag, status: u16) -> Self {
        Self {
            flag,
            default: flag.default_value() == serde_json::Value::Bool(true),
            status,
            facts: Arc::default(),
        }
    }

    /// The gate of one route of a handler.
    pub(crate) fn of_route(&self) -> Self {
        Self {
            facts: Arc::default(),
            ..*self
        }
    }
}

impl PartialEq for RouteGate {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.flag, other.flag) && self.status == other.status
    }
}

impl From<&RouteGate> for FlagGate {
    fn from(gate: &RouteGate) -> Self {
        let mut view = Self::new(gate.flag.key(), gate.status);
        view.default = gate.default;
        view.defaults = gate.facts.defaults();
        view.without_caller = gate.facts.without_caller.count();
        view.late_callers = gate.facts.late_callers.count();
        view.errors = gate.facts.errors().map(|code| code.to_string()).collect();
        view
    }
}
