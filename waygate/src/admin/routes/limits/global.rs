use std::sync::Arc;

use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::model::LimitScope;

use super::{
    body::{SharedLimitBody, SharedStateBody},
    request::SharedPolicyRequest,
    shared::{self, Finished},
};
use crate::{
    admin::{
        author::Author,
        body::{Asked, EmptyRequest},
        error::Problem,
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

/// Shows the global rate limit, and whether it is there and not paused.
#[utoipa::path(
    get,
    path = "/api/global-rate-limit",
    operation_id = "get_global_rate_limit",
    tag = "global",
    responses((status = OK, description = "The policy, if there is one.", body = schema::SharedRateLimitState)),
    security(("token" = ["read"]))
)]
async fn get(State(state): State<Arc<AdminState>>) -> Result<Reply<SharedStateBody>, Problem> {
    shared::get(&state, LimitScope::Global)
}

/// Sets the global rate limit, whatever was there. What is not given has its default.
///
/// A policy that was paused is not any more. What was consumed is kept.
#[utoipa::path(
    post,
    path = "/api/global-rate-limit",
    operation_id = "set_global_rate_limit",
    tag = "global",
    request_body = schema::SetSharedRateLimit,
    responses((status = CREATED, description = "The policy as it is now.", body = schema::SharedRateLimit)),
    security(("token" = ["write:global"]))
)]
async fn set(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Asked(asked): Asked<SharedPolicyRequest>,
) -> Result<Reply<SharedLimitBody>, Problem> {
    shared::set(&state, author, LimitScope::Global, asked).await
}

/// Deletes the global rate limit. Nothing is wrong when there is none.
#[utoipa::path(
    delete,
    path = "/api/global-rate-limit",
    operation_id = "delete_global_rate_limit",
    tag = "global",
    responses((status = OK, description = "There is no such policy.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn delete(State(state): State<Arc<AdminState>>, author: Author) -> Finished {
    shared::apply(&state, author, LimitScope::Global, LimitCommand::Delete).await
}

/// Begins to count anew for the global rate limit, in every process.
#[utoipa::path(
    delete,
    path = "/api/global-rate-limit/reset",
    operation_id = "reset_global_rate_limit",
    tag = "global",
    responses((status = OK, description = "The counters begin anew.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn reset(State(state): State<Arc<AdminState>>, author: Author) -> Finished {
    shared::reset(&state, author, LimitScope::Global).await
}

/// Lets the global rate limit go on that was paused. Nothing is wrong when there is none.
#[utoipa::path(
    post,
    path = "/api/global-rate-limit/enable",
    operation_id = "enable_global_rate_limit",
    tag = "global",
    request_body = Option<EmptyRequest>,
    responses((status = OK, description = "It is not paused.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn enable(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Asked(EmptyRequest {}): Asked<EmptyRequest>,
) -> Finished {
    shared::apply(
        &state,
        author,
        LimitScope::Global,
        LimitCommand::SetEnabled(true),
    )
    .await
}

/// Pauses the global rate limit: it counts nothing. Nothing is wrong when there is none.
#[utoipa::path(
    post,
    path = "/api/global-rate-limit/disable",
    operation_id = "disable_global_rate_limit",
    tag = "global",
    request_body = Option<EmptyRequest>,
    responses((status = OK, description = "It does not count.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn disable(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Asked(EmptyRequest {}): Asked<EmptyRequest>,
) -> Finished {
    shared::apply(
        &state,
        author,
        LimitScope::Global,
        LimitCommand::SetEnabled(false),
    )
    .await
}

/// Lets the global rate limit only report whom it would refuse.
#[utoipa::path(
    post,
    path = "/api/global-rate-limit/shadow",
    operation_id = "shadow_global_rate_limit",
    tag = "global",
    request_body = Option<EmptyRequest>,
    responses((status = OK, description = "It refuses nobody.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn shadow(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Asked(EmptyRequest {}): Asked<EmptyRequest>,
) -> Finished {
    shared::set_shadow(&state, author, LimitScope::Global, true).await
}

/// Lets the global rate limit refuse that only reported; what it has counted counts.
#[utoipa::path(
    post,
    path = "/api/global-rate-limit/promote",
    operation_id = "promote_global_rate_limit",
    tag = "global",
    request_body = Option<EmptyRequest>,
    responses((status = OK, description = "It refuses.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn promote(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Asked(EmptyRequest {}): Asked<EmptyRequest>,
) -> Finished {
    shared::set_shadow(&state, author, LimitScope::Global, false).await
}
