//! Evaluations of flags.

use std::{collections::BTreeMap, fmt};

use waygate_core::flag::Reason;

use crate::engine::FlagUsage;
use crate::metrics::{
    exposition::Exposition,
    family::{Family, Kind},
    scrape::{OTHER, Scrape},
};

const EVALUATIONS: Family = Family {
    name: "waygate_flag_evaluations",
    help: "Evaluations of flags",
    kind: Kind::Counter,
    labels: &[
        "feature_flag_key",
        "feature_flag_result_variant",
        "feature_flag_result_reason",
    ],
};

pub(super) fn collect(scrape: &mut Scrape<'_>, out: &mut Exposition<'_>) -> fmt::Result {
    let all = scrape.engine.flag_usages();
    let series = |usage: &&FlagUsage| {
        let reasons = usage.variations.iter().map(|it| it.reasons.len());
        1 + reasons.sum::<usize>()
    };
    let kept = scrape.capped(
        "waygate_flag_evaluations_total",
        all.iter().collect(),
        series,
    );
    let others = all.get(kept.len()..).unwrap_or_default();
    out.family(&EVALUATIONS, |samples| {
        for usage in &kept {
            let key = usage.key.as_str();
            for variation in &usage.variations {
                for of in &variation.reasons {
                    let labels = [key, &variation.name, word(of.reason)];
                    samples.counter(&labels, of.evaluations)?;
                }
            }
            samples.counter(&[key, "", word(Reason::Error)], usage.errors)?;
        }
        if others.is_empty() {
            return Ok(());
        }
        let mut by_reason: BTreeMap<_, u64> = BTreeMap::new();
        for usage in others {
            *by_reason.entry(word(Reason::Error)).or_default() += usage.errors;
            for of in usage.variations.iter().flat_map(|it| &it.reasons) {
                *by_reason.entry(word(of.reason)).or_default() += of.evaluations;
            }
        }
        let mut sums = by_reason.iter();
        sums.try_for_each(|(reason, sum)| samples.counter(&[OTHER, "", reason], *sum))
    })
}

/// The reason in the words of the semantic conventions of OpenTelemetry.
fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::Static => "static",
        Reason::Default => "default",
        Reason::TargetingMatch => "targeting_match",
        Reason::Split => "split",
        Reason::Disabled => "disabled",
        Reason::Error => "error",
        // Reasons of later versions.
        _ => "unknown",
    }
}
