//! The state of routes.

use std::fmt;

use crate::metrics::{
    exposition::Exposition,
    family::{Family, Kind},
    scrape::Scrape,
};

const STATUS: Family = Family {
    name: "waygate_route_status",
    help: "1 for the current status of a route",
    kind: Kind::Gauge,
    labels: &["http_route", "http_request_method", "status"],
};

const ROUTES: Family = Family {
    name: "waygate_routes",
    help: "Registered routes",
    kind: Kind::Gauge,
    labels: &[],
};

const DRIFTED: Family = Family {
    name: "waygate_drifted_routes",
    help: "Routes with a declaration that has changed since an operator set their state",
    kind: Kind::Gauge,
    labels: &[],
};

const ORPHANED: Family = Family {
    name: "waygate_orphaned_routes",
    help: "Stored routes that no longer exist in the code",
    kind: Kind::Gauge,
    labels: &[],
};

const GLOBAL: Family = Family {
    name: "waygate_global_maintenance",
    help: "1 during global maintenance",
    kind: Kind::Gauge,
    labels: &[],
};

pub(super) fn collect(scrape: &mut Scrape<'_>, out: &mut Exposition<'_>) -> fmt::Result {
    out.family(&STATUS, |samples| {
        for row in &scrape.rows {
            for (method, status) in &row.statuses {
                samples.gauge(&[&row.route, method, status], 1.0)?;
            }
        }
        Ok(())
    })?;
    let snapshot = &scrape.snapshot;
    let table = &snapshot.table;
    let slots = || (0..table.len()).filter(|slot| !table.is_gone(*slot));
    let is_drifted = |slot: &usize| snapshot.slot(*slot).is_some_and(|slot| slot.drifted);
    out.gauge(&ROUTES, slots().count() as f64)?;
    out.gauge(&DRIFTED, slots().filter(is_drifted).count() as f64)?;
    let stored = snapshot.records.routes.keys();
    let orphans = stored.filter(|key| table.exact(key).is_none());
    out.gauge(&ORPHANED, orphans.count() as f64)?;
    let is_maintained = snapshot.global.config.holds_at(scrape.now);
    out.gauge(&GLOBAL, f64::from(u8::from(is_maintained)))
}
