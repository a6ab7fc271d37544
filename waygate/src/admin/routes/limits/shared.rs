//! The rate limits of a service, or of all routes together.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    model::LimitKey,
    view::{Done, KeyUse, SharedRateLimit, SharedRateLimitState},
};

use super::{
    hits::{self, TopLimit, TopParams},
    patch::{self, PatchSharedRateLimit},
    rate::RateLimits,
    request::{NameParams, PolicyNameRequest, ResetKeyRequest, SetSharedRateLimit, or_default},
    reset::reset_counter,
};
use crate::{
    ChangeError, Operator,
    admin::{
        resource::{self, LimitsOfScope, Resource},
        responses::{Change, NotFound, Read, Tagged},
        scoped::Scoped,
        state::AdminState,
        warnings::no_effect,
    },
    engine::LimitCommand,
    rest::{JsonBody, Listing, Params, Problem, Reply, done, done_or},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(get, set, update, delete))
        .routes(routes!(list))
        .routes(routes!(reset, reset_key))
        .routes(routes!(top))
        .routes(routes!(enable))
        .routes(routes!(disable))
        .routes(routes!(shadow))
        .routes(routes!(promote))
}

type Finished = Result<Reply<Done>, Problem>;

/// Runs a command on a policy. It need not exist, unless `required`.
async fn control(
    state: &AdminState,
    operator: Operator,
    scope: Scoped,
    PolicyNameRequest { name }: PolicyNameRequest,
    command: LimitCommand,
    required: bool,
) -> Finished {
    let key = LimitKey::new(scope.limits(), or_default(name)?);
    let warning = no_effect(&state.waygate, &key, &command);
    match RateLimits::run(&operator, key, command).await {
        Err(ChangeError::NoSuchLimit { .. }) if !required => {}
        outcome => drop(outcome?),
    }
    Ok(done_or(warning))
}

/// Shows the rate limit of {of}, and whether it exists and is not paused.
///
/// The processes of a service enforce its limits; every process shows them.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "get_{scope}_rate_limit",
    params(NameParams),
    responses(
        (status = OK, description = "The policy, if there is one.", body = Tagged<SharedRateLimitState>),
        Read
    ),
    security(("token" = ["read"]))
)]
async fn get(
    State(state): State<Arc<AdminState>>,
    scope: Scoped,
    Params(params): Params<NameParams>,
) -> Result<Reply<SharedRateLimitState>, Problem> {
    let record = state.waygate.rate_limit(&params.of(scope.limits())?);
    let revision = record.as_ref().map(|record| record.revision);
    let reply = Reply::ok(SharedRateLimitState {
        enabled: record.as_ref().is_some_and(|record| record.policy.enabled),
        policy: record.map(SharedRateLimit::from),
    });
    Ok(match revision {
        Some(revision) => reply.with_tag(revision),
        None => reply,
    })
}

/// Sets the rate limit of {of}, replacing the previous one. Missing fields are set to their defaults.
///
/// A paused policy is resumed. Counts are kept, as for routes.
#[utoipa::path(
    post,
    path = "/",
    operation_id = "set_{scope}_rate_limit",
    request_body = SetSharedRateLimit,
    responses(
        (status = CREATED, description = "The updated policy.", body = Tagged<SharedRateLimit>),
        Change
    ),
    security(("token" = ["write:global"]))
)]
async fn set(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    scope: Scoped,
    JsonBody(body): JsonBody<SetSharedRateLimit>,
) -> Result<Reply<SharedRateLimit>, Problem> {
    let fields = body.shared_fields()?;
    let set = resource::set_shared::<RateLimits>(&state.waygate, scope.limits(), fields)?;
    set.on_all(&operator).await
}

/// Changes some fields of the rate limit of {of}, as a JSON merge patch (RFC 7396): `null` resets a field to its default.
#[utoipa::path(
    patch,
    path = "/",
    operation_id = "patch_{scope}_rate_limit",
    params(NameParams),
    request_body = PatchSharedRateLimit,
    responses(
        (status = OK, description = "The updated policy.", body = Tagged<SharedRateLimit>),
        Change,
        NotFound
    ),
    security(("token" = ["write:global"]))
)]
async fn update(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    scope: Scoped,
    Params(params): Params<NameParams>,
    JsonBody(body): JsonBody<PatchSharedRateLimit>,
) -> Result<Reply<SharedRateLimit>, Problem> {
    let key = params.of(scope.limits())?;
    let (left, warning) = patch::run::<RateLimits>(&state, operator, key, body.members).await?;
    Ok(resource::show_shared::<RateLimits>(left, warning))
}

/// Deletes the rate limit of {of}. Succeeds if there is none, with a `warning`.
#[utoipa::path(
    delete,
    path = "/",
    operation_id = "delete_{scope}_rate_limit",
    params(NameParams),
    responses((status = OK, description = "There is no such policy.", body = Done), Change),
    security(("token" = ["write:global"]))
)]
async fn delete(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    scope: Scoped,
    Params(params): Params<NameParams>,
) -> Finished {
    let key = params.of(scope.limits())?;
    resource::delete_shared::<RateLimits>(&state, operator, key).await
}

