//! Reasons, causes and explanations.

use std::sync::Arc;

use serde_json::{Value, json, to_value};
use waygate_core::flag::{
    Cause, CompileOptions, ContractReason, ErrorCode, EvaluationContext, FlagSet, FlagValue, Reason,
};

use crate::support::{clock, context, set};

fn flag(key: &str, more: Value) -> Value {
    let mut flag = json!({
        "key": key, "name": "F", "type": "string",
        "variations": [{"name": "a", "value": "A"}, {"name": "b", "value": "B"}],
        "off_variation": "a", "fallthrough": "b",
    });
    for (name, value) in more.as_object().unwrap() {
        flag[name] = value.clone();
    }
    flag
}

fn all() -> FlagSet {
    let split = json!([{"variation": "a", "weight": 50_000}, {"variation": "b", "weight": 50_000}]);
    let rule = |served: Value| {
        let mut rule = json!({"id": "r1", "clauses": [{"attribute": "plan", "operator": "is", "values": ["pro"]}]});
        let member = if served.is_string() {
            "variation"
        } else {
            "rollout"
        };
        rule[member] = served;
        json!([{"id": "r0", "clauses": [{"attribute": "plan", "operator": "is", "values": ["x"]}], "variation": "a"}, rule])
    };
    let flags = [
        flag("static", json!({})),
        flag("disabled", json!({"enabled": false})),
        flag("rule", json!({"rules": rule(json!("b"))})),
        flag("rule-split", json!({"rules": rule(split.clone())})),
        flag("split", json!({"fallthrough": split})),
        flag("target", json!({"targets": {"a": ["u1"]}})),
        flag(
            "needs",
            json!({"prerequisites": [{"flag_key": "disabled", "variation": "b"}]}),
        ),
        flag(
            "needs-unknown",
            json!({"prerequisites": [{"flag_key": "ghost", "variation": "b"}]}),
        ),
        flag("empty", json!({"fallthrough": []})),
        flag("held", json!({"holdout": {"name": "h", "weight": 100_000}})),
        flag("not-held", json!({"holdout": {"name": "h", "weight": 0}})),
        flag(
            "outside",
            json!({"layer": {"layer": "l", "from": 0, "to": 0}}),
        ),
        flag(
            "inside",
            json!({"layer": {"layer": "l", "from": 0, "to": 100_000}}),
        ),
        flag(
            "segments",
            json!({"rules": [{"id": "r", "variation": "a", "clauses": [
                {"attribute": "key", "operator": "in_segment", "values": ["beta"]},
            ]}]}),
        ),
    ];
    let segments = [json!({"key": "beta", "name": "Beta", "rules": [
        {"id": "s", "clauses": [{"attribute": "plan", "operator": "in", "values": ["pro"]}]},
    ]})];
    set(&flags, &segments, CompileOptions::default())
}

