use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::HeaderMap;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::model::LimitScope;

use super::{
    body::{SharedLimitBody, SharedStateBody},
    hits::{self, TopParams},
    request::{PolicyNameRequest, ResetKeyRequest, SharedPolicyRequest},
    reset::forget,
    route::NameParams,
    shared::{self, Finished},
};
use crate::{
    admin::{author::Author, schema, state::AdminState},
    rest::{Done, JsonBody, Params, Problem, Reply},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(get, set, delete))
        .routes(routes!(list))
        .routes(routes!(reset, reset_key))
        .routes(routes!(top))
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
    params(NameParams),
    responses((status = OK, description = "The policy, if there is one.", body = schema::SharedRateLimitState)),
    security(("token" = ["read"]))
)]
async fn get(
    State(state): State<Arc<AdminState>>,
    Params(params): Params<NameParams>,
) -> Result<Reply<SharedStateBody>, Problem> {
    shared::get(&state, LimitScope::Global, params)
}

/// Sets the global rate limit, whatever was there. What is not given has its default.
///
/// A policy that was paused is not any more. What was consumed is kept, as it is for routes.
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
    JsonBody(body): JsonBody<SharedPolicyRequest>,
) -> Result<Reply<SharedLimitBody>, Problem> {
    shared::set(&state, author, LimitScope::Global, body).await
}

/// Deletes the global rate limit. Nothing is wrong when there is none.
#[utoipa::path(
    delete,
    path = "/api/global-rate-limit",
    operation_id = "delete_global_rate_limit",
    tag = "global",
    params(NameParams),
    responses((status = OK, description = "There is no such policy.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn delete(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Params(params): Params<NameParams>,
) -> Finished {
    shared::delete(&state, author, LimitScope::Global, params).await
}

/// Lists the global rate limits, in the order in which they are checked.
#[utoipa::path(
    get,
    path = "/api/global-rate-limit/policies",
    operation_id = "list_global_rate_limits",
    tag = "global",
    responses((status = OK, description = "The policies.", body = [schema::SharedRateLimit])),
    security(("token" = ["read"]))
)]
async fn list(State(state): State<Arc<AdminState>>, headers: HeaderMap) -> Response {
    shared::list(&state, &LimitScope::Global, &headers)
}

/// Begins to count anew for all global rate limits, in every process.
#[utoipa::path(
    delete,
    path = "/api/global-rate-limit/reset",
    operation_id = "reset_global_rate_limit",
    tag = "global",
    responses((status = OK, description = "The counters start at zero.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn reset(State(state): State<Arc<AdminState>>, author: Author) -> Finished {
    shared::reset(&state, author, LimitScope::Global).await
}

/// Forgets what exactly one key has consumed of the global rate limit.
///
/// Counters of this process are forgotten at once; shared ones in the store that holds them. Other processes that count
/// for themselves are not reached.
#[utoipa::path(
    post,
    path = "/api/global-rate-limit/reset",
    operation_id = "reset_global_rate_limit_key",
    tag = "global",
    request_body = ResetKeyRequest,
    responses((status = OK, description = "The key has consumed nothing.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn reset_key(
    State(state): State<Arc<AdminState>>,
    author: Author,
    JsonBody(body): JsonBody<ResetKeyRequest>,
) -> Finished {
    forget(&state, author, LimitScope::Global, body).await
}

/// Lists the keys that came near the global rate limit or were refused, those with the most such requests first. Each process
/// knows its own.
#[utoipa::path(
    get,
    path = "/api/global-rate-limit/top",
    operation_id = "list_global_top_keys",
    tag = "global",
    params(TopParams),
    responses((status = OK, description = "The keys.", body = [schema::KeyUse])),
    security(("token" = ["read"]))
)]
async fn top(
    State(state): State<Arc<AdminState>>,
    Params(params): Params<TopParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    hits::nearest(&state, LimitScope::Global, params, &headers)
}

/// Lets the global rate limit go on that was paused. Nothing is wrong when there is none, unless the request names it.
#[utoipa::path(
    post,
    path = "/api/global-rate-limit/enable",
    operation_id = "enable_global_rate_limit",
    tag = "global",
    request_body = Option<PolicyNameRequest>,
    responses((status = OK, description = "It is not paused.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn enable(
    State(state): State<Arc<AdminState>>,
    author: Author,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> Finished {
    shared::set_enabled(&state, author, LimitScope::Global, body, true).await
}

/// Pauses the global rate limit: it counts nothing. Nothing is wrong when there is none, unless the request names it.
#[utoipa::path(
    post,
    path = "/api/global-rate-limit/disable",
    operation_id = "disable_global_rate_limit",
    tag = "global",
    request_body = Option<PolicyNameRequest>,
    responses((status = OK, description = "It does not count.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn disable(
    State(state): State<Arc<AdminState>>,
    author: Author,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> Finished {
    shared::set_enabled(&state, author, LimitScope::Global, body, false).await
}

/// Lets the global rate limit only report whom it would refuse.
#[utoipa::path(
    post,
    path = "/api/global-rate-limit/shadow",
    operation_id = "shadow_global_rate_limit",
    tag = "global",
    request_body = Option<PolicyNameRequest>,
    responses((status = OK, description = "It refuses nobody.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn shadow(
    State(state): State<Arc<AdminState>>,
    author: Author,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> Finished {
    shared::set_shadow(&state, author, LimitScope::Global, body, true).await
}

/// Lets the global rate limit refuse that only reported; what it has counted counts.
#[utoipa::path(
    post,
    path = "/api/global-rate-limit/promote",
    operation_id = "promote_global_rate_limit",
    tag = "global",
    request_body = Option<PolicyNameRequest>,
    responses((status = OK, description = "It refuses.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn promote(
    State(state): State<Arc<AdminState>>,
    author: Author,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> Finished {
    shared::set_shadow(&state, author, LimitScope::Global, body, false).await
}
