use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{RouteStatus, text};

/// Who asked for a change, and through what.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The user, or `system`, `scheduler`, `anonymous`.
    pub actor: String,
    /// `cli`, `dashboard`, `sdk`, `system`, …
    pub platform: String,
}

impl Origin {
    /// `actor`, acting through `platform`.
    pub fn new(actor: impl Into<String>, platform: impl Into<String>) -> Self {
        Self {
            actor: actor.into(),
            platform: platform.into(),
        }
    }

    /// The program itself.
    pub fn system() -> Self {
        Self::new("system", "system")
    }

    /// Time: a window began or ended, a temporary disable ran out.
    pub fn scheduler() -> Self {
        Self::new("scheduler", "system")
    }
}

/// What was done (wire contract section 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Action {
    Enable,
    Disable,
    MaintenanceOn,
    EnvGate,
    Schedule,
    ScheduleCancelled,
    Deprecate,
    AccessSet,
    Reset,
    Purge,
    GlobalMaintenanceOn,
    GlobalMaintenanceOff,
    GlobalExemptPathsSet,
    Login,
    Logout,
    LoginRefused,
    TokenCreated,
    TokenRevoked,
    /// An action that this version does not know.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// One line of the audit log: one change, written in the same commit as the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Unique.
    pub id: Uuid,
    /// When, in UTC.
    #[serde(with = "text::instant")]
    pub timestamp: Timestamp,
    /// The route key, or `__global__`.
    pub path: String,
    /// The service, in a fleet.
    pub service: Option<String>,
    /// What was done.
    pub action: Action,
    /// Who.
    pub actor: String,
    /// Through what.
    pub platform: String,
    /// Why; may be empty.
    pub reason: String,
    /// The status before.
    pub previous_status: Option<RouteStatus>,
    /// The status after.
    pub new_status: Option<RouteStatus>,
    /// The commit that made the change; filled in by the backend.
    #[serde(default)]
    pub revision: u64,
    /// The stored value before, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<serde_json::Value>,
    /// The stored value after, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<serde_json::Value>,
}