/// Lists the rate limits of {of}, in the order in which they are checked.
#[utoipa::path(
    get,
    path = "/policies",
    operation_id = "list_{scope}_rate_limits",
    params(LimitsOfScope),
    responses((status = OK, description = "The policies.", body = [SharedRateLimit]), Read),
    security(("token" = ["read"]))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    scope: Scoped,
    listing: Listing<LimitsOfScope>,
) -> Response {
    resource::list_shared::<RateLimits>(&state, &scope.limits(), &listing)
}

/// Resets all rate-limit counters of {of}, in every process.
#[utoipa::path(
    delete,
    path = "/reset",
    operation_id = "reset_{scope}_rate_limit",
    responses((status = OK, description = "The counters start at zero.", body = Done), Change),
    security(("token" = ["write:global"]))
)]
async fn reset(operator: Operator, scope: Scoped) -> Finished {
    let scope = scope.limits();
    operator.reset_rate_limits(scope).await?;
    Ok(done())
}

/// Resets the counter of exactly one key of the rate limit of {of}.
///
/// Counters of this process are reset immediately, and shared counters in their store. Other processes that count on
/// their own are not reset.
#[utoipa::path(
    post,
    path = "/reset",
    operation_id = "reset_{scope}_rate_limit_key",
    request_body = ResetKeyRequest,
    responses((status = OK, description = "The counter of the key is reset.", body = Done), Change, NotFound),
    security(("token" = ["write:global"]))
)]
async fn reset_key(
    operator: Operator,
    scope: Scoped,
    JsonBody(body): JsonBody<ResetKeyRequest>,
) -> Finished {
    reset_counter(operator, scope.limits(), body).await
}

/// Lists the keys that came close to the rate limit of {of} or were refused, those with the most such requests first.
/// Each process lists its own.
#[utoipa::path(
    get,
    path = "/top",
    operation_id = "list_{scope}_top_keys",
    params(TopLimit, TopParams),
    responses((status = OK, description = "The keys.", body = [KeyUse]), Read, NotFound),
    security(("token" = ["read"]))
)]
async fn top(
    State(state): State<Arc<AdminState>>,
    scope: Scoped,
    listing: Listing<TopParams>,
) -> Result<Response, Problem> {
    hits::nearest(&state, scope.limits(), listing)
}

/// Resumes the paused rate limit of {of}. Succeeds if there is none, unless the request names one.
#[utoipa::path(
    post,
    path = "/enable",
    operation_id = "enable_{scope}_rate_limit",
    request_body = Option<PolicyNameRequest>,
    responses((status = OK, description = "The policy is not paused.", body = Done), Change, NotFound),
    security(("token" = ["write:global"]))
)]
async fn enable(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    scope: Scoped,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> Finished {
    let named = body.name.is_some();
    control(
        &state,
        operator,
        scope,
        body,
        LimitCommand::SetEnabled(true),
        named,
    )
    .await
}

/// Pauses the rate limit of {of}, so that it counts nothing. Succeeds if there is none, unless the request names one.
#[utoipa::path(
    post,
    path = "/disable",
    operation_id = "disable_{scope}_rate_limit",
    request_body = Option<PolicyNameRequest>,
    responses((status = OK, description = "The policy is paused.", body = Done), Change, NotFound),
    security(("token" = ["write:global"]))
)]
async fn disable(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    scope: Scoped,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> Finished {
    let named = body.name.is_some();
    control(
        &state,
        operator,
        scope,
        body,
        LimitCommand::SetEnabled(false),
        named,
    )
    .await
}

/// Puts the rate limit of {of} in shadow mode: it only reports the requests that it would refuse.
#[utoipa::path(
    post,
    path = "/shadow",
    operation_id = "shadow_{scope}_rate_limit",
    request_body = Option<PolicyNameRequest>,
    responses((status = OK, description = "The policy no longer refuses requests.", body = Done), Change, NotFound),
    security(("token" = ["write:global"]))
)]
async fn shadow(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    scope: Scoped,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> Finished {
    control(
        &state,
        operator,
        scope,
        body,
        LimitCommand::SetShadow(true),
        true,
    )
    .await
}

/// Enforces the rate limit of {of} if it is in shadow mode. Its counts are kept.
#[utoipa::path(
    post,
    path = "/promote",
    operation_id = "promote_{scope}_rate_limit",
    request_body = Option<PolicyNameRequest>,
    responses((status = OK, description = "The policy is enforced.", body = Done), Change, NotFound),
    security(("token" = ["write:global"]))
)]
async fn promote(
    State(state): State<Arc<AdminState>>,
    operator: Operator,
    scope: Scoped,
    JsonBody(body): JsonBody<PolicyNameRequest>,
) -> Finished {
    control(
        &state,
        operator,
        scope,
        body,
        LimitCommand::SetShadow(false),
        true,
    )
    .await
}
