//! Scheduled transitions.

use std::fmt;

use waygate_core::model::Action;

use crate::engine::SCHEDULED;
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

pub(super) fn collect(scrape: &mut Scrape<'_>, out: &mut Exposition<'_>) -> fmt::Result {
    let mut all = scrape.engine.observed.lateness();
    for kind in SCHEDULED.iter().map(Action::as_str) {
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
