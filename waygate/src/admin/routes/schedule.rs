use std::sync::Arc;

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::{Invalid, Reason, TimeZoneName, WindowException},
    model::{RecurringWindow, WindowId},
    transition::RouteCommand,
    view::Route,
};

use super::change::{Changed, RouteBody, change, change_by, interval};
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

/// New maintenance windows: one from `start` to `end`, or those that recur `every` time.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(examples(
    json!({"start": "2030-01-01T02:00:00Z", "end": "2030-01-01T04:00:00Z", "reason": "database upgrade"}),
    json!({"every": "0 2 * * SUN", "for": "2h", "tz": "Europe/Berlin", "except": ["2030-12-29"]})
))]
#[serde(deny_unknown_fields)]
pub(super) struct ScheduleRequest {
    /// The start; in UTC if it has no zone.
    #[schema(example = "2030-01-01T02:00:00Z", nullable = false)]
    start: Option<String>,
    /// The end, after the start; in UTC if it has no zone.
    #[schema(example = "2030-01-01T04:00:00Z", nullable = false)]
    end: Option<String>,
    /// The name of recurring windows. It follows from the other fields; a given one is checked.
    #[schema(nullable = false)]
    id: Option<WindowId>,
    /// The local times at which windows start: a cron expression such as `0 2 * * SUN`, or a recurrence rule
    /// (RFC 5545) such as `FREQ=MONTHLY;BYDAY=2TU`.
    #[schema(nullable = false)]
    every: Option<String>,
    /// The local time of the day of a rule, such as `02:00`. A cron expression has its own.
    #[schema(nullable = false)]
    at: Option<String>,
    /// The local day from which a rule with `COUNT` or `INTERVAL` is counted.
    #[schema(format = Date, nullable = false)]
    from: Option<String>,
    /// The length of recurring windows, from `1m` to `744h`.
    #[schema(nullable = false)]
    r#for: Option<String>,
    /// The time zone of recurring windows, such as `Europe/Berlin`. Default: UTC.
    #[schema(nullable = false)]
    tz: Option<TimeZoneName>,
    /// Local days without windows (`2030-12-29`), and local starts of single windows (`2030-12-29T02:00`).
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    except: Vec<WindowException>,
    /// One line of plain text; may be empty.
    #[serde(default)]
    reason: Reason,
}

impl RequestBody for ScheduleRequest {
    const REQUIRED: bool = true;
}

impl RouteBody for ScheduleRequest {
    fn command(self) -> Result<RouteCommand, Problem> {
        let invalid = |text: &str| Problem::new(ProblemKind::InvalidBody, text);
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let single = given(self.start).zip(given(self.end));
        let Some(every) = self.every else {
            let recurs = self.at.is_some() || self.from.is_some() || self.r#for.is_some();
            return match single {
                _ if recurs || self.tz.is_some() || !self.except.is_empty() => Err(invalid(
                    "at, from, for, tz and except are for recurring windows, which need `every`",
                )),
                Some((start, end)) => Ok(RouteCommand::Schedule {
                    interval: interval(&start, &end)?,
                    reason: self.reason,
                }),
                None => Err(invalid("start and end are required")),
            };
        };
        if single.is_some() {
            return Err(invalid(
                "give start and end for one window, or every for recurring ones",
            ));
        }
        let Some(length) = self.r#for else {
            return Err(invalid(
                "recurring windows need a length: `for`, such as `2h`",
            ));
        };
        let mut windows = RecurringWindow::builder(&every, &length)
            .except(self.except)
            .reason(self.reason);
        windows.id = self.id;
        windows.at = self.at;
        windows.tz = self.tz;
        if let Some(day) = self.from {
            let problem = |_| Invalid::new("day", &day, "expected a day such as `2030-01-06`");
            windows = windows.starting(day.parse().map_err(problem)?);
        }
        Ok(RouteCommand::Recur(Box::new(windows.build()?)))
    }
}

/// Adds a maintenance window, or recurring ones. The route returns to its current state when a window ends.
///
/// Recurring windows replace those with the same `id`. They have no effect while the route is disabled, or in
/// maintenance without an end.
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
    JsonBody(body): JsonBody<ScheduleRequest>,
) -> Changed {
    change_by(operator, key, body).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CancelParams {
    /// The `id` of the window or of the recurring windows to cancel. Default: all of them.
    #[param(nullable = false)]
    window: Option<WindowId>,
}

/// Cancels one maintenance window, recurring windows or one of those that recur, or all of them and the end of a
/// temporary disable.
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