#[test]
fn each_outcome_has_a_reason_in_the_words_of_open_feature_and_of_the_contract() {
    let set = all();
    let clock = clock();
    let pro = EvaluationContext::new("u1").with("plan", "pro");
    let free = EvaluationContext::new("u2").with("plan", "free");
    let anonymous = EvaluationContext::anonymous();
    for (key, context, variation, reason, contract) in [
        (
            "static",
            &pro,
            Some("b"),
            Reason::Static,
            ContractReason::Fallthrough,
        ),
        (
            "disabled",
            &pro,
            Some("a"),
            Reason::Disabled,
            ContractReason::Off,
        ),
        (
            "rule",
            &pro,
            Some("b"),
            Reason::TargetingMatch,
            ContractReason::RuleMatch,
        ),
        (
            "rule",
            &free,
            Some("b"),
            Reason::Default,
            ContractReason::Fallthrough,
        ),
        (
            "rule-split",
            &pro,
            None,
            Reason::Split,
            ContractReason::RuleMatch,
        ),
        (
            "split",
            &pro,
            None,
            Reason::Split,
            ContractReason::Fallthrough,
        ),
        (
            "target",
            &pro,
            Some("a"),
            Reason::TargetingMatch,
            ContractReason::TargetMatch,
        ),
        (
            "target",
            &free,
            Some("b"),
            Reason::Default,
            ContractReason::Fallthrough,
        ),
        (
            "needs",
            &pro,
            Some("a"),
            Reason::Disabled,
            ContractReason::PrerequisiteFail,
        ),
        (
            "needs-unknown",
            &pro,
            Some("a"),
            Reason::Disabled,
            ContractReason::PrerequisiteFail,
        ),
        (
            "held",
            &pro,
            Some("a"),
            Reason::Split,
            ContractReason::Fallthrough,
        ),
        (
            "not-held",
            &pro,
            Some("b"),
            Reason::Default,
            ContractReason::Fallthrough,
        ),
        (
            "outside",
            &pro,
            Some("a"),
            Reason::Split,
            ContractReason::Fallthrough,
        ),
        (
            "inside",
            &pro,
            Some("b"),
            Reason::Default,
            ContractReason::Fallthrough,
        ),
        (
            "split",
            &anonymous,
            None,
            Reason::Error,
            ContractReason::Error,
        ),
        ("empty", &pro, None, Reason::Error, ContractReason::Error),
    ] {
        let resolution = set.evaluate(key, context, &clock).unwrap();
        assert_eq!(
            (resolution.reason(), resolution.contract_reason()),
            (reason, contract),
            "{key}"
        );
        if variation.is_some() {
            assert_eq!(resolution.variation(), variation, "{key}");
        }
        assert_eq!(
            resolution.bucket().is_some(),
            reason == Reason::Split,
            "{key}"
        );
        assert_eq!(resolution.flag_key(), key);
    }
    let get = |key, context| set.evaluate(key, context, &clock).unwrap();
    assert_eq!(
        get("rule", &pro).cause(),
        Cause::Rule { index: 1, id: "r1" }
    );
    assert_eq!(
        (get("rule", &pro).rule_index(), get("rule", &pro).rule_id()),
        (Some(1), Some("r1"))
    );
    assert_eq!(get("needs", &pro).prerequisite_key(), Some("disabled"));
    assert_eq!(
        get("split", &anonymous).as_str(),
        Err(ErrorCode::TargetingKeyMissing)
    );
    assert_eq!(*get("split", &anonymous).value(), FlagValue::Null);
    assert_eq!(get("empty", &pro).error(), Some(ErrorCode::ParseError));
    assert_eq!(get("static", &pro).as_str(), Ok("B"));
    assert_eq!(get("static", &pro).as_bool(), Err(ErrorCode::TypeMismatch));
    assert!(set.evaluate("ghost", &pro, &clock).is_none());
}

#[test]
fn an_explanation_has_each_clause_with_the_actual_value_and_each_bucket() {
    let set = all();
    let clock = clock();
    let steps = |key: &str, context: &EvaluationContext| {
        let explained = set.explain(key, context, &clock).unwrap();
        to_value(&explained.steps).unwrap()
    };
    let pro = EvaluationContext::new("u1").with("plan", "pro");
    let clause = |rule: usize, values: Value, matched: bool| {
        json!({
            "flag": "rule-split", "depth": 0, "step": "clause", "segment": null, "rule": rule, "clause": 0,
            "attribute": "plan", "operator": "is", "values": values, "negate": false, "actual": "pro", "matched": matched,
        })
    };
    let bucket = set.evaluate("rule-split", &pro, &clock).unwrap().bucket();
    assert_eq!(
        steps("rule-split", &pro),
        json!([
            clause(0, json!(["x"]), false),
            {"flag": "rule-split", "depth": 0, "step": "rule", "index": 0, "id": "r0", "matched": false},
            clause(1, json!(["pro"]), true),
            {"flag": "rule-split", "depth": 0, "step": "rule", "index": 1, "id": "r1", "matched": true},
            {
                "flag": "rule-split", "depth": 0, "step": "split", "hash": "murmur3-v1", "value": "u1", "bucket": bucket,
                "parts": [{"end": 50_000, "variation": "a"}, {"end": 100_000, "variation": "b"}],
            },
        ])
    );
    assert_eq!(
        steps("needs", &pro),
        json!([
            {"flag": "disabled", "depth": 1, "step": "disabled"},
            {
                "flag": "needs", "depth": 0, "step": "prerequisite", "key": "disabled", "required": "b", "found": "a",
                "passed": false,
            },
        ])
    );
    let segments = steps("segments", &pro);
    assert_eq!(segments[0]["segment"], "beta");
    assert_eq!(
        segments[1],
        json!({"flag": "segments", "depth": 0, "step": "segment", "key": "beta", "member": true})
    );
    assert_eq!(steps("target", &pro)[0]["variation"], "a");
    assert_eq!(steps("outside", &pro)[0]["passed"], false);
    assert_eq!(steps("inside", &pro)[0]["passed"], true);
    assert_eq!(steps("held", &pro)[0]["passed"], false);
    assert_eq!(steps("static", &pro), json!([]));
}

