//! Evaluations of flags.

use serde_json::json;
use waygate::flags::{EvaluationContext, Flag};

use super::{scrape, value};
use crate::support::builder;

#[tokio::test]
async fn evaluations_have_their_reason() {
    let search = Flag::parse(&json!({
        "key": "search", "name": "Search", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "fallthrough": "off", "targets": {"on": ["user-1"]},
    }));
    let waygate = builder().seed_flags([search.unwrap()]).build().await;
    let waygate = waygate.unwrap();
    let count = |variant, reason| {
        let labels = [
            ("feature_flag_key", "search"),
            ("feature_flag_result_variant", variant),
            ("feature_flag_result_reason", reason),
        ];
        value(&scrape(&waygate), "waygate_flag_evaluations_total", &labels)
    };
    assert_eq!(
        count("on", "targeting_match"),
        Some(0.0),
        "before the first"
    );
    assert_eq!(count("", "error"), Some(0.0));
    assert_eq!(count("off", "static"), None, "it has a target");
    for user in ["user-1", "user-2", "user-3"] {
        waygate
            .flags()
            .evaluate("search", &EvaluationContext::new(user));
    }
    assert_eq!(count("on", "targeting_match"), Some(1.0));
    assert_eq!(count("off", "default"), Some(2.0));
    assert_eq!(count("off", "disabled"), Some(0.0));
}
