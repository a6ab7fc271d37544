//! Flags of Python Waygate, as its API returned them.

use serde_json::{Value, json};
use waygate_core::flag::{
    CompileOptions, EvaluationContext, HashAlgorithm, bucket,
    exchange::{Import, from_python},
};

use super::scenarios::compiled;
use crate::support::{clock, set};

/// Returns the definitions in the responses, each as a list.
fn recorded(text: &str) -> Vec<Value> {
    let exchanges: Vec<Value> = serde_json::from_str(text).unwrap();
    let of_api = exchanges.iter().filter(|exchange| {
        let path = exchange["request"]["path"].as_str().unwrap();
        path.starts_with("/api/flags") || path.starts_with("/api/segments")
    });
    let bodies = of_api.map(|exchange| &exchange["response"]["body"]);
    let lists = bodies.filter_map(|body| match body {
        Value::Array(_) => Some(body.clone()),
        body => body.get("key").is_some().then(|| json!([body])),
    });
    lists.collect()
}

#[test]
fn recorded_responses_of_the_api_are_imported() {
    let flags = recorded(include_str!("../../data/python-flags.json"));
    let segments = recorded(include_str!("../../data/python-segments.json"));
    let mut imported = 0;
    let mut refused = Vec::new();
    let flags = flags.iter().map(|flags| (flags, &Value::Null));
    let segments = segments.iter().map(|segments| (&Value::Null, segments));
    for (flags, segments) in flags.chain(segments) {
        let import = from_python(flags, segments);
        imported += import.document.flags.len() + import.document.segments.len();
        assert!(
            import
                .document
                .flags
                .iter()
                .all(|flag| flag.hash == Some(HashAlgorithm::WaygatePySha1))
        );
        refused.extend(import.refused.iter().map(ToString::to_string));
    }
    refused.sort();
    refused.dedup();
    insta::assert_snapshot!(format!("{imported} imported\n{}", refused.join("\n")));
}

/// The recorded evaluations: flags that are imported have the same results as in an engine with Python's operators, but
/// for those that read lists, booleans or times as Python does.
#[test]
fn imported_flags_keep_their_results() {
    let vectors: Vec<Value> =
        serde_json::from_str(include_str!("../../data/flag-vectors.json")).unwrap();
    let (mut same, mut other, mut refused) = (0, Vec::new(), 0);
    for vector in &vectors {
        let mut flags = vector["other_flags"].as_array().unwrap().clone();
        flags.push(vector["flag"].clone());
        let import = from_python(&json!(flags), &vector["segments"]);
        if !import.refused.is_empty() {
            refused += 1;
            continue;
        }
        let context = EvaluationContext::from_json(&vector["context"]).unwrap();
        let clock = clock();
        let key = vector["flag"]["key"].as_str().unwrap();
        let segments = vector["segments"].as_array().unwrap();
        let python = set(&flags, segments, CompileOptions::python());
        let [ours, theirs] = [compiled(&import), python].map(|flags| {
            let resolution = flags.evaluate(key, &context, &clock).unwrap();
            resolution.variation().map(str::to_owned)
        });
        match ours == theirs {
            true => same += 1,
            false => other.push(format!("{} {}", vector["id"], vector["name"])),
        }
    }
    insta::assert_snapshot!(format!(
        "{same} the same, {refused} refused, others:\n{}",
        other.join("\n")
    ));
}

#[test]
fn rollouts_keep_their_buckets() {
    let variations =
        json!([{"name": "a", "value": 1}, {"name": "b", "value": 2}, {"name": "c", "value": 3}]);
    let flag = |weights: [u32; 3]| {
        let names = ["a", "b", "c"];
        let parts: Vec<Value> = names
            .iter()
            .zip(weights)
            .map(|(name, weight)| json!({"variation": name, "weight": weight}))
            .collect();
        json!([{"key": "f", "name": "f", "type": "integer", "variations": variations, "off_variation": "a",
            "fallthrough": parts}])
    };
    for (weights, noted) in [
        ([20_000, 30_000, 50_000], false),
        ([10, 20, 30], true),
        ([60_000, 70_000, 5], true),
        ([0, 0, 0], true),
    ] {
        let import = from_python(&flag(weights), &Value::Null);
        assert!(import.refused.is_empty(), "{:?}", import.refused);
        assert_eq!(!import.notes.is_empty(), noted);
        let flags = compiled(&import);
        let clock = clock();
        for user in 0..2_000 {
            let key = format!("user_{user}");
            let bucket = bucket(HashAlgorithm::WaygatePySha1, "f", "user", &key);
            // The first part that ends after the bucket, or else the last.
            let mut end = 0;
            let part = weights.iter().position(|weight| {
                end += weight;
                bucket < end
            });
            let expected = ["a", "b", "c"][part.unwrap_or(2)];
            let context = EvaluationContext::new(key);
            let resolution = flags.evaluate("f", &context, &clock).unwrap();
            assert_eq!(resolution.variation(), Some(expected), "{weights:?}");
        }
    }
}

#[test]
fn details_are_adapted_or_refused() {
    let flag = |clause: Value| -> Import {
        let flags = json!([{"key": "f", "name": "f", "type": "boolean", "off_variation": "off", "fallthrough": "off",
            "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
            "rules": [{"id": "1", "clauses": [clause], "variation": "on"}]}]);
        from_python(&flags, &Value::Null)
    };
    let import = flag(json!({"attribute": "n", "operator": "gt", "values": [5, 1]}));
    assert_eq!(
        import.document.flags[0].rules[0].clauses[0].values,
        [json!(5)]
    );
    assert_eq!(import.notes[0].pointer, "/flags/0/rules/0/clauses/0");
    let import = flag(json!({"attribute": "/a/b", "operator": "is", "values": ["x"]}));
    assert_eq!(
        import.document.flags[0].rules[0].clauses[0].attribute,
        "/~1a~1b"
    );
    let import = flag(json!({"attribute": "a", "operator": "matches", "values": ["(?=a)"]}));
    let refusal = &import.refused[0];
    assert_eq!(
        (&*refusal.key, refusal.operator.as_deref()),
        ("f", Some("matches"))
    );
    assert_eq!(refusal.pointer, "/flags/0/rules/0/clauses/0/values/0");
    let import = from_python(&json!({}), &json!(5));
    assert_eq!(import.refused.len(), 2);
}
