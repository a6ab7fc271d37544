//! The windows of a route.

use jiff::Timestamp;

use super::Refused;
use crate::{
    grammar::{Interval, Reason},
    model::{Disabled, Lifecycle, Position, RecurringWindow, Window, WindowId},
};

/// The most windows of one route.
pub const MAX_WINDOWS: usize = 256;

/// The most recurring windows of one route.
pub const MAX_RECURRING: usize = 16;

/// Drops the windows that have started, and skips those that recur.
pub(super) fn drop_begun(position: &mut Position, now: Timestamp) -> Result<(), Refused> {
    position
        .windows
        .retain(|window| !window.interval.contains(now));
    skip(&mut position.recurring, now)
}

/// Skips the windows that cover an instant.
pub(super) fn skip(recurring: &mut [RecurringWindow], now: Timestamp) -> Result<(), Refused> {
    for window in recurring {
        // Overlapping exceptions of one day may leave none.
        if window.current(now).is_some() && window.is_full() {
            return Err(Refused::TooManyExceptions(window.id()));
        }
        window.skip(now);
    }
    Ok(())
}

/// Adds a window.
pub(super) fn plan(
    position: &mut Position,
    interval: Interval,
    reason: &Reason,
) -> Result<(), Refused> {
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

/// Adds recurring windows.
pub(super) fn recur(position: &mut Position, window: &RecurringWindow) -> Result<(), Refused> {
    let id = window.id();
    let recurring = &mut position.recurring;
    recurring.retain(|known| known.id() != id);
    if recurring.len() >= MAX_RECURRING {
        return Err(Refused::TooManyRecurring);
    }
    recurring.push(window.clone());
    Ok(())
}

pub(super) fn cancel(position: &mut Position, window: Option<&WindowId>) -> Result<(), Refused> {
    match (window, &mut position.lifecycle) {
        (Some(id), _) => return cancel_one(position, id),
        (None, Lifecycle::Disabled(disabled)) => disabled.until = None,
        (None, _) => {}
    }
    position.windows.clear();
    position.recurring.clear();
    Ok(())
}

fn cancel_one(position: &mut Position, id: &WindowId) -> Result<(), Refused> {
    let count = |position: &Position| position.windows.len() + position.recurring.len();
    let before = count(position);
    position.windows.retain(|window| window.id() != *id);
    position.recurring.retain(|window| window.id() != *id);
    let mut found = count(position) < before;
    if let Some(start) = id.start() {
        for window in &mut position.recurring {
            if window
                .current(start)
                .is_some_and(|one| WindowId::from(one) == *id)
            {
                skip(std::slice::from_mut(window), start)?;
                found = true;
            }
        }
    }
    match found {
        true => Ok(()),
        false => Err(Refused::NoSuchWindow(id.clone())),
    }
}
