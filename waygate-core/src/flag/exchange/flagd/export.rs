use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    expression::Untranslatable,
    operations::{Operations, variable},
};
use crate::flag::{
    exchange::{document::FlagDocument, import::Refusal},
    hash::HashAlgorithm,
    model::{Flag, Rule, Serve, WeightedVariation},
};

/// Definitions for flagd.
///
/// ```
/// use waygate_core::flag::exchange::{Exported, FlagDocument, to_flagd};
///
/// let exported: Exported = to_flagd(&FlagDocument::default());
/// assert!(exported.document["flags"].is_object() && exported.refused.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Exported {
    /// The document.
    pub document: Value,
    /// The definitions that flagd cannot express, each with the reason. The places are those in the definition.
    pub refused: Vec<Refusal>,
}

/// Translates flags to definitions of flagd, and segments to `$evaluators`. [`from_flagd`](super::from_flagd) reads them
/// back.
///
/// Refused are flags with prerequisites, kinds of contexts, layers, holdouts, progressive rollouts or scheduled changes;
/// rollouts by another hash than `flagd-v2`, which would move contexts; the operators `matches`, `before`, `after`,
/// `in_cidr`; and comparisons without regard to case.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::{Flag, exchange::{FlagDocument, to_flagd}};
///
/// let flag = Flag::parse(&json!({
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off", "fallthrough": "off", "targets": {"on": ["user-1"]},
/// }))?;
/// let exported = to_flagd(&FlagDocument::new(vec![flag], Vec::new()));
/// let targeting = &exported.document["flags"]["search"]["targeting"];
/// assert_eq!(*targeting, json!({"if": [{"in": [{"var": "targetingKey"}, ["user-1"]]}, "on"]}));
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
pub fn to_flagd(definitions: &FlagDocument) -> Exported {
    let segments = definitions.segments.iter();
    let operations = Operations {
        segments: segments
            .map(|segment| (segment.key.as_str(), segment))
            .collect(),
    };
    let mut refused = Vec::new();
    let mut evaluators = BTreeMap::new();
    for segment in &definitions.segments {
        match operations.members(segment, 0) {
            Ok(members) => {
                evaluators.insert(segment.key.as_str(), members);
            }
            Err(wrong) => refused.push(refusal(segment.key.as_str(), wrong)),
        }
    }
    // Flags that need the others are refused as well.
    let operations = Operations {
        segments: operations
            .segments
            .into_iter()
            .filter(|(key, _)| evaluators.contains_key(key))
            .collect(),
    };
    let mut flags = Map::new();
    for flag in &definitions.flags {
        match definition(flag, &operations) {
            Ok(definition) => {
                flags.insert(flag.key.to_string(), definition);
            }
            Err(wrong) => refused.push(refusal(flag.key.as_str(), wrong)),
        }
    }
    let mut document = json!({"$schema": "https://flagd.dev/schema/v0/flags.json", "flags": flags});
    if let (Value::Object(members), false) = (&mut document, evaluators.is_empty()) {
        members.insert("$evaluators".to_owned(), json!(evaluators));
    }
    Exported { document, refused }
}

fn refusal(key: &str, wrong: Untranslatable) -> Refusal {
    Refusal {
        key: key.to_owned(),
        pointer: wrong.pointer,
        operator: wrong.operator,
        message: wrong.message,
    }
}

