/// JSON that is no evaluation context, with the reason (OpenFeature: `INVALID_CONTEXT`).
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::EvaluationContext;
///
/// let error = EvaluationContext::from_json(&json!({"targetingKey": 5})).unwrap_err();
/// assert_eq!(error.to_string(), "invalid evaluation context: `targetingKey` must be a string");
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid evaluation context: {0}")]
pub struct InvalidContext(String);

crate::debug_as_message!(InvalidContext);

impl InvalidContext {
    pub(super) fn new(message: String) -> Self {
        Self(message)
    }
}
