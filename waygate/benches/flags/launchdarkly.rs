//! LaunchDarkly's engine, with the flag borrowed from a map: the store of its SDK would clone it first.

use std::{collections::HashMap, hint::black_box};

use launchdarkly_server_sdk_evaluation::{
    Context, ContextBuilder, Flag, FlagValue, Segment, Store, evaluate,
};
use serde_json::{Value, json};

use super::{COUNTRY, FLAGS, PLAN, RULES, USER, values};

pub(crate) struct Flags {
    flags: HashMap<String, Flag>,
    context: Context,
}

/// The flags of this bench need no others.
struct NoStore;

impl Store for NoStore {
    fn flag(&self, _: &str) -> Option<Flag> {
        None
    }

    fn segment(&self, _: &str) -> Option<Segment> {
        None
    }
}

impl Flags {
    pub(crate) fn new() -> Self {
        let flag = |index| {
            let key = format!("some-flag-{index}");
            let flag = definition(&key);
            (key, serde_json::from_value(flag).unwrap())
        };
        let flags = Self {
            flags: (0..FLAGS).map(flag).collect(),
            context: context(PLAN),
        };
        // A context that a rule matches, to see that the rules are read.
        let flag = &flags.flags[super::FLAG];
        let pro = context("pro");
        let matched = evaluate(&NoStore, flag, &pro, None);
        assert_eq!(matched.value.and_then(FlagValue::as_bool), Some(true));
        flags
    }

    pub(crate) fn evaluate(&self, key: &str) -> bool {
        let detail = evaluate(&NoStore, &self.flags[key], black_box(&self.context), None);
        detail.value.and_then(FlagValue::as_bool).unwrap_or(false)
    }
}

fn context(plan: &str) -> Context {
    let mut context = ContextBuilder::new(USER);
    context
        .set_string("country", COUNTRY)
        .set_string("plan", plan)
        .set_string("email", "a@example.com")
        .set_float("seats", 5.0)
        .set_bool("beta", true);
    context.build().unwrap()
}

fn definition(key: &str) -> Value {
    let clause = |name: &str, values: Vec<String>| json!({"attribute": name, "op": "in", "values": values, "negate": false});
    let rule = |rule| {
        let [countries, plans] = values(rule);
        json!({
            "id": format!("rule-{rule}"), "variation": 0, "trackEvents": false,
            "clauses": [clause("country", countries), clause("plan", plans)],
        })
    };
    let rules: Vec<Value> = (0..RULES).map(rule).collect();
    json!({
        "key": key, "version": 1, "on": true, "targets": [], "prerequisites": [], "rules": rules,
        "fallthrough": {"rollout": {"variations": [
            {"variation": 0, "weight": 20_000}, {"variation": 1, "weight": 80_000},
        ]}},
        "offVariation": 1, "variations": [true, false], "salt": "salt", "clientSide": false,
    })
}
