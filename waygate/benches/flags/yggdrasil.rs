//! Unleash's engine: a strategy for each rule, and one for the rollout.
//!
//! The strategies of the rules are gradual rollouts to 100%, which is what the editor of Unleash creates; the older
//! strategy `default`, for all, is measured as well.

use std::{collections::HashMap, hint::black_box};

use serde_json::{Value, json};
use unleash_yggdrasil::{ClientFeatures, Context, EngineState};

use super::{COUNTRY, FLAGS, PLAN, RULES, USER, values};

pub(crate) struct Flags {
    engine: EngineState,
    context: Context,
}

/// The strategy of a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Strategy {
    FlexibleRollout,
    Default,
}

impl Flags {
    pub(crate) fn new(strategy: Strategy) -> Self {
        let constraint = |name: &str, values: Vec<String>| json!({"contextName": name, "operator": "IN", "values": values});
        let rollout = |key: &str, percent: &str| json!({"rollout": percent, "stickiness": "default", "groupId": key});
        let rule = |key: &str, rule| {
            let [countries, plans] = values(rule);
            let (name, parameters) = match strategy {
                Strategy::FlexibleRollout => ("flexibleRollout", rollout(key, "100")),
                Strategy::Default => ("default", json!({})),
            };
            json!({
                "name": name, "parameters": parameters,
                "constraints": [constraint("country", countries), constraint("plan", plans)],
            })
        };
        let flag = |index| {
            let key = format!("some-flag-{index}");
            let mut strategies: Vec<Value> = (0..RULES).map(|at| rule(&key, at)).collect();
            strategies.push(json!({"name": "flexibleRollout", "parameters": rollout(&key, "20")}));
            json!({"name": key, "type": "release", "enabled": true, "strategies": strategies})
        };
        let flags: Vec<Value> = (0..FLAGS).map(flag).collect();
        let features = json!({"version": 2, "features": flags});
        let features: ClientFeatures = serde_json::from_value(features).unwrap();
        let engine = EngineState::default();
        assert!(engine.apply_client_features(features).is_none());
        let properties = [
            ("country", COUNTRY),
            ("plan", PLAN),
            ("email", "a@example.com"),
            ("seats", "5"),
            ("beta", "true"),
        ];
        let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let flags = Self {
            engine,
            context: Context {
                user_id: Some(USER.to_owned()),
                properties: Some(HashMap::from(properties)),
                ..Context::default()
            },
        };
        // A context that a rule matches, to see that the rules are read.
        let mut matching = flags.context.clone();
        if let Some(properties) = &mut matching.properties {
            properties.insert("plan".to_owned(), "pro".to_owned());
        }
        assert!(flags.engine.is_enabled(super::FLAG, &matching, &None));
        flags
    }

    pub(crate) fn evaluate(&self, key: &str) -> bool {
        self.engine.is_enabled(key, black_box(&self.context), &None)
    }
}
