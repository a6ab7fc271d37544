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
        // Two windows coincide when clocks skip the time between their starts.
        while window.current(now).is_some() {
            if window.is_full() {
                return Err(Refused::TooManyExceptions(window.id()));
            }
            if !window.skip(now) {
                break;
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// 02:00 and 03:00 are the same instant when clocks skip the hour between them.
    #[test]
    fn windows_that_coincide_are_skipped_together() {
        let now: Timestamp = "2030-03-31T01:05:00Z".parse().unwrap();
        let window = RecurringWindow::builder("0,30 2,3 * * *", "10m");
        let window = window.tz("Europe/Berlin".parse().unwrap()).build().unwrap();
        assert!(window.current(now).is_some());
        let mut all = vec![window];
        skip(&mut all, now).unwrap();
        assert_eq!(all[0].current(now), None);
        assert!(all[0].next(now).is_some());
    }
}
