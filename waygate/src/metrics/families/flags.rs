//! Evaluations of flags.

use std::fmt;

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
    let series = |usage: &FlagUsage| -> usize {
        let variations = usage.variations.iter();
        variations.map(|variation| variation.reasons.len()).sum()
    };
    let series = all.iter().map(|usage| series(usage) + 1).max();
    let kept = scrape.capped(
        "waygate_flag_evaluations_total",
        all.iter().collect(),
        series.unwrap_or_default(),
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
        let evaluations: u64 = others.iter().map(|usage| usage.evaluations).sum();
        let errors: u64 = others.iter().map(|usage| usage.errors).sum();
        let answered = evaluations.saturating_sub(errors);
        samples.counter(&[OTHER, "", "unknown"], answered)?;
        samples.counter(&[OTHER, "", word(Reason::Error)], errors)
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
