//! Export to flagd, read back.

use serde_json::{Value, json};
use waygate_core::flag::{
    EvaluationContext, Flag, Segment,
    exchange::{FlagDocument, from_flagd, to_flagd},
};

use super::{flagd::options, scenarios::compiled};
use crate::support::clock;

fn flag(members: Value) -> Flag {
    let mut flag = json!({
        "key": "f", "name": "f", "type": "string", "hash": "flagd-v2", "off_variation": "c",
        "variations": [{"name": "a", "value": "A"}, {"name": "b", "value": "B"}, {"name": "c", "value": "C"}],
        "fallthrough": [{"variation": "a", "weight": 20_000}, {"variation": "b", "weight": 80_000}],
    });
    flag.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    Flag::parse(&flag).unwrap()
}

fn segments() -> Vec<Segment> {
    let inner = json!({"key": "inner", "name": "Inner", "rules": [
        {"id": "1", "clauses": [{"attribute": "seats", "operator": "gte", "values": [5]}]},
        {"id": "2", "clauses": [{"attribute": "/address/city", "operator": "is_not", "values": ["Oslo"]}]},
    ]});
    let outer = json!({"key": "outer", "name": "Outer", "included": ["user-1", "user-2"], "excluded": ["user-3"],
        "rules": [{"id": "1", "clauses": [{"attribute": "-", "operator": "in_segment", "values": ["inner"]}]}]});
    [inner, outer]
        .iter()
        .map(|segment| Segment::parse(segment).unwrap())
        .collect()
}

#[test]
fn what_is_exported_has_the_same_results_after_an_import() {
    let clause = |attribute: &str, operator: &str, values: Value, negate: bool| {
        let clause = json!({"attribute": attribute, "operator": operator, "values": values, "negate": negate});
        json!({"rules": [{"id": "1", "clauses": [clause], "variation": "c"}]})
    };
    let mut members = vec![
        json!({}),
        json!({"seed": "s", "bucket_by": "plan"}),
        json!({"seed": ""}),
        json!({"enabled": false}),
        json!({"fallthrough": "b"}),
        json!({"targets": {"c": ["user-1", "user-5"], "b": ["user-7"]}}),
        json!({"rules": [{"id": "1", "clauses": []}]}),
        json!({"rules": [{"id": "1", "bucket_by": "plan", "seed": "x", "clauses": [], "rollout": [
            {"variation": "c", "weight": 50_000}, {"variation": "b", "weight": 50_000},
        ]}]}),
    ];
    for negate in [false, true] {
        members.extend([
            clause("plan", "is", json!(["pro", "free"]), negate),
            clause("plan", "not_in", json!(["pro"]), negate),
            clause("plan", "contains", json!(["r", "x"]), negate),
            clause("plan", "not_contains", json!(["pro"]), negate),
            clause("plan", "starts_with", json!(["p"]), negate),
            clause("plan", "not_ends_with", json!(["o"]), negate),
            clause("seats", "lt", json!([3, 5]), negate),
            clause("seats", "eq", json!([2]), negate),
            clause("seats", "ne", json!([2]), negate),
            clause("plan", "is_set", json!([]), negate),
            clause("plan", "is_not_set", json!([]), negate),
            clause("/address/city", "is", json!(["Oslo"]), negate),
            clause("version", "semver_gte", json!(["1.2.0"]), negate),
            clause(
                "version",
                "semver_eq",
                json!(["1.2.0", "2.0.0-rc.1"]),
                negate,
            ),
            clause("key", "in", json!(["user-4"]), negate),
            clause("-", "in_segment", json!(["outer", "inner"]), negate),
            clause("-", "not_in_segment", json!(["outer"]), negate),
        ]);
    }
    let clock = clock();
    for members in members {
        let document = FlagDocument::new(vec![flag(members.clone())], segments());
        let exported = to_flagd(&document);
        assert!(exported.refused.is_empty(), "{:?}", exported.refused);
        let mut import = from_flagd(&exported.document, options());
        assert!(import.refused.is_empty(), "{:?}", import.refused);
        let theirs = compiled(&import);
        import.document = document;
        let ours = compiled(&import);
        for user in 0..120 {
            let mut context = EvaluationContext::new(format!("user-{}", user / 3));
            if user % 2 == 0 {
                context = context.with("plan", ["pro", "free", "other"][user / 2 % 3]);
            } else {
                let city = ["Oslo", "Rome"][user / 2 % 2];
                context = context.with("address", json!({"city": city}));
            }
            if user % 3 != 0 {
                context = context
                    .with("seats", user % 7)
                    .with("version", ["1.2", "v2.0.0-rc.1", "-"][user % 3]);
            }
            let results = [&ours, &theirs].map(|flags| {
                let resolution = flags.evaluate("f", &context, &clock).unwrap();
                resolution.variation().map(str::to_owned)
            });
            // Without the attribute of its bucket, a rollout fails here, and has the default variant in flagd.
            if results[0].is_some() {
                assert_eq!(
                    results[0], results[1],
                    "{members} {context:?}\n{}",
                    exported.document
                );
            }
        }
    }
}

#[test]
fn what_flagd_cannot_express_is_refused_with_its_place() {
    let rule =
        |clause: Value| json!({"rules": [{"id": "1", "clauses": [clause], "variation": "c"}]});
    for (members, pointer, operator, part) in [
        (
            json!({"hash": "murmur3-v1"}),
            "/fallthrough",
            "",
            "another hash",
        ),
        (
            json!({"prerequisites": [{"flag_key": "g", "variation": "on"}]}),
            "/prerequisites",
            "",
            "prerequisites",
        ),
        (
            json!({"layer": {"layer": "l", "from": 0, "to": 5}}),
            "/layer",
            "",
            "layers",
        ),
        (
            rule(json!({"attribute": "a", "operator": "matches", "values": ["^a"]})),
            "/rules/0/clauses/0",
            "matches",
            "no such operator",
        ),
        (
            rule(json!({"attribute": "a", "operator": "is", "values": ["a"], "ignore_case": true})),
            "/rules/0/clauses/0",
            "is",
            "regard to case",
        ),
        (
            rule(json!({"attribute": "a.b", "operator": "is", "values": ["a"]})),
            "/rules/0/clauses/0",
            "is",
            "cannot name",
        ),
        (
            rule(json!({"attribute": "a", "operator": "semver_eq", "values": ["1.2.3.4"]})),
            "/rules/0/clauses/0",
            "semver_eq",
            "four numbers",
        ),
        (
            rule(json!({"attribute": "a", "operator": "in_segment", "values": ["share"]})),
            "/rules/0/clauses/0",
            "in_segment",
            "no segment",
        ),
    ] {
        let share = json!({"key": "share", "name": "Share", "rules": [{"id": "1", "weight": 5}]});
        let document =
            FlagDocument::new(vec![flag(members)], vec![Segment::parse(&share).unwrap()]);
        let exported = to_flagd(&document);
        assert_eq!(exported.refused[0].key, "share");
        let refusal = &exported.refused[1];
        assert_eq!((&*refusal.key, &*refusal.pointer), ("f", pointer));
        assert_eq!(refusal.operator.as_deref().unwrap_or_default(), operator);
        assert!(refusal.message.contains(part), "{refusal}");
    }
}
