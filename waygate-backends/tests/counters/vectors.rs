//! The recorded answers of Python Waygate 0.2.0 to the same requests at the same times.

use serde_json::Value;
use waygate_backends::MemoryCounters;
use waygate_core::{
    limit::{Outcome, Rule, quota::Nanos},
    model::RateLimitPolicy,
};

use super::kit::*;

/// One field of one answer that differs.
#[derive(Debug)]
struct Difference<'a> {
    algorithm: &'a str,
    vector: &'a str,
    /// Seconds from the start.
    at: f64,
    field: &'static str,
    theirs: u64,
    ours: u64,
    /// A request was admitted exactly one window ago.
    is_at_edge: bool,
}

/// An intended difference: the answers, and the reason.
type Accepted = (fn(&Difference<'_>) -> bool, &'static str);

const ACCEPTED: &[Accepted] = &[
    (
        |one| one.field == "retry_after_seconds" && one.ours == one.theirs + 1,
        "the original truncates to seconds, so a client that waits comes too early",
    ),
    (
        |one| one.algorithm == "fixed_window" && one.vector == "zero limit" && one.at == 10.0,
        "nothing was consumed, so no window was opened",
    ),
    (
        |one| one.algorithm == "sliding_window" && one.vector == "zero limit",
        "the original lets a request that never passes retry immediately",
    ),
    (
        |one| one.vector == "aligned start" && one.field == "reset_at" && one.at == 0.0,
        "a remainder that comes out as zero at the edge of a slot is a whole slot",
    ),
    (
        |one| one.algorithm == "sliding_window" && one.vector == "aligned start" && one.at == 100.0,
        "a third of three is one, and not a little less as in binary fractions",
    ),
    (
        |one| one.algorithm == "moving_window" && one.field != "allowed" && one.is_at_edge,
        "at the edge of a window, the answer agrees with the decision",
    ),
];

fn nanos(seconds: f64) -> Nanos {
    // Whole milliseconds, which doubles of this size distinguish.
    (seconds * 1e3).round() as Nanos * 1_000_000
}

/// Returns each field with the recorded and the actual value.
fn fields(hit: &Value, outcome: &Outcome, now: Nanos) -> [(&'static str, u64, u64); 4] {
    let number = |field: &str| hit[field].as_u64().unwrap();
    let reset_at = nanos(hit["reset_at"].as_f64().unwrap());
    let our_reset = (now + outcome.reset_after) / 1_000_000 * 1_000_000;
    let retry = match outcome.allowed {
        true => 0,
        false => outcome.retry_after_seconds(),
    };
    let allowed = hit["allowed"].as_bool().unwrap();
    [
        ("allowed", allowed.into(), outcome.allowed.into()),
        ("remaining", number("remaining"), outcome.remaining),
        ("reset_at", reset_at, our_reset),
        ("retry_after_seconds", number("retry_after_seconds"), retry),
    ]
}

#[test]
fn recorded_vectors_match() {
    let vectors: Vec<Value> =
        serde_json::from_str(include_str!("../data/rate-limit-vectors.json")).unwrap();
    assert_eq!(vectors.len(), 21);
    let mut counts = [0; ACCEPTED.len()];
    for vector in &vectors {
        let (counters, counter_key, rule) = (MemoryCounters::new(), counter_key(), rule(vector));
        let window = rule.window_seconds(START) as f64;
        let start = vector["start_epoch"].as_f64().unwrap();
        let hits = vector["hits"].as_array().unwrap();
        for recorded in hits {
            let at = recorded["t"].as_f64().unwrap();
            let now = nanos(start + at);
            let outcome = hit(&counters, &counter_key, b"client", &rule, now);
            let edge =
                |hit: &Value| hit["allowed"] == true && hit["t"].as_f64() == Some(at - window);
            for (field, theirs, ours) in fields(recorded, &outcome, now) {
                if theirs == ours {
                    continue;
                }
                let difference = Difference {
                    algorithm: vector["algorithm"].as_str().unwrap(),
                    vector: vector["name"].as_str().unwrap(),
                    at,
                    field,
                    theirs,
                    ours,
                    is_at_edge: hits.iter().any(edge),
                };
                let accepted = ACCEPTED.iter().position(|(covers, _)| covers(&difference));
                let index = accepted.unwrap_or_else(|| panic!("not accepted: {difference:?}"));
                counts[index] += 1;
            }
        }
    }
    for ((_, reason), count) in ACCEPTED.iter().zip(counts) {
        assert!(count > 0, "nothing differs any more because {reason}");
    }
}

/// Of several limits, the original uses the first.
fn rule(vector: &Value) -> Rule {
    let limit = vector["limit"].as_str().unwrap();
    let limit = limit.split(';').next().unwrap();
    let fields = serde_json::json!({ "limit": limit, "algorithm": vector["algorithm"] });
    let policy: RateLimitPolicy = serde_json::from_value(fields).unwrap();
    let limit = policy.limit.clone();
    Rule::compile(&policy, &limit).remove(0)
}
