use std::sync::Arc;

use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{model::Revision, transition::RouteCommand};

use super::change::{Changed, change, with_current};
use crate::{
    ResolveError,
    admin::{author::Author, key::PathKey, schema, state::AdminState},
    rest::{Done, EmptyBody, JsonBody, Problem, Reply},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(reset))
        .routes(routes!(purge))
}

/// Returns a route to what the code declares.
#[utoipa::path(
    post,
    path = "/api/routes/{pk}/reset",
    operation_id = "reset_route",
    tag = "routes",
    params(("pk" = String, Path)),
    request_body = Option<EmptyBody>,
    responses((status = OK, description = "The route as it is now.", body = schema::Route)),
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

/// Forgets a stored route that the code no longer has.
#[utoipa::path(
    delete,
    path = "/api/routes/{pk}",
    operation_id = "purge_route",
    tag = "routes",
    params(("pk" = String, Path)),
    responses((status = OK, description = "The route is forgotten.", body = Done)),
    security(("token" = ["write:routes"]))
)]
async fn purge(
    State(state): State<Arc<AdminState>>,
    author: Author,
    PathKey(key): PathKey,
) -> Result<Reply<Done>, Problem> {
    let current = orphan_revision(&state, &key).await;
    let operator = author.expecting(|| current)?;
    match operator.purge(&key).await {
        Ok(()) => Ok(Reply::ok(Done::new())),
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
