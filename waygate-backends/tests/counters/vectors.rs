//! What Python Waygate 0.2.0 answered to the same requests at the same times.

use serde_json::Value;
use waygate_backends::MemoryCounters;
use waygate_core::{
    limit::{Outcome, Rule, quota::Nanos},
    model::RateLimitPolicy,
};

use super::kit::*;

/// Where we answer differently on purpose: the algorithm, the field, and why.
const DIFFERENCES: &[(&str, &str, &str)] = &[];

fn nanos(seconds: f64) -> Nanos {
    // Whole milliseconds, which doubles of this size tell apart.
    (seconds * 1e3).round() as Nanos * 1_000_000
}

/// Each field with what was recorded and what we say.
fn compare(hit: &Value, outcome: &Outcome, now: Nanos) -> Vec<(&'static str, String, String)> {
    let recorded = |field: &str| hit[field].clone();
    let reset_at = nanos(recorded("reset_at").as_f64().unwrap());
    let ours_reset = (now + outcome.reset_after) / 1_000_000 * 1_000_000;
    let retry = match outcome.allowed {
        true => 0,
        false => outcome.retry_after_seconds(),
    };
    vec![
        (
            "allowed",
            recorded("allowed").to_string(),
            outcome.allowed.to_string(),
        ),
        (
            "remaining",
            recorded("remaining").to_string(),
            outcome.remaining.to_string(),
        ),
        ("reset_at", reset_at.to_string(), ours_reset.to_string()),
        (
            "retry_after_seconds",
            recorded("retry_after_seconds").to_string(),
            retry.to_string(),
        ),
    ]
}

#[test]
fn the_recorded_answers_are_given() {
    let vectors: Vec<Value> =
        serde_json::from_str(include_str!("../data/rate-limit-vectors.json")).unwrap();
    assert_eq!(vectors.len(), 21);
    let (mut unlisted, mut seen) = (Vec::new(), Vec::new());
    for vector in &vectors {
        let (name, algorithm) = (
            vector["name"].as_str().unwrap(),
            vector["algorithm"].as_str().unwrap(),
        );
        let rule = rule(vector);
        let (counters, series) = (MemoryCounters::new(), series());
        let start = vector["start_epoch"].as_f64().unwrap();
        for recorded in vector["hits"].as_array().unwrap() {
            let now = nanos(start + recorded["t"].as_f64().unwrap());
            let outcome = hit(&counters, &series, b"client", &rule, now);
            for (field, theirs, ours) in compare(recorded, &outcome, now) {
                if theirs == ours {
                    continue;
                }
                unlisted.push(format!(
                    "{algorithm}, {name}, t={}: {field} {theirs}, ours {ours}",
                    recorded["t"]
                ));
            }
        }
        seen.push(name);
    }
    assert!(
        unlisted.is_empty(),
        "{} differences:\n{}",
        unlisted.len(),
        unlisted.join("\n")
    );
}

/// Of several limits, the original goes by the first.
fn rule(vector: &Value) -> Rule {
    let limit = vector["limit"].as_str().unwrap();
    let limit = limit.split(';').next().unwrap();
    let fields = serde_json::json!({ "limit": limit, "algorithm": vector["algorithm"] });
    let policy: RateLimitPolicy = serde_json::from_value(fields).unwrap();
    let limit = policy.limit.clone();
    Rule::compile(&policy, &limit).remove(0)
}
