//! Webhooks, and the audit log as their outbox.

use std::fmt;

use crate::{
    engine::{LatencyTotals, WebhookCounts},
    metrics::{
        exposition::Exposition,
        family::{Family, Kind},
        scrape::{OTHER, Scrape},
    },
};

const ATTEMPTS: Family = Family {
    name: "waygate_webhook_attempts",
    help: "Attempts of this process to deliver an event",
    kind: Kind::Counter,
    labels: &["endpoint", "outcome"],
};

const DURATION: Family = Family {
    name: "waygate_webhook_attempt_duration_seconds",
    help: "Time to the head of the answer",
    kind: Kind::Histogram,
    labels: &["endpoint"],
};

const EVENTS: Family = Family {
    name: "waygate_outbox_events",
    help: "Events that are neither delivered nor given up, as far as this process has read the audit log",
    kind: Kind::Gauge,
    labels: &["endpoint"],
};

const AGE: Family = Family {
    name: "waygate_outbox_oldest_age_seconds",
    help: "Age of the oldest event that is neither delivered nor given up; 0 if there is none",
    kind: Kind::Gauge,
    labels: &["endpoint"],
};

const DEAD: Family = Family {
    name: "waygate_webhook_dead_letters",
    help: "Events that were given up",
    kind: Kind::Gauge,
    labels: &["endpoint"],
};

/// The series of an endpoint: its outcomes, its histogram, and three gauges.
const SERIES: usize = 5 + crate::engine::EDGES.len() + 3 + 3;

pub(super) fn collect(scrape: &mut Scrape<'_>, out: &mut Exposition<'_>) -> fmt::Result {
    let all = rows(scrape);
    out.family(&ATTEMPTS, |samples| {
        for (name, counts) in &all {
            for (outcome, count) in [
                ("delivered", counts.delivered),
                ("failed", counts.failed),
                ("throttled", counts.throttled),
                ("gone", counts.gone),
                ("unformatted", counts.unformatted),
            ] {
                samples.counter(&[name, outcome], count)?;
            }
        }
        Ok(())
    })?;
    out.family(&DURATION, |samples| {
        let mut all = all.iter();
        all.try_for_each(|(name, counts)| samples.histogram(&[name], &totals(counts)))
    })?;
    let now = scrape.now;
    let age = |counts: &WebhookCounts| {
        let oldest = counts.outbox_oldest;
        oldest.map_or(0.0, |oldest| now.duration_since(oldest).as_secs_f64())
    };
    let mut gauge = |family, value: &dyn Fn(&WebhookCounts) -> f64| {
        out.family(family, |samples| {
            let mut all = all.iter();
            all.try_for_each(|(name, counts)| samples.gauge(&[name], value(counts)))
        })
    };
    gauge(&EVENTS, &|counts| counts.outbox_events as f64)?;
    gauge(&AGE, &|counts| age(counts).max(0.0))?;
    gauge(&DEAD, &|counts| counts.dead_letters as f64)
}

/// The endpoints by name; those above the maximum count together.
fn rows(scrape: &mut Scrape<'_>) -> Vec<(String, WebhookCounts)> {
    let mut all: Vec<_> = scrape.engine.webhook_counts().into_iter().collect();
    let kept = scrape.capped(
        "waygate_webhook_attempts_total",
        all.iter().collect(),
        |_| SERIES,
    );
    let others = all.split_off(kept.len());
    if !others.is_empty() {
        let mut sum = WebhookCounts::default();
        others.iter().for_each(|(_, counts)| sum.merge(counts));
        all.push((OTHER.to_owned(), sum));
    }
    all
}

fn totals(counts: &WebhookCounts) -> LatencyTotals {
    LatencyTotals {
        counts: counts.durations,
        sum: u64::try_from(counts.duration.as_nanos()).unwrap_or(u64::MAX),
    }
}
