//! Evaluation of a flag for one context, with its steps on request.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::flag::{
    ContractReason, ErrorCode, EvaluationContext, FlagKey, FlagValue, Resolution, Step,
};

use crate::{
    admin::{
        key::DefinitionKey,
        responses::{NotFound, ReadComputed},
        state::AdminState,
    },
    rest::{JsonBody, Problem, ProblemKind, Reply, RequestBody},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new().routes(routes!(evaluate))
}

/// The subject of an evaluation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EvaluateRequest {
    /// The evaluation context, in one of three forms: `{"key", "kind", "attributes"}`, `{"targetingKey", ..attributes}` as
    /// in OpenFeature, or `{"kind": "multi", "user": {..}, ..}`. The default has the key `anonymous`.
    #[serde(default)]
    #[schema(value_type = Option<Object>, nullable = false, example = json!({"key": "user-1", "attributes": {"plan": "pro"}}))]
    context: Option<Value>,
    /// Ignored: the value of a caller that has no flag, which the server has.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    #[allow(dead_code, reason = "clients of the wire contract send it")]
    default: Option<Value>,
    /// `true` returns the steps of the evaluation, too.
    #[serde(default)]
    explain: bool,
}

impl RequestBody for EvaluateRequest {}

/// The result of an evaluation.
#[derive(Debug, Serialize, ToSchema)]
struct Evaluated {
    /// The key.
    flag_key: String,
    /// The value; `null` if an error left no result.
    #[schema(value_type = Value)]
    value: FlagValue,
    /// The name of the variation.
    variation: Option<String>,
    /// The reason.
    reason: ContractReason,
    /// The id of the rule that matched.
    rule_id: Option<String>,
    /// The key of the prerequisite that failed.
    prerequisite_key: Option<String>,
    /// The error in words.
    error_message: Option<String>,
    /// The error, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error_code: Option<ErrorCode>,
    /// The bucket that decided, from 0 to 99,999.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    bucket: Option<u32>,
    /// The steps that led to the result, in order, if they are requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    steps: Option<Vec<Step>>,
}

impl Evaluated {
    fn new(resolution: &Resolution<'_>) -> Self {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Self {
            flag_key: resolution.flag_key().to_owned(),
            value: resolution.value().clone(),
            variation: text(resolution.variation()),
            reason: resolution.contract_reason(),
            rule_id: text(resolution.rule_id()),
            prerequisite_key: text(resolution.prerequisite_key()),
            error_message: text(resolution.error_message()),
            error_code: resolution.error(),
            bucket: resolution.bucket(),
            steps: None,
        }
    }
}

/// Reads an evaluation context.
pub(super) fn context(value: &Value) -> Result<EvaluationContext, Problem> {
    EvaluationContext::from_json(value)
        .map_err(|invalid| Problem::new(ProblemKind::InvalidValue, invalid.to_string()))
}

/// Evaluates a flag. Counts nothing.
#[utoipa::path(
    post,
    path = "/api/flags/{key}/evaluate",
    operation_id = "evaluate_flag",
    tag = "flags",
    request_body = Option<EvaluateRequest>,
    responses((status = OK, description = "The result.", body = Evaluated), ReadComputed, NotFound),
    security(("token" = ["read"]))
)]
async fn evaluate(
    State(state): State<Arc<AdminState>>,
    DefinitionKey(key): DefinitionKey<FlagKey>,
    JsonBody(body): JsonBody<EvaluateRequest>,
) -> Result<Reply<Evaluated>, Problem> {
    let flags = state.waygate.flags();
    let key = flags.flag(key.as_str())?.flag.key.clone();
    let context = match &body.context {
        Some(given) => context(given)?,
        None => EvaluationContext::new("anonymous"),
    };
    // Patterns and long lists take time on long attributes.
    let evaluate = move |_| {
        let explained = flags.explain(key.as_str(), &context);
        let explained = explained
            .ok_or_else(|| Problem::new(ProblemKind::Internal, "Internal Server Error"))?;
        let mut evaluated = Evaluated::new(&explained.resolution);
        evaluated.steps = body.explain.then_some(explained.steps);
        Ok(Reply::ok(evaluated))
    };
    state.computations.run(evaluate).await
}
