//! The planned maintenance windows, as JSON and as a calendar.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{Timestamp, view::ScheduledWindow};

use crate::{
    admin::{responses::Read, state::AdminState, within::Within},
    rest::{AtMost, Filters, Listing, Params, Search},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(calendar))
}

const MAX_DAYS: usize = 366;
const DEFAULT_DAYS: usize = 31;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct WindowParams {
    /// The days from now in which windows start: a whole number; more than 366 counts as 366.
    #[param(nullable = false, value_type = Option<u64>, minimum = 0, default = 31)]
    days: Option<AtMost<MAX_DAYS>>,
    /// Only windows of this scope: a key of a route, `service:<name>`, or `*` for those of all routes together.
    #[param(nullable = false, example = "GET:/payments")]
    scope: Option<String>,
    /// Only windows with this string in their scopes or reasons, regardless of case: 1 to 200 characters.
    #[param(nullable = false, value_type = Option<String>)]
    search: Option<Search>,
}

impl Filters for WindowParams {}

impl WindowParams {
    fn windows(&self, state: &AdminState, within: &Within) -> (Timestamp, Vec<ScheduledWindow>) {
        let days = self.days.as_ref().map_or(DEFAULT_DAYS, |days| days.0);
        let now = state.waygate.inner.clock.now();
        let ahead = Duration::from_secs(days as u64 * 86_400);
        let until = now.checked_add(ahead).unwrap_or(Timestamp::MAX);
        let mut windows = state.waygate.scheduled_windows(until);
        windows.retain(|window| {
            let is_within = |scope| within.has_scope(&scope);
            window.scope.parse().is_ok_and(is_within) && self.selects(window)
        });
        (now, windows)
    }

    fn selects(&self, window: &ScheduledWindow) -> bool {
        self.scope
            .as_ref()
            .is_none_or(|scope| *scope == window.scope)
            && self
                .search
                .as_ref()
                .is_none_or(|search| search.finds([window.scope.as_str(), window.reason.as_str()]))
    }
}

/// Lists the maintenance windows of routes, of services and of all routes together that have not ended, in the order of
/// their starts.
///
/// Windows have no effect while their route is disabled. Of windows that recur, at most 1000 each are listed.
#[utoipa::path(
    get,
    path = "/api/windows",
    operation_id = "list_windows",
    tag = "windows",
    params(WindowParams),
    responses((status = OK, description = "The windows.", body = [ScheduledWindow]), Read),
    security(("token" = ["read"])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    within: Within,
    Listing { filters, page }: Listing<WindowParams>,
) -> Response {
    let revision = state.waygate.revision();
    let (_, windows) = filters.windows(&state, &within);
    page.of(&windows, revision)
}

/// Writes the windows as a calendar (RFC 5545), in UTC.
#[utoipa::path(
    get,
    path = "/api/windows.ics",
    operation_id = "get_calendar",
    tag = "windows",
    params(WindowParams),
    responses(
        (status = OK, description = "The calendar.", body = String, content_type = "text/calendar; charset=utf-8"),
        Read
    ),
    security(("token" = ["read"])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn calendar(
    State(state): State<Arc<AdminState>>,
    within: Within,
    Params(params): Params<WindowParams>,
) -> Response {
    let (now, windows) = params.windows(&state, &within);
    let calendar = ScheduledWindow::calendar(&windows, now);
    (
        [(header::CONTENT_TYPE, "text/calendar; charset=utf-8")],
        calendar,
    )
        .into_response()
}
