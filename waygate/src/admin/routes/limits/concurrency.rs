use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde_json::{Map, Value};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::PolicyName,
    model::{ConcurrencyPolicy, LimitKey, LimitScope, Revision},
    view::{DeletedLimit, Done, RouteConcurrencyLimit, SharedConcurrencyLimit},
};

use super::{
    patch::{self, PatchConcurrencyLimit, PatchSharedConcurrencyLimit},
    request::{NameParams, SetConcurrencyLimit, SetSharedConcurrencyLimit},
};
use crate::{
    ChangeError, Operator, Waygate,
    admin::{
        key::{PathKey, PathText},
        resource::{self, LimitsOfRoutes, LimitsOfScope, OfRoute, Resource},
        responses::{Change, NoRoute, NotFound, Read, Tagged},
        scoped::Scoped,
        state::AdminState,
        within::Within,
    },
    limits::ConcurrencyRecord,
    rest::{
        JsonBody, Listing, Params, Problem, ProblemKind, Reply, read_fields,
        route_concurrency_limit,
    },
};

/// Concurrency limits.
pub(in crate::admin) enum ConcurrencyLimits {}

impl Resource for ConcurrencyLimits {
    const NOUN: &'static str = "limit";

    type Policy = ConcurrencyPolicy;
    type Record = ConcurrencyRecord;
    type Command = ConcurrencyPolicy;
    type OfRoute = RouteConcurrencyLimit;
    type Shared = SharedConcurrencyLimit;

    fn all(waygate: &Waygate) -> Vec<ConcurrencyRecord> {
        waygate.concurrency_limits()
    }

    fn of_scope(waygate: &Waygate, scope: &LimitScope) -> Vec<ConcurrencyRecord> {
        let mut records = waygate.concurrency_limits();
        records.retain(|record| record.key.scope == *scope);
        records
    }

    fn key(record: &ConcurrencyRecord) -> &LimitKey {
        &record.key
    }

    fn revision(record: &ConcurrencyRecord) -> Revision {
        record.revision
    }

    fn warning(record: &mut ConcurrencyRecord) -> &mut Option<String> {
        &mut record.warning
    }

    fn of_route(record: ConcurrencyRecord) -> Option<RouteConcurrencyLimit> {
        route_concurrency_limit(record)
    }

    fn read(mut fields: Map<String, Value>, _: &Waygate) -> Result<ConcurrencyPolicy, Problem> {
        fields.retain(|_, value| !value.is_null());
        read_fields(fields, "field")
            .map_err(|wrong| Problem::new(ProblemKind::InvalidBody, wrong.text))
    }

    fn name(policy: &ConcurrencyPolicy) -> &PolicyName {
        &policy.name
    }

    fn policy(record: &ConcurrencyRecord) -> &ConcurrencyPolicy {
        &record.policy
    }

    fn set(policy: ConcurrencyPolicy) -> Self::Command {
        policy
    }

    async fn confirm(operator: &Operator, key: LimitKey) -> Result<(), ChangeError> {
        operator.confirm_concurrency_limit(key).await
    }

    async fn delete(operator: &Operator, key: LimitKey) -> Result<bool, ChangeError> {
        operator.delete_concurrency_limit(key).await
    }

    async fn run(
        operator: &Operator,
        key: LimitKey,
        policy: ConcurrencyPolicy,
    ) -> Result<ConcurrencyRecord, ChangeError> {
        operator.set_concurrency_limit(key, policy).await
    }
}

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list, set))
        .routes(routes!(get, update, delete))
}

pub(super) fn shared_router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new().routes(routes!(
        list_shared,
        set_shared,
        update_shared,
        delete_shared
    ))
}

/// Lists the concurrency limits of routes, by path and method.
#[utoipa::path(
    get,
    path = "/api/concurrency-limits",
    operation_id = "list_concurrency_limits",
    tag = "concurrency-limits",
    params(LimitsOfRoutes),
    responses((status = OK, description = "The limits of routes.", body = [RouteConcurrencyLimit]), Read),
    security(("token" = ["read"])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    within: Within,
    listing: Listing<LimitsOfRoutes>,
) -> Response {
    resource::list_of_routes::<ConcurrencyLimits>(&state, &within, &listing)
}

/// Sets a concurrency limit of a route, replacing the previous one. Missing fields are set to their defaults.
///
/// Requests in flight keep their permits and still count: after a limit is lowered, no request is admitted until enough
/// of them have finished.
#[utoipa::path(
    post,
    path = "/api/concurrency-limits",
    operation_id = "set_concurrency_limit",
    tag = "concurrency-limits",
    request_body = SetConcurrencyLimit,
    responses(
        (status = CREATED, description = "The updated limit.", body = Tagged<RouteConcurrencyLimit>),
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
    JsonBody(body): JsonBody<SetConcurrencyLimit>,
) -> OfRoute<ConcurrencyLimits> {
    let fields = body.fields_of_route()?;
    let set = resource::set_of_route::<ConcurrencyLimits>(&state.waygate, &within, fields)?;
    set.on_route(&operator).await
}

