use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::PolicyName,
    model::{LimitKey, LimitScope, RouteKey},
};

use super::{
    body::RouteLimitBody,
    change::{change, found},
    request::{ALL_METHODS, RoutePolicyRequest, named},
};
use crate::{
    LimitRecord, ResolveError, Waygate,
    admin::{author::Author, key::PathKey, schema, state::AdminState},
    engine::LimitCommand,
    rest::{JsonBody, Params, Problem, ProblemKind, Reply, list_response},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list, set))
        .routes(routes!(get, delete))
}

/// A policy with its tag.
pub(super) fn shown(
    record: Option<LimitRecord>,
    key: &LimitKey,
) -> Result<Reply<Option<RouteLimitBody>>, Problem> {
    let record = found(record, key)?;
    let revision = record.revision;
    Ok(Reply::tagged(RouteLimitBody::new(record), revision))
}

/// The route that a path key means; a bare path stands for its only method.
pub(super) fn resolve(waygate: &Waygate, key: &str) -> Result<RouteKey, Problem> {
    Ok(waygate.limited_route(key)?)
}

/// Lists the rate limits of routes, by path and method.
#[utoipa::path(
    get,
    path = "/api/rate-limits",
    operation_id = "list_rate_limits",
    tag = "rate-limits",
    responses((status = OK, description = "The policies of routes.", body = [schema::RouteRateLimit])),
    security(("token" = ["read"]))
)]
async fn list(State(state): State<Arc<AdminState>>, headers: HeaderMap) -> Response {
    let revision = state.waygate.revision();
    let records = state.waygate.rate_limits().into_iter();
    let policies: Vec<_> = records.filter_map(RouteLimitBody::new).collect();
    list_response(&policies, revision, &headers)
}

/// Sets a rate limit of a route, whatever was there. What is not given has its default.
///
/// What was consumed is kept: a limit that is raised or lowered neither gives anybody a fresh start nor locks anybody out.
/// Only a window that began before the new one could have begins anew.
#[utoipa::path(
    post,
    path = "/api/rate-limits",
    operation_id = "set_rate_limit",
    tag = "rate-limits",
    request_body = schema::SetRateLimit,
    responses((status = CREATED, description = "The policy as it is now.", body = schema::RouteRateLimit)),
    security(("token" = ["write:routes"]))
)]
async fn set(
    State(state): State<Arc<AdminState>>,
    author: Author,
    JsonBody(body): JsonBody<RoutePolicyRequest>,
) -> Result<Reply<Option<RouteLimitBody>>, Problem> {
    let (key, policy) = body.read(&state.waygate)?;
    let command = LimitCommand::Set(Box::new(policy));
    let record = found(change(&state, author, key.clone(), command).await?, &key)?;
    let revision = record.revision;
    Ok(Reply::created(RouteLimitBody::new(record)).with_tag(revision))
}

/// Lists the rate limits of one route, in the order in which they are checked.
#[utoipa::path(
    get,
    path = "/api/rate-limits/{pk}",
    operation_id = "get_rate_limits",
    tag = "rate-limits",
    params(("pk" = String, Path)),
    responses((status = OK, description = "The route's policies.", body = [schema::RouteRateLimit])),
    security(("token" = ["read"]))
)]
async fn get(
    State(state): State<Arc<AdminState>>,
    PathKey(key): PathKey,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let revision = state.waygate.revision();
    let scope = LimitScope::Route(resolve(&state.waygate, &key)?);
    let records = state.waygate.rate_limits_of(&scope).into_iter();
    let policies: Vec<_> = records.filter_map(RouteLimitBody::new).collect();
    Ok(list_response(&policies, revision, &headers))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct NameParams {
    /// Which of the policies; `default` when it is not given.
    #[param(nullable = false, value_type = Option<String>)]
    pub(super) name: Option<PolicyName>,
}

impl NameParams {
    pub(super) fn of(self, scope: LimitScope) -> Result<LimitKey, Problem> {
        Ok(LimitKey::new(scope, named(self.name)?))
    }
}

/// What was deleted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeletedLimit)]
pub(super) struct DeletedBody {
    /// Always `true`.
    ok: bool,
    /// The route's path.
    path: String,
    /// The route's method.
    #[schema(example = "GET")]
    method: String,
}

/// Deletes what an operator has set: the route has the limit again that the code declares, or none.
///
/// Nothing is wrong when there is nothing to delete.
#[utoipa::path(
    delete,
    path = "/api/rate-limits/{pk}",
    operation_id = "delete_rate_limit",
    tag = "rate-limits",
    params(("pk" = String, Path), NameParams),
    responses((status = OK, description = "An operator's policy is no longer there.", body = DeletedBody)),
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
    match change(&state, author, key, LimitCommand::Delete).await {
        Ok(_) => {}
        // Neither a route nor a policy is there, as the request wants it.
        Err(problem) if problem.kind() == ProblemKind::NotFound => {}
        Err(problem) => return Err(problem),
    }
    Ok(Reply::ok(deleted))
}

/// The route whose limit is to be deleted, which need not be there, and the answer when that is done.
pub(super) fn to_delete(waygate: &Waygate, key: &str) -> Result<(RouteKey, DeletedBody), Problem> {
    let route: RouteKey = key.parse().map_err(|_| no_method())?;
    let route = match (route.method(), waygate.limited_route(key)) {
        (None, Ok(meant)) => meant,
        (None, Err(error @ ResolveError::Ambiguous { .. })) => return Err(error.into()),
        (None, Err(_)) => return Err(no_method()),
        // It need not be there.
        (Some(_), _) => route,
    };
    let method = route
        .method()
        .map_or(ALL_METHODS, |method| method.as_str())
        .to_owned();
    let path = route.path().to_owned();
    let ok = true;
    Ok((route, DeletedBody { ok, path, method }))
}

fn no_method() -> Problem {
    Problem::new(ProblemKind::InvalidPath, "path_key must encode METHOD:path")
}
