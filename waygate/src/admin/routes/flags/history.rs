//! The history of flags and segments from the audit log, differences between versions, and the way back to one.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    flag::{
        Flag, FlagKey, Segment, SegmentKey,
        exchange::{FieldChange, difference},
    },
    model::AuditEntry,
    port::AuditQuery,
};

use super::{
    definitions::{self, FlagReply},
    segments::{self, SegmentReply},
};
use crate::{
    Operator, Waygate,
    admin::{
        key::DefinitionKey,
        responses::{Change, NotFound, ReadStore, Tagged},
        state::AdminState,
    },
    engine::{DefinitionKind, FlagVersion, Holds, kinds, kinds::Records},
    rest::{AtMost, JsonBody, Params, Problem, RequestBody, Skip, json_size, list_response},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(history))
        .routes(routes!(compare))
        .routes(routes!(revert))
        .routes(routes!(segment_history))
        .routes(routes!(compare_segment))
        .routes(routes!(revert_segment))
}

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1_000;
const MAX_OFFSET: usize = 1_000_000;
/// The bytes of a list after which it ends.
const MAX_BYTES: usize = 16 * 1024 * 1024;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct HistoryParams {
    /// At most this many: a whole number, where more than 1000 counts as 1000. A list of more than 16 MiB ends earlier,
    /// with at least one entry.
    #[param(nullable = false, value_type = Option<u64>, minimum = 0, default = 50)]
    limit: Option<AtMost<MAX_LIMIT>>,
    /// Skips this many of the newest: 0 to 1000000.
    #[param(nullable = false, value_type = Option<u64>, minimum = 0, maximum = 1000000, default = 0)]
    offset: Option<Skip<MAX_OFFSET>>,
}

/// A change of a flag or a segment.
#[derive(Debug, Serialize, ToSchema)]
struct DefinitionChange {
    /// The entry of the audit log, with the definitions before and after the change.
    #[serde(flatten)]
    entry: AuditEntry,
    /// The values that it changed.
    difference: Vec<FieldChange>,
}

impl From<AuditEntry> for DefinitionChange {
    fn from(entry: AuditEntry) -> Self {
        let or_empty = |value: &Option<Value>| value.clone().unwrap_or_else(|| json!({}));
        Self {
            difference: difference(&or_empty(&entry.previous), &or_empty(&entry.new)),
            entry,
        }
    }
}

/// Lists the changes of a flag, newest first; also of a deleted one.
#[utoipa::path(
    get,
    path = "/api/flags/{key}/history",
    operation_id = "list_flag_history",
    tag = "flags",
    params(HistoryParams),
    responses((status = OK, description = "The changes.", body = [DefinitionChange]), ReadStore),
    security(("token" = ["read"]))
)]
async fn history(
    State(state): State<Arc<AdminState>>,
    DefinitionKey(key): DefinitionKey<FlagKey>,
    Params(params): Params<HistoryParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    list::<kinds::Flags>(&state.waygate, key.as_str(), &params, &headers).await
}

/// Lists the changes of a segment, newest first; also of a deleted one.
#[utoipa::path(
    get,
    path = "/api/segments/{key}/history",
    operation_id = "list_segment_history",
    tag = "segments",
    params(HistoryParams),
    responses((status = OK, description = "The changes.", body = [DefinitionChange]), ReadStore),
    security(("token" = ["read"]))
)]
async fn segment_history(
    State(state): State<Arc<AdminState>>,
    DefinitionKey(key): DefinitionKey<SegmentKey>,
    Params(params): Params<HistoryParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    list::<kinds::Segments>(&state.waygate, key.as_str(), &params, &headers).await
}

async fn list<K: DefinitionKind>(
    waygate: &Waygate,
    key: &str,
    params: &HistoryParams,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let revision = waygate.revision();
    let limit = params.limit.as_ref().map_or(DEFAULT_LIMIT, |limit| limit.0);
    let offset = params.offset.as_ref().map_or(0, |offset| offset.0);
    let query = AuditQuery::newest(limit).offset(offset);
    let entries = waygate.history_of::<K>(key, query.max_bytes(MAX_BYTES));
    let mut changes: Vec<DefinitionChange> = Vec::new();
    let mut bytes = 0;
    for entry in entries.await? {
        if bytes >= MAX_BYTES {
            break;
        }
        let change = DefinitionChange::from(entry);
        bytes += json_size(&change);
        changes.push(change);
    }
    Ok(list_response(&changes, revision, headers))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CompareParams {
    /// The id of an entry of the history: the definition after that change.
    #[param(example = "6f2c8a3e-9e0b-4a54-8a1f-2f8f5f1f0c11")]
    from: String,
    /// The id of another entry. By default the definition in effect.
    #[param(nullable = false)]
    to: Option<String>,
}

/// Compares two versions of a flag.
#[utoipa::path(
    get,
    path = "/api/flags/{key}/difference",
    operation_id = "compare_flag_versions",
    tag = "flags",
    params(CompareParams),
    responses((status = OK, description = "The values that differ.", body = [FieldChange]), ReadStore, NotFound),
    security(("token" = ["read"]))
)]
async fn compare(
    State(state): State<Arc<AdminState>>,
    DefinitionKey(key): DefinitionKey<FlagKey>,
    Params(params): Params<CompareParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    difference_of::<kinds::Flags>(&state.waygate, &key, &params, &headers).await
}

