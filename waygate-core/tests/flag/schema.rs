//! The OpenAPI schemas of definitions.

use std::collections::BTreeSet;

use serde_json::{Value, json, to_value};
use utoipa::PartialSchema;
use waygate_core::flag::{Flag, Operator, Segment};

fn members(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// A definition with every member.
#[test]
fn schemas_have_the_members_of_definitions() {
    let flag = json!({
        "key": "f", "name": "F", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "fallthrough": "on", "hash": "unleash", "seed": "s", "bucket_by": "b",
        "context_kind": "org", "layer": {"layer": "l", "from": 0, "to": 1}, "holdout": {"name": "h", "weight": 1},
        "context_targets": [{"context_kind": "org", "variation": "on", "values": ["o1"]}],
        "progressive": {
            "variation": "on", "baseline": "off", "start": "2030-01-01T00:00:00Z",
            "stages": [{"after_seconds": 0, "weight": 1}],
        },
        "expires_at": "2030-01-01T00:00:00Z", "client_visible": true,
    });
    let flag = to_value(Flag::parse(&flag).unwrap()).unwrap();
    let schema = to_value(Flag::schema()).unwrap();
    assert_eq!(members(&schema["properties"]), members(&flag));
    for required in [
        "key",
        "name",
        "type",
        "variations",
        "off_variation",
        "fallthrough",
    ] {
        assert!(
            schema["required"]
                .as_array()
                .unwrap()
                .contains(&json!(required)),
            "{required}"
        );
    }
    assert_eq!(schema["properties"]["created_at"]["format"], "date-time");
    assert_eq!(schema["properties"]["targets"]["type"], "object");

    let segment = json!({"key": "s", "name": "S", "context_kind": "org"});
    let segment = to_value(Segment::parse(&segment).unwrap()).unwrap();
    let schema = to_value(Segment::schema()).unwrap();
    assert_eq!(members(&schema["properties"]), members(&segment));

    let words = to_value(Operator::schema()).unwrap();
    assert_eq!(words["enum"].as_array().unwrap().len(), Operator::ALL.len());
}
