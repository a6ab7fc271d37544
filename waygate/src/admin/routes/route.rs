use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{grammar::ServiceName, view::Route};

use super::change::shown;
use crate::{
    ResolveError,
    admin::{
        key::PathKey,
        responses::{NoRoute, Read, Tagged},
        state::AdminState,
        within::Within,
    },
    rest::{Flag, Params, Problem, Reply, list_response},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// Only routes of this service.
    #[param(nullable = false)]
    service: Option<ServiceName>,
    /// `true`: only stored routes that no longer exist in the code. `false`, the default: only routes in the code.
    #[param(nullable = false, value_type = Option<bool>)]
    orphaned: Option<Flag>,
}

/// Lists routes, by path and method.
#[utoipa::path(
    get,
    path = "/api/routes",
    operation_id = "list_routes",
    tag = "routes",
    params(ListParams),
    responses((status = OK, description = "The routes.", body = [Route]), Read),
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
    let mut routes = match params.orphaned {
        None | Some(Flag(false)) => state.waygate.routes(),
        Some(Flag(true)) => state.waygate.orphans().await,
    };
    routes.retain(|route| within.has_route(&route.key));
    if let Some(service) = params.service {
        routes.retain(|route| route.key.service() == Some(service.as_str()));
    }
    let routes: Vec<Route> = routes.into_iter().map(Route::from).collect();
    Ok(list_response(&routes, revision, &headers))
}

/// Shows a route. A bare path names its only method.
#[utoipa::path(
    get,
    path = "/api/routes/{pk}",
    operation_id = "get_route",
    tag = "routes",
    responses((status = OK, description = "The route.", body = Tagged<Route>), Read, NoRoute),
    security(("token" = ["read"]))
)]
async fn get(
    State(state): State<Arc<AdminState>>,
    PathKey(key): PathKey,
) -> Result<Reply<Route>, Problem> {
    match state.waygate.route(key.as_str()) {
        Ok(route) => Ok(shown(route)),
        Err(unknown @ ResolveError::NotRegistered { .. }) => {
            let orphans = state.waygate.orphans().await;
            let orphan = orphans.into_iter().find(|route| route.key == key);
            orphan.map(shown).ok_or_else(|| unknown.into())
        }
        Err(other) => Err(other.into()),
    }
}
