use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    Printable,
    grammar::PolicyName,
    model::{LimitKey, LimitScope, RouteKey},
    port::BackendError,
    view::{DecisionRecord, HitRecord, KeyUse},
};

use super::request::or_default;
use crate::{
    admin::{
        key::PathKey,
        responses::{NoRoute, NotFound, Read},
        state::AdminState,
        warnings::{join, unknown_route},
        within::Within,
    },
    limits::HitQuery,
    rest::{Filters, Flag, Listing, Params, Problem, ProblemKind, Reply, Time, with_warning},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(hits))
        .routes(routes!(explain))
        .routes(routes!(top))
}

/// The number of hits that are kept.
const MAX_HITS: usize = 10_000;
/// The number of keys that are kept.
const MAX_KEYS: usize = 256;

/// For the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "read by the listing")]
struct HitLimit {
    /// The maximum number of refusals: a whole number; more than 10000 counts as 10000.
    #[param(nullable = false, minimum = 0, default = 50)]
    limit: Option<u64>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct HitParams {
    /// Only refusals on routes with this path, or on this route: `/path` or `METHOD:/path`.
    #[param(nullable = false)]
    route: Option<RouteKey>,
    /// Only refusals by policies of this name.
    #[param(nullable = false)]
    policy: Option<PolicyName>,
    /// Only refusals of this key, the last part of the `key` of a hit.
    #[param(nullable = false, example = "203.0.113.7")]
    key: Option<String>,
    /// `true`: only requests that were refused. `false`: only those that a policy in shadow mode would have refused.
    #[param(nullable = false, value_type = Option<bool>)]
    enforced: Option<Flag>,
    /// Only refusals from this time on, as RFC 3339.
    #[param(nullable = false, value_type = Option<String>, format = DateTime)]
    since: Option<Time>,
    /// Only refusals before this time, as RFC 3339.
    #[param(nullable = false, value_type = Option<String>, format = DateTime)]
    until: Option<Time>,
}

impl Filters for HitParams {
    const DEFAULT_LIMIT: Option<usize> = Some(50);
    const MAX_LIMIT: usize = MAX_HITS;
}

/// Lists the latest requests that were refused, or would have been, newest first. With a store in a file or in Redis,
/// those of all processes, also before a restart; otherwise, each process lists its own.
#[utoipa::path(
    get,
    path = "/api/rate-limits/hits",
    operation_id = "list_rate_limit_hits",
    tag = "rate-limits",
    params(HitLimit, HitParams),
    responses((status = OK, description = "The refusals.", body = [HitRecord]), Read),
    security(("token" = ["read"])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn hits(
    State(state): State<Arc<AdminState>>,
    within: Within,
    Listing {
        filters: params,
        page,
    }: Listing<HitParams>,
) -> Result<Response, Problem> {
    let revision = state.waygate.revision();
    let mut query = HitQuery::newest(MAX_HITS);
    query.route = params.route.map(|route| route.to_string());
    query.policy = params.policy.map(|policy| policy.to_string());
    query.key = params.key;
    query.enforced = params.enforced.map(|enforced| enforced.0);
    query.since = params.since.map(|since| since.0);
    query.until = params.until.map(|until| until.0);
    let (mut hits, fault) = match state.waygate.shared_rate_limit_hits(&query).await {
        Ok(hits) => (hits, None),
        Err(error) => (
            state.waygate.rate_limit_hits(&query),
            Some(only_own(&error)),
        ),
    };
    hits.retain(|hit| within.services().contains(hit.service.as_deref()));
    let route = query
        .route
        .as_deref()
        .filter(|_| within.services().are_all());
    let warning = unknown_route(&state.waygate, route, &hits);
    Ok(with_warning(
        page.of(&hits, revision),
        join(warning.into_iter().chain(fault)),
    ))
}

fn only_own(error: &BackendError) -> String {
    let error = Printable(error);
    format!("the store cannot be read, so only refusals of this process are listed: {error}")
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExplainParams {
    /// The `X-Request-Id` of the request.
    request_id: String,
}

/// Explains the decision about one request. Each process keeps the latest 4096 decisions on requests with an id.
#[utoipa::path(
    get,
    path = "/api/rate-limits/explain",
    operation_id = "explain_rate_limits",
    tag = "rate-limits",
    params(ExplainParams),
    responses((status = OK, description = "The decision.", body = DecisionRecord), Read, NotFound),
    security(("token" = ["read"]))
)]
async fn explain(
    State(state): State<Arc<AdminState>>,
    Params(ExplainParams { request_id }): Params<ExplainParams>,
) -> Result<Reply<DecisionRecord>, Problem> {
    let record = state.waygate.explain(&request_id);
    record.map(Reply::ok).ok_or_else(|| {
        let shown: String = request_id.chars().take(200).collect();
        let text = format!(
            "No decision about a request with the id `{shown}` is known. Each process keeps the latest decisions of \
             its engine: another replica may have answered, or a layer around the guarded router."
        );
        Problem::new(ProblemKind::NotFound, text)
    })
}

/// For the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "read by the listing")]
pub(super) struct TopLimit {
    /// The maximum number of keys: a whole number; more than 256 counts as 256.
    #[param(nullable = false, minimum = 0, default = 20)]
    limit: Option<u64>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TopParams {
    /// The name of the policy. Default: `default`.
    #[param(nullable = false)]
    name: Option<PolicyName>,
}

impl Filters for TopParams {
    const DEFAULT_LIMIT: Option<usize> = Some(20);
    const MAX_LIMIT: usize = MAX_KEYS;
}

/// Lists the keys that came close to a rate limit or were refused, those with the most such requests first. Each
/// process lists its own.
#[utoipa::path(
    get,
    path = "/api/rate-limits/{pk}/top",
    operation_id = "list_top_keys",
    tag = "rate-limits",
    params(TopLimit, TopParams),
    responses((status = OK, description = "The keys.", body = [KeyUse]), Read, NoRoute),
    security(("token" = ["read"]))
)]
async fn top(
    State(state): State<Arc<AdminState>>,
    PathKey(key): PathKey,
    listing: Listing<TopParams>,
) -> Result<Response, Problem> {
    let scope = LimitScope::Route(state.waygate.limited_route(&key)?);
    nearest(&state, scope, listing)
}

/// The keys of a scope's policy that came near it or were refused.
pub(super) fn nearest(
    state: &AdminState,
    scope: LimitScope,
    Listing { filters, page }: Listing<TopParams>,
) -> Result<Response, Problem> {
    let revision = state.waygate.revision();
    let key = LimitKey::new(scope, or_default(filters.name)?);
    state.waygate.known_rate_limit(&key)?;
    let keys = state.waygate.near_limit(&key, MAX_KEYS);
    Ok(page.of(&keys, revision))
}
