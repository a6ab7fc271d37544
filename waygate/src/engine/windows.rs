//! The planned maintenance windows.

use waygate_core::{
    Timestamp,
    grammar::Reason,
    model::LimitScope,
    view::{ScheduledWindow, WindowList},
};

use super::Waygate;

/// The most windows of a list.
const MOST: usize = 10_000;

impl Waygate {
    /// Returns the maintenance windows of routes, of services and of all routes together that have not ended and start
    /// before `until`, in the order of their starts: the first 10,000. Of windows that recur, at most 1,000 each.
    /// Thousands of windows take many milliseconds.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use waygate::{Timestamp, Waygate, model::{RecurringMaintenance, RecurringWindow, ScheduledWindow}};
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// let nightly = RecurringWindow::builder("0 2 * * *", "1h").build()?;
    /// waygate.system().schedule_global_maintenance(RecurringMaintenance::from(nightly)).await?;
    /// let now = Timestamp::now();
    /// let windows = waygate.scheduled_windows("9999-01-01T00:00:00Z".parse()?);
    /// assert_eq!(windows.len(), 1_000);
    /// // Readers of calendars can subscribe to a route that responds with this, as `text/calendar`.
    /// assert!(ScheduledWindow::calendar(&windows, now).starts_with("BEGIN:VCALENDAR"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scheduled_windows(&self, until: Timestamp) -> Vec<ScheduledWindow> {
        self.first_windows(until, |_, _| true)
    }

    /// The first of the scheduled windows with the scopes and reasons that `selects` returns `true` for.
    pub(crate) fn first_windows(
        &self,
        until: Timestamp,
        selects: impl Fn(&str, &Reason) -> bool,
    ) -> Vec<ScheduledWindow> {
        let (snapshot, now) = (self.inner.snapshot.load_full(), self.inner.clock.now());
        let mut list = WindowList::new(now, until, selects);
        for (at, route) in snapshot.table.iter().enumerate() {
            if let Some(slot) = snapshot.slot(at).filter(|_| !snapshot.table.is_gone(at)) {
                let scope = LimitScope::Route(route.key.clone());
                list.add_route(&scope, &slot.state.position);
            }
        }
        for (scope, set) in snapshot.records.maintenances.iter() {
            list.add_maintenance(&LimitScope::from(scope), &set.value);
        }
        list.first(MOST)
    }
}
