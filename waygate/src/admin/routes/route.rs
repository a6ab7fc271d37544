use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{grammar::ServiceName, model::RouteStatus, view::Route};

use super::change::shown;
use crate::{
    ResolveError,
    admin::{
        key::PathKey,
        resource::is_of_service,
        responses::{NoRoute, Read, Tagged},
        state::AdminState,
        within::Within,
    },
    model::RouteRecord,
    rest::{Filters, Flag, Listing, OneOf, Problem, Reply, RouteMethod, Search},
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
    /// Only routes with one of these statuses, separated by commas.
    #[param(nullable = false, value_type = Option<String>, example = "maintenance,disabled")]
    status: Option<OneOf<RouteStatus>>,
    /// Only routes of this method; `ALL` for those that take all methods.
    #[param(nullable = false, value_type = Option<String>, example = "GET")]
    method: Option<RouteMethod>,
    /// Only routes with this string in their keys or reasons, regardless of case: 1 to 200 characters.
    #[param(nullable = false, value_type = Option<String>, example = "pay")]
    search: Option<Search>,
}

impl Filters for ListParams {}

impl ListParams {
    fn selects(&self, route: &RouteRecord) -> bool {
        let view = &route.view;
        is_of_service(self.service.as_ref(), &route.key)
            && self
                .status
                .as_ref()
                .is_none_or(|any| any.0.contains(&view.status))
            && self
                .method
                .as_ref()
                .is_none_or(|method| method.is_of(&route.key))
            && self
                .search
                .as_ref()
                .is_none_or(|search| search.finds([route.key.as_str(), view.reason.as_str()]))
    }
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
    Listing { filters, page }: Listing<ListParams>,
) -> Result<Response, Problem> {
    let revision = state.waygate.revision();
    let mut routes = match filters.orphaned {
        None | Some(Flag(false)) => state.waygate.routes(),
        Some(Flag(true)) => state.waygate.orphans().await,
    };
    routes.retain(|route| within.has_route(&route.key) && filters.selects(route));
    let routes: Vec<Route> = routes.into_iter().map(Route::from).collect();
    Ok(page.of(&routes, revision))
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
