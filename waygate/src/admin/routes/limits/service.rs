use std::sync::Arc;

use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::model::LimitScope;

use super::{
    body::{SharedLimitBody, SharedStateBody},
    request::ServicePolicyRequest,
    shared::{self, Finished},
};
use crate::{
    admin::{
        author::Author,
        body::{Asked, EmptyRequest},
        error::Problem,
        key::Service,
        reply::{Done, Reply},
        schema,
        state::AdminState,
    },
    engine::LimitCommand,
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(get, set, delete))
        .routes(routes!(reset))
        .routes(routes!(enable))
        .routes(routes!(disable))
        .routes(routes!(shadow))
        .routes(routes!(promote))
}

/// Shows a service's rate limit, and whether it is there and not paused.
///
/// Processes of that service enforce it; every process shows it.
#[utoipa::path(
    get,
    path = "/api/services/{service}/rate-limit",
    operation_id = "get_service_rate_limit",
    tag = "services",
    params(("service" = String, Path)),
    responses((status = OK, description = "The policy, if there is one.", body = schema::SharedRateLimitState)),
    security(("token" = ["read"]))
)]
async fn get(
    State(state): State<Arc<AdminState>>,
    Service(service): Service,
) -> Result<Reply<SharedStateBody>, Problem> {
    shared::get(&state, LimitScope::Service(service))
}

/// Sets a service's rate limit, whatever was there. What is not given has its default.
///
/// A policy that was paused is not any more. What was consumed is kept.
#[utoipa::path(
    post,
    path = "/api/services/{service}/rate-limit",
    operation_id = "set_service_rate_limit",
    tag = "services",
    params(("service" = String, Path)),
    request_body = schema::SetSharedRateLimit,
    responses((status = CREATED, description = "The policy as it is now.", body = schema::SharedRateLimit)),
    security(("token" = ["write:global"]))
)]
async fn set(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
    Asked(ServicePolicyRequest(asked)): Asked<ServicePolicyRequest>,
) -> Result<Reply<SharedLimitBody>, Problem> {
    shared::set(&state, author, LimitScope::Service(service), asked).await
}

/// Deletes a service's rate limit. Nothing is wrong when there is none.
#[utoipa::path(
    delete,
    path = "/api/services/{service}/rate-limit",
    operation_id = "delete_service_rate_limit",
    tag = "services",
    params(("service" = String, Path)),
    responses((status = OK, description = "There is no such policy.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn delete(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
) -> Finished {
    shared::apply(
        &state,
        author,
        LimitScope::Service(service),
        LimitCommand::Delete,
    )
    .await
}

/// Begins to count anew for a service's rate limit, in every process.
#[utoipa::path(
    delete,
    path = "/api/services/{service}/rate-limit/reset",
    operation_id = "reset_service_rate_limit",
    tag = "services",
    params(("service" = String, Path)),
    responses((status = OK, description = "The counters begin anew.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn reset(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
) -> Finished {
    shared::reset(&state, author, LimitScope::Service(service)).await
}

/// Lets a service's rate limit go on that was paused. Nothing is wrong when there is none.
#[utoipa::path(
    post,
    path = "/api/services/{service}/rate-limit/enable",
    operation_id = "enable_service_rate_limit",
    tag = "services",
    params(("service" = String, Path)),
    request_body = Option<EmptyRequest>,
    responses((status = OK, description = "It is not paused.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn enable(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
    Asked(EmptyRequest {}): Asked<EmptyRequest>,
) -> Finished {
    shared::apply(
        &state,
        author,
        LimitScope::Service(service),
        LimitCommand::SetEnabled(true),
    )
    .await
}

/// Pauses a service's rate limit: it counts nothing. Nothing is wrong when there is none.
#[utoipa::path(
    post,
    path = "/api/services/{service}/rate-limit/disable",
    operation_id = "disable_service_rate_limit",
    tag = "services",
    params(("service" = String, Path)),
    request_body = Option<EmptyRequest>,
    responses((status = OK, description = "It does not count.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn disable(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
    Asked(EmptyRequest {}): Asked<EmptyRequest>,
) -> Finished {
    shared::apply(
        &state,
        author,
        LimitScope::Service(service),
        LimitCommand::SetEnabled(false),
    )
    .await
}

/// Lets a service's rate limit only report whom it would refuse.
#[utoipa::path(
    post,
    path = "/api/services/{service}/rate-limit/shadow",
    operation_id = "shadow_service_rate_limit",
    tag = "services",
    params(("service" = String, Path)),
    request_body = Option<EmptyRequest>,
    responses((status = OK, description = "It refuses nobody.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn shadow(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
    Asked(EmptyRequest {}): Asked<EmptyRequest>,
) -> Finished {
    shared::set_shadow(&state, author, LimitScope::Service(service), true).await
}

/// Lets a service's rate limit refuse that only reported; what it has counted counts.
#[utoipa::path(
    post,
    path = "/api/services/{service}/rate-limit/promote",
    operation_id = "promote_service_rate_limit",
    tag = "services",
    params(("service" = String, Path)),
    request_body = Option<EmptyRequest>,
    responses((status = OK, description = "It refuses.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn promote(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
    Asked(EmptyRequest {}): Asked<EmptyRequest>,
) -> Finished {
    shared::set_shadow(&state, author, LimitScope::Service(service), false).await
}
