//! The recurring windows of a route, or of maintenance.

use jiff::Timestamp;

use super::{Refused, bounds::MAX_RECURRING};
use crate::model::{RecurringMaintenance, RecurringWindow, WindowId};

/// Something with recurring windows.
pub(super) trait Recurs: Clone {
    fn window(&self) -> &RecurringWindow;
    fn window_mut(&mut self) -> &mut RecurringWindow;
}

impl Recurs for RecurringWindow {
    fn window(&self) -> &RecurringWindow {
        self
    }

    fn window_mut(&mut self) -> &mut RecurringWindow {
        self
    }
}

impl Recurs for RecurringMaintenance {
    fn window(&self) -> &RecurringWindow {
        &self.window
    }

    fn window_mut(&mut self) -> &mut RecurringWindow {
        &mut self.window
    }
}

/// Adds recurring windows, or replaces those with the same id.
pub(super) fn recur<T: Recurs>(all: &mut Vec<T>, new: &T) -> Result<(), Refused> {
    let id = new.window().id();
    let known = all.iter().position(|known| known.window().id() == id);
    match known {
        Some(known) => all[known] = new.clone(),
        None if all.len() >= MAX_RECURRING => return Err(Refused::TooManyRecurring),
        None => all.push(new.clone()),
    }
    Ok(())
}

/// Skips the windows that cover an instant.
pub(super) fn skip<T: Recurs>(all: &mut [T], now: Timestamp) -> Result<(), Refused> {
    for window in all.iter_mut().map(Recurs::window_mut) {
        if window.current(now).is_some() && window.is_full() {
            return Err(Refused::TooManyExceptions(window.id()));
        }
        window.skip(now);
    }
    Ok(())
}

/// Cancels recurring windows, or skips one of those that recur. Returns `false` if there is none of this id.
pub(super) fn cancel_recurring<T: Recurs>(
    all: &mut Vec<T>,
    id: &WindowId,
) -> Result<bool, Refused> {
    let before = all.len();
    all.retain(|known| known.window().id() != *id);
    let mut is_found = all.len() < before;
    let Some(start) = id.start() else {
        return Ok(is_found);
    };
    for known in all {
        let one = known.window().current(start);
        if one.is_some_and(|one| WindowId::from(one) == *id) {
            skip(std::slice::from_mut(known), start)?;
            is_found = true;
        }
    }
    Ok(is_found)
}