fn definition(flag: &Flag, operations: &Operations<'_>) -> Result<Value, Untranslatable> {
    if let Some((pointer, what)) = beyond_flagd(flag) {
        return Err(wrong(pointer, format!("flagd has no {what}")));
    }
    let mut conditional = Vec::new();
    for (variation, keys) in &flag.targets.0 {
        conditional.push(json!({"in": [{"var": "targetingKey"}, keys]}));
        conditional.push(variation.as_str().into());
    }
    for (at, rule) in flag.rules.iter().enumerate() {
        let place = format!("/rules/{at}");
        conditional.push(operations.all(&rule.clauses, &format!("{place}/clauses"), 0)?);
        conditional.push(match (&rule.variation, &rule.rollout) {
            (Some(name), _) => name.as_str().into(),
            (None, Some(parts)) => rollout(flag, Some(rule), parts, &format!("{place}/rollout"))?,
            (None, None) => match &flag.fallthrough {
                Serve::Variation(name) => name.as_str().into(),
                Serve::Rollout(parts) => rollout(flag, None, parts, "/fallthrough")?,
            },
        });
    }
    let default = match &flag.fallthrough {
        Serve::Variation(name) => name,
        Serve::Rollout(parts) => {
            conditional.push(rollout(flag, None, parts, "/fallthrough")?);
            &flag.off_variation
        }
    };
    let targeting = match (conditional.len(), conditional.pop()) {
        (_, None) => None,
        (1, Some(only)) => Some(only),
        (_, Some(last)) => {
            conditional.push(last);
            Some(json!({"if": conditional}))
        }
    };
    let variants = flag.variations.iter();
    let variants = variants.map(|variation| (variation.name.clone(), variation.value.clone()));
    let mut definition = json!({
        "state": if flag.enabled { "ENABLED" } else { "DISABLED" },
        "variants": variants.collect::<Map<String, Value>>(),
        "defaultVariant": default,
    });
    if let Value::Object(members) = &mut definition {
        members.extend(targeting.map(|targeting| ("targeting".to_owned(), targeting)));
        if !flag.description.is_empty() {
            let metadata = json!({"description": flag.description});
            members.insert("metadata".to_owned(), metadata);
        }
    }
    Ok(definition)
}

/// Returns the member of a flag that flagd has no equivalent for.
fn beyond_flagd(flag: &Flag) -> Option<(&'static str, &'static str)> {
    let members = [
        (
            !flag.prerequisites.is_empty(),
            "/prerequisites",
            "prerequisites",
        ),
        (
            !flag.context_targets.is_empty(),
            "/context_targets",
            "kinds of contexts",
        ),
        (
            flag.context_kind.is_some(),
            "/context_kind",
            "kinds of contexts",
        ),
        (flag.layer.is_some(), "/layer", "layers"),
        (flag.holdout.is_some(), "/holdout", "holdouts"),
        (
            flag.progressive.is_some(),
            "/progressive",
            "progressive rollouts",
        ),
        (
            !flag.scheduled_changes.is_empty(),
            "/scheduled_changes",
            "scheduled changes",
        ),
    ];
    let mut members = members.into_iter();
    members.find_map(|(used, pointer, what)| used.then_some((pointer, what)))
}

fn rollout(
    flag: &Flag,
    rule: Option<&Rule>,
    parts: &[WeightedVariation],
    pointer: &str,
) -> Result<Value, Untranslatable> {
    if flag.hash != Some(HashAlgorithm::FlagdV2) {
        let message =
            "the rollout has another hash than `flagd-v2`: contexts would change their variation";
        return Err(wrong(pointer, message.to_owned()));
    }
    if rule.is_some_and(|rule| rule.context_kind.is_some()) {
        return Err(wrong(pointer, "flagd has no kinds of contexts".to_owned()));
    }
    let seed = rule.and_then(|rule| rule.seed.as_deref());
    let seed = seed.or(flag.seed.as_deref()).unwrap_or(flag.key.as_str());
    let by = rule.and_then(|rule| rule.bucket_by.as_deref());
    let by = by.or(flag.bucket_by.as_deref()).unwrap_or("targetingKey");
    let Some(by) = variable(by) else {
        return Err(wrong(
            pointer,
            format!("flagd cannot name the attribute `{by}`"),
        ));
    };
    let value = json!({"var": by});
    let mut operands = Vec::with_capacity(parts.len() + 1);
    match seed {
        "" => operands.push(value),
        seed if seed == flag.key.as_str() && by == "targetingKey" => {}
        seed => operands.push(json!({"cat": [seed, value]})),
    }
    operands.extend(
        parts
            .iter()
            .map(|part| json!([part.variation, part.weight])),
    );
    Ok(json!({"fractional": operands}))
}

fn wrong(pointer: &str, message: String) -> Untranslatable {
    Untranslatable {
        pointer: pointer.to_owned(),
        operator: None,
        message,
    }
}
