use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::HeaderMap;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::model::LimitScope;

use super::{super::route::NameParams, body::SharedLimitBody, change, request::LimitRequest};
use crate::{
    admin::{author::Author, key::Service, schema, state::AdminState},
    rest::{Done, JsonBody, Params, Problem, Reply},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new().routes(routes!(list, set, delete))
}

/// Lists the limits of concurrency of a service, by name.
///
/// Processes of that service enforce them; every process shows them.
#[utoipa::path(
    get,
    path = "/api/services/{service}/concurrency-limits",
    operation_id = "list_service_concurrency_limits",
    tag = "services",
    params(("service" = String, Path)),
    responses((status = OK, description = "The limits.", body = [schema::SharedConcurrencyLimit])),
    security(("token" = ["read"]))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    Service(service): Service,
    headers: HeaderMap,
) -> Response {
    change::list(&state, &LimitScope::Service(service), &headers)
}

/// Sets a limit of concurrency of a service, whatever was there. What is not given has its default.
#[utoipa::path(
    post,
    path = "/api/services/{service}/concurrency-limits",
    operation_id = "set_service_concurrency_limit",
    tag = "services",
    params(("service" = String, Path)),
    request_body = schema::SetSharedConcurrencyLimit,
    responses((status = CREATED, description = "The limit as it is now.", body = schema::SharedConcurrencyLimit)),
    security(("token" = ["write:global"]))
)]
async fn set(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
    JsonBody(body): JsonBody<LimitRequest>,
) -> Result<Reply<SharedLimitBody>, Problem> {
    change::set(&state, author, LimitScope::Service(service), body).await
}

/// Deletes a limit of concurrency of a service. Nothing is wrong when there is none.
#[utoipa::path(
    delete,
    path = "/api/services/{service}/concurrency-limits",
    operation_id = "delete_service_concurrency_limit",
    tag = "services",
    params(("service" = String, Path), NameParams),
    responses((status = OK, description = "There is no such limit.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn delete(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
    Params(params): Params<NameParams>,
) -> Result<Reply<Done>, Problem> {
    change::delete(&state, author, LimitScope::Service(service), params).await
}
