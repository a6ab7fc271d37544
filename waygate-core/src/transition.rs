//! The pure function from a state and a command to the next state.
//!
//! No I/O and no clock: time is an argument, so every rule can be tested against any history.

use jiff::{SignedDuration, Timestamp};

use crate::{
    grammar::{EnvName, Interval, Reason, whole_micros},
    model::{
        Access, Action, Deprecation, Disabled, Effective, Former, Lifecycle, Position, RouteState,
        Window, WindowId,
    },
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
    /// Opens the route everywhere, immediately, and drops its windows and its environment gate.
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
    /// Ends the active maintenance only: started windows are dropped, later ones and the environment gate are kept. Changes
    /// nothing if the route is not in maintenance.
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
    /// Cancels one window, or all of them; during a window the route returns to its previous state immediately. All
    /// of them includes the end of a disable, which then lasts until changed.
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
            Self::Schedule { .. } => Action::Schedule,
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

/// A command that does not apply to the current state, which stays unchanged.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     model::RouteState,
///     transition::{Refused, RouteCommand, transition},
/// };
///
/// let forced = RouteState::default().force_active(true);
/// let command = RouteCommand::Maintain { reason: "database upgrade".parse()? };
/// let refused = transition(&forced, &RouteState::default(), &command, Timestamp::now());
/// assert_eq!(refused, Err(Refused::ForceActive));
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The route is declared `#[force_active]`.
    #[error("the route is declared force-active and cannot have its state changed")]
    ForceActive,
    /// The window, or the end of the disable, is in the past.
    #[error("the time span has already ended: {end} is not after {now}")]
    Ended {
        /// The end of the span.
        end: Timestamp,
        /// The time of the command.
        now: Timestamp,
    },
    /// There is no window of this name.
    #[error("no such window: `{0}`")]
    NoSuchWindow(WindowId),
    /// The route is disabled for longer than the window lasts.
    #[error(
        "the route is disabled {}, so that the window would change nothing: enable it, or disable it until a time",
        until.map_or_else(|| "until changed".to_owned(), |until| format!("until {until}"))
    )]
    Disabled {
        /// The end of the disable; `None` is until changed.
        until: Option<Timestamp>,
    },
    /// The route is not only in maintenance.
    #[error("the route is disabled, so that the end of a maintenance would not open it: enable it")]
    StaysDisabled,
    /// The route has the maximum number of windows.
    #[error("a route may have {MAX_WINDOWS} windows; cancel some first")]
    TooManyWindows,
    /// An environment gate without an environment would close the route everywhere.
    #[error(
        "an environment gate names at least one environment; to close the route everywhere, disable it"
    )]
    NoEnvironment,
}

crate::debug_as_message!(Refused);

/// The most windows of one route.
pub const MAX_WINDOWS: usize = 256;

/// Tolerance for clients with a clock that is ahead: a start up to this much later counts as now.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// The time after a disable during which a started window is taken for its end.
///
/// The Python CLI sends `disable --until` as two requests: disable, then schedule from now on. Later,
/// such a window is another operator's plan, and must not open a route that was disabled for good.
const JUST_NOW: SignedDuration = SignedDuration::from_secs(60);

/// Returns the state after `command`, given the state before, the declaration and the time.
///
/// # Errors
/// [`Refused`] if the command does not apply to this state, which stays unchanged.
pub fn transition(
    current: &RouteState,
    declared: &RouteState,
    command: &RouteCommand,
    now: Timestamp,
) -> Result<RouteState, Refused> {
    let forced = declared.force_active || current.force_active;
    if forced && !matches!(command, RouteCommand::Reset) {
        return Err(Refused::ForceActive);
    }
    let mut next = current.clone();
    settle(&mut next.position, now);
    let position = &mut next.position;
    match command {
        RouteCommand::Enable { reason } => {
            *position = Position {
                reason: reason.clone(),
                ..Position::default()
            };
        }
        RouteCommand::Disable { reason, until } => {
            let until = until.map(whole_micros);
            ensure_ahead(until, now)?;
            disable(position, reason, until, now);
        }
        RouteCommand::Maintain { reason } => {
            *position = Position {
                lifecycle: Lifecycle::Maintenance,
                reason: reason.clone(),
                envs: position.envs.take(),
                windows: Vec::new(),
            };
        }
        RouteCommand::EndMaintenance { .. }
            if matches!(position.lifecycle, Lifecycle::Disabled(_)) =>
        {
            return Err(Refused::StaysDisabled);
        }
        RouteCommand::EndMaintenance { reason } => end_maintenance(position, reason, now),
        RouteCommand::Schedule { interval, reason } => {
            ensure_ahead(Some(interval.end()), now)?;
            if !ends_disabling(position, *interval, now) {
                plan(position, *interval, reason)?;
            }
        }
        RouteCommand::MaintainUntil { end, reason } => {
            let end = whole_micros(*end);
            ensure_ahead(Some(end), now)?;
            let interval = Interval::new(whole_micros(now), end);
            let interval = interval.map_err(|_| Refused::Ended { end, now })?;
            plan(position, interval, reason)?;
        }
        RouteCommand::CancelSchedule { window } => cancel(position, window.as_ref())?,
        RouteCommand::EnvOnly { envs } if envs.is_empty() => return Err(Refused::NoEnvironment),
        RouteCommand::EnvOnly { envs } => {
            position.lifecycle = Lifecycle::Active;
            drop_begun(position, now);
            position.envs = Some(envs.clone());
            position.reason = Reason::default();
        }
        RouteCommand::Deprecate(deprecation) => next.deprecation = deprecation.clone(),
        RouteCommand::SetAccess(access) => next.access = access.clone(),
        RouteCommand::Reset => next = declared.clone(),
    }
    Ok(next)
}

