//! The windows of a route.

use jiff::Timestamp;

use super::{
    Refused,
    bounds::MAX_WINDOWS,
    recurring::{cancel_recurring, skip},
};
use crate::{
    grammar::{Interval, Reason},
    model::{Disabled, Lifecycle, Position, Window, WindowId},
};

/// Drops the windows that have started, and skips those that recur.
pub(super) fn drop_begun(position: &mut Position, now: Timestamp) -> Result<(), Refused> {
    position
        .windows
        .retain(|window| !window.interval.contains(now));
    skip(&mut position.recurring, now)
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

/// Cancels one window of a route, recurring windows, or one of those that recur.
fn cancel_one(position: &mut Position, id: &WindowId) -> Result<(), Refused> {
    let before = position.windows.len();
    position.windows.retain(|window| window.id() != *id);
    let is_found =
        cancel_recurring(&mut position.recurring, id)? || position.windows.len() < before;
    match is_found {
        true => Ok(()),
        false => Err(Refused::NoSuchWindow(id.clone())),
    }
}

/// Cancels one window of a route, or all of them.
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
