use jiff::Timestamp;

use crate::{
    grammar::{EnvName, Interval, Reason},
    model::{Access, Action, Deprecation, RecurringWindow, WindowId},
};

/// A change that an operator requests for one route.
///
/// ```
/// use waygate_core::{model::Action, transition::RouteCommand};
///
/// let command = RouteCommand::Maintain { reason: "database upgrade".parse()? };
/// assert_eq!(command.action(), Action::MaintenanceOn);
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteCommand {
    /// Opens the route everywhere, immediately, and drops its windows and its environment gate. Recurring windows are
    /// kept; one that covers the time of the command is skipped.
    Enable {
        /// The reason.
        reason: Reason,
    },
    /// Closes the route immediately. Windows and environments are kept for later.
    Disable {
        /// The reason.
        reason: Reason,
        /// The time when the current state is restored; `None` is never.
        until: Option<Timestamp>,
    },
    /// Starts maintenance immediately and until changed. Windows are dropped, as they have no effect.
    Maintain {
        /// The reason.
        reason: Reason,
    },
    /// Starts maintenance immediately and until `end`, as a window that starts now. It never becomes the end of a
    /// disable.
    MaintainUntil {
        /// The end.
        end: Timestamp,
        /// The reason.
        reason: Reason,
    },
    /// Ends the active maintenance only: started windows are dropped, and those that recur are skipped; later ones and
    /// the environment gate are kept. Changes nothing if the route is not in maintenance.
    EndMaintenance {
        /// The reason.
        reason: Reason,
    },
    /// Adds a maintenance window. It ends the maintenance of a route that was in maintenance until changed: such a
    /// route stays closed until its first window has ended. Right after a [`Disable`](Self::Disable), a window that
    /// has started sets the end of the disable instead.
    Schedule {
        /// The span.
        interval: Interval,
        /// The reason.
        reason: Reason,
    },
    /// Adds recurring maintenance windows, or replaces those with the same id. The route is in maintenance immediately
    /// if one of them covers the time of the command.
    Recur(Box<RecurringWindow>),
    /// Cancels one window, recurring windows, one of those that recur, or all of them; during a window the route
    /// returns to its previous state immediately. All of them includes the end of a disable, which then lasts until
    /// changed.
    CancelSchedule {
        /// The window; `None` is all.
        window: Option<WindowId>,
    },
    /// Opens the route only in these environments, immediately, and drops its reason. Windows that have not started
    /// are kept.
    EnvOnly {
        /// The environments; at least one.
        envs: Vec<EnvName>,
    },
    /// Sets or removes the deprecation of the route.
    Deprecate(Option<Deprecation>),
    /// Sets the callers that may use the route.
    SetAccess(Access),
    /// Restores the declared state. Never refused.
    Reset,
}

impl RouteCommand {
    /// Returns the action in the audit log.
    pub fn action(&self) -> Action {
        match self {
            Self::Enable { .. } => Action::Enable,
            Self::Disable { .. } => Action::Disable,
            Self::Maintain { .. } | Self::MaintainUntil { .. } => Action::MaintenanceOn,
            Self::EndMaintenance { .. } => Action::MaintenanceOff,
            Self::Schedule { .. } | Self::Recur(_) => Action::Schedule,
            Self::CancelSchedule { .. } => Action::ScheduleCancelled,
            Self::EnvOnly { .. } => Action::EnvGate,
            Self::Deprecate(_) => Action::Deprecate,
            Self::SetAccess(_) => Action::AccessSet,
            Self::Reset => Action::Reset,
        }
    }

    /// Returns the reason in the audit log.
    pub fn audit_reason(&self) -> String {
        match self {
            Self::Enable { reason }
            | Self::Disable { reason, .. }
            | Self::Maintain { reason }
            | Self::MaintainUntil { reason, .. }
            | Self::EndMaintenance { reason }
            | Self::Schedule { reason, .. } => reason.to_string(),
            Self::EnvOnly { envs } => {
                let quoted: Vec<String> = envs.iter().map(|env| format!("'{env}'")).collect();
                format!("Restricted to: [{}]", quoted.join(", "))
            }
            Self::Recur(window) => window.reason().to_string(),
            Self::CancelSchedule {
                window: Some(window),
            } => window.to_string(),
            Self::CancelSchedule { window: None }
            | Self::Deprecate(_)
            | Self::SetAccess(_)
            | Self::Reset => String::new(),
        }
    }
}