/// Forgets past changes: a temporary disable that expired, windows that ended, and the maintenance that ended with
/// them.
fn settle(position: &mut Position, now: Timestamp) {
    if let Lifecycle::Disabled(disabled) = &mut position.lifecycle
        && disabled.until.is_some_and(|until| until <= now)
    {
        let former = std::mem::take(&mut disabled.former);
        position.reason = former.reason;
        position.lifecycle = if former.maintenance {
            Lifecycle::Maintenance
        } else {
            Lifecycle::Active
        };
    }
    if position.planned_end().is_some_and(|end| end <= now) {
        match &mut position.lifecycle {
            Lifecycle::Active => {}
            Lifecycle::Maintenance => {
                position.lifecycle = Lifecycle::Active;
                position.reason = Reason::default();
            }
            Lifecycle::Disabled(disabled) if disabled.former.maintenance => {
                disabled.former = Former::default();
            }
            Lifecycle::Disabled(_) => {}
        }
    }
    position
        .windows
        .retain(|window| window.interval.end() > now);
}

fn ensure_ahead(end: Option<Timestamp>, now: Timestamp) -> Result<(), Refused> {
    match end {
        Some(end) if end <= now => Err(Refused::Ended { end, now }),
        _ => Ok(()),
    }
}

fn disable(position: &mut Position, reason: &Reason, until: Option<Timestamp>, now: Timestamp) {
    let was = std::mem::replace(&mut position.reason, reason.clone());
    let former = match std::mem::take(&mut position.lifecycle) {
        Lifecycle::Disabled(disabled) => disabled.former,
        lifecycle => Former {
            maintenance: lifecycle == Lifecycle::Maintenance,
            reason: was,
        },
    };
    position.lifecycle = Lifecycle::Disabled(Disabled {
        since: Some(whole_micros(now)),
        until,
        former,
    });
}

fn end_maintenance(position: &mut Position, reason: &Reason, now: Timestamp) {
    if !matches!(position.effective(now), Effective::Maintenance { .. }) {
        return;
    }
    position.lifecycle = Lifecycle::Active;
    position.reason = reason.clone();
    drop_begun(position, now);
}

/// Drops the windows that have started.
fn drop_begun(position: &mut Position, now: Timestamp) {
    position
        .windows
        .retain(|window| !window.interval.contains(now));
}

/// Returns whether a window is meant as the end of a disable, and makes it that.
fn ends_disabling(position: &mut Position, interval: Interval, now: Timestamp) -> bool {
    if let Lifecycle::Disabled(disabled) = &mut position.lifecycle
        && interval.start().duration_since(now) <= CLOCK_SKEW
        && disabled
            .since
            .is_some_and(|since| now.duration_since(since) <= JUST_NOW)
    {
        disabled.until = Some(interval.end());
        return true;
    }
    false
}

/// Adds a window.
fn plan(position: &mut Position, interval: Interval, reason: &Reason) -> Result<(), Refused> {
    if let Lifecycle::Disabled(Disabled { until, .. }) = &position.lifecycle
        && until.is_none_or(|until| until >= interval.end())
    {
        return Err(Refused::Disabled { until: *until });
    }
    let windows = &mut position.windows;
    windows.retain(|window| window.interval != interval);
    if windows.len() >= MAX_WINDOWS {
        return Err(Refused::TooManyWindows);
    }
    windows.push(Window {
        interval,
        reason: reason.clone(),
    });
    Ok(())
}

fn cancel(position: &mut Position, window: Option<&WindowId>) -> Result<(), Refused> {
    let before = position.windows.len();
    match window {
        Some(id) => position.windows.retain(|candidate| candidate.id() != *id),
        None => position.windows.clear(),
    }
    match (window, &mut position.lifecycle) {
        (Some(id), _) if position.windows.len() == before => Err(Refused::NoSuchWindow(id.clone())),
        (None, Lifecycle::Disabled(disabled)) => {
            disabled.until = None;
            Ok(())
        }
        _ => Ok(()),
    }
}
