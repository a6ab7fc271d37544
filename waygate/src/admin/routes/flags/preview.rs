//! Who changes if a definition is saved.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::flag::{Context, ContractReason, Flag, FlagKey, FlagValue, Resolution};

use super::{
    definitions::{parse, with_key},
    evaluate::context,
};
use crate::{
    Waygate,
    admin::{
        key::DefinitionKey,
        responses::{NotFound, ReadWithBody},
        state::AdminState,
    },
    engine::{FlagPreview, Flags},
    rest::{
        JsonBody, MAX_DEFINITION, Problem, ProblemKind, Reply, RequestBody, invalid_definition,
    },
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new().routes(routes!(preview))
}

/// A definition, and the contexts to evaluate it for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PreviewRequest {
    /// The whole definition, as for `PUT`. Without it and without `patch`: the draft.
    #[serde(default)]
    #[schema(value_type = Option<Object>, nullable = false)]
    definition: Option<Value>,
    /// Members of the definition, as for `PATCH`.
    #[serde(default)]
    #[schema(value_type = Option<Object>, nullable = false)]
    patch: Option<Value>,
    /// At most 10,000 evaluation contexts, in the forms of `evaluate`.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    contexts: Vec<Value>,
}

impl RequestBody for PreviewRequest {
    const MAX_BYTES: usize = MAX_DEFINITION;
}

/// The most contexts of a request.
const MOST: usize = 10_000;

/// The effect of a definition.
#[derive(Debug, Serialize, ToSchema)]
struct Preview {
    /// The key.
    flag_key: String,
    /// The results for the contexts of the request.
    #[serde(flatten)]
    given: Effect,
    /// The contexts of the request with another result, in their order.
    changes: Vec<ChangedResult>,
    /// The results for contexts that this process has seen recently, if it records them
    /// (`WaygateBuilder::observe_flags`). Their keys are hashes, so numbers about rollouts are right on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    seen: Option<Effect>,
}

/// Counts of contexts.
#[derive(Debug, Default, Serialize, ToSchema)]
struct Effect {
    /// The number of contexts.
    evaluated: usize,
    /// The number of those with another result.
    changed: usize,
    /// The numbers by variations.
    transitions: Vec<Transition>,
}

/// The number of contexts with these variations.
#[derive(Debug, Serialize, ToSchema)]
struct Transition {
    /// The variation now; `null` without a flag, or with an error.
    from: Option<String>,
    /// The variation afterwards.
    to: Option<String>,
    /// The number.
    count: usize,
}

/// A context with another result.
#[derive(Debug, Serialize, ToSchema)]
struct ChangedResult {
    /// Its position in the request.
    index: usize,
    /// Its key.
    key: Option<String>,
    /// The result now; `null` if there is no flag.
    before: Option<Outcome>,
    /// The result afterwards.
    after: Option<Outcome>,
}

/// A result in short.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct Outcome {
    /// The name of the variation.
    variation: Option<String>,
    /// The value.
    #[schema(value_type = Value)]
    value: FlagValue,
    /// The reason.
    reason: ContractReason,
    /// The id of the rule that matched.
    rule_id: Option<String>,
}

impl From<Resolution<'_>> for Outcome {
    fn from(resolution: Resolution<'_>) -> Self {
        Self {
            variation: resolution.variation().map(str::to_owned),
            value: resolution.value().clone(),
            reason: resolution.contract_reason(),
            rule_id: resolution.rule_id().map(str::to_owned),
        }
    }
}

/// Returns who would get another result if a definition were saved. Checks it as a write does, and stores nothing.
#[utoipa::path(
    post,
    path = "/api/flags/{key}/preview",
    operation_id = "preview_flag",
    tag = "flags",
    request_body = PreviewRequest,
    responses((status = OK, description = "The effect.", body = Preview), ReadWithBody, NotFound),
    security(("token" = ["read"]))
)]
async fn preview(
    State(state): State<Arc<AdminState>>,
    DefinitionKey(key): DefinitionKey<FlagKey>,
    JsonBody(body): JsonBody<PreviewRequest>,
) -> Result<Reply<Preview>, Problem> {
    if body.contexts.len() > MOST {
        let error = format!(
            "there are {} contexts; use at most {MOST}",
            body.contexts.len()
        );
        return Err(Problem::new(ProblemKind::InvalidValue, error));
    }
    let flags = state.waygate.flags();
    let definition = definition(&state.waygate, &key, body.definition, body.patch)?;
    let preview = flags.preview(&definition)?;
    let mut counts = BTreeMap::new();
    let mut changes = Vec::new();
    for (index, given) in body.contexts.iter().enumerate() {
        let context =
            context(given).map_err(|problem| problem.within(&format!("contexts[{index}]")))?;
        let (before, after) = outcomes(&preview, &context);
        let variation = |outcome: &Option<Outcome>| outcome.as_ref()?.variation.clone();
        *counts
            .entry((variation(&before), variation(&after)))
            .or_insert(0) += 1;
        let result = |outcome: &Option<Outcome>| {
            outcome
                .as_ref()
                .map(|it| (it.variation.clone(), it.value.clone()))
        };
        if result(&before) != result(&after) {
            let key = context.key(None).map(str::to_owned);
            changes.push(ChangedResult {
                index,
                key,
                before,
                after,
            });
        }
    }
    let transitions = counts
        .into_iter()
        .map(|((from, to), count)| Transition { from, to, count });
    Ok(Reply::ok(Preview {
        flag_key: key.to_string(),
        given: Effect {
            evaluated: body.contexts.len(),
            changed: changes.len(),
            transitions: transitions.collect(),
        },
        changes,
        seen: seen(&flags, &definition),
    }))
}

fn outcomes(preview: &FlagPreview, context: &impl Context) -> (Option<Outcome>, Option<Outcome>) {
    let before = preview.current(context).map(Outcome::from);
    (before, preview.next(context).map(Outcome::from))
}

/// The definition of a request, or else the draft.
fn definition(
    waygate: &Waygate,
    key: &FlagKey,
    whole: Option<Value>,
    patch: Option<Value>,
) -> Result<Flag, Problem> {
    let flags = waygate.flags();
    match (whole, patch) {
        (Some(_), Some(_)) => {
            let error = "use `definition` or `patch`, not both";
            Err(Problem::new(ProblemKind::InvalidValue, error))
        }
        (Some(mut whole), None) => {
            with_key(&mut whole, "Flag", key.as_str())?;
            parse(&whole)
        }
        (None, Some(members)) => {
            let flag = flags.flag(key.as_str())?.flag;
            let patched = flag.patch(&members);
            patched.map_err(|problems| invalid_definition("flag", problems))
        }
        (None, None) => Ok(Flag::clone(&flags.draft(key.as_str())?.definition)),
    }
}

/// The effect on contexts that were seen recently, if there are any.
fn seen(flags: &Flags, definition: &Flag) -> Option<Effect> {
    let seen = flags.preview_seen(definition);
    let transitions = seen.moves.into_iter().map(|seen| Transition {
        from: seen.from,
        to: seen.to,
        count: usize::try_from(seen.contexts).unwrap_or(usize::MAX),
    });
    let number = |number| usize::try_from(number).unwrap_or(usize::MAX);
    (seen.contexts > 0).then(|| Effect {
        evaluated: number(seen.contexts),
        changed: number(seen.changed),
        transitions: transitions.collect(),
    })
}
