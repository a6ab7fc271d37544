//! Who changes if a definition is saved.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::flag::{EvaluationContext, Flag, FlagKey, Segment, SegmentKey};

use super::{
    comparison::{ChangedResult, Comparison, Effect, Room, Transition},
    definitions::{parse, with_key},
    evaluate::context,
    segments,
};
use crate::{
    Waygate,
    admin::{
        computations::Deadline,
        key::DefinitionKey,
        responses::{NotFound, ReadComputed},
        state::AdminState,
    },
    engine::{Flags, SeenPreview},
    rest::{
        JsonBody, MAX_DEFINITION, Problem, ProblemKind, Reply, RequestBody, invalid_definition,
        json_size,
    },
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(preview))
        .routes(routes!(preview_segment))
}

/// A definition, and the contexts to evaluate it for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PreviewRequest {
    /// The whole definition, as for `PUT`. Without it and without `patch`: the draft.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    definition: Option<Value>,
    /// Members of the definition, as for `PATCH`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    patch: Option<Value>,
    /// At most 10,000 evaluation contexts, in the forms of `evaluate`.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    contexts: Vec<Value>,
}

impl RequestBody for PreviewRequest {
    const MAX_BYTES: usize = MAX_DEFINITION;
}

/// A segment, and the contexts to evaluate all flags for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(examples(json!({ "patch": { "included": ["user-1"] }, "contexts": [{ "key": "user-1" }] })))]
#[serde(deny_unknown_fields)]
struct SegmentPreviewRequest {
    /// The whole definition, as for `PUT`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    definition: Option<Value>,
    /// Members of the definition, as for `PATCH`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    patch: Option<Value>,
    /// Evaluation contexts, in the forms of `evaluate`: at most 100,000 divided by the number of flags, but always one.
    #[schema(value_type = Vec<Object>)]
    contexts: Vec<Value>,
}

impl RequestBody for SegmentPreviewRequest {
    const MAX_BYTES: usize = MAX_DEFINITION;
    const REQUIRED: bool = true;
}

/// The most contexts of a request, and the most evaluations before and after a change.
const MOST: usize = 10_000;
const MOST_EVALUATIONS: usize = 100_000;

/// The most contexts for this many flags.
fn most_for(flags: usize) -> usize {
    (MOST_EVALUATIONS / flags.max(1)).max(1)
}

/// The effect of a definition.
#[derive(Debug, Serialize, ToSchema)]
struct Preview {
    /// The key.
    flag_key: String,
    /// The results for the contexts of the request.
    #[serde(flatten)]
    given: Effect,
    /// The first contexts of the request with another result, in their order: at most 1,000, of together 2 MiB.
    changes: Vec<ChangedResult>,
    /// `true` if `changes` has not all of them. The numbers count them all.
    truncated: bool,
    /// The results for contexts that this process has seen recently, if it records them
    /// (`WaygateBuilder::observe_flags`). Their keys are hashes, so numbers about rollouts are right on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<Effect>,
}

/// The effect of a segment on flags.
#[derive(Debug, Serialize, ToSchema)]
struct SegmentPreview {
    /// The key of the segment.
    segment_key: String,
    /// The flags with another result for a context, by key: the first ones of together 2 MiB, besides their `changes`.
    flags: Vec<FlagEffect>,
    /// The number of all flags with another result for a context.
    changed_flags: usize,
    /// `true` if flags or `changes` are left out.
    truncated: bool,
}

/// The effect on one flag.
#[derive(Debug, Serialize, ToSchema)]
struct FlagEffect {
    /// The key of the flag.
    flag_key: String,
    /// The results for the contexts of the request.
    #[serde(flatten)]
    given: Effect,
    /// The first contexts of the request with another result, in their order: at most 1,000 for all flags, of together
    /// 2 MiB.
    changes: Vec<ChangedResult>,
    /// The results for contexts that this process has seen recently, if it records them
    /// (`WaygateBuilder::observe_flags`): for as many as 100,000 evaluations of all flags allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<Effect>,
}

/// Returns who would get another result if a definition were saved. Checks it as a write does, and stores nothing.
#[utoipa::path(
    post,
    path = "/api/flags/{key}/preview",
    operation_id = "preview_flag",
    tag = "flags",
    request_body = PreviewRequest,
    responses((status = OK, description = "The effect.", body = Preview), ReadComputed, NotFound),
    security(("token" = ["read"]))
)]
async fn preview(
    State(state): State<Arc<AdminState>>,
    DefinitionKey(key): DefinitionKey<FlagKey>,
    JsonBody(body): JsonBody<PreviewRequest>,
) -> Result<Reply<Preview>, Problem> {
    let waygate = state.waygate.clone();
    state
        .computations
        .run(move |deadline| preview_of(&waygate, &key, body, deadline))
        .await
        .map(Reply::ok)
}

