use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::{Invalid, Method},
    model::{LimitKey, LimitScope, RouteKey},
    view::{Done, ResetRateLimits},
};

use super::request::{ResetKeyRequest, or_default};
use crate::{
    Operator,
    admin::{
        key::PathKey,
        responses::{Change, NoRoute},
        state::AdminState,
    },
    rest::{JsonBody, Params, Problem, ProblemKind, Reply, done},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new().routes(routes!(reset, reset_key))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ResetParams {
    /// Only the route of this method. Default: all routes of the path.
    #[param(nullable = false, example = "GET")]
    method: Option<String>,
}

/// Resets all rate-limit counters of a route, or of every method of a path, in every process.
///
/// The path key is a path, or `METHOD:/path`. `If-Match` names the tag of the policy that was changed last.
#[utoipa::path(
    delete,
    path = "/api/rate-limits/{pk}/reset",
    operation_id = "reset_rate_limits",
    tag = "rate-limits",
    params(ResetParams),
    responses((status = OK, description = "The counters start at zero.", body = ResetRateLimits), Change, NoRoute),
    security(("token" = ["write:routes"]))
)]
async fn reset(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    PathKey(key): PathKey,
    Params(params): Params<ResetParams>,
) -> Result<Reply<ResetRateLimits>, Problem> {
    // The spelling of the path key.
    let named = key.as_str().to_owned();
    let key = with_method(key, params.method.as_deref())?;
    match key.method() {
        Some(_) => {
            let scope = LimitScope::Route(state.waygate.limited_route(&key)?);
            operator.reset_rate_limits(scope).await?;
        }
        None => operator.reset_rate_limits_of_path(key.path()).await?,
    }
    Ok(Reply::ok(ResetRateLimits {
        ok: true,
        path: named,
    }))
}

/// The key with the method of the query.
fn with_method(key: RouteKey, method: Option<&str>) -> Result<RouteKey, Problem> {
    let Some(method) = method else {
        return Ok(key);
    };
    // An empty method is an error, since it would reset every method of the path.
    let method: Method = method
        .to_ascii_uppercase()
        .parse()
        .map_err(|invalid: Invalid| {
            Problem::new(ProblemKind::InvalidQuery, format!("method: {invalid}"))
        })?;
    match key.method() {
        None => Ok(format!("{method}:{}", key.path()).parse()?),
        Some(own) if own == method => Ok(key),
        Some(own) => {
            let text = format!("method: the path key already says {own}");
            Err(Problem::new(ProblemKind::InvalidQuery, text))
        }
    }
}

/// Resets the counter of exactly one key of one rate limit.
///
/// Counters of this process are reset immediately, and shared counters in their store. Other processes that count on
/// their own are not reset.
#[utoipa::path(
    post,
    path = "/api/rate-limits/{pk}/reset",
    operation_id = "reset_rate_limit_key",
    tag = "rate-limits",
    request_body = ResetKeyRequest,
    responses((status = OK, description = "The counter of the key is reset.", body = Done), Change, NoRoute),
    security(("token" = ["write:routes"]))
)]
async fn reset_key(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    PathKey(key): PathKey,
    JsonBody(body): JsonBody<ResetKeyRequest>,
) -> Result<Reply<Done>, Problem> {
    let scope = LimitScope::Route(state.waygate.limited_route(&key)?);
    reset_counter(operator, scope, body).await
}

/// Resets the counter of one key of a policy.
pub(super) async fn reset_counter(
    operator: Operator,
    scope: LimitScope,
    body: ResetKeyRequest,
) -> Result<Reply<Done>, Problem> {
    let key = LimitKey::new(scope, or_default(body.name)?);
    let parts: Vec<&str> = body.key.iter().map(String::as_str).collect();
    operator.reset_rate_limit_key(key, &parts).await?;
    Ok(done())
}
