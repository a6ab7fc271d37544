use std::sync::Arc;

use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    transition::RouteCommand,
    view::{Done, Route},
};

use super::change::{Changed, change};
use crate::{
    Operator,
    admin::{
        key::PathKey,
        responses::{Change, NoRoute, Tagged},
        state::AdminState,
    },
    rest::{EmptyBody, JsonBody, Problem, Reply, done},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(reset))
        .routes(routes!(purge))
}

/// Resets a route to its declaration in the code.
#[utoipa::path(
    post,
    path = "/api/routes/{pk}/reset",
    operation_id = "reset_route",
    tag = "routes",
    request_body = Option<EmptyBody>,
    responses((status = OK, description = "The updated route.", body = Tagged<Route>), Change, NoRoute),
    security(("token" = ["write:routes"]))
)]
async fn reset(
    operator: Operator,
    key: PathKey,
    JsonBody(EmptyBody {}): JsonBody<EmptyBody>,
) -> Changed {
    change(operator, key, RouteCommand::Reset).await
}

/// Purges a stored route that no longer exists in the code.
#[utoipa::path(
    delete,
    path = "/api/routes/{pk}",
    operation_id = "purge_route",
    tag = "routes",
    responses((status = OK, description = "The route is purged.", body = Done), Change, NoRoute),
    security(("token" = ["write:routes"]))
)]
async fn purge(operator: Operator, PathKey(key): PathKey) -> Result<Reply<Done>, Problem> {
    operator.purge_key(key).await?;
    Ok(done())
}
