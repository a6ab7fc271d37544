use jiff::Timestamp;

use super::{
    Refused, ensure_ahead,
    recurring::{cancel_recurring, recur, skip},
};
use crate::model::{ExemptPath, GlobalMaintenance, RecurringMaintenance, WindowId};

/// A change that an operator requests for the maintenance of all routes, or of one service.
///
/// ```
/// use waygate_core::{Timestamp, model::GlobalMaintenance, transition::MaintenanceCommand};
///
/// let enable = MaintenanceCommand::Enable(GlobalMaintenance::new("upgrade".parse()?));
/// let now = Timestamp::now();
/// let on = enable.apply(&GlobalMaintenance::default(), now)?;
/// assert!(on.holds_at(now) && !MaintenanceCommand::Disable.apply(&on, now)?.holds_at(now));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MaintenanceCommand {
    /// Starts maintenance, immediately or at its start; replaces any earlier one. Recurring maintenance is kept.
    Enable(GlobalMaintenance),
    /// Ends maintenance, active or planned. Recurring maintenance is kept; its active window is skipped.
    Disable,
    /// Sets the routes that stay open, without starting or ending maintenance. Recurring maintenance has its own.
    SetExemptPaths(Vec<ExemptPath>),
    /// Adds recurring maintenance, or replaces that with the same id. It is active immediately if one of its windows
    /// covers the time of the command.
    Recur(Box<RecurringMaintenance>),
    /// Cancels recurring maintenance, or one of its windows; `None` is all recurring maintenance.
    Cancel(Option<WindowId>),
}

impl MaintenanceCommand {
    /// Returns the maintenance after the command.
    ///
    /// # Errors
    /// [`Refused`] if the command does not apply to this maintenance, which stays unchanged.
    pub fn apply(
        &self,
        before: &GlobalMaintenance,
        now: Timestamp,
    ) -> Result<GlobalMaintenance, Refused> {
        let mut next = before.clone().settled(now);
        match self {
            Self::Enable(config) => {
                ensure_ahead(config.end, now)?;
                let recurring = std::mem::take(&mut next.recurring);
                next = GlobalMaintenance {
                    enabled: true,
                    recurring,
                    ..config.clone()
                };
            }
            Self::Disable => {
                let mut recurring = std::mem::take(&mut next.recurring);
                skip(&mut recurring, now)?;
                next = GlobalMaintenance {
                    recurring,
                    ..GlobalMaintenance::default()
                };
            }
            Self::SetExemptPaths(paths) => next.exempt_paths.clone_from(paths),
            Self::Recur(recurring) => recur(&mut next.recurring, recurring)?,
            Self::Cancel(None) => next.recurring.clear(),
            Self::Cancel(Some(id)) => {
                if !cancel_recurring(&mut next.recurring, id)? {
                    return Err(Refused::NoSuchWindow(id.clone()));
                }
            }
        }
        Ok(next)
    }
}
