//! The pure function from a state and a command to the next state.
//!
//! No I/O and no clock: time is an argument, so every rule can be tested against any history.

mod bounds;
mod command;
mod maintenance;
mod recurring;
mod refused;
mod windows;

use jiff::{SignedDuration, Timestamp};

use crate::{
    grammar::{Interval, Reason, whole_micros},
    model::{Disabled, Effective, Former, Lifecycle, Position, RouteState},
};

use self::{
    recurring::{recur, skip},
    windows::{cancel, drop_begun, plan},
};

pub use bounds::{MAX_RECURRING, MAX_WINDOWS};
pub use command::RouteCommand;
pub use maintenance::MaintenanceCommand;
pub use refused::Refused;

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
            let mut recurring = std::mem::take(&mut position.recurring);
            skip(&mut recurring, now)?;
            *position = Position {
                reason: reason.clone(),
                recurring,
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
                recurring: std::mem::take(&mut position.recurring),
            };
        }
        RouteCommand::EndMaintenance { .. }
            if matches!(position.lifecycle, Lifecycle::Disabled(_)) =>
        {
            return Err(Refused::StaysDisabled);
        }
        RouteCommand::EndMaintenance { reason } => end_maintenance(position, reason, now)?,
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
        RouteCommand::Recur(window) => recur(&mut position.recurring, window)?,
        RouteCommand::CancelSchedule { window } => cancel(position, window.as_ref())?,
        RouteCommand::EnvOnly { envs } if envs.is_empty() => return Err(Refused::NoEnvironment),
        RouteCommand::EnvOnly { envs } => {
            position.lifecycle = Lifecycle::Active;
            drop_begun(position, now)?;
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
    position.recurring.retain_mut(|window| window.settle(now));
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

fn end_maintenance(
    position: &mut Position,
    reason: &Reason,
    now: Timestamp,
) -> Result<(), Refused> {
    if !matches!(position.effective(now), Effective::Maintenance { .. }) {
        return Ok(());
    }
    position.lifecycle = Lifecycle::Active;
    position.reason = reason.clone();
    drop_begun(position, now)
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
