use std::sync::Arc;

use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    model::Revision,
    transition::RouteCommand,
    view::{Done, Route},
};

use super::change::{Changed, change};
use crate::{
    ResolveError,
    admin::{
        author::{Author, with_current},
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
    responses((status = OK, description = "The route as it is now.", body = Tagged<Route>), Change, NoRoute),
    security(("token" = ["write:routes"]))
)]
async fn reset(
    State(state): State<Arc<AdminState>>,
    author: Author,
    key: PathKey,
    JsonBody(EmptyBody {}): JsonBody<EmptyBody>,
) -> Changed {
    change(&state, author, key, RouteCommand::Reset).await
}

/// Purges a stored route that the code no longer has.
#[utoipa::path(
    delete,
    path = "/api/routes/{pk}",
    operation_id = "purge_route",
    tag = "routes",
    responses((status = OK, description = "The route is purged.", body = Done), Change, NoRoute),
    security(("token" = ["write:routes"]))
)]
async fn purge(
    State(state): State<Arc<AdminState>>,
    author: Author,
    PathKey(key): PathKey,
) -> Result<Reply<Done>, Problem> {
    let current = orphan_revision(&state, &key).await;
    let operator = author.expecting(|| current.map(Some))?;
    match operator.purge(&key).await {
        Ok(()) => Ok(done()),
        Err(error) => {
            let current = orphan_revision(&state, &key).await;
            Err(with_current(error.into(), || current))
        }
    }
}

/// The revision of a stored route, in the code or not.
async fn orphan_revision(state: &AdminState, key: &str) -> Result<Revision, Problem> {
    match state.waygate.route(key) {
        Ok(route) => Ok(route.revision),
        Err(unknown @ ResolveError::NotRegistered { .. }) => {
            let orphans = state.waygate.orphans().await;
            let orphan = orphans.iter().find(|route| route.key.as_str() == key);
            orphan
                .map(|route| route.revision)
                .ok_or_else(|| unknown.into())
        }
        Err(other) => Err(other.into()),
    }
}
