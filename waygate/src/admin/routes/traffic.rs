use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::view::{RouteTraffic, TrafficHistory};

use crate::{
    admin::{
        key::PathKey,
        responses::{NoRoute, Read},
        state::AdminState,
        within::Within,
    },
    rest::{AtMost, Filters, Listing, Problem, ProblemKind, Reply, RouteMethod, Search},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
}

/// The number of minutes that are kept.
const MAX_MINUTES: usize = 60;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// The number of minutes, with the current one: a whole number; 0 counts as 1, and more than 60 as 60.
    #[param(nullable = false, value_type = Option<u64>, minimum = 0, default = 60)]
    minutes: Option<AtMost<MAX_MINUTES>>,
    /// Only routes of this method; `ALL` for those that take all methods.
    #[param(nullable = false, value_type = Option<String>, example = "GET")]
    method: Option<RouteMethod>,
    /// Only routes with this string in their paths, regardless of case: 1 to 200 characters.
    #[param(nullable = false, value_type = Option<String>, example = "pay")]
    search: Option<Search>,
}

impl Filters for ListParams {
    const DEFAULT_LIMIT: Option<usize> = Some(100);
}

impl ListParams {
    fn selects(&self, traffic: &RouteTraffic) -> bool {
        let is_of =
            |method: &RouteMethod| traffic.path.is_some() && traffic.method == method.as_str();
        self.method.as_ref().is_none_or(is_of)
            && self
                .search
                .as_ref()
                .is_none_or(|search| search.finds(traffic.path.as_deref()))
    }
}

/// For the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "read by the listing")]
struct Limit {
    /// The maximum number of routes: a whole number; more than 10000 counts as 10000.
    #[param(nullable = false, minimum = 0, default = 100)]
    limit: Option<u64>,
}

/// Lists the traffic of routes, those with the most requests first. Each process lists its own.
#[utoipa::path(
    get,
    path = "/api/traffic",
    operation_id = "list_traffic",
    tag = "traffic",
    params(ListParams, Limit),
    responses((status = OK, description = "The traffic of each route.", body = [RouteTraffic]), Read),
    security(("token" = ["read"])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    within: Within,
    Listing { filters, page }: Listing<ListParams>,
) -> Result<Response, Problem> {
    let revision = state.waygate.revision();
    let minutes = filters.minutes.map_or(MAX_MINUTES, |minutes| minutes.0);
    // Thousands of routes take milliseconds.
    let all = tokio::task::spawn_blocking(move || state.waygate.traffic_of_all(minutes)).await;
    let mut all = all.map_err(|_| Problem::new(ProblemKind::Internal, "Internal error"))?;
    all.retain(|of| within.has_own(of.path.as_deref()) && filters.selects(of));
    Ok(page.of(&all, revision))
}

/// Shows the traffic of a route, and by minute for the last 60 minutes. Each process shows its own.
#[utoipa::path(
    get,
    path = "/api/routes/{pk}/traffic",
    operation_id = "get_route_traffic",
    tag = "traffic",
    responses((status = OK, description = "The traffic of the route.", body = TrafficHistory), Read, NoRoute),
    security(("token" = ["read"]))
)]
async fn get(
    State(state): State<Arc<AdminState>>,
    PathKey(key): PathKey,
) -> Result<Reply<TrafficHistory>, Problem> {
    Ok(Reply::ok(state.waygate.traffic(key.as_str())?))
}
