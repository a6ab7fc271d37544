//! Pause, resume, shadow and promote a rate limit of a route.

use std::sync::Arc;

use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    model::{LimitKey, LimitScope},
    view::RouteRateLimit,
};

use super::{
    rate::RateLimits,
    request::{PolicyNameRequest, or_default},
};
use crate::{
    Operator,
    admin::{
        key::PathKey,
        resource::{OfRoute, Resource, show_of_route},
        responses::{Change, NoRoute, Tagged},
        state::AdminState,
        warnings::no_effect,
    },
    engine::LimitCommand,
    rest::JsonBody,
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(shadow))
        .routes(routes!(promote))
}

async fn control(
    state: &AdminState,
    operator: Operator,
    PathKey(key): PathKey,
    body: PolicyNameRequest,
    command: LimitCommand,
) -> OfRoute<RateLimits> {
    let scope = LimitScope::Route(state.waygate.limited_route(&key)?);
    let key = LimitKey::new(scope, or_default(body.name)?);
    let warning = no_effect(&state.waygate, &key, &command);
    let left = RateLimits::run(&operator, key, command).await?;
    Ok(show_of_route::<RateLimits>(left, warning))
}

/// Pauses a rate limit, so that it counts nothing until it is resumed.
#[utoipa::path(
    post,
    path = "/api/rate-limits/{pk}/pause",
    operation_id = "pause_rate_limit",
    tag = "rate-limits",
    request_body = Option<PolicyNameRequest>,
    responses(
        (status = OK, description = "The updated policy.", body = Tagged<RouteRateLimit>),
        Change,
        NoRoute
    ),
    security(("token" = ["write:routes"]))
)]
async fn pause(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    key: PathKey,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> OfRoute<RateLimits> {
    control(&state, operator, key, body, LimitCommand::SetEnabled(false)).await
}

/// Resumes a paused rate limit.
#[utoipa::path(
    post,
    path = "/api/rate-limits/{pk}/resume",
    operation_id = "resume_rate_limit",
    tag = "rate-limits",
    request_body = Option<PolicyNameRequest>,
    responses(
        (status = OK, description = "The updated policy.", body = Tagged<RouteRateLimit>),
        Change,
        NoRoute
    ),
    security(("token" = ["write:routes"]))
)]
async fn resume(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    key: PathKey,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> OfRoute<RateLimits> {
    control(&state, operator, key, body, LimitCommand::SetEnabled(true)).await
}

/// Puts a rate limit in shadow mode: it only reports the requests that it would refuse.
#[utoipa::path(
    post,
    path = "/api/rate-limits/{pk}/shadow",
    operation_id = "shadow_rate_limit",
    tag = "rate-limits",
    request_body = Option<PolicyNameRequest>,
    responses(
        (status = OK, description = "The updated policy.", body = Tagged<RouteRateLimit>),
        Change,
        NoRoute
    ),
    security(("token" = ["write:routes"]))
)]
async fn shadow(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    key: PathKey,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> OfRoute<RateLimits> {
    control(&state, operator, key, body, LimitCommand::SetShadow(true)).await
}

/// Enforces a rate limit in shadow mode. Its counts are kept.
#[utoipa::path(
    post,
    path = "/api/rate-limits/{pk}/promote",
    operation_id = "promote_rate_limit",
    tag = "rate-limits",
    request_body = Option<PolicyNameRequest>,
    responses(
        (status = OK, description = "The updated policy.", body = Tagged<RouteRateLimit>),
        Change,
        NoRoute
    ),
    security(("token" = ["write:routes"]))
)]
async fn promote(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    key: PathKey,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> OfRoute<RateLimits> {
    control(&state, operator, key, body, LimitCommand::SetShadow(false)).await
}
