use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
};

use super::ScheduledWindow;
use crate::{
    Timestamp,
    grammar::{Interval, Reason},
    model::{GlobalMaintenance, LimitScope, Position, RecurringWindow},
};

/// Finds the windows of routes and maintenance in the order of their starts. Those that recur are computed one by one, so
/// the cost is that of the windows that are read.
///
/// ```
/// use waygate_core::{
///     model::{GlobalMaintenance, LimitScope, Position, RecurringMaintenance, RecurringWindow},
///     view::{ScheduledWindow, WindowList},
/// };
///
/// let sundays = RecurringWindow::builder("0 2 * * SUN", "2h").build()?;
/// let mut maintenance = GlobalMaintenance::default();
/// maintenance.recurring.push(RecurringMaintenance::from(sundays));
/// let (from, open) = ("2030-01-01T00:00:00Z".parse()?, Position::default());
/// let mut list = WindowList::new(from, "2030-02-01T00:00:00Z".parse()?, |_, _| true);
/// list.add_maintenance(&LimitScope::Global, &maintenance);
/// list.add_route(&LimitScope::Route("GET:/a".parse()?), &open);
/// let windows = list.first(10);
/// assert_eq!(windows.len(), 4, "the route has none");
/// let calendar = ScheduledWindow::calendar(&windows, from);
/// assert!(calendar.contains("DTSTART:20300106T020000Z"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct WindowList<'a, S> {
    from: Timestamp,
    until: Timestamp,
    selects: S,
    single: Vec<ScheduledWindow>,
    recurring: Vec<Series<'a>>,
}

/// The windows of one set that recurs, from the next one on.
#[derive(Debug)]
struct Series<'a> {
    scope: Box<str>,
    windows: &'a RecurringWindow,
    next: Interval,
    left: usize,
}

/// The most windows of one set that recurs.
const MOST_OF_A_SERIES: usize = 1_000;

impl<'a, S: Fn(&str, &Reason) -> bool> WindowList<'a, S> {
    /// The windows that have not ended at `from` and start before `until`, of those that `selects` returns `true` for. It
    /// gets the scope and the reason.
    pub fn new(from: Timestamp, until: Timestamp, selects: S) -> Self {
        Self {
            from,
            until,
            selects,
            single: Vec::new(),
            recurring: Vec::new(),
        }
    }

    /// Adds the windows of a route.
    pub fn add_route(&mut self, scope: &LimitScope, position: &'a Position) {
        if position.windows.is_empty() && position.recurring.is_empty() {
            return;
        }
        let scope = scope.to_string();
        for window in &position.windows {
            let interval = window.interval;
            if interval.end() > self.from && interval.start() < self.until {
                let window = ScheduledWindow::one(&scope, interval, &window.reason);
                self.add(window);
            }
        }
        for recurring in &position.recurring {
            self.add_series(&scope, recurring);
        }
    }

    /// Adds the windows of maintenance. Maintenance without a start is no window.
    pub fn add_maintenance(&mut self, scope: &LimitScope, maintenance: &'a GlobalMaintenance) {
        let scope = scope.to_string();
        if let Some(start) = maintenance.start.filter(|start| *start < self.until)
            && maintenance.enabled
            && maintenance.end.is_none_or(|end| end > self.from)
        {
            self.add(ScheduledWindow {
                scope: scope.clone(),
                id: None,
                recurring: None,
                start,
                end: maintenance.end,
                reason: maintenance.reason.clone(),
            });
        }
        for recurring in &maintenance.recurring {
            self.add_series(&scope, &recurring.window);
        }
    }

    fn add(&mut self, window: ScheduledWindow) {
        if (self.selects)(&window.scope, &window.reason) {
            self.single.push(window);
        }
    }

    fn add_series(&mut self, scope: &str, windows: &'a RecurringWindow) {
        if !(self.selects)(scope, windows.reason()) {
            return;
        }
        let next = windows.current_or_next(self.from);
        if let Some(next) = next.filter(|next| next.start() < self.until) {
            self.recurring.push(Series {
                scope: scope.into(),
                windows,
                next,
                left: MOST_OF_A_SERIES,
            });
        }
    }

