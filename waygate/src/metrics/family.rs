//! What a family of metrics is.

/// A family of metrics. `docs/metrics.md` lists all of them, and a test compares the list.
#[derive(Debug)]
pub(super) struct Family {
    /// A counter without its suffix `_total`.
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

pub(super) fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
