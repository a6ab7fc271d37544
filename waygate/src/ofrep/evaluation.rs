//! The result of a flag, in the form of the protocol.

use serde::Serialize;
use waygate_core::flag::{Cause, CompiledFlag, ErrorCode, FlagType, FlagValue, Resolution};

use super::{failure::Failure, token::Audience};

/// The body of an evaluated flag.
#[derive(Debug, Serialize)]
pub(super) struct Success<'a> {
    key: &'a str,
    /// None stands for the default in the code of the client: the definition has no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Written<'a>>,
    reason: &'static str,
    variant: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Written<'a> {
    Value(&'a FlagValue),
    /// A whole number of a flag of floating-point numbers: `1.0`, since some clients distinguish the two.
    Float(f64),
}

/// The step that decided. For servers only: it reveals rules and other flags.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prerequisite_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<u32>,
}

/// Returns the body of a result, or of its error.
pub(super) fn outcome<'s>(
    flag: &CompiledFlag,
    resolution: &Resolution<'s>,
    audience: Audience,
) -> Result<Success<'s>, Failure> {
    match resolution.error() {
        None => Ok(success(flag, resolution, audience)),
        Some(code) => {
            let details = resolution.error_message().unwrap_or_default();
            Err(Failure::bad_request(of_protocol(code), details).of_flag(resolution.flag_key()))
        }
    }
}

/// Returns `true` if clients of this audience see the flag.
pub(super) fn is_visible(flag: &CompiledFlag, audience: Audience) -> bool {
    match audience {
        Audience::Server => true,
        Audience::Client => flag.definition().client_visible,
    }
}

fn success<'s>(
    flag: &CompiledFlag,
    resolution: &Resolution<'s>,
    audience: Audience,
) -> Success<'s> {
    Success {
        key: resolution.flag_key(),
        value: written(flag.definition().value_type, resolution.value()),
        reason: resolution.reason().as_str(),
        variant: resolution.variation().unwrap_or_default(),
        metadata: match audience {
            Audience::Server => Metadata::of(resolution),
            Audience::Client => None,
        },
    }
}

fn written(value_type: FlagType, value: &FlagValue) -> Option<Written<'_>> {
    match (value_type, value) {
        (_, FlagValue::Null) => None,
        (FlagType::Float, FlagValue::Integer(_)) => Some(match value.as_f64() {
            Ok(float) => Written::Float(float),
            Err(_) => Written::Value(value),
        }),
        _ => Some(Written::Value(value)),
    }
}

/// The protocol has four codes for errors of an evaluation.
fn of_protocol(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::ParseError | ErrorCode::TargetingKeyMissing | ErrorCode::InvalidContext => code,
        _ => ErrorCode::General,
    }
}

impl<'s> Metadata<'s> {
    fn of(resolution: &Resolution<'s>) -> Option<Self> {
        let decided = resolution.bucket().is_some()
            || matches!(
                resolution.cause(),
                Cause::Rule { .. } | Cause::Prerequisite { .. }
            );
        decided.then(|| Self {
            rule_id: resolution.rule_id(),
            rule_index: resolution.rule_index(),
            prerequisite_key: resolution.prerequisite_key(),
            bucket: resolution.bucket(),
        })
    }
}
