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
use waygate_core::{Timestamp, grammar::Reason, view::ScheduledWindow};

use crate::{
    admin::{responses::ReadBounded, state::AdminState, within::Within},
    rest::{AtMost, Filters, Listing, Params, Problem, Search},
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
    /// Passes the windows, and the time of the list, to `show`. Both run off the async workers.
    async fn windows<T: Send + 'static>(
        self,
        state: Arc<AdminState>,
        within: Within,
        show: impl FnOnce(Vec<ScheduledWindow>, Timestamp) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let computations = state.computations.clone();
        let shown = computations.run(move |_| {
            let days = self.days.as_ref().map_or(DEFAULT_DAYS, |days| days.0);
            let now = state.waygate.inner.clock.now();
            let ahead = Duration::from_secs(days as u64 * 86_400);
            let until = now.checked_add(ahead).unwrap_or(Timestamp::MAX);
            let selects = |scope: &str, reason: &Reason| {
                let is_within = |scope| within.has_scope(&scope);
                self.selects(scope, reason) && scope.parse().is_ok_and(is_within)
            };
            Ok(show(state.waygate.first_windows(until, selects), now))
        });
        shown.await
    }

    fn selects(&self, scope: &str, reason: &Reason) -> bool {
        let is_of = |wanted: &String| wanted == scope;
        let finds = |search: &Search| search.finds([scope, reason.as_str()]);
        self.scope.as_ref().is_none_or(is_of) && self.search.as_ref().is_none_or(finds)
    }
}

/// Lists the maintenance windows of routes, of services and of all routes together that have not ended, in the order of
/// their starts.
///
/// Windows have no effect while their route is disabled. At most 10000 are listed, and of those that recur at most 1000
/// each.
#[utoipa::path(
    get,
    path = "/api/windows",
    operation_id = "list_windows",
    tag = "windows",
    params(WindowParams),
    responses((status = OK, description = "The windows.", body = [ScheduledWindow]), ReadBounded),
    security(("token" = ["read"])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    within: Within,
    Listing { filters, page }: Listing<WindowParams>,
) -> Result<Response, Problem> {
    let revision = state.waygate.revision();
    let windows = filters.windows(state, within, |windows, _| windows).await?;
    Ok(page.of(&windows, revision))
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
        ReadBounded
    ),
    security(("token" = ["read"])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn calendar(
    State(state): State<Arc<AdminState>>,
    within: Within,
    Params(params): Params<WindowParams>,
) -> Result<Response, Problem> {
    let write = |windows: Vec<_>, now| ScheduledWindow::calendar(&windows, now);
    let calendar = params.windows(state, within, write).await?;
    let kind = [(header::CONTENT_TYPE, "text/calendar; charset=utf-8")];
    Ok((kind, calendar).into_response())
}
