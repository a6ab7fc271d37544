//! Routes that are open only while a flag is on.

use waygate_core::{Printable, flag::ErrorCode, view::FlagGate};

use crate::engine::flags::DeclaredFlag;

/// The gate of a route: a declared flag, and the response while it is off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RouteGate {
    pub(crate) flag: &'static DeclaredFlag,
    /// The default of the flag.
    pub(crate) default: bool,
    /// 404 or 403.
    pub(crate) status: u16,
}

impl RouteGate {
    pub(crate) fn new(flag: &'static DeclaredFlag, status: u16) -> Self {
        Self {
            flag,
            default: flag.default_value() == serde_json::Value::Bool(true),
            status,
        }
    }

    /// Logs the first error of the flag.
    #[cold]
    pub(crate) fn warn(&self, code: ErrorCode) {
        if self.flag.warns() {
            tracing::warn!(
                flag = %Printable(self.flag.key()),
                error = %Printable(code),
                default = self.default,
                "a flag that gates a route cannot be evaluated, so its default is served; only the first error is logged"
            );
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
        Self::new(gate.flag.key(), gate.status)
    }
}
