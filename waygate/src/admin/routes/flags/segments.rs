//! List, create, get, set and delete of segments.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::flag::{Segment, SegmentKey};

use super::{
    definitions::{Deleted, is_object, with_key},
    schema::{SegmentDefinition, SegmentPatch},
};
use crate::{
    Operator,
    admin::{
        key::DefinitionKey,
        responses::{Change, Conflicts, NotFound, Read, Tagged},
        state::AdminState,
    },
    engine::SegmentRecord,
    rest::{
        Definition, Filters, Listing, Problem, Reply, Search, invalid_definition, invalid_patch,
    },
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, set, patch, delete))
}

pub(super) type SegmentReply = Result<Reply<Arc<Segment>>, Problem>;

pub(super) fn shown(record: SegmentRecord) -> Reply<Arc<Segment>> {
    Reply::ok(record.segment).with_tag(record.revision)
}

pub(super) fn parse(definition: &Value) -> Result<Segment, Problem> {
    Segment::parse(definition).map_err(|problems| invalid_definition("segment", problems))
}

/// Filters of segments.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SegmentParams {
    /// Only segments with this tag.
    #[param(nullable = false)]
    tag: Option<String>,
    /// Only segments with this string in their keys, names or descriptions, regardless of case: 1 to 200 characters.
    #[param(nullable = false, value_type = Option<String>)]
    search: Option<Search>,
}

impl Filters for SegmentParams {}

impl SegmentParams {
    fn selects(&self, segment: &Segment) -> bool {
        let strings = [segment.key.as_str(), &segment.name, &segment.description];
        self.tag
            .as_ref()
            .is_none_or(|tag| segment.tags.contains(tag))
            && self
                .search
                .as_ref()
                .is_none_or(|search| search.finds(strings))
    }
}

/// Lists the segments, by key.
#[utoipa::path(
    get,
    path = "/api/segments",
    operation_id = "list_segments",
    tag = "segments",
    params(SegmentParams),
    responses((status = OK, description = "The segments.", body = [Segment]), Read),
    security(("token" = ["read"]))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    Listing { filters, page }: Listing<SegmentParams>,
) -> Response {
    let flags = state.waygate.flags();
    let mut all = flags.segments();
    all.retain(|record| filters.selects(&record.segment));
    page.of(&all, flags.revision())
}

/// Creates a segment.
///
/// The server sets `created_at` and `updated_at`, and ignores those of the body.
#[utoipa::path(
    post,
    path = "/api/segments",
    operation_id = "create_segment",
    tag = "segments",
    request_body = SegmentDefinition,
    responses((status = CREATED, description = "The new segment.", body = Tagged<Segment>), Change, Conflicts),
    security(("token" = ["write:global"]))
)]
async fn create(operator: Operator, Definition(body): Definition) -> SegmentReply {
    let record = operator.create_segment(parse(&body)?).await?;
    Ok(shown(record).created())
}

/// Shows a segment.
#[utoipa::path(
    get,
    path = "/api/segments/{key}",
    operation_id = "get_segment",
    tag = "segments",
    responses((status = OK, description = "The segment.", body = Tagged<Segment>), Read, NotFound),
    security(("token" = ["read"]))
)]
async fn get(
    State(state): State<Arc<AdminState>>,
    DefinitionKey(key): DefinitionKey<SegmentKey>,
) -> SegmentReply {
    Ok(shown(state.waygate.flags().segment(key.as_str())?))
}

/// Adds or replaces a segment. Members that are missing get their default.
///
/// The key need not be in the body.
#[utoipa::path(
    put,
    path = "/api/segments/{key}",
    operation_id = "set_segment",
    tag = "segments",
    request_body = SegmentDefinition,
    responses((status = OK, description = "The stored segment.", body = Tagged<Segment>), Change),
    security(("token" = ["write:global"]))
)]
async fn set(
    operator: Operator,
    DefinitionKey(key): DefinitionKey<SegmentKey>,
    Definition(mut body): Definition,
) -> SegmentReply {
    with_key(&mut body, "Segment", key.as_str())?;
    let (record, _) = operator.set_segment(parse(&body)?).await?;
    Ok(shown(record))
}

/// Replaces members of a segment.
#[utoipa::path(
    patch,
    path = "/api/segments/{key}",
    operation_id = "patch_segment",
    tag = "segments",
    request_body = SegmentPatch,
    responses((status = OK, description = "The updated segment.", body = Tagged<Segment>), Change, NotFound),
    security(("token" = ["write:global"]))
)]
async fn patch(
    operator: Operator,
    DefinitionKey(key): DefinitionKey<SegmentKey>,
    Definition(body): Definition,
) -> SegmentReply {
    is_object(&body)?;
    let patched = operator.patch_segment(key.as_str(), body.clone()).await;
    Ok(shown(patched.map_err(|error| invalid_patch(error, &body))?))
}

/// Deletes a segment that no flag and no other segment uses.
#[utoipa::path(
    delete,
    path = "/api/segments/{key}",
    operation_id = "delete_segment",
    tag = "segments",
    responses((status = OK, description = "The segment is deleted.", body = Deleted), Change, NotFound, Conflicts),
    security(("token" = ["write:global"]))
)]
async fn delete(
    operator: Operator,
    DefinitionKey(key): DefinitionKey<SegmentKey>,
) -> Result<Reply<Deleted>, Problem> {
    operator.delete_segment(key.as_str()).await?;
    Ok(Reply::ok(Deleted::new(key)))
}
