use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::{EnvName, Invalid, Reason, parse_instant},
    transition::RouteCommand,
};

use super::change::{Changed, change, instant, interval};
use crate::{
    admin::{author::Author, key::PathKey, schema, state::AdminState},
    rest::{JsonBody, Problem, ProblemKind, RequestBody},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(enable))
        .routes(routes!(disable))
        .routes(routes!(maintenance))
        .routes(routes!(end_maintenance))
        .routes(routes!(env))
}

/// Why a route is opened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EnableRequest {
    /// One line of plain text; may be empty.
    #[serde(default)]
    #[schema(value_type = String, max_length = 512)]
    reason: Reason,
}

impl RequestBody for EnableRequest {}

/// Opens a route everywhere at once, and drops its windows and its environment gate, which the answer names.
///
/// `POST /api/routes/{pk}/maintenance/end` keeps what is planned.
#[utoipa::path(
    post,
    path = "/api/routes/{pk}/enable",
    operation_id = "enable_route",
    tag = "routes",
    params(("pk" = String, Path)),
    request_body = Option<EnableRequest>,
    responses((status = OK, description = "The route as it is now.", body = schema::Route)),
    security(("token" = ["write:routes"]))
)]
async fn enable(
    State(state): State<Arc<AdminState>>,
    author: Author,
    key: PathKey,
    JsonBody(EnableRequest { reason }): JsonBody<EnableRequest>,
) -> Changed {
    change(&state, author, key, RouteCommand::Enable { reason }).await
}

/// Why a route is closed, and for how long.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DisableRequest {
    /// One line of plain text; may be empty.
    #[serde(default)]
    #[schema(value_type = String, max_length = 512)]
    reason: Reason,
    /// When the route goes back to what it is now; without a zone, in UTC.
    #[schema(format = DateTime)]
    until: Option<String>,
}

impl RequestBody for DisableRequest {}

/// Closes a route at once. Its windows count again when it is back.
#[utoipa::path(
    post,
    path = "/api/routes/{pk}/disable",
    operation_id = "disable_route",
    tag = "routes",
    params(("pk" = String, Path)),
    request_body = Option<DisableRequest>,
    responses((status = OK, description = "The route as it is now.", body = schema::Route)),
    security(("token" = ["write:routes"]))
)]
async fn disable(
    State(state): State<Arc<AdminState>>,
    author: Author,
    key: PathKey,
    JsonBody(DisableRequest { reason, until }): JsonBody<DisableRequest>,
) -> Changed {
    let until = until.as_deref().map(parse_instant).transpose()?;
    change(&state, author, key, RouteCommand::Disable { reason, until }).await
}

/// Why a route is in maintenance, and when.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MaintenanceRequest {
    /// One line of plain text; may be empty.
    #[serde(default)]
    #[schema(value_type = String, max_length = 512)]
    reason: Reason,
    /// With `end`: when the maintenance begins; without a zone, in UTC. At once if it is not given.
    #[schema(format = DateTime)]
    start: Option<String>,
    /// When the maintenance ends; without a zone, in UTC. Not by itself if it is not given.
    #[schema(format = DateTime)]
    end: Option<String>,
}

impl RequestBody for MaintenanceRequest {}

/// Puts a route in maintenance: during the window, or at once and until `end`, or until it is changed.
#[utoipa::path(
    post,
    path = "/api/routes/{pk}/maintenance",
    operation_id = "put_route_in_maintenance",
    tag = "routes",
    params(("pk" = String, Path)),
    request_body = Option<MaintenanceRequest>,
    responses((status = OK, description = "The route as it is now.", body = schema::Route)),
    security(("token" = ["write:routes"]))
)]
async fn maintenance(
    State(state): State<Arc<AdminState>>,
    author: Author,
    key: PathKey,
    JsonBody(body): JsonBody<MaintenanceRequest>,
) -> Changed {
    let reason = body.reason;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let command = match (given(body.start), given(body.end)) {
        (Some(start), Some(end)) => RouteCommand::Schedule {
            interval: interval(&start, &end)?,
            reason,
        },
        (None, None) => RouteCommand::Maintain { reason },
        (None, end @ Some(_)) => match instant(end)? {
            Some(end) => RouteCommand::MaintainUntil { end, reason },
            None => RouteCommand::Maintain { reason },
        },
        // A plan without an end would close the route for good, at a time when no one looks.
        (Some(_), None) => {
            let text = "start needs an end: give both for a window, end alone for maintenance from now until \
                        then, or neither for maintenance from now on";
            return Err(Problem::new(ProblemKind::InvalidBody, text));
        }
    };
    change(&state, author, key, command).await
}

/// Ends the maintenance of a route at once, and keeps its environment gate and the windows that have not begun.
///
/// A route that is not in maintenance stays as it is. One that is disabled would stay so, which is refused.
#[utoipa::path(
    post,
    path = "/api/routes/{pk}/maintenance/end",
    operation_id = "end_route_maintenance",
    tag = "routes",
    params(("pk" = String, Path)),
    request_body = Option<EnableRequest>,
    responses((status = OK, description = "The route as it is now.", body = schema::Route)),
    security(("token" = ["write:routes"]))
)]
async fn end_maintenance(
    State(state): State<Arc<AdminState>>,
    author: Author,
    key: PathKey,
    JsonBody(EnableRequest { reason }): JsonBody<EnableRequest>,
) -> Changed {
    change(&state, author, key, RouteCommand::EndMaintenance { reason }).await
}

/// Where a route is served.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EnvRequest {
    /// The only environments, at least one: `POST /api/routes/{pk}/disable` closes a route everywhere.
    #[serde(default)]
    #[schema(nullable = false, required, min_items = 1, example = json!(["dev", "staging"]))]
    envs: Option<Vec<String>>,
}

impl RequestBody for EnvRequest {
    const REQUIRED: bool = true;

    fn wrong_type(field: &str) -> Option<&'static str> {
        (field == "envs").then_some("envs must be a list of strings")
    }
}

/// Opens a route in these environments only, at once.
#[utoipa::path(
    post,
    path = "/api/routes/{pk}/env",
    operation_id = "gate_route_by_environment",
    tag = "routes",
    params(("pk" = String, Path)),
    request_body = EnvRequest,
    responses((status = OK, description = "The route as it is now.", body = schema::Route)),
    security(("token" = ["write:routes"]))
)]
async fn env(
    State(state): State<Arc<AdminState>>,
    author: Author,
    key: PathKey,
    JsonBody(EnvRequest { envs }): JsonBody<EnvRequest>,
) -> Changed {
    // `null` as well, which no optional field could tell from a missing one.
    let Some(envs) = envs else {
        let text =
            "envs is required: the environments that the route is open in, such as [\"dev\"]";
        return Err(Problem::new(ProblemKind::InvalidBody, text));
    };
    if envs.is_empty() {
        let text = "envs names no environment, which would close the route everywhere: that is \
                    `POST /api/routes/{pk}/disable`";
        return Err(Problem::new(ProblemKind::InvalidBody, text));
    }
    let envs = envs
        .iter()
        .map(|env| env.parse())
        .collect::<Result<Vec<EnvName>, Invalid>>()?;
    change(&state, author, key, RouteCommand::EnvOnly { envs }).await
}
