use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::{Invalid, Method},
    model::{LimitKey, LimitScope, Revision, RouteKey},
};

use super::{
    change::{found, revision_of},
    request::{ResetKeyRequest, named},
    route::resolve,
};
use crate::{
    Waygate,
    admin::{author::Author, key::PathKey, state::AdminState},
    rest::{Done, JsonBody, Params, Problem, ProblemKind, Reply},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new().routes(routes!(reset, reset_key))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ResetParams {
    /// Only the route of this method; all of the path when it is not given.
    #[param(nullable = false, example = "GET")]
    method: Option<String>,
}

/// What was reset.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ResetRateLimits)]
struct ResetBody {
    /// Always `true`.
    ok: bool,
    /// What the path key names: a path, or `METHOD:/path`.
    path: String,
}

/// Begins to count anew for all rate limits of a route, or of all routes of a path, in every process.
///
/// The path key holds a path, or `METHOD:/path`. `If-Match` names the tag of the policy that was changed last.
#[utoipa::path(
    delete,
    path = "/api/rate-limits/{pk}/reset",
    operation_id = "reset_rate_limits",
    tag = "rate-limits",
    params(("pk" = String, Path), ResetParams),
    responses((status = OK, description = "The counters start at zero.", body = ResetBody)),
    security(("token" = ["write:routes"]))
)]
async fn reset(
    State(state): State<Arc<AdminState>>,
    author: Author,
    PathKey(key): PathKey,
    Params(params): Params<ResetParams>,
) -> Result<Reply<ResetBody>, Problem> {
    let key: RouteKey = key.parse()?;
    // As the path key has it.
    let named = key.as_str().to_owned();
    let key = with_method(key, params.method.as_deref())?;
    let path = key.path().to_owned();
    let done = match key.method() {
        Some(_) => {
            let scope = LimitScope::Route(resolve(&state.waygate, key.as_str())?);
            let operator = author.expecting_any(|| latest(&state.waygate, |of| *of == scope))?;
            operator.reset_rate_limits(scope).await
        }
        None => {
            let of_path = |scope: &LimitScope| match scope {
                LimitScope::Route(route) => route.path() == path,
                LimitScope::Global | LimitScope::Service(_) => false,
            };
            let operator = author.expecting_any(|| latest(&state.waygate, of_path))?;
            operator.reset_rate_limits_of_path(&path).await
        }
    };
    done?;
    Ok(Reply::ok(ResetBody {
        ok: true,
        path: named,
    }))
}

/// The key with the method of the query.
fn with_method(key: RouteKey, method: Option<&str>) -> Result<RouteKey, Problem> {
    let Some(method) = method else {
        return Ok(key);
    };
    // An empty one as well: it would reset every method of the path.
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

/// The revision of the policy in these scopes that was changed last, if there is one.
pub(super) fn latest(waygate: &Waygate, wanted: impl Fn(&LimitScope) -> bool) -> Option<Revision> {
    let records = waygate.rate_limits().into_iter();
    let wanted = records.filter(|record| wanted(&record.key.scope));
    let revisions = wanted.map(|record| record.revision);
    revisions.max_by_key(|revision| revision.number)
}

/// Forgets what exactly one key has consumed of one rate limit.
///
/// Counters of this process are forgotten at once; shared ones in the store that holds them. Other processes that count
/// for themselves are not reached.
#[utoipa::path(
    post,
    path = "/api/rate-limits/{pk}/reset",
    operation_id = "reset_rate_limit_key",
    tag = "rate-limits",
    params(("pk" = String, Path)),
    request_body = ResetKeyRequest,
    responses((status = OK, description = "The key has consumed nothing.", body = Done)),
    security(("token" = ["write:routes"]))
)]
async fn reset_key(
    State(state): State<Arc<AdminState>>,
    author: Author,
    PathKey(key): PathKey,
    JsonBody(body): JsonBody<ResetKeyRequest>,
) -> Result<Reply<Done>, Problem> {
    let scope = LimitScope::Route(resolve(&state.waygate, &key)?);
    forget(&state, author, scope, body).await
}

/// Forgets what one key has consumed of a policy of a scope.
pub(super) async fn forget(
    state: &AdminState,
    author: Author,
    scope: LimitScope,
    body: ResetKeyRequest,
) -> Result<Reply<Done>, Problem> {
    let key = LimitKey::new(scope, named(body.name)?);
    found(state.waygate.rate_limit(&key), &key)?;
    let operator = author.expecting_any(|| revision_of(&state.waygate, &key))?;
    let parts: Vec<&str> = body.key.iter().map(String::as_str).collect();
    let done = operator.reset_rate_limit_key(key, &parts).await;
    done?;
    Ok(Reply::ok(Done::new()))
}
