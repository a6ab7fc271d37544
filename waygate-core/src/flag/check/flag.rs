use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use super::{
    rollout::{MAX_VARIATIONS, Names, progressive, serve},
    rule::{patterns_fit, rules},
    segment::MAX_KEYS,
    text::{count, distinct, keys, line, prose, tags},
};
use crate::flag::{
    compile::{CompileOptions, CompiledFlag},
    model::{Flag, FlagType},
    place::Place,
    problem::{ProblemCode, Problems},
};

/// The most bytes of the value of a variation, as JSON.
const MAX_VALUE: usize = 64 * 1024;
/// The most levels of the value of a variation.
const MAX_NESTING: usize = 32;

/// Checks a flag by itself, without its scheduled changes.
pub(in crate::flag) fn flag(flag: &Flag, problems: &mut Problems) {
    let member = |name| Place::Member(&Place::Root, name);
    line(&flag.name, 1, 256, member("name"), problems);
    prose(&flag.description, 2_000, member("description"), problems);
    tags(&flag.tags, problems);
    let names = Names::of(flag, problems);
    variations(flag, problems);
    names.check(&flag.off_variation, member("off_variation"), problems);
    serve(&flag.fallthrough, &names, &member("fallthrough"), problems);
    prerequisites(flag, problems);
    targets(flag, &names, problems);
    rules(flag, &names, problems);
    let list = member("scheduled_changes");
    count(
        flag.scheduled_changes.len(),
        50,
        "scheduled changes",
        list,
        problems,
    );
    let ids = flag.scheduled_changes.iter().map(|change| &*change.id);
    distinct(ids, &list, "id", problems);
    for (name, text) in [
        ("maintainer", &flag.maintainer),
        ("seed", &flag.seed),
        ("bucket_by", &flag.bucket_by),
        ("context_kind", &flag.context_kind),
    ] {
        if let Some(text) = text {
            // Without a seed, a bucket is that of the value alone, as in definitions of flagd.
            let least = usize::from(name != "seed");
            line(text, least, 256, member(name), problems);
        }
    }
    if let Some(layer) = &flag.layer {
        let place = member("layer");
        line(
            &layer.layer,
            1,
            128,
            Place::Member(&place, "layer"),
            problems,
        );
        if layer.from >= layer.to {
            let message =
                "the range is empty: `from` is the first bucket, `to` the one after the last";
            problems.add(
                Place::Member(&place, "to"),
                ProblemCode::Contradiction,
                message,
            );
        }
    }
    if let Some(holdout) = &flag.holdout {
        let place = member("holdout");
        line(
            &holdout.name,
            1,
            128,
            Place::Member(&place, "name"),
            problems,
        );
    }
    if let Some(rollout) = &flag.progressive {
        progressive(rollout, &names, problems);
    }
    let clauses = flag.rules.iter().flat_map(|rule| &rule.clauses);
    if patterns_fit(clauses, member("rules"), problems) && !problems.has(ProblemCode::TooLarge) {
        let (_, unusable) =
            CompiledFlag::compile(Arc::new(flag.clone()), CompileOptions::default());
        problems.extend(unusable);
    }
}

fn variations(flag: &Flag, problems: &mut Problems) {
    let list = Place::Member(&Place::Root, "variations");
    count(
        flag.variations.len(),
        MAX_VARIATIONS,
        "variations",
        list,
        problems,
    );
    if flag.variations.is_empty() {
        problems.add(list, ProblemCode::Missing, "there is no variation");
    }
    let names = flag.variations.iter().map(|variation| &*variation.name);
    distinct(names, &list, "name", problems);
    for (at, variation) in flag.variations.iter().enumerate() {
        let place = Place::Index(&list, at);
        line(
            &variation.name,
            1,
            128,
            Place::Member(&place, "name"),
            problems,
        );
        let description = Place::Member(&place, "description");
        prose(&variation.description, 2_000, description, problems);
        let value = Place::Member(&place, "value");
        if let Some(short) = misfit(&variation.value, flag.value_type)
            && !problems.within("/type")
        {
            let article = match flag.value_type {
                FlagType::Integer => "integer",
                other => other.as_str(),
            };
            let message = format!("{short} is no {article}, the type of the flag");
            problems.add(value, ProblemCode::WrongValueType, message);
        }
        let bytes = variation.value.to_string().len();
        if bytes > MAX_VALUE {
            let message = format!("the value has {bytes} bytes as JSON; use at most {MAX_VALUE}");
            problems.add(value, ProblemCode::TooLarge, message);
        }
        if nesting(&variation.value) > MAX_NESTING {
            let message = format!("the value has more than {MAX_NESTING} levels");
            problems.add(value, ProblemCode::TooLarge, message);
        }
    }
}

/// Returns a value that is not of a type, shortened.
pub(in crate::flag) fn misfit(value: &Value, value_type: FlagType) -> Option<String> {
    let exact = crate::flag::value::FlagValue::from(value);
    let fits = match value_type {
        FlagType::Boolean => value.is_boolean(),
        FlagType::String => value.is_string(),
        FlagType::Integer => exact.as_i64().is_ok(),
        FlagType::Float => exact.as_f64().is_ok(),
        FlagType::Json => value.is_object() || value.is_array(),
    };
    let short = |text: String| match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    (!fits).then(|| short(value.to_string()))
}

fn nesting(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(nesting).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(nesting).max().unwrap_or(0),
        _ => 0,
    }
}

fn prerequisites(flag: &Flag, problems: &mut Problems) {
    let list = Place::Member(&Place::Root, "prerequisites");
    count(
        flag.prerequisites.len(),
        50,
        "prerequisites",
        list,
        problems,
    );
    let keys = flag.prerequisites.iter();
    distinct(
        keys.map(|other| other.flag_key.as_str()),
        &list,
        "flag_key",
        problems,
    );
}

fn targets(flag: &Flag, names: &Names<'_>, problems: &mut Problems) {
    let list = Place::Member(&Place::Root, "targets");
    count(flag.targets.len(), MAX_KEYS, "targets", list, problems);
    let mut known = HashMap::new();
    for (variation, group) in &flag.targets.0 {
        let place = Place::Member(&list, variation);
        names.check(variation, place, problems);
        keys(group, &place, problems);
        for (at, key) in group.iter().enumerate() {
            if let Some(other) = known.insert((None, key), variation) {
                duplicate(key, other, Place::Index(&place, at), problems);
            }
        }
    }
    let list = Place::Member(&Place::Root, "context_targets");
    count(
        flag.context_targets.len(),
        100,
        "groups of targets",
        list,
        problems,
    );
    for (at, group) in flag.context_targets.iter().enumerate() {
        let place = Place::Index(&list, at);
        let kind = Place::Member(&place, "context_kind");
        line(&group.context_kind, 1, 128, kind, problems);
        names.check(
            &group.variation,
            Place::Member(&place, "variation"),
            problems,
        );
        let values = Place::Member(&place, "values");
        count(group.values.len(), MAX_KEYS, "targets", values, problems);
        keys(&group.values, &values, problems);
        for (at, key) in group.values.iter().enumerate() {
            let entry = (Some(&group.context_kind), key);
            if let Some(other) = known.insert(entry, &group.variation) {
                duplicate(key, other, Place::Index(&values, at), problems);
            }
        }
    }
}

fn duplicate(key: &str, other: &str, place: Place<'_>, problems: &mut Problems) {
    let message = format!("`{key}` is a target of `{other}` already");
    problems.add(place, ProblemCode::Duplicate, message);
}
