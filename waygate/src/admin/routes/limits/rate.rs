use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde_json::{Map, Value};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::PolicyName,
    model::{LimitKey, LimitScope, RateLimitPolicy, Revision},
    view::{DeletedLimit, RouteRateLimit, SharedRateLimit},
};

use super::{
    patch::{self, PatchRateLimit},
    policy::read,
    request::{NameParams, SetRateLimit},
};
use crate::{
    ChangeError, Operator, Waygate,
    admin::{
        key::{PathKey, PathText},
        resource::{self, LimitsOfRoutes, LimitsOfScope, OfRoute, Resource},
        responses::{Change, NoRoute, Read, Tagged},
        state::AdminState,
        within::Within,
    },
    engine::LimitCommand,
    limits::LimitRecord,
    rest::{JsonBody, Listing, Params, Problem, Reply, route_rate_limit},
};

/// Rate limits.
pub(in crate::admin) enum RateLimits {}

impl Resource for RateLimits {
    const NOUN: &'static str = "policy";

    type Policy = RateLimitPolicy;
    type Record = LimitRecord;
    type Command = LimitCommand;
    type OfRoute = RouteRateLimit;
    type Shared = SharedRateLimit;

    fn all(waygate: &Waygate) -> Vec<LimitRecord> {
        waygate.rate_limits()
    }

    fn of_scope(waygate: &Waygate, scope: &LimitScope) -> Vec<LimitRecord> {
        waygate.rate_limits_of(scope)
    }

    fn key(record: &LimitRecord) -> &LimitKey {
        &record.key
    }

    fn revision(record: &LimitRecord) -> Revision {
        record.revision
    }

    fn warning(record: &mut LimitRecord) -> &mut Option<String> {
        &mut record.warning
    }

    fn of_route(record: LimitRecord) -> Option<RouteRateLimit> {
        route_rate_limit(record)
    }

    fn read(fields: Map<String, Value>, waygate: &Waygate) -> Result<RateLimitPolicy, Problem> {
        read(fields, waygate)
    }

    fn name(policy: &RateLimitPolicy) -> &PolicyName {
        &policy.name
    }

    fn policy(record: &LimitRecord) -> &RateLimitPolicy {
        &record.policy
    }

    fn set(policy: RateLimitPolicy) -> LimitCommand {
        LimitCommand::Set(Box::new(policy))
    }

    async fn confirm(operator: &Operator, key: LimitKey) -> Result<(), ChangeError> {
        operator.confirm_rate_limit(key).await
    }

    async fn delete(operator: &Operator, key: LimitKey) -> Result<bool, ChangeError> {
        operator.delete_rate_limit(key).await
    }

    async fn run(
        operator: &Operator,
        key: LimitKey,
        command: LimitCommand,
    ) -> Result<LimitRecord, ChangeError> {
        operator.change_rate_limit(key, command).await
    }
}

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list, set))
        .routes(routes!(get, update, delete))
}

/// Lists the rate limits of routes, by path and method.
#[utoipa::path(
    get,
    path = "/api/rate-limits",
    operation_id = "list_rate_limits",
    tag = "rate-limits",
    params(LimitsOfRoutes),
    responses((status = OK, description = "The policies of routes.", body = [RouteRateLimit]), Read),
    security(("token" = ["read"])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    within: Within,
    listing: Listing<LimitsOfRoutes>,
) -> Response {
    resource::list_of_routes::<RateLimits>(&state, &within, &listing)
}

/// Sets a rate limit of a route, replacing the previous one. Missing fields are set to their defaults.
///
/// Counts are kept: raising or lowering a limit neither resets the counters nor locks clients out. Only a window that
/// started too early for the new limit is restarted.
#[utoipa::path(
    post,
    path = "/api/rate-limits",
    operation_id = "set_rate_limit",
    tag = "rate-limits",
    request_body = SetRateLimit,
    responses(
        (status = CREATED, description = "The updated policy.", body = Tagged<RouteRateLimit>),
        Change,
        NoRoute
    ),
    security(("token" = ["write:routes"])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn set(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    within: Within,
    JsonBody(body): JsonBody<SetRateLimit>,
) -> OfRoute<RateLimits> {
    let fields = body.fields_of_route()?;
    let set = resource::set_of_route::<RateLimits>(&state.waygate, &within, fields)?;
    set.on_route(&operator).await
}

/// Lists the rate limits of one route, in the order in which they are checked.
#[utoipa::path(
    get,
    path = "/api/rate-limits/{pk}",
    operation_id = "get_rate_limits",
    tag = "rate-limits",
    params(LimitsOfScope),
    responses(
        (status = OK, description = "The route's policies.", body = [RouteRateLimit]),
        Read,
        NoRoute
    ),
    security(("token" = ["read"]))
)]
async fn get(
    State(state): State<Arc<AdminState>>,
    PathKey(key): PathKey,
    listing: Listing<LimitsOfScope>,
) -> Result<Response, Problem> {
    resource::list_of_route::<RateLimits>(&state, &key, &listing)
}

/// Changes some fields of a rate limit of a route, as a JSON merge patch (RFC 7396): `null` resets a field to its default.
///
/// A declared limit becomes that of an operator. Fields that another client changes at the same time are kept.
#[utoipa::path(
    patch,
    path = "/api/rate-limits/{pk}",
    operation_id = "patch_rate_limit",
    tag = "rate-limits",
    params(NameParams),
    request_body = PatchRateLimit,
    responses(
        (status = OK, description = "The updated policy.", body = Tagged<RouteRateLimit>),
        Change,
        NoRoute
    ),
    security(("token" = ["write:routes"]))
)]
async fn update(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    PathKey(key): PathKey,
    Params(params): Params<NameParams>,
    JsonBody(body): JsonBody<PatchRateLimit>,
) -> OfRoute<RateLimits> {
    let scope = LimitScope::Route(state.waygate.limited_route(&key)?);
    let key = params.of(scope)?;
    let (left, warning) = patch::run::<RateLimits>(&state, operator, key, body.members).await?;
    Ok(resource::show_of_route::<RateLimits>(left, warning))
}

/// Deletes a policy set by an operator; the declared limit of the route applies again, if there is one.
///
/// Succeeds if there is nothing to delete, with a `warning`.
#[utoipa::path(
    delete,
    path = "/api/rate-limits/{pk}",
    operation_id = "delete_rate_limit",
    tag = "rate-limits",
    params(NameParams),
    responses(
        (status = OK, description = "No policy set by an operator remains.", body = DeletedLimit),
        Change,
        NoRoute
    ),
    security(("token" = ["write:routes"]))
)]
async fn delete(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    PathText(key): PathText,
    Params(params): Params<NameParams>,
) -> Result<Reply<DeletedLimit>, Problem> {
    resource::delete_of_route::<RateLimits>(&state, operator, &key, params.name()?).await
}
