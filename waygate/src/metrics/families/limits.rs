//! Rate limits and concurrency limits.

use std::fmt;

use waygate_core::view::CountingMode;

use crate::metrics::{
    exposition::Exposition,
    family::{Family, Kind},
    scrape::{OTHER, Scrape},
};

const DECISIONS: Family = Family {
    name: "waygate_rate_limit_decisions",
    help: "Decisions of rate limits",
    kind: Kind::Counter,
    labels: &["policy", "decision", "mode"],
};

const DURATION: Family = Family {
    name: "waygate_rate_limit_store_duration_seconds",
    help: "Time of a call to the shared counter store",
    kind: Kind::Histogram,
    labels: &["store"],
};

const KEYS: Family = Family {
    name: "waygate_rate_limit_keys",
    help: "Counters in the memory of this process",
    kind: Kind::Gauge,
    labels: &["store"],
};

const EVICTIONS: Family = Family {
    name: "waygate_rate_limit_evictions",
    help: "Counters that were removed for new ones, because the memory for counters was full",
    kind: Kind::Counter,
    labels: &["store"],
};

const IN_USE: Family = Family {
    name: "waygate_concurrency_in_use",
    help: "Permits of a concurrency limit that requests of this process hold",
    kind: Kind::Gauge,
    labels: &["policy"],
};

const LIMIT: Family = Family {
    name: "waygate_concurrency_limit",
    help: "The most concurrent requests for each key",
    kind: Kind::Gauge,
    labels: &["policy"],
};

pub(super) fn collect(scrape: &mut Scrape<'_>, out: &mut Exposition<'_>) -> fmt::Result {
    decisions(scrape, out)?;
    let counters = &scrape.engine.counters;
    out.family(&DURATION, |samples| match &counters.shared {
        Some(shared) => samples.histogram(&["shared"], &shared.latencies.totals()),
        None => Ok(()),
    })?;
    let local = &counters.local;
    out.family(&KEYS, |samples| {
        samples.gauge(&["memory"], local.len() as f64)
    })?;
    out.family(&EVICTIONS, |samples| {
        samples.counter(&["memory"], local.evictions())
    })?;
    concurrency(scrape, out)
}

fn decisions(scrape: &mut Scrape<'_>, out: &mut Exposition<'_>) -> fmt::Result {
    let snapshot = scrape.snapshot.clone();
    let has_shared = scrape.engine.counters.shared.is_some();
    let mut all: Vec<_> = snapshot
        .all_limits()
        .flat_map(|own| own.rates.iter())
        .map(|policy| {
            // Without a shared store, nothing is leased.
            let configured = match has_shared && policy.fields.lease {
                true => "leased",
                false => "authoritative",
            };
            (policy.key.to_string(), &policy.stats, configured)
        })
        .collect();
    all.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    all.dedup_by(|(one, ..), (other, ..)| one == other);
    let kept = scrape.capped("waygate_rate_limit_decisions_total", all.clone(), |_| 3);
    let others = all.get(kept.len()..).unwrap_or_default();
    out.family(&DECISIONS, |samples| {
        for (policy, stats, configured) in &kept {
            for counts in stats.by_mode() {
                // Without a shared store, there is only one mode.
                if counts.mode != CountingMode::Authoritative && !has_shared {
                    continue;
                }
                let mode = mode(counts.mode, configured);
                samples.counter(&[policy, "allowed", mode], counts.allowed)?;
                samples.counter(&[policy, "limited", mode], counts.refused)?;
            }
            let would_refuse = stats.counts().would_refuse;
            let labels = [policy, "would_limit", configured];
            samples.counter(&labels, would_refuse)?;
        }
        if others.is_empty() {
            return Ok(());
        }
        let counts = || others.iter().map(|(_, stats, _)| stats.counts());
        for (decision, count) in [
            ("allowed", counts().map(|it| it.allowed).sum()),
            ("limited", counts().map(|it| it.refused).sum()),
            ("would_limit", counts().map(|it| it.would_refuse).sum()),
        ] {
            samples.counter(&[OTHER, decision, "authoritative"], count)?;
        }
        Ok(())
    })
}

/// The mode, or `configured` if the configured counters have counted.
fn mode(mode: CountingMode, configured: &'static str) -> &'static str {
    match mode {
        CountingMode::Local => "local",
        CountingMode::Open => "open",
        CountingMode::Closed => "closed",
        _ => configured,
    }
}

fn concurrency(scrape: &mut Scrape<'_>, out: &mut Exposition<'_>) -> fmt::Result {
    let snapshot = scrape.snapshot.clone();
    let mut all: Vec<_> = snapshot
        .all_limits()
        .flat_map(|own| own.concurrency.iter())
        .map(|limit| {
            let most = f64::from(limit.fields.limit.get());
            (limit.key.to_string(), limit.stats.in_use(), most)
        })
        .collect();
    all.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    all.dedup_by(|(one, ..), (other, ..)| one == other);
    let kept = scrape.capped("waygate_concurrency_in_use", all.clone(), |_| 2);
    let others = all.get(kept.len()..).unwrap_or_default();
    out.family(&IN_USE, |samples| {
        for (policy, in_use, _) in &kept {
            samples.gauge(&[policy], *in_use as f64)?;
        }
        if others.is_empty() {
            return Ok(());
        }
        let in_use: u64 = others.iter().map(|(_, in_use, _)| *in_use).sum();
        samples.gauge(&[OTHER], in_use as f64)
    })?;
    out.family(&LIMIT, |samples| {
        let mut all = kept.iter();
        all.try_for_each(|(policy, _, limit)| samples.gauge(&[policy], *limit))
    })
}