    /// The first of these windows, in the order of their starts and scopes. Of a set that recurs, at most 1,000.
    pub fn first(self, most: usize) -> Vec<ScheduledWindow> {
        let (mut windows, until) = (self.single, self.until);
        let mut series: BinaryHeap<_> = self.recurring.into_iter().map(Reverse).collect();
        let mut found = 0;
        while found < most
            && let Some(mut first) = series.peek_mut()
        {
            windows.push(first.0.window());
            found += 1;
            if !first.0.advance(until) {
                PeekMut::pop(first);
            }
        }
        windows.sort_by(|a, b| (a.start, &a.scope).cmp(&(b.start, &b.scope)));
        windows.truncate(most);
        windows
    }
}

impl Series<'_> {
    fn window(&self) -> ScheduledWindow {
        ScheduledWindow {
            recurring: Some(self.windows.id()),
            ..ScheduledWindow::one(&self.scope, self.next, self.windows.reason())
        }
    }

    /// Goes on to the next window. Returns `false` if there is none.
    fn advance(&mut self, until: Timestamp) -> bool {
        self.left -= 1;
        let next = self.windows.next(self.next.start());
        match next.filter(|next| self.left > 0 && next.start() < until) {
            Some(next) => self.next = next,
            None => return false,
        }
        true
    }
}

impl Ord for Series<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.next.start(), &self.scope).cmp(&(other.next.start(), &other.scope))
    }
}

impl PartialOrd for Series<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Series<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Series<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(every: &[(&str, &str)]) -> Position {
        let mut position = Position::default();
        for (every, reason) in every {
            let windows = RecurringWindow::builder(every, "30m").reason(reason.parse().unwrap());
            position.recurring.push(windows.build().unwrap());
        }
        position
    }

    fn list<S: Fn(&str, &Reason) -> bool>(selects: S) -> WindowList<'static, S> {
        let from = "2030-01-01T00:00:00Z".parse().unwrap();
        WindowList::new(from, Timestamp::MAX, selects)
    }

    #[test]
    fn the_first_windows_of_all_sets_are_in_order() {
        let positions = [
            position(&[("0 5 * * *", "a"), ("0 1 1 * *", "b")]),
            position(&[("0 3 * * *", "c")]),
        ];
        let positions: &'static _ = Box::leak(Box::new(positions));
        let mut list = list(|_, _| true);
        for (position, path) in positions.iter().zip(["GET:/a", "GET:/b"]) {
            list.add_route(&LimitScope::Route(path.parse().unwrap()), position);
        }
        let found = list.first(5);
        let found: Vec<_> = found
            .iter()
            .map(|window| (window.reason.as_str(), window.start.to_string()))
            .collect();
        let expected = [
            ("b", "2030-01-01T01:00:00Z"),
            ("c", "2030-01-01T03:00:00Z"),
            ("a", "2030-01-01T05:00:00Z"),
            ("c", "2030-01-02T03:00:00Z"),
            ("a", "2030-01-02T05:00:00Z"),
        ];
        assert_eq!(
            found,
            expected.map(|(reason, start)| (reason, start.to_owned()))
        );
    }

    #[test]
    fn a_set_has_at_most_a_thousand_windows() {
        let position: &'static _ = Box::leak(Box::new(position(&[("0 * * * *", "a")])));
        let scope = LimitScope::Route("GET:/a".parse().unwrap());
        let mut all = list(|_, _| true);
        all.add_route(&scope, position);
        assert_eq!(all.first(usize::MAX).len(), MOST_OF_A_SERIES);
        let mut none = list(|scope, reason| scope != "GET:/a" || reason.as_str() != "a");
        none.add_route(&scope, position);
        assert_eq!(none.first(usize::MAX), []);
    }
}
