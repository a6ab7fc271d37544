//! Reads rate limit policies. Errors have the texts of the contract.

use serde_json::{Map, Value};
use waygate_core::{
    grammar::Algorithm,
    model::{GivenRateLimitPolicy, RateLimitPolicy},
};

use crate::{
    Waygate,
    rest::{Problem, ProblemKind, read_fields},
};

/// Reads a policy. Missing fields have their defaults.
pub(super) fn read(
    mut fields: Map<String, Value>,
    waygate: &Waygate,
) -> Result<RateLimitPolicy, Problem> {
    fields.retain(|_, value| !value.is_null());
    let given: GivenRateLimitPolicy = read_fields(fields.clone(), "field").map_err(|wrong| {
        let field = wrong.field.as_deref().unwrap_or_default();
        match fields
            .get(field)
            .and_then(|value| in_the_contract(field, value))
        {
            Some(error) => Problem::new(ProblemKind::InvalidBody, error).detail(wrong.text),
            None => Problem::new(ProblemKind::InvalidBody, wrong.text),
        }
    })?;
    let (default, built_in) = (waygate.inner.limiting.algorithm, Algorithm::default());
    given.clone().or_algorithm(default).map_err(|invalid| {
        let text = match given.or_algorithm(built_in) {
            Ok(policy) if policy.algorithm == built_in => format!(
                "{invalid}; {default} is the application's default: name another `algorithm`"
            ),
            _ => invalid.to_string(),
        };
        Problem::new(ProblemKind::InvalidBody, text)
    })
}

/// The contract's `error` for a value, if it has one.
fn in_the_contract(field: &str, value: &Value) -> Option<String> {
    let noun = match (field, value) {
        ("exempt_routes", Value::Array(_)) => return None,
        ("exempt_routes", _) => return Some("exempt_routes must be a list".to_owned()),
        ("limit", Value::String(limit)) => {
            return Some(format!(
                "Invalid rate limit string '{}'. Use the format '<count>/<granularity>', e.g. '100/minute'. Valid \
                 granularities: second, minute, hour, day, month, year (or their plurals).",
                shown(limit)
            ));
        }
        ("algorithm", Value::String(_)) => "RateLimitAlgorithm",
        ("key_strategy", Value::String(_)) => "RateLimitKeyStrategy",
        ("on_missing_key", Value::String(_)) => "OnMissingKey",
        _ => return None,
    };
    let word = shown(value.as_str()?);
    Some(format!("'{word}' is not a valid {noun}"))
}

/// Truncates a text that an error quotes.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}
