//! Maintenance of a service, or of all routes together.

use std::{collections::BTreeSet, sync::Arc};

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::{Reason, RoleName, ServiceName},
    model::{
        DroppedMaintenance, ExemptPath, GlobalMaintenance, RecurringMaintenanceFields, Revision,
        WindowId,
    },
    transition::MaintenanceCommand,
    view::Maintenance,
};

use super::change::{instant, networks};
use crate::{
    Operator,
    admin::{
        responses::{Change, NotFound, Read, Tagged},
        scoped::{Scoped, global, service},
        searched::Searched,
        state::AdminState,
        warnings::{join, masked},
        within::Within,
    },
    engine::MaintenanceScope,
    rest::{EmptyBody, JsonBody, Listing, Params, Problem, Reply, RequestBody},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .merge(global(
            "/api/global",
            shared_router().routes(routes!(set_exempt_paths)),
        ))
        .merge(service(
            "/api/services/{service}/maintenance",
            shared_router(),
        ))
        .routes(routes!(list_services))
}

fn shared_router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(get))
        .routes(routes!(enable))
        .routes(routes!(disable))
        .routes(routes!(schedule, cancel_schedule))
}

type Changed = Result<Reply<Maintenance>, Problem>;

/// A request body that is a command on maintenance.
pub(super) trait MaintenanceBody: RequestBody {
    fn command(self) -> Result<MaintenanceCommand, Problem>;

    /// Names networks that may not be those that are meant.
    fn warning(&self) -> Option<String> {
        None
    }
}

async fn current(state: &AdminState, scope: &MaintenanceScope) -> (GlobalMaintenance, Revision) {
    let record = match scope {
        MaintenanceScope::Global => state.waygate.global_maintenance(),
        MaintenanceScope::Service(service) => state.waygate.service_maintenance(service).await,
    };
    (record.maintenance, record.revision)
}

async fn change(
    state: &AdminState,
    operator: Operator,
    scope: Scoped,
    command: MaintenanceCommand,
) -> Changed {
    let scope = scope.maintenance();
    let record = operator.maintain(scope.clone(), command).await?;
    let reply = shown(state, &scope, record.maintenance, record.dropped);
    Ok(reply.with_tag(record.revision))
}

fn shown(
    state: &AdminState,
    scope: &MaintenanceScope,
    settings: GlobalMaintenance,
    dropped: DroppedMaintenance,
) -> Reply<Maintenance> {
    Reply::ok(Maintenance {
        warning: state.waygate.maintenance_warning(scope, &settings),
        settings,
        dropped,
    })
}

/// Shows maintenance of {of}.
///
/// The processes of a service enforce its maintenance; every process shows it.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "get_{scope}_maintenance",
    responses((status = OK, description = "The maintenance.", body = Tagged<Maintenance>), Read),
    security(("token" = ["read"]))
)]
async fn get(State(state): State<Arc<AdminState>>, scope: Scoped) -> Reply<Maintenance> {
    let scope = scope.maintenance();
    let (settings, revision) = current(&state, &scope).await;
    shown(&state, &scope, settings, DroppedMaintenance::default()).with_tag(revision)
}

/// The reason, the window and the exemptions of maintenance.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = EnableGlobalRequest)]
#[serde(deny_unknown_fields)]
pub(super) struct EnableRequest {
    /// One line of plain text; may be empty.
    #[serde(default)]
    reason: Reason,
    /// Routes that stay open: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for every path below.
    #[serde(default)]
    exempt_paths: Vec<ExemptPath>,
    /// `true` to close even force-active routes.
    #[serde(default)]
    include_force_active: bool,
    /// The start; in UTC if it has no zone. Default: immediately.
    #[schema(example = "2030-01-01T02:00:00Z")]
    start: Option<String>,
    /// The end, after the start; in UTC if it has no zone. Default: none.
    #[schema(example = "2030-01-01T04:00:00Z")]
    end: Option<String>,
    /// Clients in these networks are served.
    #[serde(default)]
    #[schema(example = json!(["10.0.0.0/8", "2001:db8::/32"]))]
    exempt_ips: Vec<String>,
    /// Callers with one of these roles are served.
    #[serde(default)]
    exempt_roles: Vec<RoleName>,
}

impl RequestBody for EnableRequest {}

impl MaintenanceBody for EnableRequest {
    fn command(self) -> Result<MaintenanceCommand, Problem> {
        let mut settings = GlobalMaintenance::new(self.reason)
            .exempt_paths(self.exempt_paths)
            .include_force_active(self.include_force_active)
            .start(instant(self.start)?)
            .end(instant(self.end)?)
            .exempt_ips(networks("exempt_ips", &self.exempt_ips)?)
            .exempt_roles(self.exempt_roles);
        settings.enabled = true;
        Ok(MaintenanceCommand::Enable(settings))
    }

    fn warning(&self) -> Option<String> {
        masked("exempt_ips", self.exempt_ips.iter().map(String::as_str))
    }
}

