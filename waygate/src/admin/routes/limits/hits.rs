use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::model::LimitScope;

use super::{
    change::found,
    route::{NameParams, resolve},
};
use crate::{
    DecisionRecord, HitQuery,
    admin::{
        error::{Kind, Problem},
        key::PathKey,
        query::Params,
        reply::{self, Reply},
        routes::audit::clamped,
        schema,
        state::AdminState,
    },
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(hits))
        .routes(routes!(explain))
        .routes(routes!(top))
}

const DEFAULT_HITS: usize = 50;
/// As many as are kept.
const MAX_HITS: usize = 10_000;
const DEFAULT_KEYS: usize = 20;
/// As many as are remembered.
const MAX_KEYS: usize = 256;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct HitParams {
    /// At most this many: 0 to 10000, where what is beyond counts as the nearest; 50 when it is no integer.
    #[param(nullable = false, value_type = Option<i64>)]
    limit: Option<String>,
    /// Only of routes with this path, or of this route: `/path` or `METHOD:/path`.
    #[param(nullable = false, example = "/search")]
    route: Option<String>,
    /// Only by policies of this name.
    #[param(nullable = false)]
    policy: Option<String>,
    /// Only of this key, as it ends the `key` of a hit.
    #[param(nullable = false, example = "203.0.113.7")]
    key: Option<String>,
    /// `true`: only requests that were refused. `false`: only those that a policy in shadow mode would have refused.
    #[param(nullable = false, value_type = Option<bool>)]
    enforced: Option<String>,
}

/// Lists the latest requests that were refused, or would have been, newest first. Each process knows its own.
#[utoipa::path(
    get,
    path = "/api/rate-limits/hits",
    operation_id = "list_rate_limit_hits",
    tag = "rate-limits",
    params(HitParams),
    responses((status = OK, description = "The refusals.", body = [schema::RateLimitHit])),
    security(("token" = ["read"]))
)]
async fn hits(
    State(state): State<Arc<AdminState>>,
    Params(params): Params<HitParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let enforced = match params.enforced.as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => {
            let text = "enforced: expected `true` or `false`";
            return Err(Problem::new(Kind::InvalidQuery, text));
        }
    };
    let revision = state.waygate.revision();
    let hits = state.waygate.rate_limit_hits(&HitQuery {
        limit: clamped(params.limit.as_deref(), DEFAULT_HITS, MAX_HITS),
        route: params.route,
        policy: params.policy,
        key: params.key,
        enforced,
    });
    Ok(reply::list(&hits, revision, &headers))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExplainParams {
    /// What the request carried in `X-Request-Id`.
    request_id: String,
}

/// Tells how the rate limits decided about one request. Each process knows the latest 4096 that carried an id.
#[utoipa::path(
    get,
    path = "/api/rate-limits/explain",
    operation_id = "explain_rate_limits",
    tag = "rate-limits",
    params(ExplainParams),
    responses((status = OK, description = "The decision.", body = schema::LimitDecision)),
    security(("token" = ["read"]))
)]
async fn explain(
    State(state): State<Arc<AdminState>>,
    Params(ExplainParams { request_id }): Params<ExplainParams>,
) -> Result<Reply<DecisionRecord>, Problem> {
    let record = state.waygate.explain(&request_id);
    record.map(Reply::ok).ok_or_else(|| {
        let shown: String = request_id.chars().take(200).collect();
        let text = format!("No decision about a request with the id `{shown}` is known.");
        Problem::new(Kind::NotFound, text)
    })
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TopParams {
    /// Which of the policies; `default` when it is not given.
    #[param(nullable = false)]
    pub(super) name: Option<String>,
    /// At most this many: 0 to 256, where what is beyond counts as the nearest; 20 when it is no integer.
    #[param(nullable = false, value_type = Option<i64>)]
    pub(super) limit: Option<String>,
}

/// Lists the keys that came near a rate limit or were refused, those with the most such requests first. Each process
/// knows its own.
#[utoipa::path(
    get,
    path = "/api/rate-limits/{pk}/top",
    operation_id = "list_top_keys",
    tag = "rate-limits",
    params(("pk" = String, Path), TopParams),
    responses((status = OK, description = "The keys.", body = [schema::KeyUse])),
    security(("token" = ["read"]))
)]
async fn top(
    State(state): State<Arc<AdminState>>,
    PathKey(key): PathKey,
    Params(params): Params<TopParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let scope = LimitScope::Route(resolve(&state.waygate, &key)?);
    nearest(&state, scope, params, &headers)
}

/// The keys that came near a policy of a scope, or were refused.
pub(super) fn nearest(
    state: &AdminState,
    scope: LimitScope,
    TopParams { name, limit }: TopParams,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let revision = state.waygate.revision();
    let key = NameParams { name }.of(scope)?;
    found(state.waygate.rate_limit(&key), &key)?;
    let limit = clamped(limit.as_deref(), DEFAULT_KEYS, MAX_KEYS);
    let keys = state.waygate.near_limit(&key, limit);
    Ok(reply::list(&keys, revision, headers))
}
