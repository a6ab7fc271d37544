//! The meaning of operators, as engines have it unless they replace the reference.

use serde_json::{Value, json};
use waygate_core::flag::CompileOptions;

use crate::support::{clock, context, set};

/// Returns whether a clause on the attribute `x` matches.
fn matches(clause: Value, attributes: Value, options: CompileOptions) -> bool {
    let mut clause = clause;
    if clause.get("attribute").is_none() {
        clause["attribute"] = json!("x");
    }
    let flag = json!({
        "key": "f", "name": "F", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "fallthrough": "off", "rules": [{"clauses": [clause], "variation": "on"}],
    });
    let context = context(&json!({"key": "u1", "attributes": attributes}));
    let set = set(&[flag], &[], options);
    set.evaluate("f", &context, &clock())
        .unwrap()
        .as_bool()
        .unwrap()
}

fn check(cases: &[(&str, Value, Value, bool)]) {
    for (operator, values, x, expected) in cases {
        let clause = json!({"operator": operator, "values": values});
        let found = matches(clause, json!({"x": x}), CompileOptions::default());
        assert_eq!(found, *expected, "{x} {operator} {values}");
    }
}

#[test]
fn every_value_of_a_clause_counts() {
    check(&[
        ("gt", json!([100, 1]), json!(50), true),
        ("lt", json!([100, 1]), json!(50), true),
        ("gt", json!([100, 60]), json!(50), false),
        (
            "before",
            json!(["2020-01-01", "2030-01-01"]),
            json!("2025-01-01"),
            true,
        ),
        ("semver_eq", json!(["1.0.0", "2.0.0"]), json!("2.0.0"), true),
    ]);
}

#[test]
fn numbers_are_exact_and_may_be_texts() {
    check(&[
        ("eq", json!([5]), json!("5.0"), true),
        ("eq", json!(["5"]), json!(5), true),
        ("ne", json!([5]), json!(5.0), false),
        ("ne", json!([5]), json!("five"), true),
        (
            "gt",
            json!([9_007_199_254_740_992_i64]),
            json!(9_007_199_254_740_993_i64),
            true,
        ),
        (
            "is",
            json!([18_446_744_073_709_551_615_u64]),
            json!(18_446_744_073_709_551_615_u64),
            true,
        ),
        (
            "is",
            json!([18_446_744_073_709_551_615_u64]),
            json!(18_446_744_073_709_551_614_u64),
            false,
        ),
        ("is", json!(["5"]), json!(5), false),
        ("is", json!([1]), json!(true), false),
        ("gt", json!([0]), json!(true), false),
    ]);
}

#[test]
fn any_element_of_a_list_counts() {
    check(&[
        ("is", json!(["a"]), json!(["b", "a"]), true),
        ("is_not", json!(["a"]), json!(["b", "a"]), false),
        ("is_not", json!(["c"]), json!(["b", "a"]), true),
        ("is", json!([["a", "b"]]), json!(["a", "b"]), true),
        ("gt", json!([5]), json!([1, 6]), true),
        ("contains", json!(["cm"]), json!(["x", "acme"]), true),
        ("not_contains", json!(["cm"]), json!(["x", "acme"]), false),
        ("matches", json!(["^ac"]), json!(["x", "acme"]), true),
        (
            "in_cidr",
            json!(["10.0.0.0/8"]),
            json!(["192.0.2.1", "10.1.1.1"]),
            true,
        ),
        ("is", json!(["a"]), json!([]), false),
        ("is_not", json!(["a"]), json!([]), true),
        ("is_set", json!([]), json!([]), true),
        ("contains", json!(["a"]), json!({"a": "a"}), false),
    ]);
}

#[test]
fn times_are_points_in_time() {
    check(&[
        (
            "before",
            json!(["2025-06-01T00:30:00+02:00"]),
            json!("2025-05-31T23:00:00Z"),
            false,
        ),
        (
            "before",
            json!(["2025-06-01T01:30:00+02:00"]),
            json!("2025-05-31T23:00:00Z"),
            true,
        ),
        (
            "after",
            json!(["2025-06-01"]),
            json!("2025-06-01T00:00:01Z"),
            true,
        ),
        (
            "after",
            json!([1_748_736_000_000_i64]),
            json!("2025-06-01T00:00:01Z"),
            true,
        ),
        (
            "before",
            json!(["2025-06-02"]),
            json!(1_748_736_000_000_i64),
            true,
        ),
        ("after", json!(["2025-06-01"]), json!("zzz"), false),
        ("before", json!(["2025-06-01"]), json!("1999"), false),
    ]);
}

#[test]
fn networks() {
    check(&[
        (
            "in_cidr",
            json!(["10.0.0.0/8", "2001:db8::/32"]),
            json!("10.1.2.3"),
            true,
        ),
        (
            "in_cidr",
            json!(["10.0.0.0/8", "2001:db8::/32"]),
            json!("2001:db8::1"),
            true,
        ),
        (
            "in_cidr",
            json!(["10.0.0.0/8"]),
            json!("::ffff:10.1.2.3"),
            true,
        ),
        ("in_cidr", json!(["192.0.2.1"]), json!("192.0.2.1"), true),
        ("in_cidr", json!(["10.0.0.0/8"]), json!("11.0.0.1"), false),
        (
            "in_cidr",
            json!(["10.0.0.0/8"]),
            json!("example.com"),
            false,
        ),
        (
            "not_in_cidr",
            json!(["10.0.0.0/8"]),
            json!("11.0.0.1"),
            true,
        ),
        (
            "not_in_cidr",
            json!(["10.0.0.0/8"]),
            json!("10.0.0.1"),
            false,
        ),
    ]);
}

