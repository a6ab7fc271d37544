//! The history of flags and segments from the audit log, differences between versions, and the way back to one.

use std::sync::Arc;

use axum::{extract::State, response::Response};
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
        routes::audit::total,
        state::AdminState,
    },
    engine::{DefinitionKind, FlagVersion, Holds, definition_subject, kinds, kinds::Records},
    rest::{Filters, JsonBody, Listing, Page, Problem, RequestBody, Time, json_size},
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

/// The bytes of a list after which it ends.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// For the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "read by the listing")]
struct Limit {
    /// At most this many: a whole number, where more than 1000 counts as 1000. A list of more than 16 MiB ends earlier,
    /// with at least one entry.
    #[param(nullable = false, minimum = 0, default = 50)]
    limit: Option<u64>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct HistoryParams {
    /// Only changes by exactly this actor: a user, or `USER/NAME` for a token with a name.
    #[param(nullable = false, example = "ada/deploy")]
    actor: Option<String>,
    /// Only changes from this time on, as RFC 3339.
    #[param(nullable = false, value_type = Option<String>, format = DateTime)]
    since: Option<Time>,
    /// Only changes before this time, as RFC 3339.
    #[param(nullable = false, value_type = Option<String>, format = DateTime)]
    until: Option<Time>,
}

impl Filters for HistoryParams {
    const DEFAULT_LIMIT: Option<usize> = Some(50);
    const MAX_LIMIT: usize = 1_000;
}

impl HistoryParams {
    fn query(&self, page: &Page) -> AuditQuery {
        let query = AuditQuery::newest(page.limit()).offset(page.offset());
        let mut query = query.max_bytes(MAX_BYTES);
        query.actor = self.actor.clone();
        query.since = self.since.map(|since| since.0);
        query.until = self.until.map(|until| until.0);
        query
    }
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
    params(Limit, HistoryParams),
    responses((status = OK, description = "The changes.", body = [DefinitionChange]), ReadStore),
    security(("token" = ["read"]))
)]
async fn history(
    State(state): State<Arc<AdminState>>,
    DefinitionKey(key): DefinitionKey<FlagKey>,
    listing: Listing<HistoryParams>,
) -> Result<Response, Problem> {
    list::<kinds::Flags>(&state.waygate, &key, &listing).await
}

/// Lists the changes of a segment, newest first; also of a deleted one.
#[utoipa::path(
    get,
    path = "/api/segments/{key}/history",
    operation_id = "list_segment_history",
    tag = "segments",
    params(Limit, HistoryParams),
    responses((status = OK, description = "The changes.", body = [DefinitionChange]), ReadStore),
    security(("token" = ["read"]))
)]
async fn segment_history(
    State(state): State<Arc<AdminState>>,
    DefinitionKey(key): DefinitionKey<SegmentKey>,
    listing: Listing<HistoryParams>,
) -> Result<Response, Problem> {
    list::<kinds::Segments>(&state.waygate, &key, &listing).await
}

async fn list<K: DefinitionKind>(
    waygate: &Waygate,
    key: &K::Key,
    Listing { filters, page }: &Listing<HistoryParams>,
) -> Result<Response, Problem> {
    let revision = waygate.revision();
    let query = filters.query(page).path(definition_subject::<K>(key));
    let entries = waygate.audit(query.clone());
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
    let total = total(waygate, &query, changes.len()).await?;
    Ok(page.reply(&changes, total, revision))
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

impl Filters for CompareParams {}

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
    listing: Listing<CompareParams>,
) -> Result<Response, Problem> {
    difference_of::<kinds::Flags>(&state.waygate, &key, &listing).await
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
    listing: Listing<CompareParams>,
) -> Result<Response, Problem> {
    difference_of::<kinds::Segments>(&state.waygate, &key, &listing).await
}

async fn difference_of<K: DefinitionKind>(
    waygate: &Waygate,
    key: &K::Key,
    Listing {
        filters: params,
        page,
    }: &Listing<CompareParams>,
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
    Ok(page.of(&difference(&old, &new), revision))
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
