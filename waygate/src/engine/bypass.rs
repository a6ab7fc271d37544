//! Gates and limits that are switched off in this process, for emergencies and tests.

use waygate_core::Timestamp;

use super::{Component, Waygate, compiler::Bypass, health::Monitor, snapshot::Snapshot};

/// Says what is bypassed, and by which call or setting; `None` where it is not.
pub(crate) fn report(
    monitor: &Monitor,
    component: Component,
    origin: Option<&str>,
    now: Timestamp,
) {
    let effect = match component {
        Component::LifecycleBypass => {
            "no state closes a route, nor does global maintenance; networks and roles still do"
        }
        _ => "nothing is limited: no rate limit and no limit of concurrency counts requests",
    };
    match origin {
        Some(origin) => monitor.degrade(component, format!("{effect} (bypassed by {origin})"), now),
        None => monitor.recover(component),
    }
}

impl Waygate {
    /// Serves every route as if it were active, global maintenance included, or stops doing so. Lists of networks and roles
    /// still hold. Holds for this process, from the next request on, and is stored nowhere. For emergencies and tests: the log, [`health`](Self::health) and the
    /// [report](Self::report) say so, as for [`WaygateBuilder::bypass_lifecycle`](crate::WaygateBuilder::bypass_lifecycle),
    /// which this replaces.
    pub async fn bypass_lifecycle(&self, bypass: bool) {
        let origin = bypass.then_some("Waygate::bypass_lifecycle(true)");
        self.switch(Component::LifecycleBypass, origin, |bypasses| Bypass {
            lifecycle: bypass,
            ..bypasses
        })
        .await;
    }

    /// Counts nothing and limits nothing, neither rates nor concurrency, or stops doing so; otherwise as
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
        // Whoever publishes a picture holds it.
        let stored = inner.stored.lock().await;
        let snapshot = inner.snapshot.load_full();
        let mut compiler = inner.compiler();
        compiler.bypass = change(snapshot.bypass);
        let (table, version) = (snapshot.table.clone(), snapshot.version + 1);
        inner.publish(Snapshot::build(&stored, table, compiler, version));
        report(&inner.monitor, component, origin, inner.clock.now());
    }
}
