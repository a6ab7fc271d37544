//! The planned maintenance windows.

use waygate_core::{
    Timestamp,
    model::{LimitScope, RouteKey},
    view::ScheduledWindow,
};

use super::Waygate;

impl Waygate {
    /// Returns the maintenance windows of routes, of services and of all routes together that have not ended and start
    /// before `until`, in the order of their starts. Of windows that recur, at most 1,000 each.
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
        let (snapshot, now) = (self.inner.snapshot.load(), self.inner.clock.now());
        let mut windows = Vec::new();
        let mut of_route = |key: &RouteKey, position| {
            let scope = LimitScope::Route(key.clone());
            ScheduledWindow::of_route(&scope, position, now, until, &mut windows);
        };
        for (at, route) in snapshot.table.iter().enumerate() {
            if let Some(slot) = snapshot.slot(at).filter(|_| !snapshot.table.is_gone(at)) {
                of_route(&route.key, &slot.state.position);
            }
        }
        for (scope, set) in snapshot.records.maintenances.iter() {
            let scope = LimitScope::from(scope);
            ScheduledWindow::of_maintenance(&scope, &set.value, now, until, &mut windows);
        }
        windows.sort_by(|a, b| (a.start, &a.scope).cmp(&(b.start, &b.scope)));
        windows
    }
}
