use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    condition::Conditions,
    evaluators::Evaluators,
    expression::{Node, Untranslatable},
    options::FlagdOptions,
    outcome::Outcome,
    parse::Parser,
    parts,
    targeting::{Targeting, Translated},
    timetable,
};
use crate::flag::{
    exchange::note::ImportNote,
    hash::HashAlgorithm,
    key::FlagKey,
    model::{ChangeAction, Flag, FlagType, Rule, ScheduledChange, Serve, Variation},
};

/// A flag of a document.
pub(super) struct Definition<'a> {
    pub(super) key: &'a str,
    pub(super) flag: &'a Value,
    pub(super) pointer: String,
    pub(super) evaluators: &'a Evaluators<'a>,
    pub(super) options: FlagdOptions,
}

/// The members of a flag that can depend on the time.
struct Rules {
    rules: Vec<Rule>,
    fallthrough: Serve,
    seed: Option<String>,
    bucket_by: Option<String>,
    has_rollout: bool,
}

impl Definition<'_> {
    pub(super) fn translate(&self, notes: &mut Vec<ImportNote>) -> Result<Flag, Untranslatable> {
        let key: FlagKey = self
            .key
            .parse()
            .map_err(|invalid| self.wrong("", format!("{invalid}")))?;
        let Value::Object(members) = self.flag else {
            return Err(self.wrong("", "expected an object"));
        };
        let enabled = match members.get("state").and_then(Value::as_str) {
            Some("ENABLED") => true,
            Some("DISABLED") => false,
            _ => return Err(self.wrong("/state", "expected `ENABLED` or `DISABLED`")),
        };
        let variants = match members.get("variants") {
            Some(Value::Object(variants)) if !variants.is_empty() => variants,
            _ => return Err(self.wrong("/variants", "expected an object from names to values")),
        };
        let Some(value_type) = value_type(variants) else {
            let message = "the values have different types, or are `null`";
            return Err(self.wrong("/variants", message));
        };
        let default = match members.get("defaultVariant") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) if variants.contains_key(name) => Some(name.as_str()),
            Some(name) => {
                let message = format!("the flag has no variant {name}");
                return Err(self.wrong("/defaultVariant", message));
            }
        };
        let first = variants.keys().next().map(String::as_str);
        let mut flag = Flag::new(key, value_type);
        flag.enabled = enabled;
        flag.off_variation = default.or(first).unwrap_or_default().to_owned();
        let values = variants.iter();
        flag.variations = values
            .map(|(name, value)| Variation::new(name, value.clone()))
            .collect();
        self.metadata(members, &mut flag, notes);
        let node = self.targeting(members)?;
        notes.extend(
            parts::of_lists(&node)
                .into_iter()
                .map(|(pointer, message)| ImportNote::new(self.key, pointer, message)),
        );
        let now = self.options.now.as_second();
        let current = self.rules(&node, variants, default, now, notes)?;
        let mut has_rollout = current.has_rollout;
        let mut last = payload(&current);
        let later = timetable::times(&node).split_off(&now.saturating_add(1));
        for time in later {
            let Ok(execute_at) = Timestamp::from_second(time) else {
                continue;
            };
            let next = self.rules(&node, variants, default, time, &mut Vec::new())?;
            has_rollout |= next.has_rollout;
            let next = payload(&next);
            if next != last {
                flag.scheduled_changes.push(ScheduledChange {
                    id: format!("time-{time}"),
                    execute_at,
                    action: ChangeAction::Patch,
                    payload: next.clone(),
                    created_by: flag.created_by.clone(),
                    created_at: None,
                });
                last = next;
            }
        }
        flag.rules = current.rules;
        flag.fallthrough = current.fallthrough;
        flag.seed = current.seed;
        flag.bucket_by = current.bucket_by;
        flag.hash = has_rollout.then_some(HashAlgorithm::FlagdV2);
        let definition = serde_json::to_value(&flag).unwrap_or_default();
        let problem = |problems: crate::flag::Problems| self.wrong("", problems.to_string());
        Flag::parse(&definition).map_err(problem)
    }

    fn metadata(&self, members: &Map<String, Value>, flag: &mut Flag, notes: &mut Vec<ImportNote>) {
        let Some(Value::Object(metadata)) = members.get("metadata") else {
            return;
        };
        let mut lost = Vec::new();
        for (name, value) in metadata {
            match (name.as_str(), value) {
                ("description", Value::String(text)) => flag.description = text.clone(),
                _ => lost.push(name.as_str()),
            }
        }
        if !lost.is_empty() {
            let message = format!("flags have no metadata: `{}` is lost", lost.join("`, `"));
            notes.push(ImportNote::new(
                self.key,
                format!("{}/metadata", self.pointer),
                message,
            ));
        }
    }

    fn targeting(&self, members: &Map<String, Value>) -> Result<Node, Untranslatable> {
        let pointer = format!("{}/targeting", self.pointer);
        let none = Value::Null;
        let targeting = match members.get("targeting") {
            Some(Value::Object(empty)) if empty.is_empty() => &none,
            Some(targeting) => targeting,
            None => &none,
        };
        let pointer = match targeting {
            Value::Null => format!("{}/defaultVariant", self.pointer),
            _ => pointer,
        };
        Parser::new(self.key, self.evaluators.all).parse(targeting, &pointer)
    }

    /// Translates the targeting at a time.
    fn rules(
        &self,
        node: &Node,
        variants: &Map<String, Value>,
        default: Option<&str>,
        now: i64,
        notes: &mut Vec<ImportNote>,
    ) -> Result<Rules, Untranslatable> {
        let conditions = Conditions {
            segments: &self.evaluators.names,
            now,
        };
        let rounds = self.options.round_weights;
        let targeting = Targeting::new(self.key, variants, default, conditions, rounds);
        let Translated {
            rules,
            fallthrough,
            rounded,
        } = targeting.translate(node)?;
        for pointer in rounded {
            let message = "the weights are rounded to buckets of 100,000";
            notes.push(ImportNote::new(self.key, pointer, message));
        }
        let has_rollout = |outcome: &Outcome| matches!(outcome, Outcome::Rollout(_));
        let has_rollout = has_rollout(&fallthrough) || rules.iter().any(|(_, it)| has_rollout(it));
        // The seed of the flag is that of the fallthrough; by default its key.
        let (fallthrough, seed, bucket_by) = match fallthrough {
            Outcome::Variation(name) => (Serve::Variation(name), self.key.to_owned(), None),
            Outcome::Rollout(rollout) => (Serve::Rollout(rollout.parts), rollout.seed, rollout.by),
        };
        let rules = rules
            .into_iter()
            .enumerate()
            .map(|(at, (clauses, outcome))| {
                let mut rule = Rule {
                    id: format!("rule-{}", at + 1),
                    description: String::new(),
                    clauses,
                    variation: None,
                    rollout: None,
                    track_events: false,
                    bucket_by: None,
                    context_kind: None,
                    seed: None,
                };
                match outcome {
                    Outcome::Variation(name) => rule.variation = Some(name),
                    Outcome::Rollout(rollout) => {
                        rule.seed = (rollout.seed != seed).then_some(rollout.seed);
                        if rollout.by != bucket_by {
                            rule.bucket_by = rollout.by.or_else(|| Some("targetingKey".to_owned()));
                        }
                        rule.rollout = Some(rollout.parts);
                    }
                }
                rule
            });
        Ok(Rules {
            rules: rules.collect(),
            fallthrough,
            seed: (seed != self.key).then_some(seed),
            bucket_by,
            has_rollout,
        })
    }

    fn wrong(&self, below: &str, message: impl Into<String>) -> Untranslatable {
        Untranslatable {
            pointer: format!("{}{below}", self.pointer),
            operator: None,
            message: message.into(),
        }
    }
}

fn payload(rules: &Rules) -> Value {
    json!({
        "rules": rules.rules, "fallthrough": rules.fallthrough, "seed": rules.seed, "bucket_by": rules.bucket_by,
    })
}

/// Returns the type of all values.
fn value_type(variants: &Map<String, Value>) -> Option<FlagType> {
    let types = variants.values().map(|value| match value {
        Value::Bool(_) => Some(FlagType::Boolean),
        Value::String(_) => Some(FlagType::String),
        Value::Number(number) if number.is_f64() => Some(FlagType::Float),
        Value::Number(_) => Some(FlagType::Integer),
        Value::Array(_) | Value::Object(_) => Some(FlagType::Json),
        Value::Null => None,
    });
    let common = |one, other| match (one, other) {
        (one, other) if one == other => Some(one),
        (FlagType::Integer, FlagType::Float) | (FlagType::Float, FlagType::Integer) => {
            Some(FlagType::Float)
        }
        _ => None,
    };
    let types: Option<Vec<FlagType>> = types.collect();
    let mut types = types?.into_iter();
    let first = types.next()?;
    types.try_fold(first, common)
}
