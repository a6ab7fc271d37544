//! The health of the engine, and the work of operators.

use std::fmt;

use crate::{
    engine::Component,
    metrics::{
        exposition::Exposition,
        family::{Family, Kind},
        scrape::Scrape,
    },
};

const DEGRADED: Family = Family {
    name: "waygate_degraded",
    help: "1 if a component is impaired",
    kind: Kind::Gauge,
    labels: &["component", "reason"],
};

const CHANGES: Family = Family {
    name: "waygate_changes",
    help: "Changes that this process has written, by the action in the audit log",
    kind: Kind::Counter,
    labels: &["kind", "platform"],
};

const CONFLICTS: Family = Family {
    name: "waygate_conflicts",
    help: "Changes that lost: a race, after which they were made again, or a precondition",
    kind: Kind::Counter,
    labels: &["kind", "platform"],
};

const LOGINS: Family = Family {
    name: "waygate_logins",
    help: "Logins with a password",
    kind: Kind::Counter,
    labels: &["result"],
};

/// Every component, with the class of its impairments.
const COMPONENTS: [(Component, &str); 15] = [
    (Component::Store, "fault"),
    (Component::StoreReset, "fault"),
    (Component::Records, "fault"),
    (Component::Flags, "configuration"),
    (Component::Sync, "fault"),
    (Component::Scheduler, "fault"),
    (Component::Counters, "fault"),
    (Component::Traffic, "fault"),
    (Component::BootCache, "fault"),
    (Component::CounterSnapshot, "fault"),
    (Component::AdminUsers, "configuration"),
    (Component::Webhooks, "fault"),
    (Component::Unmatched, "configuration"),
    (Component::LifecycleBypass, "bypass"),
    (Component::RateLimitBypass, "bypass"),
];

/// The results of logins that exist before the first one.
const RESULTS: [&str; 4] = ["accepted", "refused", "throttled", "failed"];

pub(super) fn collect(scrape: &mut Scrape<'_>, out: &mut Exposition<'_>) -> fmt::Result {
    let health = scrape.engine.monitor.current();
    out.family(&DEGRADED, |samples| {
        let mut all = COMPONENTS.iter();
        all.try_for_each(|(component, reason)| {
            let value = f64::from(u8::from(health.contains_key(component)));
            samples.gauge(&[&component.to_string(), reason], value)
        })
    })?;
    let observed = &scrape.engine.observed;
    out.family(&CHANGES, |samples| {
        let mut all = observed.changes().into_iter();
        all.try_for_each(|((kind, platform), count)| samples.counter(&[&kind, &platform], count))
    })?;
    out.family(&CONFLICTS, |samples| {
        let mut all = observed.conflicts().into_iter();
        all.try_for_each(|((kind, platform), count)| samples.counter(&[&kind, &platform], count))
    })?;
    let logins = observed.logins();
    out.family(&LOGINS, |samples| {
        let mut all = RESULTS.iter();
        all.try_for_each(|result| {
            let known = logins.iter().find(|((known, _), _)| **known == **result);
            samples.counter(&[result], known.map_or(0, |(_, count)| *count))
        })
    })
}