/// Lists the concurrency limits of one route, by name.
#[utoipa::path(
    get,
    path = "/api/concurrency-limits/{pk}",
    operation_id = "get_concurrency_limits",
    tag = "concurrency-limits",
    params(LimitsOfScope),
    responses(
        (status = OK, description = "The route's limits.", body = [RouteConcurrencyLimit]),
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
    resource::list_of_route::<ConcurrencyLimits>(&state, &key, &listing)
}

/// Changes some fields of a concurrency limit of a route, as a JSON merge patch (RFC 7396): `null` resets a field to its
/// default.
///
/// A declared limit becomes that of an operator. Fields that another client changes at the same time are kept.
#[utoipa::path(
    patch,
    path = "/api/concurrency-limits/{pk}",
    operation_id = "patch_concurrency_limit",
    tag = "concurrency-limits",
    params(NameParams),
    request_body = PatchConcurrencyLimit,
    responses(
        (status = OK, description = "The updated limit.", body = Tagged<RouteConcurrencyLimit>),
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
    JsonBody(body): JsonBody<PatchConcurrencyLimit>,
) -> OfRoute<ConcurrencyLimits> {
    let scope = LimitScope::Route(state.waygate.limited_route(&key)?);
    let key = params.of(scope)?;
    let patched = patch::run::<ConcurrencyLimits>(&state, operator, key, body.members);
    let (left, warning) = patched.await?;
    Ok(resource::show_of_route::<ConcurrencyLimits>(left, warning))
}

/// Deletes a limit set by an operator; the declared limit of the route applies again, if there is one.
///
/// Succeeds if there is nothing to delete, with a `warning`.
#[utoipa::path(
    delete,
    path = "/api/concurrency-limits/{pk}",
    operation_id = "delete_concurrency_limit",
    tag = "concurrency-limits",
    params(NameParams),
    responses(
        (status = OK, description = "No limit set by an operator remains.", body = DeletedLimit),
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
    resource::delete_of_route::<ConcurrencyLimits>(&state, operator, &key, params.name()?).await
}

/// Lists the concurrency limits of {of}, by name.
///
/// The processes of a service enforce its limits; every process shows them.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "list_{scope}_concurrency_limits",
    params(LimitsOfScope),
    responses((status = OK, description = "The limits.", body = [SharedConcurrencyLimit]), Read),
    security(("token" = ["read"]))
)]
async fn list_shared(
    State(state): State<Arc<AdminState>>,
    scope: Scoped,
    listing: Listing<LimitsOfScope>,
) -> Response {
    resource::list_shared::<ConcurrencyLimits>(&state, &scope.limits(), &listing)
}

/// Sets a concurrency limit of {of}, replacing the previous one. Missing fields are set to their defaults.
#[utoipa::path(
    post,
    path = "/",
    operation_id = "set_{scope}_concurrency_limit",
    request_body = SetSharedConcurrencyLimit,
    responses(
        (status = CREATED, description = "The updated limit.", body = Tagged<SharedConcurrencyLimit>),
        Change
    ),
    security(("token" = ["write:global"]))
)]
async fn set_shared(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    scope: Scoped,
    JsonBody(body): JsonBody<SetSharedConcurrencyLimit>,
) -> Result<Reply<SharedConcurrencyLimit>, Problem> {
    let fields = body.shared_fields()?;
    let set = resource::set_shared::<ConcurrencyLimits>(&state.waygate, scope.limits(), fields)?;
    set.on_all(&operator).await
}

/// Changes some fields of a concurrency limit of {of}, as a JSON merge patch (RFC 7396): `null` resets a field to its
/// default.
#[utoipa::path(
    patch,
    path = "/",
    operation_id = "patch_{scope}_concurrency_limit",
    params(NameParams),
    request_body = PatchSharedConcurrencyLimit,
    responses(
        (status = OK, description = "The updated limit.", body = Tagged<SharedConcurrencyLimit>),
        Change,
        NotFound
    ),
    security(("token" = ["write:global"]))
)]
async fn update_shared(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    scope: Scoped,
    Params(params): Params<NameParams>,
    JsonBody(body): JsonBody<PatchSharedConcurrencyLimit>,
) -> Result<Reply<SharedConcurrencyLimit>, Problem> {
    let key = params.of(scope.limits())?;
    let patched = patch::run::<ConcurrencyLimits>(&state, operator, key, body.members);
    let (left, warning) = patched.await?;
    Ok(resource::show_shared::<ConcurrencyLimits>(left, warning))
}

/// Deletes a concurrency limit of {of}. Succeeds if there is none, with a `warning`.
#[utoipa::path(
    delete,
    path = "/",
    operation_id = "delete_{scope}_concurrency_limit",
    params(NameParams),
    responses((status = OK, description = "There is no such limit.", body = Done), Change),
    security(("token" = ["write:global"]))
)]
async fn delete_shared(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    scope: Scoped,
    Params(params): Params<NameParams>,
) -> Result<Reply<Done>, Problem> {
    let key = params.of(scope.limits())?;
    resource::delete_shared::<ConcurrencyLimits>(&state, operator, key).await
}
