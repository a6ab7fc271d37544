//! The store, and the snapshot that requests read.

use std::fmt;

use crate::{
    engine::Component,
    metrics::{
        exposition::Exposition,
        family::{Family, Kind},
        scrape::Scrape,
    },
};

const UP: Family = Family {
    name: "waygate_store_up",
    help: "1 if the store can be read and written, as far as is known",
    kind: Kind::Gauge,
    labels: &["store"],
};

const REVISION: Family = Family {
    name: "waygate_store_revision",
    help: "The newest revision of the store that this process knows",
    kind: Kind::Gauge,
    labels: &["store"],
};

const SNAPSHOT_REVISION: Family = Family {
    name: "waygate_snapshot_revision",
    help: "The revision of the store that requests see",
    kind: Kind::Gauge,
    labels: &["store"],
};

const AGE: Family = Family {
    name: "waygate_snapshot_age_seconds",
    help: "Time since the last change of the state that requests see",
    kind: Kind::Gauge,
    labels: &["store"],
};

const BUILD: Family = Family {
    name: "waygate_snapshot_build_seconds",
    help: "Time to build the state that requests see after a change",
    kind: Kind::Histogram,
    labels: &["store"],
};

/// The only store of an engine.
const STORE: [&str; 1] = ["state"];

pub(super) fn collect(scrape: &mut Scrape<'_>, out: &mut Exposition<'_>) -> fmt::Result {
    let (engine, snapshot) = (scrape.engine, &scrape.snapshot);
    let is_down = engine.monitor.is_degraded(Component::Store);
    let revision = snapshot.revision.number as f64;
    // A change holds the lock. Its revision is known when it is published.
    let newest = engine
        .stored
        .try_lock()
        .map(|stored| stored.revision.number);
    let newest = newest.map_or(revision, |newest| newest as f64);
    let age = scrape.now.duration_since(snapshot.compiled_at);
    let mut gauge = |family, value| out.family(family, |samples| samples.gauge(&STORE, value));
    gauge(&UP, f64::from(u8::from(!is_down)))?;
    gauge(&REVISION, newest)?;
    gauge(&SNAPSHOT_REVISION, revision)?;
    gauge(&AGE, age.as_secs_f64().max(0.0))?;
    out.family(&BUILD, |samples| {
        samples.histogram(&STORE, &engine.observed.builds())
    })
}
