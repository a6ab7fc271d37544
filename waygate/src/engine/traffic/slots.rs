use std::sync::Arc;

use waygate_core::port::Clock;

use super::{
    line::Line,
    recording::Recording,
    route::{Hub, RouteTraffic},
};

/// The traffic of each slot of a table. The tables of an engine share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrafficSlots {
    /// `None` if the engine counts no requests.
    counting: Option<Counting>,
    slots: Vec<Arc<RouteTraffic>>,
}

#[derive(Debug, Clone)]
struct Counting {
    hub: Arc<Hub>,
    /// Requests that no controlled route governs.
    unmatched: Arc<RouteTraffic>,
    /// Whether requests are kept as examples of their latencies.
    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "for metrics"))]
    exemplars: bool,
}

impl TrafficSlots {
    pub(crate) fn new(clock: Arc<dyn Clock>, exemplars: bool) -> Self {
        let hub = Hub::new(clock);
        Self {
            counting: Some(Counting {
                unmatched: RouteTraffic::new(hub.clone()),
                hub,
                exemplars,
            }),
            slots: Vec::new(),
        }
    }

    /// Adds the next slot.
    pub(crate) fn push(&mut self) {
        if let Some(counting) = &self.counting {
            self.slots.push(RouteTraffic::new(counting.hub.clone()));
        }
    }

    /// Starts to count a request. `None` if the engine counts none.
    #[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "for requests"))]
    #[inline]
    pub(crate) fn start(&self, slot: Option<usize>, line: Line) -> Option<Recording> {
        let counting = self.counting.as_ref()?;
        let of_slot = slot.and_then(|slot| self.slots.get(slot));
        Some(of_slot.unwrap_or(&counting.unmatched).start(line))
    }

    /// Returns `true` if requests are kept as examples of their latencies.
    #[cfg(feature = "metrics")]
    #[inline]
    pub(crate) fn has_exemplars(&self) -> bool {
        self.counting
            .as_ref()
            .is_some_and(|counting| counting.exemplars)
    }

    /// The traffic of a slot. `None` if the engine counts no requests.
    pub(crate) fn of(&self, slot: usize) -> Option<&Arc<RouteTraffic>> {
        self.slots.get(slot)
    }

    /// The requests that no controlled route governs.
    pub(crate) fn unmatched(&self) -> Option<&Arc<RouteTraffic>> {
        self.counting.as_ref().map(|counting| &counting.unmatched)
    }

    /// The hub of the routes, if the engine counts requests.
    pub(super) fn hub(&self) -> Option<&Arc<Hub>> {
        self.counting.as_ref().map(|counting| &counting.hub)
    }
}
