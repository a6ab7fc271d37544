use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::HeaderMap;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::model::LimitScope;

use super::{
    super::route::{DeletedBody, NameParams, resolve, to_delete},
    body::RouteLimitBody,
    change::{change, found, of_scope},
    request::RouteLimitRequest,
};
use crate::{
    admin::{author::Author, key::PathKey, schema, state::AdminState},
    rest::{JsonBody, Params, Problem, ProblemKind, Reply, list_response},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list, set))
        .routes(routes!(get, delete))
}

/// Lists the limits of concurrency of routes, by path and method.
#[utoipa::path(
    get,
    path = "/api/concurrency-limits",
    operation_id = "list_concurrency_limits",
    tag = "concurrency-limits",
    responses((status = OK, description = "The limits of routes.", body = [schema::RouteConcurrencyLimit])),
    security(("token" = ["read"]))
)]
async fn list(State(state): State<Arc<AdminState>>, headers: HeaderMap) -> Response {
    let revision = state.waygate.revision();
    let records = state.waygate.concurrency_limits().into_iter();
    let limits: Vec<_> = records.filter_map(RouteLimitBody::new).collect();
    list_response(&limits, revision, &headers)
}

/// Sets a limit of concurrency of a route, whatever was there. What is not given has its default.
///
/// Requests that are being served keep their places and still count: below a limit that was lowered nobody is let in until
/// enough of them are done.
#[utoipa::path(
    post,
    path = "/api/concurrency-limits",
    operation_id = "set_concurrency_limit",
    tag = "concurrency-limits",
    request_body = schema::SetConcurrencyLimit,
    responses((status = CREATED, description = "The limit as it is now.", body = schema::RouteConcurrencyLimit)),
    security(("token" = ["write:routes"]))
)]
async fn set(
    State(state): State<Arc<AdminState>>,
    author: Author,
    JsonBody(body): JsonBody<RouteLimitRequest>,
) -> Result<Reply<Option<RouteLimitBody>>, Problem> {
    let (key, policy) = body.read(&state.waygate)?;
    let record = found(
        change(&state, author, key.clone(), Some(policy)).await?,
        &key,
    )?;
    let revision = record.revision;
    Ok(Reply::created(RouteLimitBody::new(record)).with_tag(revision))
}

/// Lists the limits of concurrency of one route, by name.
#[utoipa::path(
    get,
    path = "/api/concurrency-limits/{pk}",
    operation_id = "get_concurrency_limits",
    tag = "concurrency-limits",
    params(("pk" = String, Path)),
    responses((status = OK, description = "The route's limits.", body = [schema::RouteConcurrencyLimit])),
    security(("token" = ["read"]))
)]
async fn get(
    State(state): State<Arc<AdminState>>,
    PathKey(key): PathKey,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let revision = state.waygate.revision();
    let scope = LimitScope::Route(resolve(&state.waygate, &key)?);
    let records = of_scope(&state, &scope).into_iter();
    let limits: Vec<_> = records.filter_map(RouteLimitBody::new).collect();
    Ok(list_response(&limits, revision, &headers))
}

/// Deletes what an operator has set: the route has the limit again that the code declares, or none.
///
/// Nothing is wrong when there is nothing to delete.
#[utoipa::path(
    delete,
    path = "/api/concurrency-limits/{pk}",
    operation_id = "delete_concurrency_limit",
    tag = "concurrency-limits",
    params(("pk" = String, Path), NameParams),
    responses((status = OK, description = "An operator's limit is no longer there.", body = DeletedBody)),
    security(("token" = ["write:routes"]))
)]
async fn delete(
    State(state): State<Arc<AdminState>>,
    author: Author,
    PathKey(key): PathKey,
    Params(params): Params<NameParams>,
) -> Result<Reply<DeletedBody>, Problem> {
    let (route, deleted) = to_delete(&state.waygate, &key)?;
    let key = params.of(LimitScope::Route(route))?;
    match change(&state, author, key, None).await {
        Ok(_) => {}
        // Neither a route nor a limit is there, as the request wants it.
        Err(problem) if problem.kind() == ProblemKind::NotFound => {}
        Err(problem) => return Err(problem),
    }
    Ok(Reply::ok(deleted))
}
