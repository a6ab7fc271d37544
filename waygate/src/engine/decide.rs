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

    /// Decides by all routes that govern a request: the strictest verdict holds. With it the slot that it is of, or where
    /// none refuses the request, the first with limits of its own.
    pub(crate) fn decide_among<'a>(
        &self,
        snapshot: &'a Snapshot,
        slots: &[usize],
        asked: &impl Asked,
        facts: &impl Facts,
    ) -> (Option<usize>, Verdict<'a>) {
        let decide = |slot| (slot, self.decide(snapshot, slot, asked, facts));
        if slots.len() > 1 {
            let verdicts = slots.iter().map(|slot| decide(Some(*slot)));
            let refused = verdicts
                .into_iter()
                .find(|(_, verdict)| matches!(verdict, Verdict::Block(_)));
            if let Some(refused) = refused {
                return refused;
            }
        }
        let counts = |slot: &&usize| snapshot.has_own_limits(**slot);
        decide(slots.iter().find(counts).or(slots.first()).copied())
    }

    /// The route in `slot` and the limits of its own that count a request, if any do: without those that it shares.
    #[cfg(feature = "axum")]
    pub(crate) fn own_limits_for(
        &self,
        snapshot: &Snapshot,
        slot: usize,
        asked: &impl Asked,
    ) -> Option<(
        std::sync::Arc<super::Registered>,
        std::sync::Arc<super::Limits>,
    )> {
        if self.bypass_rate_limits || in_test() {
            return None;
        }
        let limits = snapshot.own_limits(slot, asked.method())?;
        Some((snapshot.table.route(slot)?.clone(), limits))
    }

    /// The first of several routes that govern a request, and the limits of all of them. `None` where one route alone has
    /// limits, or nothing is counted.
    #[cfg(feature = "axum")]
    #[cold]
    pub(crate) fn limits_among(
        &self,
        snapshot: &Snapshot,
        slots: &[usize],
        asked: &impl Asked,
    ) -> Option<(
        usize,
        std::sync::Arc<super::Registered>,
        std::sync::Arc<super::Limits>,
    )> {
        if self.bypass_rate_limits || in_test() || asked.is_unhandled_preflight() {
            return None;
        }
        let slot = *slots.first()?;
        let limits = snapshot.limits_among(slots, asked.method())?;
        Some((slot, snapshot.table.route(slot)?.clone(), limits))
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
