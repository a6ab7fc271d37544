use std::sync::Arc;

use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::{EnvName, Invalid, Reason, parse_instant},
    transition::RouteCommand,
    view::Route,
};

use super::change::{Changed, RouteBody, change, change_by, instant, interval};
use crate::{
    Operator,
    admin::{
        key::PathKey,
        responses::{Change, NoRoute, Tagged},
        state::AdminState,
    },
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

/// The reason for a change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EnableRequest {
    /// One line of plain text; may be empty.
    #[serde(default)]
    pub(super) reason: Reason,
}

impl RequestBody for EnableRequest {}

/// Opens a route everywhere immediately, and drops its windows and its environment gate; the response lists them.
///
/// `POST /api/routes/{pk}/maintenance/end` keeps planned windows.
#[utoipa::path(
    post,
    path = "/api/routes/{pk}/enable",
    operation_id = "enable_route",
    tag = "routes",
    request_body = Option<EnableRequest>,
    responses((status = OK, description = "The updated route.", body = Tagged<Route>), Change, NoRoute),
    security(("token" = ["write:routes"]))
)]
async fn enable(
    operator: Operator,
    key: PathKey,
    JsonBody(EnableRequest { reason }): JsonBody<EnableRequest>,
) -> Changed {
    change(operator, key, RouteCommand::Enable { reason }).await
}

/// The reason for disabling a route, and the end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DisableRequest {
    /// One line of plain text; may be empty.
    #[serde(default)]
    reason: Reason,
    /// The time when the route returns to its current state; in UTC if it has no zone.
    #[schema(example = "2030-01-01T04:00:00Z")]
    until: Option<String>,
}

impl RequestBody for DisableRequest {}

impl RouteBody for DisableRequest {
    fn command(self) -> Result<RouteCommand, Problem> {
        let Self { reason, until } = self;
        let until = until.as_deref().map(parse_instant).transpose()?;
        Ok(RouteCommand::Disable { reason, until })
    }
}

/// Closes a route immediately. Its windows apply again once it is open.
#[utoipa::path(
    post,
    path = "/api/routes/{pk}/disable",
    operation_id = "disable_route",
    tag = "routes",
    request_body = Option<DisableRequest>,
    responses((status = OK, description = "The updated route.", body = Tagged<Route>), Change, NoRoute),
    security(("token" = ["write:routes"]))
)]
async fn disable(
    operator: Operator,
    key: PathKey,
    JsonBody(body): JsonBody<DisableRequest>,
) -> Changed {
    change_by(operator, key, body).await
}

/// The reason and the window of maintenance.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MaintenanceRequest {
    /// One line of plain text; may be empty.
    #[serde(default)]
    reason: Reason,
    /// With `end`: the start of the maintenance; in UTC if it has no zone. Default: immediately.
    #[schema(example = "2030-01-01T02:00:00Z")]
    start: Option<String>,
    /// The end of the maintenance; in UTC if it has no zone. Default: none.
    #[schema(example = "2030-01-01T04:00:00Z")]
    end: Option<String>,
}

impl RequestBody for MaintenanceRequest {}

impl RouteBody for MaintenanceRequest {
    fn command(self) -> Result<RouteCommand, Problem> {
        let reason = self.reason;
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(match (given(self.start), given(self.end)) {
            (Some(start), Some(end)) => RouteCommand::Schedule {
                interval: interval(&start, &end)?,
                reason,
            },
            (None, None) => RouteCommand::Maintain { reason },
            (None, end @ Some(_)) => match instant(end)? {
                Some(end) => RouteCommand::MaintainUntil { end, reason },
                None => RouteCommand::Maintain { reason },
            },
            // Without an end, the window would close the route for good, at an unattended time.
            (Some(_), None) => {
                let text = "start needs an end: give both for a window, end alone for maintenance from now until \
                            then, or neither for maintenance from now on";
                return Err(Problem::new(ProblemKind::InvalidBody, text));
            }
        })
    }
}

/// Puts a route in maintenance: during the window, or immediately and until `end`, or until it is changed.
#[utoipa::path(
    post,
    path = "/api/routes/{pk}/maintenance",
    operation_id = "put_route_in_maintenance",
    tag = "routes",
    request_body = Option<MaintenanceRequest>,
    responses((status = OK, description = "The updated route.", body = Tagged<Route>), Change, NoRoute),
    security(("token" = ["write:routes"]))
)]
async fn maintenance(
    operator: Operator,
    key: PathKey,
    JsonBody(body): JsonBody<MaintenanceRequest>,
) -> Changed {
    change_by(operator, key, body).await
}

/// Ends the maintenance of a route immediately, and keeps its environment gate and the windows that have not started.
///
/// Has no effect if the route is not in maintenance. Fails if the route is disabled, since it would remain disabled.
#[utoipa::path(
    post,
    path = "/api/routes/{pk}/maintenance/end",
    operation_id = "end_route_maintenance",
    tag = "routes",
    request_body = Option<EnableRequest>,
    responses((status = OK, description = "The updated route.", body = Tagged<Route>), Change, NoRoute),
    security(("token" = ["write:routes"]))
)]
async fn end_maintenance(
    operator: Operator,
    key: PathKey,
    JsonBody(EnableRequest { reason }): JsonBody<EnableRequest>,
) -> Changed {
    change(operator, key, RouteCommand::EndMaintenance { reason }).await
}

/// The environments of a route.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EnvRequest {
    /// The only environments in which the route is open; at least one. Use
    /// `POST /api/routes/{pk}/disable` to close it everywhere.
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

/// Opens a route in these environments only, immediately.
#[utoipa::path(
    post,
    path = "/api/routes/{pk}/env",
    operation_id = "gate_route_by_environment",
    tag = "routes",
    request_body = EnvRequest,
    responses((status = OK, description = "The updated route.", body = Tagged<Route>), Change, NoRoute),
    security(("token" = ["write:routes"]))
)]
async fn env(operator: Operator, key: PathKey, JsonBody(body): JsonBody<EnvRequest>) -> Changed {
    change_by(operator, key, body).await
}

impl RouteBody for EnvRequest {
    fn command(self) -> Result<RouteCommand, Problem> {
        let invalid = |text: &str| Problem::new(ProblemKind::InvalidBody, text);
        // `null` is an error as well, since an optional field cannot distinguish it from a missing one.
        let Some(envs) = self.envs else {
            return Err(invalid(
                "envs is required: the environments that the route is open in, such as [\"dev\"]",
            ));
        };
        if envs.is_empty() {
            return Err(invalid(
                "envs names no environment, which would close the route everywhere: that is \
                 `POST /api/routes/{pk}/disable`",
            ));
        }
        let envs = envs.iter().map(|env| env.parse());
        let envs = envs.collect::<Result<Vec<EnvName>, Invalid>>()?;
        Ok(RouteCommand::EnvOnly { envs })
    }
}
