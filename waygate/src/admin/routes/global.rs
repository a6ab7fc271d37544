use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::Reason,
    model::{ExemptPath, GlobalMaintenance, Revision},
};

use super::{change::with_current, maintained::MaintenanceBody};
use crate::{
    ChangeError,
    admin::{
        author::Author,
        body::{Ask, Asked, EmptyRequest},
        error::Problem,
        reply::Reply,
        schema,
        state::AdminState,
    },
    engine::MaintenanceScope,
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(get))
        .routes(routes!(enable))
        .routes(routes!(disable))
        .routes(routes!(exempt_paths))
}

type Changed = Result<Reply<MaintenanceBody>, Problem>;

fn current(state: &AdminState) -> (GlobalMaintenance, Revision) {
    let (global, number) = state.waygate.global_maintenance();
    let epoch = state.waygate.revision().epoch;
    (global, Revision { epoch, number })
}

fn body(state: &AdminState, global: GlobalMaintenance) -> MaintenanceBody {
    MaintenanceBody::new(&state.waygate, &MaintenanceScope::Global, global)
}

fn outcome(
    state: &AdminState,
    outcome: Result<(GlobalMaintenance, Revision), ChangeError>,
) -> Changed {
    match outcome {
        Ok((global, revision)) => Ok(Reply::tagged(body(state, global), revision)),
        Err(error) => Err(with_current(error.into(), || Ok(current(state).1))),
    }
}

/// Shows global maintenance.
#[utoipa::path(
    get,
    path = "/api/global",
    operation_id = "get_global_maintenance",
    tag = "global",
    responses((status = OK, description = "Global maintenance.", body = schema::GlobalMaintenance)),
    security(("token" = ["read"]))
)]
async fn get(State(state): State<Arc<AdminState>>) -> Reply<MaintenanceBody> {
    let (global, revision) = current(&state);
    Reply::tagged(body(&state, global), revision)
}

/// Why everything is in maintenance, and what is not.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EnableGlobalRequest {
    /// One line of plain text; may be empty.
    #[serde(default)]
    #[schema(value_type = String, max_length = 512)]
    reason: Reason,
    /// Routes that stay open: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for all below.
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["/status", "GET:/health"]))]
    exempt_paths: Vec<ExemptPath>,
    /// Whether even force-active routes are closed.
    #[serde(default)]
    include_force_active: bool,
}

impl Ask for EnableGlobalRequest {}

impl From<EnableGlobalRequest> for GlobalMaintenance {
    fn from(asked: EnableGlobalRequest) -> Self {
        Self {
            enabled: true,
            reason: asked.reason,
            exempt_paths: asked.exempt_paths,
            include_force_active: asked.include_force_active,
        }
    }
}

/// Puts everything in maintenance at once. What is not given is reset to its default.
#[utoipa::path(
    post,
    path = "/api/global/enable",
    operation_id = "enable_global_maintenance",
    tag = "global",
    request_body = Option<EnableGlobalRequest>,
    responses((status = OK, description = "Global maintenance as it is now.", body = schema::GlobalMaintenance)),
    security(("token" = ["write:global"]))
)]
async fn enable(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Asked(asked): Asked<EnableGlobalRequest>,
) -> Changed {
    let operator = author.expecting(|| Ok(current(&state).1))?;
    let enabled = operator.enable_global_maintenance(asked.into()).await;
    outcome(&state, enabled)
}

/// Ends global maintenance, and forgets its reason and exemptions.
#[utoipa::path(
    post,
    path = "/api/global/disable",
    operation_id = "disable_global_maintenance",
    tag = "global",
    request_body = Option<EmptyRequest>,
    responses((status = OK, description = "Global maintenance as it is now.", body = schema::GlobalMaintenance)),
    security(("token" = ["write:global"]))
)]
async fn disable(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Asked(EmptyRequest {}): Asked<EmptyRequest>,
) -> Changed {
    let operator = author.expecting(|| Ok(current(&state).1))?;
    outcome(&state, operator.disable_global_maintenance().await)
}

/// What stays open in global maintenance.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ExemptPathsRequest {
    /// All of them: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for all below.
    #[schema(value_type = Vec<String>, example = json!(["/status", "GET:/health"]))]
    exempt_paths: Vec<ExemptPath>,
}

impl Ask for ExemptPathsRequest {
    const REQUIRED: bool = true;
}

/// Sets what stays open in global maintenance, and does not switch it on or off.
#[utoipa::path(
    post,
    path = "/api/global/exempt-paths",
    operation_id = "set_global_exempt_paths",
    tag = "global",
    request_body = ExemptPathsRequest,
    responses((status = OK, description = "Global maintenance as it is now.", body = schema::GlobalMaintenance)),
    security(("token" = ["write:global"]))
)]
async fn exempt_paths(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Asked(asked): Asked<ExemptPathsRequest>,
) -> Changed {
    let operator = author.expecting(|| Ok(current(&state).1))?;
    let paths: Vec<&str> = asked.exempt_paths.iter().map(ExemptPath::as_str).collect();
    outcome(&state, operator.set_global_exempt_paths(&paths).await)
}
