use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::HeaderMap;
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
    rest::{AtMost, Params, Problem, ProblemKind, Reply, Skip, list_response},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
}

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 10_000;
const MAX_OFFSET: usize = 1_000_000;
/// The number of minutes that are kept.
const MAX_MINUTES: usize = 60;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// The number of minutes, with the current one: a whole number; 0 counts as 1, and more than 60 as 60.
    #[param(nullable = false, value_type = Option<u64>, minimum = 0, default = 60)]
    minutes: Option<AtMost<MAX_MINUTES>>,
    /// The maximum number of routes: a whole number; more than 10000 counts as 10000.
    #[param(nullable = false, value_type = Option<u64>, minimum = 0, default = 100)]
    limit: Option<AtMost<MAX_LIMIT>>,
    /// The number of routes to skip: 0 to 1000000.
    #[param(nullable = false, value_type = Option<u64>, minimum = 0, maximum = 1000000, default = 0)]
    offset: Option<Skip<MAX_OFFSET>>,
}

/// Lists the traffic of routes, those with the most requests first. Each process lists its own.
#[utoipa::path(
    get,
    path = "/api/traffic",
    operation_id = "list_traffic",
    tag = "traffic",
    params(ListParams),
    responses((status = OK, description = "The traffic of each route.", body = [RouteTraffic]), Read),
    security(("token" = ["read"])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    within: Within,
    Params(params): Params<ListParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let revision = state.waygate.revision();
    let minutes = params.minutes.map_or(MAX_MINUTES, |minutes| minutes.0);
    // Thousands of routes take milliseconds.
    let all = tokio::task::spawn_blocking(move || state.waygate.traffic_of_all(minutes)).await;
    let mut all = all.map_err(|_| Problem::new(ProblemKind::Internal, "Internal error"))?;
    all.retain(|of| within.has_own(of.path.as_deref()));
    let skipped = params.offset.map_or(0, |offset| offset.0);
    let limit = params.limit.map_or(DEFAULT_LIMIT, |limit| limit.0);
    let shown: Vec<RouteTraffic> = all.into_iter().skip(skipped).take(limit).collect();
    Ok(list_response(&shown, revision, &headers))
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