#[test]
fn versions_are_semantic() {
    check(&[
        ("semver_gt", json!(["1.9.0"]), json!("1.10.0"), true),
        ("semver_lt", json!(["1.0.0"]), json!("1.0.0-rc.1"), true),
        ("semver_gte", json!(["1.2"]), json!("v1.2.0"), true),
        ("semver_lte", json!(["1.2.0"]), json!("1.2.0+build"), true),
        ("semver_lte", json!(["1.2.0"]), json!("1.2.1"), false),
        ("semver_gt", json!(["1.9"]), json!(2), true),
    ]);
}

#[test]
fn attributes_that_are_missing() {
    let cases = [
        ("is_set", json!([]), false),
        ("is_not_set", json!([]), true),
        ("is", json!([null]), false),
        ("is_not", json!(["a"]), true),
        ("is_not", json!([null]), false),
        ("not_in", json!(["a"]), true),
        ("ne", json!([5]), true),
        ("not_in_cidr", json!(["10.0.0.0/8"]), true),
        ("not_contains", json!(["a"]), false),
        ("not_matches", json!(["a"]), false),
        ("not_starts_with", json!(["a"]), false),
        ("gt", json!([5]), false),
    ];
    for (operator, values, expected) in cases {
        for attributes in [json!({}), json!({"x": null})] {
            let clause = |negate| json!({"operator": operator, "values": values, "negate": negate});
            let options = CompileOptions::default();
            assert_eq!(
                matches(clause(false), attributes.clone(), options),
                expected,
                "{operator}"
            );
            assert_eq!(
                matches(clause(true), attributes, options),
                !expected,
                "{operator}"
            );
        }
    }
}

#[test]
fn case_can_be_ignored() {
    for (operator, values, x, expected) in [
        ("is", json!(["Größe", "b"]), "GRÖßE", true),
        (
            "in",
            json!(["a", "b", "c", "d", "e", "f", "g", "PRO"]),
            "pro",
            true,
        ),
        ("not_in", json!(["PRO"]), "pro", false),
        ("contains", json!(["CME"]), "aCmE", true),
        ("contains", json!(["a.c"]), "ABC", false),
        ("starts_with", json!(["ÄB"]), "äbc", true),
        ("ends_with", json!(["@ACME.com"]), "bob@acme.COM", true),
        ("not_ends_with", json!(["@ACME.com"]), "bob@acme.COM", false),
        ("matches", json!(["^ac.e$"]), "ACME", true),
    ] {
        let clause = |fold| json!({"operator": operator, "values": values, "ignore_case": fold});
        let options = CompileOptions::default();
        assert_eq!(
            matches(clause(true), json!({"x": x}), options),
            expected,
            "{operator} {x}"
        );
        if expected {
            assert!(
                !matches(clause(false), json!({"x": x}), options),
                "{operator} {x}"
            );
        }
    }
}

#[test]
fn references_reach_nested_attributes() {
    let attributes = json!({
        "address": {"city": "Berlin", "a/b~": 1}, "roles": [{"name": "admin"}, "x"], "/x": "literal", "a.b": 2,
    });
    for (attribute, value, expected) in [
        ("/address/city", json!("Berlin"), true),
        ("/address/a~1b~0", json!(1), true),
        ("/roles/0/name", json!("admin"), true),
        ("/roles/1", json!("x"), true),
        ("/roles/2", json!("x"), false),
        ("/roles", json!("x"), true),
        ("/address/city/x", json!("Berlin"), false),
        ("address.city", json!("Berlin"), false),
        ("a.b", json!(2), true),
        ("/key", json!("u1"), true),
        ("key", json!("u1"), true),
        ("kind", json!("user"), true),
        ("targetingKey", json!("u1"), true),
    ] {
        let clause = json!({"attribute": attribute, "operator": "is", "values": [value]});
        assert_eq!(
            matches(clause, attributes.clone(), CompileOptions::default()),
            expected,
            "{attribute}"
        );
    }
    let clause = json!({"attribute": "/x", "operator": "is", "values": ["literal"]});
    assert!(
        matches(clause, attributes, CompileOptions::python()),
        "the reference has no references"
    );
}

/// Long inputs to patterns with nested repetitions take linear time.
#[test]
fn patterns_take_linear_time() {
    let clause = json!({"operator": "matches", "values": ["(a+)+$", "(a|aa)+$", "(?i)(x+x+)+y"]});
    let x = format!("{}b", "a".repeat(60_000));
    assert!(!matches(clause, json!({"x": x}), CompileOptions::default()));
    let clause = json!({"operator": "contains", "values": [format!("{}b", "a".repeat(500))], "ignore_case": true});
    assert!(!matches(
        clause,
        json!({"x": "A".repeat(60_000)}),
        CompileOptions::default()
    ));
}