#[test]
fn evaluations_do_not_allocate() {
    let set = all();
    let clock = clock();
    let context = EvaluationContext::new("u1")
        .with("plan", "pro")
        .with("seats", 5);
    let keys = [
        "static",
        "disabled",
        "rule",
        "rule-split",
        "split",
        "target",
        "needs",
        "held",
        "inside",
        "segments",
    ];
    let evaluate = || {
        for key in keys {
            let resolution = set.evaluate(key, &context, &clock).unwrap();
            assert!(resolution.as_str().is_ok());
        }
    };
    let info = allocation_counter::measure(evaluate);
    assert_eq!(info.count_total, 0);
}

/// A snapshot after a change has the same compiled flags as before, but for the changed one.
#[test]
fn snapshots_share_their_flags() {
    let before = all();
    let mut after = before.clone();
    after.remove_flag("static");
    after.remove_segment("beta");
    assert!(before.flag("static").is_some() && after.flag("static").is_none());
    assert!(before.segment("beta").is_some() && after.segment("beta").is_none());
    assert_eq!(after.flags().count() + 1, before.flags().count());
    for flag in after.flags() {
        let key = flag.definition().key.as_str();
        assert!(before.flag(key).is_some_and(|same| Arc::ptr_eq(same, flag)));
    }
    assert_eq!(
        (before.segments().count(), after.segments().count()),
        (1, 0)
    );
}

/// Gates of one name, and a flag with this key, are independent: as many contexts have both as chance gives.
#[test]
fn gates_of_one_name_are_independent() {
    let base = |more: Value| {
        let mut flag = json!({
            "key": "f", "name": "F", "type": "boolean",
            "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
            "off_variation": "off", "fallthrough": "on",
        });
        flag.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        flag
    };
    let keyed = |key: &str, more: Value| {
        let mut flag = base(more);
        flag["key"] = json!(key);
        flag
    };
    let layer = base(json!({"layer": {"layer": "same", "from": 0, "to": 50_000}}));
    // Those outside of the holdout get the flag.
    let holdout = base(json!({"holdout": {"name": "same", "weight": 50_000}}));
    let rollout = keyed(
        "same",
        json!({"fallthrough": [
            {"variation": "on", "weight": 50_000}, {"variation": "off", "weight": 50_000},
        ]}),
    );
    let clause = json!({"attribute": "key", "operator": "in_segment", "values": ["same"]});
    let share = base(json!({
        "fallthrough": "off", "rules": [{"clauses": [clause], "variation": "on"}],
    }));
    let segment = json!({"key": "same", "name": "S", "rules": [{"clauses": [], "weight": 50_000}]});
    let all = [
        ("layer", layer),
        ("holdout", holdout),
        ("rollout", rollout),
        ("segment", share),
    ];
    let sets: Vec<_> = all
        .iter()
        .map(|(of, flag)| {
            let options = CompileOptions::default();
            (
                of,
                flag["key"].as_str().unwrap(),
                set(
                    std::slice::from_ref(flag),
                    std::slice::from_ref(&segment),
                    options,
                ),
            )
        })
        .collect();
    let clock = clock();
    for (at, (one, first_key, first)) in sets.iter().enumerate() {
        for (other, second_key, second) in &sets[at + 1..] {
            let both = (0..4_000).filter(|number| {
                let context = context(&json!({"key": format!("user-{number}")}));
                let on = |set: &FlagSet, key: &str| {
                    set.evaluate(key, &context, &clock).unwrap().as_bool() == Ok(true)
                };
                on(first, first_key) && on(second, second_key)
            });
            let both = both.count();
            assert!(
                (900..1_100).contains(&both),
                "{one} and {other}: {both} of 4,000"
            );
        }
    }
}
