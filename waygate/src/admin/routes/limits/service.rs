use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::HeaderMap;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::model::LimitScope;

use super::{
    body::{SharedLimitBody, SharedStateBody},
    hits::{self, TopParams},
    request::{PolicyNameRequest, ResetKeyRequest, ServicePolicyRequest},
    reset::forget,
    route::NameParams,
    shared::{self, Finished},
};
use crate::{
    admin::{author::Author, key::Service, schema, state::AdminState},
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

/// Shows a service's rate limit, and whether it is there and not paused.
///
/// Processes of that service enforce it; every process shows it.
#[utoipa::path(
    get,
    path = "/api/services/{service}/rate-limit",
    operation_id = "get_service_rate_limit",
    tag = "services",
    params(("service" = String, Path), NameParams),
    responses((status = OK, description = "The policy, if there is one.", body = schema::SharedRateLimitState)),
    security(("token" = ["read"]))
)]
async fn get(
    State(state): State<Arc<AdminState>>,
    Service(service): Service,
    Params(params): Params<NameParams>,
) -> Result<Reply<SharedStateBody>, Problem> {
    shared::get(&state, LimitScope::Service(service), params)
}

/// Sets a service's rate limit, whatever was there. What is not given has its default.
///
/// A policy that was paused is not any more. What was consumed is kept, as it is for routes.
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
    JsonBody(ServicePolicyRequest(body)): JsonBody<ServicePolicyRequest>,
) -> Result<Reply<SharedLimitBody>, Problem> {
    shared::set(&state, author, LimitScope::Service(service), body).await
}

/// Deletes a service's rate limit. Nothing is wrong when there is none.
#[utoipa::path(
    delete,
    path = "/api/services/{service}/rate-limit",
    operation_id = "delete_service_rate_limit",
    tag = "services",
    params(("service" = String, Path), NameParams),
    responses((status = OK, description = "There is no such policy.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn delete(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
    Params(params): Params<NameParams>,
) -> Finished {
    shared::delete(&state, author, LimitScope::Service(service), params).await
}

/// Lists the rate limits of a service, in the order in which they are checked.
#[utoipa::path(
    get,
    path = "/api/services/{service}/rate-limit/policies",
    operation_id = "list_service_rate_limits",
    tag = "services",
    params(("service" = String, Path)),
    responses((status = OK, description = "The policies.", body = [schema::SharedRateLimit])),
    security(("token" = ["read"]))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    Service(service): Service,
    headers: HeaderMap,
) -> Response {
    shared::list(&state, &LimitScope::Service(service), &headers)
}

/// Begins to count anew for all rate limits of a service, in every process.
#[utoipa::path(
    delete,
    path = "/api/services/{service}/rate-limit/reset",
    operation_id = "reset_service_rate_limit",
    tag = "services",
    params(("service" = String, Path)),
    responses((status = OK, description = "The counters start at zero.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn reset(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
) -> Finished {
    shared::reset(&state, author, LimitScope::Service(service)).await
}

/// Forgets what exactly one key has consumed of a service's rate limit.
///
/// Counters of this process are forgotten at once; shared ones in the store that holds them. Other processes that count
/// for themselves are not reached.
#[utoipa::path(
    post,
    path = "/api/services/{service}/rate-limit/reset",
    operation_id = "reset_service_rate_limit_key",
    tag = "services",
    params(("service" = String, Path)),
    request_body = ResetKeyRequest,
    responses((status = OK, description = "The key has consumed nothing.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn reset_key(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
    JsonBody(body): JsonBody<ResetKeyRequest>,
) -> Finished {
    forget(&state, author, LimitScope::Service(service), body).await
}

/// Lists the keys that came near a service's rate limit or were refused, those with the most such requests first. Each process
/// knows its own.
#[utoipa::path(
    get,
    path = "/api/services/{service}/rate-limit/top",
    operation_id = "list_service_top_keys",
    tag = "services",
    params(("service" = String, Path), TopParams),
    responses((status = OK, description = "The keys.", body = [schema::KeyUse])),
    security(("token" = ["read"]))
)]
async fn top(
    State(state): State<Arc<AdminState>>,
    Service(service): Service,
    Params(params): Params<TopParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    hits::nearest(&state, LimitScope::Service(service), params, &headers)
}

/// Lets a service's rate limit go on that was paused. Nothing is wrong when there is none, unless the request names it.
#[utoipa::path(
    post,
    path = "/api/services/{service}/rate-limit/enable",
    operation_id = "enable_service_rate_limit",
    tag = "services",
    params(("service" = String, Path)),
    request_body = Option<PolicyNameRequest>,
    responses((status = OK, description = "It is not paused.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn enable(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> Finished {
    shared::set_enabled(&state, author, LimitScope::Service(service), body, true).await
}

/// Pauses a service's rate limit: it counts nothing. Nothing is wrong when there is none, unless the request names it.
#[utoipa::path(
    post,
    path = "/api/services/{service}/rate-limit/disable",
    operation_id = "disable_service_rate_limit",
    tag = "services",
    params(("service" = String, Path)),
    request_body = Option<PolicyNameRequest>,
    responses((status = OK, description = "It does not count.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn disable(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> Finished {
    shared::set_enabled(&state, author, LimitScope::Service(service), body, false).await
}

/// Lets a service's rate limit only report whom it would refuse.
#[utoipa::path(
    post,
    path = "/api/services/{service}/rate-limit/shadow",
    operation_id = "shadow_service_rate_limit",
    tag = "services",
    params(("service" = String, Path)),
    request_body = Option<PolicyNameRequest>,
    responses((status = OK, description = "It refuses nobody.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn shadow(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> Finished {
    shared::set_shadow(&state, author, LimitScope::Service(service), body, true).await
}

/// Lets a service's rate limit refuse that only reported; what it has counted counts.
#[utoipa::path(
    post,
    path = "/api/services/{service}/rate-limit/promote",
    operation_id = "promote_service_rate_limit",
    tag = "services",
    params(("service" = String, Path)),
    request_body = Option<PolicyNameRequest>,
    responses((status = OK, description = "It refuses.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn promote(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> Finished {
    shared::set_shadow(&state, author, LimitScope::Service(service), body, false).await
}
