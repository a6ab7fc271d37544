//! Scheduled transitions.

use std::fmt;

use crate::metrics::{
    exposition::Exposition,
    family::{Family, Kind},
    scrape::Scrape,
};

const TRANSITIONS: Family = Family {
    name: "waygate_window_transitions",
    help: "Scheduled transitions that this process has written into the audit log",
    kind: Kind::Counter,
    labels: &["kind"],
};

const LATENESS: Family = Family {
    name: "waygate_window_lateness_seconds",
    help: "Time between a scheduled transition and its line in the audit log; requests are decided by the clock",
    kind: Kind::Histogram,
    labels: &["kind"],
};

/// The transitions that exist before the first one.
const KINDS: [&str; 2] = ["maintenance_on", "maintenance_off"];

pub(super) fn collect(scrape: &mut Scrape<'_>, out: &mut Exposition<'_>) -> fmt::Result {
    let mut all = scrape.engine.observed.lateness();
    for kind in KINDS {
        if all.iter().all(|((known, _), _)| **known != *kind) {
            all.push(((kind.into(), "".into()), Default::default()));
        }
    }
    out.family(&TRANSITIONS, |samples| {
        let mut all = all.iter();
        all.try_for_each(|((kind, _), totals)| samples.counter(&[kind], totals.count()))
    })?;
    out.family(&LATENESS, |samples| {
        let mut all = all.iter();
        all.try_for_each(|((kind, _), totals)| samples.histogram(&[kind], totals))
    })
}