/// Puts {of} in maintenance: immediately, or from `start` on. Fields that are missing are reset to their defaults.
///
/// The response shows the current state: planned maintenance is not `enabled` yet. `dropped` contains the previous
/// settings that were dropped. Responses to exempt clients and callers carry `Cache-Control: private, no-store`.
#[utoipa::path(
    post,
    path = "/enable",
    operation_id = "enable_{scope}_maintenance",
    request_body = Option<EnableRequest>,
    responses((status = OK, description = "The updated maintenance.", body = Tagged<Maintenance>), Change),
    security(("token" = ["write:global"]))
)]
async fn enable(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    scope: Scoped,
    JsonBody(body): JsonBody<EnableRequest>,
) -> Changed {
    let masked = body.warning();
    let reply = change(&state, operator, scope, body.command()?).await?;
    Ok(reply.map(|shown| shown.warning = join(masked.into_iter().chain(shown.warning.take()))))
}

/// Ends maintenance of {of}, planned or active, and drops its reason and exemptions.
#[utoipa::path(
    post,
    path = "/disable",
    operation_id = "disable_{scope}_maintenance",
    request_body = Option<EmptyBody>,
    responses((status = OK, description = "The updated maintenance.", body = Tagged<Maintenance>), Change),
    security(("token" = ["write:global"]))
)]
async fn disable(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    scope: Scoped,
    JsonBody(EmptyBody {}): JsonBody<EmptyBody>,
) -> Changed {
    change(&state, operator, scope, MaintenanceCommand::Disable).await
}

impl RequestBody for RecurringMaintenanceFields {
    const REQUIRED: bool = true;
}

impl MaintenanceBody for RecurringMaintenanceFields {
    fn command(self) -> Result<MaintenanceCommand, Problem> {
        Ok(MaintenanceCommand::Recur(Box::new(self.try_into()?)))
    }
}

/// Adds recurring maintenance of {of}, or replaces that with the same `id`.
///
/// It has exemptions of its own, and no effect while maintenance that was switched on is active.
#[utoipa::path(
    post,
    path = "/schedule",
    operation_id = "schedule_{scope}_maintenance",
    request_body = RecurringMaintenanceFields,
    responses((status = OK, description = "The updated maintenance.", body = Tagged<Maintenance>), Change),
    security(("token" = ["write:global"]))
)]
async fn schedule(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    scope: Scoped,
    JsonBody(body): JsonBody<RecurringMaintenanceFields>,
) -> Changed {
    change(&state, operator, scope, body.command()?).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CancelParams {
    /// The `id` of the recurring maintenance, or of one of its windows. Default: all recurring maintenance.
    #[param(nullable = false)]
    window: Option<WindowId>,
}

/// Cancels recurring maintenance of {of}, or one of its windows.
#[utoipa::path(
    delete,
    path = "/schedule",
    operation_id = "cancel_{scope}_schedule",
    params(CancelParams),
    responses((status = OK, description = "The updated maintenance.", body = Tagged<Maintenance>), Change, NotFound),
    security(("token" = ["write:global"]))
)]
async fn cancel_schedule(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    scope: Scoped,
    Params(CancelParams { window }): Params<CancelParams>,
) -> Changed {
    change(&state, operator, scope, MaintenanceCommand::Cancel(window)).await
}

/// The routes that stay open during global maintenance.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExemptPathsRequest {
    /// The complete list: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for every path below.
    exempt_paths: Vec<ExemptPath>,
}

impl RequestBody for ExemptPathsRequest {
    const REQUIRED: bool = true;
}

impl MaintenanceBody for ExemptPathsRequest {
    fn command(self) -> Result<MaintenanceCommand, Problem> {
        Ok(MaintenanceCommand::SetExemptPaths(self.exempt_paths))
    }
}

/// Sets the routes that stay open in global maintenance, without switching it on or off.
#[utoipa::path(
    post,
    path = "/exempt-paths",
    operation_id = "set_global_exempt_paths",
    request_body = ExemptPathsRequest,
    responses((status = OK, description = "The updated maintenance.", body = Tagged<Maintenance>), Change),
    security(("token" = ["write:global"]))
)]
async fn set_exempt_paths(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    scope: Scoped,
    JsonBody(body): JsonBody<ExemptPathsRequest>,
) -> Changed {
    change(&state, operator, scope, body.command()?).await
}

/// Lists the services of routes, and the service of this process.
#[utoipa::path(
    get,
    path = "/api/services",
    operation_id = "list_services",
    tag = "services",
    params(Searched),
    responses((status = OK, description = "The names of services, sorted.", body = [String]), Read),
    security(("token" = ["read"])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn list_services(
    State(state): State<Arc<AdminState>>,
    within: Within,
    Listing { filters, page }: Listing<Searched>,
) -> Response {
    let revision = state.waygate.revision();
    let routes = state.waygate.routes();
    let of_routes = routes.iter().filter_map(|route| route.key.service());
    let own = state.waygate.service().map(ServiceName::as_str);
    let services = of_routes.chain(own).filter(|name| within.has_service(name));
    let services: BTreeSet<&str> = services.collect();
    let services = services.into_iter().filter(|name| filters.finds([*name]));
    let services: Vec<&str> = services.collect();
    page.of(&services, revision)
}
