//! What every caller decides by: the layer, the extractor, and adapters to other frameworks.

use waygate_core::decision::{Facts, Verdict};

use super::{Inner, snapshot::Snapshot, target::Asked};

impl Inner {
    /// Decides about a request for the route in `slot`, or for a URL that no controlled route has.
    #[inline]
    pub(crate) fn decide<'a>(
        &self,
        snapshot: &'a Snapshot,
        slot: Option<usize>,
        asked: &impl Asked,
        facts: &impl Facts,
    ) -> Verdict<'a> {
        if self.bypass_lifecycle || in_test() {
            return Verdict::Pass;
        }
        snapshot.decide(slot, asked, facts, || self.clock.now())
    }

    /// The route and the limits that count a request, if any do.
    #[cfg(feature = "axum")]
    #[inline]
    pub(crate) fn limits_for<'a>(
        &self,
        snapshot: &'a Snapshot,
        slot: Option<usize>,
        asked: &impl Asked,
    ) -> Option<Limited<'a>> {
        let slot = slot?;
        let limits = snapshot.limits(slot, asked.method())?;
        if self.bypass_rate_limits || in_test() || asked.is_unhandled_preflight() {
            return None;
        }
        let route = snapshot.table.route(slot)?;
        Some(Limited {
            slot,
            route,
            limits,
        })
    }
}

/// A request's route, and the limits that count it.
#[cfg(feature = "axum")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limited<'a> {
    pub(crate) slot: usize,
    pub(crate) route: &'a std::sync::Arc<super::Registered>,
    pub(crate) limits: &'a std::sync::Arc<super::Limits>,
}

/// Whether the request is made by a test that bypasses every gate and limit.
#[inline]
fn in_test() -> bool {
    #[cfg(feature = "testing")]
    let in_test = crate::testing::is_bypassed();
    #[cfg(not(feature = "testing"))]
    let in_test = false;
    in_test
}
