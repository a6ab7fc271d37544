//! Evaluations of flags.

use std::fmt;

use crate::metrics::{
    exposition::Exposition,
    family::{Family, Kind},
    scrape::{OTHER, Scrape},
};

const EVALUATIONS: Family = Family {
    name: "waygate_flag_evaluations",
    help: "Evaluations of flags. The reason is error or unknown",
    kind: Kind::Counter,
    labels: &[
        "feature_flag_key",
        "feature_flag_result_variant",
        "feature_flag_result_reason",
    ],
};

pub(super) fn collect(scrape: &mut Scrape<'_>, out: &mut Exposition<'_>) -> fmt::Result {
    let all = scrape.engine.flag_usages();
    let series = all.iter().map(|usage| usage.variations.len() + 1).max();
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
                let labels = [key, &variation.name, "unknown"];
                samples.counter(&labels, variation.evaluations)?;
            }
            samples.counter(&[key, "", "error"], usage.errors)?;
        }
        if others.is_empty() {
            return Ok(());
        }
        let evaluations: u64 = others.iter().map(|usage| usage.evaluations).sum();
        let errors: u64 = others.iter().map(|usage| usage.errors).sum();
        let answered = evaluations.saturating_sub(errors);
        samples.counter(&[OTHER, "", "unknown"], answered)?;
        samples.counter(&[OTHER, "", "error"], errors)
    })
}
