//! Scheduled changes of a flag, and its progressive rollout.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, State},
    response::Response,
};
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    flag::{ChangeAction, Flag, FlagKey, ScheduledChange},
    grammar::parse_instant,
    view::Done,
};

use super::definitions::{FlagReply, shown};
use crate::{
    Operator,
    admin::{
        key::{DefinitionKey, text},
        responses::{Change, Conflicts, NotFound, Read, Tagged},
        state::AdminState,
    },
    rest::{JsonBody, Listing, Problem, ProblemKind, Reply, RequestBody, done, invalid_schedule},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list, schedule))
        .routes(routes!(cancel))
        .routes(routes!(hold))
        .routes(routes!(resume))
}

/// Lists the scheduled changes of a flag, in the order of their times.
#[utoipa::path(
    get,
    path = "/api/flags/{key}/scheduled-changes",
    operation_id = "list_scheduled_changes",
    tag = "flags",
    responses((status = OK, description = "The changes.", body = [ScheduledChange]), Read, NotFound),
    security(("token" = ["read"]))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    DefinitionKey(key): DefinitionKey<FlagKey>,
    Listing { page, .. }: Listing,
) -> Result<Response, Problem> {
    let record = state.waygate.flags().flag(key.as_str())?;
    let mut changes = record.flag.scheduled_changes.clone();
    changes.sort_by_key(|change| change.execute_at);
    Ok(page.of(&changes, record.revision))
}

/// A change of a flag at a future time.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(examples(json!({ "execute_at": "2030-01-01T04:00:00Z", "action": "disable" })))]
#[serde(deny_unknown_fields)]
struct ScheduleChange {
    /// The time: RFC 3339, in UTC without a zone. A time in the past is now.
    #[schema(format = DateTime)]
    execute_at: String,
    /// The kind of change.
    #[schema(value_type = ChangeAction)]
    action: String,
    /// The arguments: members of the flag for `patch`, `{"variation"}` or `{"rollout"}` for `update_rollout`, a rule for
    /// `add_rule`, and `{"rule_id"}` for `delete_rule`.
    #[serde(default)]
    #[schema(value_type = Option<Object>, nullable = false)]
    payload: Option<Value>,
}

impl RequestBody for ScheduleChange {
    const REQUIRED: bool = true;
}

/// Schedules a change of a flag. Checks that the flag would be valid after it.
#[utoipa::path(
    post,
    path = "/api/flags/{key}/scheduled-changes",
    operation_id = "schedule_flag_change",
    tag = "flags",
    request_body = ScheduleChange,
    responses((status = CREATED, description = "The new change.", body = Tagged<ScheduledChange>), Change, NotFound),
    security(("token" = ["write:global"]))
)]
async fn schedule(
    operator: Operator,
    DefinitionKey(key): DefinitionKey<FlagKey>,
    JsonBody(body): JsonBody<ScheduleChange>,
) -> Result<Reply<ScheduledChange>, Problem> {
    let at = parse_instant(&body.execute_at)?;
    let action: ChangeAction = body.action.parse()?;
    let change = ScheduledChange::new(at, action, body.payload.unwrap_or_else(|| json!({})));
    let id = change.id.clone();
    let scheduled = operator.schedule_flag_change(key.as_str(), change).await;
    let record = scheduled.map_err(invalid_schedule)?;
    let mut changes = record.flag.scheduled_changes.iter();
    let change = changes.find(|change| change.id == id).cloned();
    let change =
        change.ok_or_else(|| Problem::new(ProblemKind::Internal, "Internal Server Error"))?;
    Ok(Reply::ok(change).with_tag(record.revision).created())
}

/// The id of a scheduled change in a URL.
struct ChangeId(String);

impl<S: Send + Sync> FromRequestParts<S> for ChangeId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        text(parts, state, "change").await.map(Self)
    }
}

/// Cancels a scheduled change.
#[utoipa::path(
    delete,
    path = "/api/flags/{key}/scheduled-changes/{change}",
    operation_id = "cancel_flag_change",
    tag = "flags",
    responses((status = OK, description = "The change is cancelled.", body = Done), Change, NotFound),
    security(("token" = ["write:global"]))
)]
async fn cancel(
    operator: Operator,
    DefinitionKey(key): DefinitionKey<FlagKey>,
    ChangeId(id): ChangeId,
) -> Result<Reply<Done>, Problem> {
    operator.cancel_flag_change(key.as_str(), &id).await?;
    Ok(done())
}

/// Stops the growth of a progressive rollout. Changes nothing if it is stopped.
#[utoipa::path(
    post,
    path = "/api/flags/{key}/progressive/hold",
    operation_id = "hold_flag_rollout",
    tag = "flags",
    responses((status = OK, description = "The flag.", body = Tagged<Flag>), Change, NotFound, Conflicts),
    security(("token" = ["write:global"]))
)]
async fn hold(operator: Operator, DefinitionKey(key): DefinitionKey<FlagKey>) -> FlagReply {
    Ok(shown(operator.hold_flag_rollout(key.as_str()).await?))
}

/// Continues a progressive rollout at the weight at which it was stopped. Changes nothing if it grows.
#[utoipa::path(
    post,
    path = "/api/flags/{key}/progressive/resume",
    operation_id = "resume_flag_rollout",
    tag = "flags",
    responses((status = OK, description = "The flag.", body = Tagged<Flag>), Change, NotFound, Conflicts),
    security(("token" = ["write:global"]))
)]
async fn resume(operator: Operator, DefinitionKey(key): DefinitionKey<FlagKey>) -> FlagReply {
    Ok(shown(operator.resume_flag_rollout(key.as_str()).await?))
}
