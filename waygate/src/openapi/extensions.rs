//! The `x-waygate-*` members of an operation.

use serde::Serialize;
use serde_json::{Value, json};
use waygate_core::{
    grammar::{Limit, Period, format_wire},
    model::{ConcurrencyPolicy, LimitKey},
};

use super::notes::{Notes, Planned, in_words, scope, tiers};
use crate::engine::Policy;

/// A member with its name.
pub(super) type Extension = (&'static str, Value);

/// The `notes` for programs.
pub(super) fn of(notes: &Notes<'_>) -> Vec<Extension> {
    let mut all = Vec::new();
    let mut add = |name, value: Option<Value>| all.extend(value.map(|value| (name, value)));
    if let Some(maintenance) = &notes.maintenance {
        add("x-waygate-status", Some("maintenance".into()));
        add("x-waygate-reason", Some(json!(maintenance.reason())));
        add("x-waygate-other-reasons", list(&maintenance.others));
        let until = maintenance.until().map(|until| format_wire(until, "Z"));
        add("x-waygate-until", until.map(Value::from));
    }
    if let Some(deprecation) = notes.deprecation {
        let sunset = deprecation.sunset().map(|sunset| format_wire(sunset, "Z"));
        add("x-waygate-sunset", sunset.map(Value::from));
        let successor = deprecation.successor();
        add("x-waygate-successor", successor.map(|to| json!(to)));
    }
    add("x-waygate-windows", list(notes.planned.iter().map(window)));
    if notes.shows_access {
        add("x-waygate-environments", list(notes.envs));
        let networks = notes.networks.iter().map(ToString::to_string);
        add("x-waygate-networks", list(networks));
        add("x-waygate-roles", list(notes.roles));
    }
    let force_active = notes.is_force_active.then_some(Value::Bool(true));
    #[cfg(feature = "flags")]
    if notes.shows_access {
        let flag = notes.flag.map(|(key, status, enabled)| match enabled {
            Some(enabled) => json!({"key": key, "otherwise": status, "enabled": enabled}),
            None => json!({"key": key, "otherwise": status}),
        });
        add("x-waygate-flag", flag);
    }
    add("x-waygate-force-active", force_active);
    add("x-waygate-rate-limits", list(notes.rates().map(rate_limit)));
    let concurrency = notes.concurrency().map(concurrency_limit);
    add("x-waygate-concurrency-limits", list(concurrency));
    all
}

fn list<T: Serialize>(items: impl IntoIterator<Item = T>) -> Option<Value> {
    let items: Vec<Value> = items.into_iter().map(|item| json!(item)).collect();
    (!items.is_empty()).then_some(Value::Array(items))
}

fn window(Planned { start, end, reason }: &Planned<'_>) -> Value {
    let mut window = json!({"start": format_wire(*start, "Z"), "reason": reason});
    if let Some(end) = end {
        window["end"] = format_wire(*end, "Z").into();
    }
    window
}

fn rate_limit(compiled: &Policy) -> Value {
    let (key, policy) = (&compiled.key, &compiled.fields);
    let mut limit = json!({
        "scope": scope(key),
        "name": key.name,
        "summary": in_words(key, compiled.summary()),
        "limit": policy.limit,
        "key_strategy": policy.key,
        "algorithm": policy.algorithm,
    });
    if policy.burst > 0 {
        limit["burst"] = policy.burst.into();
    }
    if policy.cost.get() > 1 {
        limit["cost"] = policy.cost.get().into();
    }
    if compiled.has_cost_function {
        limit["cost_function"] = true.into();
    }
    let mut rates = policy.limits().flat_map(Limit::rates);
    if rates.any(|rate| matches!(rate.period(), Period::Calendar(_))) {
        limit["time_zone"] = json!(policy.time_zone);
    }
    let tiers = tiers(compiled);
    let tiers = tiers
        .map(|(tier, words)| json!({"name": tier.name, "limit": tier.limit, "summary": words}));
    if let Some(tiers) = list(tiers) {
        limit["tiers"] = tiers;
    }
    if policy.shadow {
        limit["shadow"] = true.into();
    }
    limit
}

fn concurrency_limit((key, policy): (&LimitKey, &ConcurrencyPolicy)) -> Value {
    json!({
        "scope": scope(key),
        "name": key.name,
        "summary": in_words(key, policy.summary()),
        "limit": policy.limit,
        "key_strategy": policy.key,
    })
}
