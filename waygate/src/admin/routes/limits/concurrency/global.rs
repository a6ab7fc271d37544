use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::HeaderMap;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::model::LimitScope;

use super::{super::route::NameParams, body::SharedLimitBody, change, request::LimitRequest};
use crate::{
    admin::{author::Author, schema, state::AdminState},
    rest::{Done, JsonBody, Params, Problem, Reply},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new().routes(routes!(list, set, delete))
}

/// Lists the limits of concurrency that hold for everything, by name.
#[utoipa::path(
    get,
    path = "/api/global-concurrency-limits",
    operation_id = "list_global_concurrency_limits",
    tag = "global",
    responses((status = OK, description = "The limits.", body = [schema::SharedConcurrencyLimit])),
    security(("token" = ["read"]))
)]
async fn list(State(state): State<Arc<AdminState>>, headers: HeaderMap) -> Response {
    change::list(&state, &LimitScope::Global, &headers)
}

/// Sets a limit of concurrency that holds for everything, whatever was there. What is not given has its default.
#[utoipa::path(
    post,
    path = "/api/global-concurrency-limits",
    operation_id = "set_global_concurrency_limit",
    tag = "global",
    request_body = schema::SetSharedConcurrencyLimit,
    responses((status = CREATED, description = "The limit as it is now.", body = schema::SharedConcurrencyLimit)),
    security(("token" = ["write:global"]))
)]
async fn set(
    State(state): State<Arc<AdminState>>,
    author: Author,
    JsonBody(body): JsonBody<LimitRequest>,
) -> Result<Reply<SharedLimitBody>, Problem> {
    change::set(&state, author, LimitScope::Global, body).await
}

/// Deletes a limit of concurrency that holds for everything. Nothing is wrong when there is none.
#[utoipa::path(
    delete,
    path = "/api/global-concurrency-limits",
    operation_id = "delete_global_concurrency_limit",
    tag = "global",
    params(NameParams),
    responses((status = OK, description = "There is no such limit.", body = Done)),
    security(("token" = ["write:global"]))
)]
async fn delete(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Params(params): Params<NameParams>,
) -> Result<Reply<Done>, Problem> {
    change::delete(&state, author, LimitScope::Global, params).await
}
