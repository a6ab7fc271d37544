//! Warnings about requests that may not do what their author meant.

use serde_json::Value;
use waygate_core::{
    grammar::{parse_cidr, parse_network},
    model::LimitKey,
};

use crate::{ResolveError, Waygate, engine::LimitCommand, limits::LimitRecord, rest::meant};

/// Joins warnings.
pub(super) fn join(warnings: impl IntoIterator<Item = String>) -> Option<String> {
    let all: Vec<String> = warnings.into_iter().collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// Networks in a field with host bits, where another network may be meant.
pub(super) fn masked<'a>(field: &str, texts: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let texts = texts.into_iter().enumerate();
    let masked = texts
        .filter(|(_, text)| parse_network(text).is_err())
        .filter_map(|(at, text)| Some((at, text, parse_cidr(text).ok()?)));
    join(masked.map(|(at, text, network)| {
        format!("{field}[{at}]: `{text}` has bits beyond its prefix, and means `{network}`")
    }))
}

/// Networks in the fields of a limit with host bits, where another network may be meant.
pub(super) fn masked_exemptions(fields: &serde_json::Map<String, Value>) -> Option<String> {
    let networks = fields.get("exempt_ips")?.as_array()?;
    masked("exempt_ips", networks.iter().filter_map(Value::as_str))
}

/// A list that is filtered by a route without a registration.
pub(super) fn unknown_route<T>(
    waygate: &Waygate,
    route: Option<&str>,
    found: &[T],
) -> Option<String> {
    match waygate.route(route?) {
        Err(unknown @ ResolveError::NotRegistered { .. }) if found.is_empty() => {
            Some(unknown.to_string())
        }
        _ => None,
    }
}

/// A limit to delete that no operator has set. `others` are the names in its scope.
pub(super) fn nothing_to_delete<'a>(
    noun: &str,
    key: &LimitKey,
    others: impl IntoIterator<Item = &'a str>,
) -> String {
    let hint = did_you_mean(key, others);
    format!("There was no {noun} `{key}` of an operator, so nothing has changed{hint}")
}

/// A command without effect on a rate limit.
pub(super) fn no_effect(
    waygate: &Waygate,
    key: &LimitKey,
    command: &LimitCommand,
) -> Option<String> {
    let records = waygate.rate_limits_of(&key.scope);
    let Some(record) = records.iter().find(|record| record.key == *key) else {
        let names = records.iter().map(|record| record.key.name.as_str());
        let hint = did_you_mean(key, names);
        return Some(format!(
            "There is no policy `{key}`, so nothing has changed{hint}"
        ));
    };
    let idle = |record: &LimitRecord| match command {
        LimitCommand::SetEnabled(enabled) => record.policy.enabled == *enabled,
        LimitCommand::SetShadow(shadow) => record.policy.shadow == *shadow,
        LimitCommand::Set(_) | LimitCommand::Delete => false,
    };
    if !idle(record) {
        return None;
    }
    let was = match command {
        LimitCommand::SetEnabled(true) => "was not paused",
        LimitCommand::SetEnabled(false) => "was paused already",
        LimitCommand::SetShadow(false) => "was not in shadow mode",
        _ => "was in shadow mode already",
    };
    let mut text = format!("The policy `{key}` {was}, so nothing has changed");
    let is_undone = matches!(
        command,
        LimitCommand::SetEnabled(true) | LimitCommand::SetShadow(false)
    );
    if let Some(other) = records.iter().find(|record| is_undone && !idle(record)) {
        let name = &other.key.name;
        text.push_str(&format!(
            ": `{name}` is, which `{{\"name\": \"{name}\"}}` names"
        ));
    }
    Some(text)
}

fn did_you_mean<'a>(key: &LimitKey, others: impl IntoIterator<Item = &'a str>) -> String {
    let others: Vec<&str> = others.into_iter().collect();
    match meant(key.name.as_str(), &others) {
        Some(meant) if meant != key.name.as_str() => format!(": did you mean `{meant}`?"),
        _ => String::new(),
    }
}
