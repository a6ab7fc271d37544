use std::sync::LazyLock;

use redis::Value;
use waygate_core::{
    limit::Outcome,
    port::{CounterError, Take},
};

use super::super::link::{LinkError, Script};

pub(super) const TAKE_SOURCE: &str = concat!(
    include_str!("lua/fast.lua"),
    include_str!("lua/common.lua"),
    include_str!("lua/take.lua"),
);
pub(super) const ADJUST_SOURCE: &str = concat!(
    include_str!("lua/common.lua"),
    include_str!("lua/adjust.lua")
);

pub(super) static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(TAKE_SOURCE));
pub(super) static ADJUST: LazyLock<Script> = LazyLock::new(|| Script::new(ADJUST_SOURCE));
pub(super) static OCCUPY: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("lua/occupy.lua")));
pub(super) static PRESENCE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("lua/presence.lua")));

/// The outcomes of the takes that a script was called with; `None` when that is not what was answered.
pub(super) fn outcomes(answer: &Value, takes: &[&Take<'_>]) -> Option<Vec<Outcome>> {
    let results = match answer {
        Value::Array(results) if results.len() == takes.len() * 4 => results.chunks_exact(4),
        _ => return None,
    };
    let outcomes = results.zip(takes);
    outcomes
        .map(|(results, take)| told(results, take.rule.capacity()))
        .collect()
}

/// The outcome of the one take that a script was called with.
pub(super) fn outcome(answer: &Value, limit: u64) -> Option<Outcome> {
    match answer {
        Value::Array(results) => told(results, limit),
        _ => None,
    }
}

fn told(results: &[Value], limit: u64) -> Option<Outcome> {
    let [allowed, remaining, reset, retry] = results else {
        return None;
    };
    let number = |value: &Value| match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    let allowed = number(allowed)? == 1;
    let retry_after = number(retry)?.saturating_mul(1_000);
    Some(Outcome {
        allowed,
        limit,
        remaining: number(remaining)?.min(limit),
        reset_after: number(reset)?.saturating_mul(1_000),
        retry_after: if allowed { 0 } else { retry_after.max(1) },
    })
}

impl From<LinkError> for CounterError {
    fn from(error: LinkError) -> Self {
        let text = error.to_string();
        match error {
            LinkError::Unavailable(_) => Self::Unavailable(text),
            LinkError::Refused(_) | LinkError::Misunderstood(_) => Self::Refused(text),
            LinkError::Misconfigured(_) => Self::Misconfigured(text),
        }
    }
}