/// Compares two versions of a segment.
#[utoipa::path(
    get,
    path = "/api/segments/{key}/difference",
    operation_id = "compare_segment_versions",
    tag = "segments",
    params(CompareParams),
    responses((status = OK, description = "The values that differ.", body = [FieldChange]), ReadStore, NotFound),
    security(("token" = ["read"]))
)]
async fn compare_segment(
    State(state): State<Arc<AdminState>>,
    DefinitionKey(key): DefinitionKey<SegmentKey>,
    Params(params): Params<CompareParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    difference_of::<kinds::Segments>(&state.waygate, &key, &params, &headers).await
}

async fn difference_of<K: DefinitionKind>(
    waygate: &Waygate,
    key: &K::Key,
    params: &CompareParams,
    headers: &HeaderMap,
) -> Result<Response, Problem>
where
    Records: Holds<K>,
{
    let revision = waygate.revision();
    let version = async |id: &str| -> Result<Value, Problem> {
        let entry = waygate.entry_of::<K>(&key.to_string(), id).await?;
        Ok(entry.new.unwrap_or_else(|| json!({})))
    };
    let old = version(&params.from).await?;
    let new = match &params.to {
        Some(id) => version(id).await?,
        None => {
            let (body, _) = waygate.flags().get::<K>(key)?;
            serde_json::to_value(&*body).unwrap_or_default()
        }
    };
    Ok(list_response(&difference(&old, &new), revision, headers))
}

/// A version of a flag or a segment in its history.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RevertRequest {
    /// The id of an entry of the history.
    #[schema(example = "6f2c8a3e-9e0b-4a54-8a1f-2f8f5f1f0c11")]
    entry: String,
    /// The definition `previous` to that change, which is the default, or the `new` one.
    #[serde(default)]
    #[schema(inline)]
    version: Version,
}

#[derive(Debug, Default, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Version {
    #[default]
    Previous,
    New,
}

impl From<Version> for FlagVersion {
    fn from(version: Version) -> Self {
        match version {
            Version::Previous => Self::Previous,
            Version::New => Self::New,
        }
    }
}

impl RequestBody for RevertRequest {
    const REQUIRED: bool = true;
}

/// Restores an earlier version of a flag, checked as any write; also of a deleted flag.
#[utoipa::path(
    post,
    path = "/api/flags/{key}/revert",
    operation_id = "revert_flag",
    tag = "flags",
    request_body = RevertRequest,
    responses((status = OK, description = "The updated flag.", body = Tagged<Flag>), Change, NotFound),
    security(("token" = ["write:global"]))
)]
async fn revert(
    operator: Operator,
    DefinitionKey(key): DefinitionKey<FlagKey>,
    JsonBody(body): JsonBody<RevertRequest>,
) -> FlagReply {
    let reverted = operator.revert_flag(key.as_str(), &body.entry, body.version.into());
    Ok(definitions::shown(reverted.await?))
}

/// Restores an earlier version of a segment, checked as any write; also of a deleted segment.
#[utoipa::path(
    post,
    path = "/api/segments/{key}/revert",
    operation_id = "revert_segment",
    tag = "segments",
    request_body = RevertRequest,
    responses((status = OK, description = "The updated segment.", body = Tagged<Segment>), Change, NotFound),
    security(("token" = ["write:global"]))
)]
async fn revert_segment(
    operator: Operator,
    DefinitionKey(key): DefinitionKey<SegmentKey>,
    JsonBody(body): JsonBody<RevertRequest>,
) -> SegmentReply {
    let reverted = operator.revert_segment(key.as_str(), &body.entry, body.version.into());
    Ok(segments::shown(reverted.await?))
}
