//! The recorded evaluations of Python Waygate (wire contract, section 9).

use serde_json::{Value, json};
use waygate_core::flag::{CompileOptions, ErrorCode};

use crate::support::{clock, context, set};

fn data(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

/// Returns what the evaluate endpoint would answer.
fn ours(vector: &Value) -> Value {
    let mut flags: Vec<Value> = vector["other_flags"].as_array().unwrap().clone();
    flags.push(vector["flag"].clone());
    let segments = vector["segments"].as_array().unwrap();
    let set = set(&flags, segments, CompileOptions::python());
    let key = vector["flag"]["key"].as_str().unwrap();
    let context = context(&vector["context"]);
    let clock = clock();
    let resolution = set.evaluate(key, &context, &clock).unwrap();
    let explained = set.explain(key, &context, &clock).unwrap().resolution;
    let both = [resolution, explained].map(|resolution| {
        json!({
            "value": resolution.value(),
            "variation": resolution.variation(),
            "reason": resolution.contract_reason(),
            "rule_id": resolution.rule_id(),
            "prerequisite_key": resolution.prerequisite_key(),
            "error_message": resolution.error().map(ErrorCode::as_str),
        })
    });
    assert_eq!(both[0], both[1], "an explanation has the same result");
    both[0].clone()
}

/// `tests/data/flag-differences.json` has each difference that was accepted, with its reason, and no other.
#[test]
fn recorded_evaluations_have_the_same_results_but_for_listed_differences() {
    let vectors = data(include_str!("../data/flag-vectors.json"));
    let listed = data(include_str!("../data/flag-differences.json"));
    assert_eq!(vectors.len(), 556);
    let mut wrong = Vec::new();
    for vector in &vectors {
        let (id, name) = (&vector["id"], &vector["name"]);
        let ours = ours(vector);
        let theirs = vector.get("expect");
        let known = listed.iter().find(|difference| difference["id"] == *id);
        match (theirs == Some(&ours), known) {
            (true, None) => {}
            (true, Some(_)) => wrong.push(format!("{id} {name}: no longer differs")),
            (false, None) => wrong.push(format!("{id} {name}: {ours} instead of {theirs:?}")),
            (false, Some(known)) if known["ours"] == ours => {}
            (false, Some(known)) => {
                wrong.push(format!(
                    "{id} {name}: {ours} instead of the listed {}",
                    known["ours"]
                ));
            }
        }
    }
    for difference in &listed {
        let vector = vectors
            .iter()
            .find(|vector| vector["id"] == difference["id"]);
        let name = vector.map(|vector| &vector["name"]);
        assert_eq!(name, Some(&difference["name"]), "{difference}");
        assert!(
            difference["reason"]
                .as_str()
                .is_some_and(|reason| reason.len() > 20)
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn recorded_buckets_are_the_same() {
    use waygate_core::flag::{HashAlgorithm, bucket};

    let buckets = data(include_str!("../data/rollout-buckets.json"));
    assert_eq!(buckets.len(), 28);
    for recorded in buckets {
        let text = |name: &str| recorded[name].as_str().unwrap();
        let (seed, kind, key) = (text("flag_key"), text("kind"), text("key"));
        let bucket = bucket(HashAlgorithm::WaygatePySha1, seed, kind, key);
        assert_eq!(json!(bucket), recorded["bucket"], "{recorded}");
    }
}
