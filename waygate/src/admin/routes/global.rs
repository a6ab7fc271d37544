use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::{Reason, RoleName},
    model::{ExemptPath, GlobalMaintenance, Revision},
};

use super::{
    change::{instant, networks, with_current},
    maintained::MaintenanceBody,
};
use crate::{
    ChangeError, MaintenanceRecord, Operator,
    admin::{author::Author, schema, state::AdminState},
    engine::{MaintenanceCommand, MaintenanceScope},
    rest::{EmptyBody, JsonBody, Problem, Reply, RequestBody},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(get))
        .routes(routes!(enable))
        .routes(routes!(disable))
        .routes(routes!(exempt_paths))
}

pub(super) type Changed = Result<Reply<MaintenanceBody>, Problem>;

fn current(state: &AdminState) -> (GlobalMaintenance, Revision) {
    let (global, number) = state.waygate.global_maintenance();
    let epoch = state.waygate.revision().epoch;
    (global, Revision { epoch, number })
}

async fn change(state: &AdminState, author: Author, command: MaintenanceCommand) -> Changed {
    let operator = author.expecting(|| Ok(current(state).1))?;
    maintain(state, &operator, MaintenanceScope::Global, command)
        .await
        .map_err(|error| with_current(error.into(), || Ok(current(state).1)))
}

/// Runs a command on maintenance.
pub(super) async fn maintain(
    state: &AdminState,
    operator: &Operator,
    scope: MaintenanceScope,
    command: MaintenanceCommand,
) -> Result<Reply<MaintenanceBody>, ChangeError> {
    let MaintenanceRecord {
        maintenance,
        revision,
        dropped,
    } = operator.maintain(scope.clone(), command).await?;
    let body = MaintenanceBody::new(&state.waygate, &scope, maintenance).dropping(dropped);
    Ok(Reply::tagged(body, revision))
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
    let body = MaintenanceBody::new(&state.waygate, &MaintenanceScope::Global, global);
    Reply::tagged(body, revision)
}

/// Why everything is in maintenance, when, and what and who is not.
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
    /// When it begins; without a zone, in UTC. At once if it is not given.
    #[schema(format = DateTime)]
    start: Option<String>,
    /// When it ends, after it begins; without a zone, in UTC. Not by itself if it is not given.
    #[schema(format = DateTime)]
    end: Option<String>,
    /// Clients whose addresses lie in one of these networks are served.
    #[serde(default)]
    #[schema(example = json!(["10.0.0.0/8", "2001:db8::/32"]))]
    exempt_ips: Vec<String>,
    /// Callers who have one of these roles are served.
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["billing:admin"]))]
    exempt_roles: Vec<RoleName>,
}

impl RequestBody for EnableGlobalRequest {}

impl EnableGlobalRequest {
    pub(super) fn command(self) -> Result<MaintenanceCommand, Problem> {
        let config = GlobalMaintenance {
            enabled: true,
            reason: self.reason,
            exempt_paths: self.exempt_paths,
            include_force_active: self.include_force_active,
            start: instant(self.start)?,
            end: instant(self.end)?,
            exempt_ips: networks("exempt_ips", &self.exempt_ips)?,
            exempt_roles: self.exempt_roles,
        };
        Ok(MaintenanceCommand::Enable(config))
    }
}

/// Puts everything in maintenance: at once, or from `start` on. What is not given is reset to its default.
///
/// The answer is what holds now: one that is planned is not `enabled` yet. What was set before and is not any more is
/// named by `dropped`. Answers to exempt clients and callers carry `Cache-Control: private, no-store`.
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
    JsonBody(body): JsonBody<EnableGlobalRequest>,
) -> Changed {
    change(&state, author, body.command()?).await
}

/// Ends global maintenance, planned or running, and forgets its reason and exemptions.
#[utoipa::path(
    post,
    path = "/api/global/disable",
    operation_id = "disable_global_maintenance",
    tag = "global",
    request_body = Option<EmptyBody>,
    responses((status = OK, description = "Global maintenance as it is now.", body = schema::GlobalMaintenance)),
    security(("token" = ["write:global"]))
)]
async fn disable(
    State(state): State<Arc<AdminState>>,
    author: Author,
    JsonBody(EmptyBody {}): JsonBody<EmptyBody>,
) -> Changed {
    change(&state, author, MaintenanceCommand::Disable).await
}

/// What stays open in global maintenance.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ExemptPathsRequest {
    /// All of them: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for all below.
    #[schema(value_type = Vec<String>, example = json!(["/status", "GET:/health"]))]
    exempt_paths: Vec<ExemptPath>,
}

impl RequestBody for ExemptPathsRequest {
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
    JsonBody(body): JsonBody<ExemptPathsRequest>,
) -> Changed {
    let command = MaintenanceCommand::SetExemptPaths(body.exempt_paths);
    change(&state, author, command).await
}
