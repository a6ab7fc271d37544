//! Drafts of flags: get, set, delete and publish.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    flag::{
        Flag, FlagKey,
        exchange::{FieldChange, difference},
    },
    view::Done,
};

use super::{
    definitions::{FlagReply, parse, shown, with_key},
    schema::FlagDefinition,
};
use crate::{
    Operator,
    admin::{
        key::DefinitionKey,
        responses::{Change, NotFound, Read, Tagged},
        state::AdminState,
    },
    engine::{ChangeError, FlagDraftRecord, Flags, definition_subject, kinds},
    rest::{Definition, JsonBody, Problem, Reply, RequestBody, done, entity_tag, is_tagged},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(get, set, delete))
        .routes(routes!(publish))
}

/// A definition beside the one in effect.
#[derive(Debug, Serialize, ToSchema)]
struct FlagDraft {
    /// The definition.
    #[schema(value_type = Flag)]
    definition: Arc<Flag>,
    /// The author of the last change.
    author: String,
    /// The time of the last change.
    #[schema(format = DateTime)]
    updated_at: String,
    /// `true` if the flag was changed since the draft was created.
    stale: bool,
    /// The ETag of the flag in effect.
    flag_etag: String,
    /// The members that differ from the flag in effect.
    difference: Vec<FieldChange>,
}

fn draft(flags: &Flags, draft: FlagDraftRecord) -> Result<Reply<FlagDraft>, Problem> {
    let live = flags.flag(draft.definition.key.as_str())?;
    let view = FlagDraft {
        difference: difference(&json(&live.flag), &json(&draft.definition)),
        definition: draft.definition,
        author: draft.author,
        updated_at: draft.updated_at.to_string(),
        stale: draft.stale,
        flag_etag: entity_tag(live.revision),
    };
    Ok(Reply::ok(view).with_tag(draft.revision))
}

/// A definition without the members that the server keeps.
fn json(flag: &Flag) -> Value {
    let mut definition = serde_json::to_value(flag).unwrap_or_default();
    if let Value::Object(members) = &mut definition {
        members
            .retain(|name, _| !["created_at", "created_by", "updated_at"].contains(&name.as_str()));
    }
    definition
}

/// Shows the draft of a flag.
#[utoipa::path(
    get,
    path = "/api/flags/{key}/draft",
    operation_id = "get_flag_draft",
    tag = "flags",
    responses((status = OK, description = "The draft.", body = Tagged<FlagDraft>), Read, NotFound),
    security(("token" = ["read"]))
)]
async fn get(
    State(state): State<Arc<AdminState>>,
    DefinitionKey(key): DefinitionKey<FlagKey>,
) -> Result<Reply<FlagDraft>, Problem> {
    let flags = state.waygate.flags();
    draft(&flags, flags.draft(key.as_str())?)
}

/// Saves a draft of an existing flag, in place of an earlier one.
///
/// References to other flags and to segments are checked when it is published.
#[utoipa::path(
    put,
    path = "/api/flags/{key}/draft",
    operation_id = "save_flag_draft",
    tag = "flags",
    request_body = FlagDefinition,
    responses((status = OK, description = "The draft.", body = Tagged<FlagDraft>), Change, NotFound),
    security(("token" = ["write:global"]))
)]
async fn set(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    DefinitionKey(key): DefinitionKey<FlagKey>,
    Definition(mut body): Definition,
) -> Result<Reply<FlagDraft>, Problem> {
    with_key(&mut body, "Flag", key.as_str())?;
    let saved = operator.save_flag_draft(parse(&body)?).await?;
    draft(&state.waygate.flags(), saved)
}

/// Deletes the draft of a flag.
#[utoipa::path(
    delete,
    path = "/api/flags/{key}/draft",
    operation_id = "delete_flag_draft",
    tag = "flags",
    responses((status = OK, description = "The draft is deleted.", body = Done), Change, NotFound),
    security(("token" = ["write:global"]))
)]
async fn delete(
    operator: Operator,
    DefinitionKey(key): DefinitionKey<FlagKey>,
) -> Result<Reply<Done>, Problem> {
    operator.delete_flag_draft(key.as_str()).await?;
    Ok(done())
}

/// The version of the flag to replace.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PublishRequest {
    /// The ETag of the flag that the draft replaces. By default that of the flag when the draft was created, so that a
    /// stale draft is 412.
    #[serde(default)]
    #[schema(nullable = false)]
    flag_etag: Option<String>,
}

impl RequestBody for PublishRequest {}

/// Replaces a flag by its draft, and deletes the draft. `If-Match` is about the draft, `flag_etag` about the flag.
#[utoipa::path(
    post,
    path = "/api/flags/{key}/draft/publish",
    operation_id = "publish_flag_draft",
    tag = "flags",
    request_body = Option<PublishRequest>,
    responses((status = OK, description = "The updated flag.", body = Tagged<Flag>), Change, NotFound),
    security(("token" = ["write:global"]))
)]
async fn publish(
    operator: Operator,
    DefinitionKey(key): DefinitionKey<FlagKey>,
    JsonBody(body): JsonBody<PublishRequest>,
) -> FlagReply {
    let tag = body.flag_etag.as_deref();
    let live = tag.map_or_else(Default::default, is_tagged);
    let published = operator.publish_draft(key.clone(), live).await;
    let published = published.map_err(|error| match error {
        // Not about the draft itself, which `If-Match` names.
        ChangeError::Conflict {
            what,
            current: Some(current),
            ..
        } if what == definition_subject::<kinds::Flags>(&key) => {
            Problem::stale_draft(key.as_str(), tag, current)
        }
        error => error.into(),
    })?;
    Ok(shown(published))
}
