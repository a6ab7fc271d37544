//! Bypasses of gates and limits in this process, for emergencies and tests.

use waygate_core::Timestamp;

use super::{Component, Waygate, compiler::Bypass, health::Monitor, snapshot::Snapshot};

/// Describes the bypass with its origin; `None` if there is none.
pub(crate) fn report(
    monitor: &Monitor,
    component: Component,
    origin: Option<&str>,
    now: Timestamp,
) {
    let effect = match component {
        Component::LifecycleBypass => {
            "every route is served regardless of its state and of global maintenance; networks and roles still apply"
        }
        _ => "rate limits and concurrency limits neither count nor refuse requests",
    };
    match origin {
        Some(origin) => monitor.degrade(component, format!("{effect} (bypassed by {origin})"), now),
        None => monitor.recover(component),
    }
}

impl Waygate {
    /// Serves every route as if it were active, even during global maintenance, or stops doing so. Allowed networks and
    /// roles still apply. Affects this process only, starting with the next request, and is not stored. For emergencies
    /// and tests; the log, [`health`](Self::health) and the [report](Self::report) show it. Replaces
    /// [`WaygateBuilder::bypass_lifecycle`](crate::WaygateBuilder::bypass_lifecycle).
    pub async fn bypass_lifecycle(&self, bypass: bool) {
        let origin = bypass.then_some("Waygate::bypass_lifecycle(true)");
        self.switch(Component::LifecycleBypass, origin, |bypasses| Bypass {
            lifecycle: bypass,
            ..bypasses
        })
        .await;
    }

    /// Disables rate limits and concurrency limits, or stops doing so; see
    /// [`bypass_lifecycle`](Self::bypass_lifecycle).
    pub async fn bypass_rate_limits(&self, bypass: bool) {
        let origin = bypass.then_some("Waygate::bypass_rate_limits(true)");
        self.switch(Component::RateLimitBypass, origin, |bypasses| Bypass {
            rate_limits: bypass,
            ..bypasses
        })
        .await;
    }

    async fn switch(
        &self,
        component: Component,
        origin: Option<&str>,
        change: impl FnOnce(Bypass) -> Bypass,
    ) {
        let inner = &*self.inner;
        // The lock serializes publishers.
        let stored = inner.stored.lock().await;
        let snapshot = inner.snapshot.load_full();
        let mut compiler = inner.compiler();
        compiler.bypass = change(snapshot.bypass);
        let (table, version) = (snapshot.table.clone(), snapshot.version + 1);
        inner.publish(Snapshot::build(&stored, table, compiler, version));
        report(&inner.monitor, component, origin, inner.clock.now());
    }
}