fn preview_of(
    waygate: &Waygate,
    key: &FlagKey,
    body: PreviewRequest,
    deadline: Deadline,
) -> Result<Preview, Problem> {
    let contexts = contexts(&body.contexts, MOST)?;
    let definition = definition(waygate, key, body.definition, body.patch)?;
    let flags = waygate.flags();
    let preview = flags.preview(&definition)?;
    let mut room = Room::of_changes();
    let mut comparison = Comparison::new(&mut room);
    for (index, context) in contexts.iter().enumerate() {
        deadline.check()?;
        let (before, after) = (preview.current(context), preview.next(context));
        comparison.add(index, context, before, after);
    }
    let (given, changes) = comparison.finish();
    Ok(Preview {
        flag_key: key.to_string(),
        given,
        changes,
        truncated: room.is_cut(),
        seen: seen(flags.try_preview_seen(&definition, &mut || deadline.check())?),
    })
}

/// Returns which flags would have another result for which contexts if a segment were saved. Checks it as a write does,
/// and stores nothing.
#[utoipa::path(
    post,
    path = "/api/segments/{key}/preview",
    operation_id = "preview_segment",
    tag = "segments",
    request_body = SegmentPreviewRequest,
    responses((status = OK, description = "The effect.", body = SegmentPreview), ReadComputed, NotFound),
    security(("token" = ["read"]))
)]
async fn preview_segment(
    State(state): State<Arc<AdminState>>,
    DefinitionKey(key): DefinitionKey<SegmentKey>,
    JsonBody(body): JsonBody<SegmentPreviewRequest>,
) -> Result<Reply<SegmentPreview>, Problem> {
    let flags = state.waygate.flags();
    state
        .computations
        .run(move |deadline| segment_preview_of(&flags, &key, body, deadline))
        .await
        .map(Reply::ok)
}

fn segment_preview_of(
    flags: &Flags,
    key: &SegmentKey,
    body: SegmentPreviewRequest,
    deadline: Deadline,
) -> Result<SegmentPreview, Problem> {
    let definition = segment(flags, key, body.definition, body.patch)?;
    let preview = flags.preview_segment(&definition)?;
    let mut keys: Vec<_> = preview.flags().collect();
    keys.sort_unstable();
    let most = most_for(keys.len());
    let contexts = contexts(&body.contexts, most)?;
    let mut check = || deadline.check();
    let mut all_seen = flags.try_preview_segment_seen(&definition, most, &mut check)?;
    let mut shown = SegmentPreview {
        segment_key: key.to_string(),
        flags: Vec::new(),
        changed_flags: 0,
        truncated: false,
    };
    let (mut room, mut room_of_changes) = (Room::of_flags(), Room::of_changes());
    for flag in keys {
        let mut comparison = Comparison::new(&mut room_of_changes);
        for (index, context) in contexts.iter().enumerate() {
            deadline.check()?;
            let (before, after) = (preview.current(flag, context), preview.next(flag, context));
            comparison.add(index, context, before, after);
        }
        let (given, changes) = comparison.finish();
        let seen = all_seen.remove(flag).and_then(seen);
        if given.changed == 0 && seen.as_ref().is_none_or(|seen| seen.changed == 0) {
            continue;
        }
        shown.changed_flags += 1;
        if room.admits(|| json_size(&(flag, &given, &seen))) {
            shown.flags.push(FlagEffect {
                flag_key: flag.to_string(),
                given,
                changes,
                seen,
            });
        }
    }
    shown.truncated = room.is_cut() || room_of_changes.is_cut();
    Ok(shown)
}

/// Reads the contexts of a request.
fn contexts(given: &[Value], most: usize) -> Result<Vec<EvaluationContext>, Problem> {
    if given.len() > most {
        let error = format!("there are {} contexts; use at most {most}", given.len());
        return Err(Problem::new(ProblemKind::InvalidValue, error));
    }
    let contexts = given.iter().enumerate().map(|(index, given)| {
        context(given).map_err(|problem| problem.within(&format!("contexts[{index}]")))
    });
    contexts.collect()
}

/// The segment of a request.
fn segment(
    flags: &Flags,
    key: &SegmentKey,
    whole: Option<Value>,
    patch: Option<Value>,
) -> Result<Segment, Problem> {
    match (whole, patch) {
        (Some(mut whole), None) => {
            with_key(&mut whole, "Segment", key.as_str())?;
            segments::parse(&whole)
        }
        (None, Some(members)) => {
            let segment = flags.segment(key.as_str())?.segment;
            let patched = segment.patch(&members);
            patched.map_err(|problems| invalid_definition("segment", problems))
        }
        _ => {
            let error = "use either `definition` or `patch`";
            Err(Problem::new(ProblemKind::InvalidValue, error))
        }
    }
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
fn seen(seen: SeenPreview) -> Option<Effect> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_flags_leave_room_for_one_context() {
        let bounds = [0, 1, 3, 100_000, 100_001, usize::MAX].map(most_for);
        assert_eq!(bounds, [100_000, 100_000, 33_333, 1, 1, 1]);
    }
}
