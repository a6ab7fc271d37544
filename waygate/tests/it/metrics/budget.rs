//! The number of series is bounded.

use std::collections::BTreeMap;

#[cfg(feature = "flags")]
use serde_json::json;
#[cfg(feature = "flags")]
use waygate::flags::{EvaluationContext, Flag};
use waygate::limits::ConcurrencyPolicy;

use super::{exposition::Families, scrape, value};
use crate::support::{app, builder};

fn dropped(families: &Families, family: &str) -> Option<f64> {
    let labels = [("family", family)];
    value(families, "waygate_metrics_dropped_series_total", &labels)
}

/// The sum of each value of a label.
fn sums(families: &Families, name: &str, label: &str) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for sample in &families[name].samples {
        *sums.entry(sample.labels[label].clone()).or_default() += sample.value;
    }
    sums
}

#[tokio::test]
async fn concurrency_above_the_budget_counts_together() {
    let waygate = builder().metrics_budget(3).build().await.unwrap();
    let _app = app(&waygate, &["GET:/a", "GET:/b", "GET:/c"]).await;
    for path in ["a", "b", "c"] {
        let limit = ConcurrencyPolicy::new(3.try_into().unwrap());
        let key = format!("GET:/{path}#default").parse().unwrap();
        let system = waygate.system();
        system.set_concurrency_limit(key, limit).await.unwrap();
    }
    let families = scrape(&waygate);
    let in_use = sums(&families, "waygate_concurrency_in_use", "policy");
    let names: Vec<&str> = in_use.keys().map(String::as_str).collect();
    assert_eq!(names, ["GET:/a#default", "_other"]);
    let limits = sums(&families, "waygate_concurrency_limit", "policy");
    // A sum of limits would be none.
    assert_eq!(limits, BTreeMap::from([("GET:/a#default".to_owned(), 3.0)]));
    assert_eq!(dropped(&families, "waygate_concurrency_in_use"), Some(4.0));
}

#[cfg(feature = "flags")]
#[tokio::test]
async fn flags_above_the_budget_count_together_by_reason() {
    let flag = |key: &str| {
        let flag = Flag::parse(&json!({
            "key": key, "name": key, "type": "boolean",
            "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
            "off_variation": "off", "fallthrough": "off", "targets": {"on": ["user-1"]},
        }));
        flag.unwrap()
    };
    // The series of the first flag, and no more.
    let builder = builder().metrics_budget(10);
    let builder = builder.seed_flags(["a", "b", "c"].map(flag));
    let waygate = builder.build().await.unwrap();
    for key in ["a", "b", "b", "c"] {
        for user in ["user-1", "user-2"] {
            waygate.flags().evaluate(key, &EvaluationContext::new(user));
        }
    }
    let families = scrape(&waygate);
    let count = |key, variant, reason| {
        let labels = [
            ("feature_flag_key", key),
            ("feature_flag_result_variant", variant),
            ("feature_flag_result_reason", reason),
        ];
        value(&families, "waygate_flag_evaluations_total", &labels)
    };
    assert_eq!(count("a", "on", "targeting_match"), Some(1.0));
    assert_eq!(count("b", "on", "targeting_match"), None);
    for (reason, evaluations) in [("targeting_match", 3.0), ("default", 3.0), ("error", 0.0)] {
        assert_eq!(count("_other", "", reason), Some(evaluations), "{reason}");
    }
    assert_eq!(count("_other", "", "unknown"), None);
    let dropped = dropped(&families, "waygate_flag_evaluations_total");
    assert!(dropped > Some(0.0), "{dropped:?}");
}
