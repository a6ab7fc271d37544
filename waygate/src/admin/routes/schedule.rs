use std::sync::Arc;

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{grammar::Reason, model::WindowId, transition::RouteCommand, view::Route};

use super::change::{Changed, change, interval};
use crate::{
    Operator,
    admin::{
        key::PathKey,
        responses::{Change, NoRoute, Tagged},
        state::AdminState,
    },
    rest::{JsonBody, Params, Problem, ProblemKind, RequestBody},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new().routes(routes!(schedule, cancel))
}

/// A new maintenance window.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ScheduleRequest {
    /// The start; in UTC if it has no zone.
    #[schema(format = DateTime, nullable = false, required)]
    start: Option<String>,
    /// The end, after the start; in UTC if it has no zone.
    #[schema(format = DateTime, nullable = false, required)]
    end: Option<String>,
    /// One line of plain text; may be empty.
    #[serde(default)]
    reason: Reason,
}

impl RequestBody for ScheduleRequest {
    const REQUIRED: bool = true;
}

/// Adds a maintenance window. The route returns to its current state when the window ends.
#[utoipa::path(
    post,
    path = "/api/routes/{pk}/schedule",
    operation_id = "schedule_maintenance",
    tag = "routes",
    request_body = ScheduleRequest,
    responses((status = OK, description = "The updated route.", body = Tagged<Route>), Change, NoRoute),
    security(("token" = ["write:routes"]))
)]
async fn schedule(
    operator: Operator,
    key: PathKey,
    JsonBody(ScheduleRequest { start, end, reason }): JsonBody<ScheduleRequest>,
) -> Changed {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let Some((start, end)) = given(start).zip(given(end)) else {
        return Err(Problem::new(
            ProblemKind::InvalidBody,
            "start and end are required",
        ));
    };
    let command = RouteCommand::Schedule {
        interval: interval(&start, &end)?,
        reason,
    };
    change(operator, key, command).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CancelParams {
    /// The `id` of the window to cancel. Default: all windows.
    #[param(nullable = false)]
    window: Option<WindowId>,
}

/// Cancels one maintenance window, or all of them and the end of a temporary disable.
///
/// If the window has started, the route returns to its previous state immediately.
#[utoipa::path(
    delete,
    path = "/api/routes/{pk}/schedule",
    operation_id = "cancel_schedule",
    tag = "routes",
    params(CancelParams),
    responses((status = OK, description = "The updated route.", body = Tagged<Route>), Change, NoRoute),
    security(("token" = ["write:routes"]))
)]
async fn cancel(
    operator: Operator,
    key: PathKey,
    Params(CancelParams { window }): Params<CancelParams>,
) -> Changed {
    change(operator, key, RouteCommand::CancelSchedule { window }).await
}
