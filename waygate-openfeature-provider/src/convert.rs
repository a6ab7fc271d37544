use open_feature::{
    EvaluationError, EvaluationErrorCode, EvaluationReason, FlagMetadata, StructValue, Value,
};
use waygate_core::flag::{ErrorCode, Reason, Resolution};

/// Converts a structure of the SDK into JSON. A number that JSON cannot write becomes `null`.
pub(crate) fn to_json(structure: &StructValue) -> serde_json::Value {
    let fields = structure.fields.iter();
    let fields = fields.map(|(name, value)| (name.clone(), json(value)));
    serde_json::Value::Object(fields.collect())
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::String(value) => value.as_str().into(),
        Value::Array(values) => values.iter().map(json).collect(),
        Value::Struct(structure) => to_json(structure),
    }
}

/// Converts an object into a structure of the SDK, which has neither `null` nor numbers beyond 64 bits.
pub(crate) fn to_structure(value: &serde_json::Value) -> Result<StructValue, ErrorCode> {
    match Value::try_from(value) {
        Ok(Value::Struct(structure)) => Ok(structure),
        _ => Err(ErrorCode::TypeMismatch),
    }
}

pub(crate) fn error(code: ErrorCode, message: Option<&str>) -> EvaluationError {
    let general = || message.unwrap_or("the flag has no result").to_owned();
    let code = match code {
        ErrorCode::FlagNotFound => EvaluationErrorCode::FlagNotFound,
        ErrorCode::ParseError => EvaluationErrorCode::ParseError,
        ErrorCode::TypeMismatch => EvaluationErrorCode::TypeMismatch,
        ErrorCode::TargetingKeyMissing => EvaluationErrorCode::TargetingKeyMissing,
        ErrorCode::InvalidContext => EvaluationErrorCode::InvalidContext,
        _ => EvaluationErrorCode::General(general()),
    };
    EvaluationError {
        code,
        message: message.map(str::to_owned),
    }
}

pub(crate) fn reason(reason: Reason) -> EvaluationReason {
    match reason {
        Reason::Static => EvaluationReason::Static,
        Reason::Default => EvaluationReason::Default,
        Reason::TargetingMatch => EvaluationReason::TargetingMatch,
        Reason::Split => EvaluationReason::Split,
        Reason::Disabled => EvaluationReason::Disabled,
        Reason::Error => EvaluationReason::Error,
        _ => EvaluationReason::Unknown,
    }
}

/// Returns what decided, as facts about the flag.
pub(crate) fn metadata(found: &Resolution<'_>) -> Option<FlagMetadata> {
    let mut facts = FlagMetadata::default();
    if let Some(id) = found.rule_id() {
        facts.add_value("ruleId", id);
    }
    if let Some(index) = found.rule_index().and_then(|at| i64::try_from(at).ok()) {
        facts.add_value("ruleIndex", index);
    }
    if let Some(bucket) = found.bucket() {
        facts.add_value("bucket", bucket);
    }
    if let Some(key) = found.prerequisite_key() {
        facts.add_value("prerequisiteKey", key);
    }
    (!facts.values.is_empty()).then_some(facts)
}
