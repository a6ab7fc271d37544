use std::sync::Arc;

use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::model::{LimitKey, LimitScope};

use super::{
    body::RouteLimitBody,
    change::{change, found},
    request::{PolicyNameRequest, named},
    route::{resolve, shown},
};
use crate::{
    admin::{author::Author, key::PathKey, schema, state::AdminState},
    engine::LimitCommand,
    rest::{JsonBody, Problem, Reply},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(shadow))
        .routes(routes!(promote))
}

type Changed = Result<Reply<Option<RouteLimitBody>>, Problem>;

async fn control(
    state: &AdminState,
    author: Author,
    PathKey(key): PathKey,
    body: PolicyNameRequest,
    command: LimitCommand,
) -> Changed {
    let scope = LimitScope::Route(resolve(&state.waygate, &key)?);
    let key = LimitKey::new(scope, named(body.name)?);
    found(state.waygate.rate_limit(&key), &key)?;
    shown(change(state, author, key.clone(), command).await?, &key)
}

/// Lets a rate limit rest: it counts nothing until it is resumed.
#[utoipa::path(
    post,
    path = "/api/rate-limits/{pk}/pause",
    operation_id = "pause_rate_limit",
    tag = "rate-limits",
    params(("pk" = String, Path)),
    request_body = Option<PolicyNameRequest>,
    responses((status = OK, description = "The policy as it is now.", body = schema::RouteRateLimit)),
    security(("token" = ["write:routes"]))
)]
async fn pause(
    State(state): State<Arc<AdminState>>,
    author: Author,
    key: PathKey,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> Changed {
    control(&state, author, key, body, LimitCommand::SetEnabled(false)).await
}

/// Lets a rate limit go on that was paused.
#[utoipa::path(
    post,
    path = "/api/rate-limits/{pk}/resume",
    operation_id = "resume_rate_limit",
    tag = "rate-limits",
    params(("pk" = String, Path)),
    request_body = Option<PolicyNameRequest>,
    responses((status = OK, description = "The policy as it is now.", body = schema::RouteRateLimit)),
    security(("token" = ["write:routes"]))
)]
async fn resume(
    State(state): State<Arc<AdminState>>,
    author: Author,
    key: PathKey,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> Changed {
    control(&state, author, key, body, LimitCommand::SetEnabled(true)).await
}

/// Lets a rate limit only report whom it would refuse.
#[utoipa::path(
    post,
    path = "/api/rate-limits/{pk}/shadow",
    operation_id = "shadow_rate_limit",
    tag = "rate-limits",
    params(("pk" = String, Path)),
    request_body = Option<PolicyNameRequest>,
    responses((status = OK, description = "The policy as it is now.", body = schema::RouteRateLimit)),
    security(("token" = ["write:routes"]))
)]
async fn shadow(
    State(state): State<Arc<AdminState>>,
    author: Author,
    key: PathKey,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> Changed {
    control(&state, author, key, body, LimitCommand::SetShadow(true)).await
}

/// Lets a rate limit refuse that only reported; what it has counted counts.
#[utoipa::path(
    post,
    path = "/api/rate-limits/{pk}/promote",
    operation_id = "promote_rate_limit",
    tag = "rate-limits",
    params(("pk" = String, Path)),
    request_body = Option<PolicyNameRequest>,
    responses((status = OK, description = "The policy as it is now.", body = schema::RouteRateLimit)),
    security(("token" = ["write:routes"]))
)]
async fn promote(
    State(state): State<Arc<AdminState>>,
    author: Author,
    key: PathKey,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> Changed {
    control(&state, author, key, body, LimitCommand::SetShadow(false)).await
}
